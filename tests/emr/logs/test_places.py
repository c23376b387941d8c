import time
from datetime import UTC, datetime

import pytest

from framework.emr.pace import Pace
from framework.errors import LogsMissingError, NeitherStepNorClusterError, NoLogUriError
from tests.command import Said
from tests.emr.laid_out import APPLICATION, CLIENT_MODE, CLUSTER, STEP, YARN_CLIENT, Emr
from tests.s3.server import Bucket


def of(emr: Emr, *arguments: str) -> Said:
    return emr.run("logs", STEP, "--cluster", CLUSTER, *arguments)


@pytest.fixture
def emr(bucket: Bucket, request: pytest.FixtureRequest) -> Emr:
    """A cluster-mode step whose driver and two executors have written."""
    emr = Emr(bucket, prefix=request.node.name[:60], state="COMPLETED")
    emr.put_step(stderr=YARN_CLIENT, stdout="of the step\n", controller="of the controller\n")
    launched = (
        "26/11/21 19:22:05 INFO YarnAllocator: Launching container {} on host ip-10-0-0-7 for executor with ID {}\n"
    )
    name = APPLICATION.replace("application", "container")
    emr.put_container(1, stdout="driver's stdout\n", stderr=launched.format(f"{name}_01_000004", 1))
    emr.put(f"containers/{APPLICATION}/{name}_01_000001/prelaunch.out.gz", "of YARN\n")
    emr.put_container(2, stdout="second, which the driver never took for an executor\n")
    emr.put_container(3, stdout="third\n", stderr="third's stderr\n")
    emr.put_container(4, stdout="fourth\n", stderr="fourth's stderr\n")
    return emr


def test_the_driver_s_log_is_printed_whose_lines_end_with_what_the_program_said(emr: Emr) -> None:
    said = of(emr)
    assert said.code == 0, said.err
    assert said.out.endswith("for executor with ID 1\ndriver's stdout\n")
    assert said.out.count("\n") == 2
    place = f"{CLUSTER}/containers/{APPLICATION}/container_1763710000000_0001_01_000001"
    assert [line.split(" (")[0] for line in said.err.splitlines()] == [
        f"==> s3://test-places/{emr.prefix}/{place}/stderr.gz",
        f"==> s3://test-places/{emr.prefix}/{place}/stdout.gz",
    ]


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("--stdout",), "of the step\n"),
        (("--stderr",), YARN_CLIENT),
        (("--stdout", "--stderr"), YARN_CLIENT + "of the step\n"),
        (("--driver", "--stdout"), "driver's stdout\n"),
        (("--executor", "1"), "fourth's stderr\nfourth\n"),  # as the driver's log says
        (("--executor", "1", "--stdout"), "fourth\n"),
    ],
    ids=" ".join,
)
def test_what_is_asked_for_is_printed(emr: Emr, arguments: tuple[str, ...], printed: str) -> None:
    assert of(emr, *arguments).out == printed


@pytest.mark.parametrize("number", ["2", "3"])
def test_of_an_executor_that_the_driver_s_log_does_not_name_no_other_s_log_is_printed(emr: Emr, number: str) -> None:
    said = of(emr, "--executor", number)
    assert (said.code, said.out, type(said.error)) == (1, "", LogsMissingError)
    assert f"There is no log of executor {number} yet" in said.err


def test_where_the_driver_s_log_names_no_container_an_executor_s_is_the_next_number_s(emr: Emr) -> None:
    emr.put_container(1, stderr="26/11/21 19:22:05 INFO SparkContext: Running Spark\n")
    assert of(emr, "--executor", "2").out == "third's stderr\nthird\n"


def test_driver_and_executor_exclude_each_other(emr: Emr) -> None:
    said = of(emr, "--driver", "--executor", "1")
    assert (said.code, said.out) == (2, "")
    assert "--driver and --executor" in said.err


def test_in_client_mode_the_driver_s_log_is_the_step_s(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="client", args=CLIENT_MODE)
    emr.put_step(stderr="log\n", stdout="printed\n")
    emr.put_container(1, stderr="of the application master\n")
    assert of(emr).out == of(emr, "--driver").out == "log\nprinted\n"


def test_a_step_that_is_not_spark_s_has_no_driver_but_logs_of_its_own(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="hive", args=["hive-script", "--run-hive-script"])
    emr.put_step(stderr="hive's log\n", stdout="rows\n")
    emr.put_container(1, syslog="of Tez\n")
    assert of(emr).out == "hive's log\nrows\n"


def test_before_the_driver_s_log_is_there_the_step_s_stderr_is_printed(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="early", state="RUNNING")
    emr.put_step(stderr="so far\n")
    said = of(emr)
    assert (said.code, said.out) == (0, "so far\n")
    assert "The step is running: EMR uploads its logs every five minutes. --follow prints what comes." in said.err


def test_the_last_attempt_s_driver_is_meant(emr: Emr) -> None:
    emr.put_container(1, attempt=2, stdout="second attempt\n")
    assert of(emr, "--driver").out == "second attempt\n"


def test_containers_of_a_restarted_yarn_have_an_epoch(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="epoch")
    emr.put_step(stderr=YARN_CLIENT)
    emr.put(f"containers/{APPLICATION}/container_e17_1763710000000_0001_01_000001/stdout.gz", "with an epoch\n")
    assert of(emr).out == "with an epoch\n"


def test_a_log_that_is_not_packed_is_read_too(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="plain")
    emr.put(f"steps/{STEP}/stderr", "plain\n")
    assert of(emr, "--stderr").out == "plain\n"


def test_the_application_that_emr_names_is_believed(bucket: Bucket) -> None:
    info = {"ResourceManagerApplicationIds": ["application_1763710000000_0009"]}
    emr = Emr(bucket, prefix="named", step={"AdditionalInfo": info})
    emr.put_step(stderr=YARN_CLIENT)
    emr.put_container(1, stdout="of the wrong one\n")
    emr.put("containers/application_1763710000000_0009/container_1763710000000_0009_01_000001/stdout.gz", "right\n")
    assert of(emr).out == "right\n"


@pytest.mark.parametrize(
    "line",
    [
        f"26/11/21 19:22:02 INFO YarnClientImpl: Submitted application {APPLICATION}",
        f"\t tracking URL: http://ip-10-0-0-1.ec2.internal:20888/proxy/{APPLICATION}/",
        f"26/11/21 19:22:03 INFO Client: Application report for {APPLICATION} (state: ACCEPTED)",
    ],
)
def test_else_the_step_s_log_says_which_application_it_is(bucket: Bucket, line: str) -> None:
    emr = Emr(bucket, prefix=str(len(line)))
    emr.put_step(stderr=f"26/11/21 19:22:01 INFO Client: like application_1_1\n{line}\n")
    emr.put_container(1, stdout="found\n")
    assert of(emr, "--driver").out == "found\n"


@pytest.mark.parametrize("below", [f"{CLUSTER}/steps/{STEP}", f"steps/{STEP}"])
def test_a_step_s_own_log_uri_comes_first(bucket: Bucket, below: str) -> None:
    uri = f"s3://{bucket.name}/own-{len(below)}"
    emr = Emr(bucket, prefix="of-cluster", step={"LogUri": uri})
    emr.put_step(stderr=YARN_CLIENT)
    emr.put_container(1, stdout="where the cluster logs\n")
    bucket.put(f"own-{len(below)}/{below}/stderr.gz", f"own, {APPLICATION}\nSubmitted application {APPLICATION}\n")
    assert of(emr, "--stderr").out.startswith("own, ")
    assert of(emr, "--driver").out == "where the cluster logs\n"


def test_what_is_not_there_yet_is_an_error_that_says_where_it_was_looked_for(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="nothing", state="RUNNING")
    said = of(emr)
    assert (said.code, said.out, type(said.error)) == (1, "", LogsMissingError)
    assert f"looked for in s3://test-places/nothing/{CLUSTER}/steps/{STEP}/" in said.err
    assert "EMR uploads logs every five minutes" in said.err
    emr.put_step(stderr=YARN_CLIENT)
    said = of(emr, "--executor", "7")
    assert "There is no log of executor 7 yet" in said.err
    assert f"s3://test-places/nothing/{CLUSTER}/containers/{APPLICATION}/" in said.err


def test_without_a_log_uri_it_is_said_how_to_get_one(bucket: Bucket) -> None:
    said = of(Emr(bucket, cluster={"LogUri": ""}))
    assert (said.code, type(said.error)) == (1, NoLogUriError)
    assert (
        "Set emr.cluster.log_uri before the next cluster is made, or emr.step_log_uri for the steps to come" in said.err
    )


def test_a_cluster_has_no_log_of_a_step(bucket: Bucket) -> None:
    said = Emr(bucket).run("logs", CLUSTER)
    assert (said.code, type(said.error)) == (2, NeitherStepNorClusterError)


def test_following_says_that_nothing_is_there_yet_and_prints_what_comes(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    emr = Emr(bucket, prefix="follow", state="PENDING")

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 1:
            emr.state = "RUNNING"
            emr.put_step(stderr=YARN_CLIENT)
            emr.put_container(1, stdout="first\n")
        elif len(waited) == 2:
            emr.put_container(1, stdout="first\nsecond\n")
            emr.state = "FAILED"
        assert len(waited) < 5

    waited: list[float] = []
    monkeypatch.setattr(Pace.__init__, "__defaults__", (time.monotonic, sleep, lambda: 1.0))
    monkeypatch.setattr("framework.cli.logs.clock", lambda: datetime(2024, 1, 1, tzinfo=UTC))

    said = of(emr, "--follow", "--driver")

    assert said.code == 0, said.err
    assert said.out == "first\nsecond\n"
    assert said.err.count("There is no log of the driver yet") == 1
    assert "EMR uploads logs every five minutes." in said.err
    assert said.err.endswith(f"Step {STEP} is FAILED. `lakegate why {STEP} --env test --cluster {CLUSTER}` says why.\n")
