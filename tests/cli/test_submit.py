import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from framework import aws
from framework.cli.watch import seconds
from framework.emr import pace
from framework.errors import (
    AmbiguousWorkError,
    AwsRefusedError,
    BucketError,
    BundleDamagedError,
    BundleMissingError,
    ChainParameterError,
    ClusterEndedError,
    ClusterNotFoundError,
    ClusterStateError,
    CredentialRefusedError,
    NotOfAClusterError,
    OtherArgumentsError,
    OtherStepsError,
    ParameterConflictError,
    ParameterValueError,
    ReleaseMismatchError,
    SettingError,
    StaleBundleError,
    StepsFailedError,
    StepTimeoutError,
    TransientClusterError,
    UnknownParameterError,
    UnknownReleaseError,
    UnknownWorkError,
)
from tests.command import ROOT, Said, lakegate, project
from tests.emr.amazon import Amazon, refusal
from tests.emr.things import NOW, Time, built, cluster, step
from tests.s3.server import Bucket, bucket, server

__all__ = ["bucket", "server"]

CONF = """
[lake]
root = "s3://BUCKET/lake"
[landing]
root = "s3://BUCKET/landing"
[aws]
region = "eu-west-1"
[emr]
release = "emr-7.14.0"
cluster_id = "j-1"
artifacts = "s3://BUCKET/artifacts"
[[emr.steps]]
name = "report"
kind = "hive-script"
script = "reports/day.hql"
[[emr.steps]]
name = "hello"
kind = "bash"
command = "echo hello"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, bucket: Bucket) -> Path:
    """A project with the job `orders`, the steps `report` and `hello`, and the environment `emr`."""
    shop = project(tmp_path_factory.mktemp("submit") / "shop")
    (shop / "conf" / "emr.toml").write_text(CONF.replace("BUCKET", bucket.name))
    (shop / "reports").mkdir()
    (shop / "reports" / "day.hql").write_text("select 1")
    return shop


class Emr:
    """A cluster whose steps are PENDING when they are asked for first, and then what `ends` says, or RUNNING."""

    def __init__(self, *ends: str, told: Any = None, **answers: Any) -> None:
        self.ends, self.steps, self.signals = ends, list[dict[str, Any]](), list[str]()
        known: dict[str, Any] = {
            "describe_cluster": [
                told or cluster(ReleaseLabel="emr-7.14.0", Applications=[{"Name": "Spark"}, {"Name": "Hive"}])
            ],
            "list_instance_groups": [{"InstanceGroups": [{"InstanceType": "m7g.xlarge"}]}],
            "add_job_flow_steps": self.add,
            "list_steps": self.listed,
            "cancel_steps": self.cancel,
        }
        self.client = Amazon(**known | answers)

    def add(self, Steps: list[Any], **_: Any) -> Any:
        first = len(self.steps) + 1
        for number, each in enumerate(Steps, start=first):
            jar = each["HadoopJarStep"]
            config = {name: jar[name] for name in ("Jar", "Args", "MainClass") if name in jar}
            config["Properties"] = {pair["Key"]: pair["Value"] for pair in jar.get("Properties", ())}
            told = {"Name": each["Name"], "ActionOnFailure": each["ActionOnFailure"], "Config": config}
            self.steps.append(step(number, "PENDING") | told)
        return {"StepIds": [f"s-{number}" for number in range(first, len(self.steps) + 1)]}

    def listed(self, StepIds: Any = None, **_: Any) -> Any:
        told = [each for each in self.steps if StepIds is None or each["Id"] in StepIds]
        found = deepcopy(told)
        for number, each in enumerate(self.steps):
            if self.signals and each["Status"]["State"] in ("PENDING", "RUNNING"):
                each["Status"]["State"] = "CANCELLED"
            elif each["Status"]["State"] == "PENDING":
                each["Status"]["State"] = self.ends[number] if number < len(self.ends) else "RUNNING"
                each["Status"]["Timeline"]["StartDateTime"] = each["Status"]["Timeline"]["CreationDateTime"]
                if each["Status"]["State"] == "FAILED":
                    each["Status"]["FailureDetails"] = {"Reason": "no table", "LogFile": "s3://logs/stderr.gz"}
        return {"Steps": found}

    def cancel(self, StepIds: list[str], StepCancellationOption: str, **_: Any) -> Any:
        self.signals.append(StepCancellationOption)
        return {"CancelStepsInfoList": [{"StepId": each, "Status": "SUBMITTED"} for each in StepIds]}


Submit = Callable[..., Said]


@pytest.fixture
def submit(shop: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Submit:
    """The command in the project, with a cluster, real buckets, a bundle that is built, and time that does not pass."""
    monkeypatch.setattr(pace.Pace.__init__, "__defaults__", tuple(vars_of(Time())))

    def call(*arguments: str, emr: Any = None, env: str = "emr", packaged: bool = True, **variables: str) -> Said:
        if packaged:
            built(shop)
        clients = {"s3": bucket.client, "emr": emr.client if isinstance(emr, Emr) else emr}
        monkeypatch.setattr(aws, "client", lambda service, settings, **_: clients[service])
        return lakegate(shop, "submit", *arguments, "--env", env, path=(), **variables)

    return call


def vars_of(time: Time) -> tuple[Any, ...]:
    paced = time.pace
    return paced.now, paced.sleep, paced.chance


def request(said: Said) -> Any:
    """Return the call that a dry run prints."""
    assert said.code == 0, said.err
    return json.loads(said.out.rsplit("\n\n", 1)[0])


# -- the dry run ------------------------------------------------------------------------------------------------------


def test_a_dry_run_prints_the_call_that_a_run_makes(submit: Submit) -> None:
    emr = Emr()
    arguments = ("orders", "--min-amount", "3", "--submission", "t")
    printed = request(submit(*arguments, "--dry-run"))
    assert submit(*arguments, emr=emr).code == 0
    assert emr.client.asked("add_job_flow_steps") == [printed]
    assert printed["Steps"][0]["HadoopJarStep"]["Args"][-4:] == ["orders", "--env", "emr", "--min-amount=3"]


def test_a_dry_run_prints_the_command_that_does_the_same(submit: Submit) -> None:
    role = "arn:aws:iam::123456789012:role/steps"
    said = submit(
        "orders", "report", "--dry-run", "--set", f"emr.runtime_role={role}", "--set", "emr.step_log_uri=s3://l"
    )
    command = shlex.split(said.out.rsplit("\n\n", 1)[1])
    assert command[:6] == ["aws", "emr", "add-steps", "--cluster-id", "j-1", "--steps"]
    masked = role.replace("123456789012", "ACCOUNT")
    assert command[7:] == ["--execution-role-arn", masked, "--region", "eu-west-1"]
    assert "ACCOUNT stands for the number of the account" in said.err
    for step_, mine in zip(json.loads(command[6]), request(said)["Steps"], strict=True):
        jar = mine["HadoopJarStep"]
        (mark,) = jar["Properties"]
        assert step_ == {
            "Type": "CUSTOM_JAR",
            "Name": mine["Name"],
            "ActionOnFailure": mine["ActionOnFailure"],
            "Jar": jar["Jar"],
            "Args": jar["Args"],
            "Properties": f"{mark['Key']}={mark['Value']}",
            "LogUri": "s3://l",
        }


@pytest.mark.parametrize("where", [[], ["--transient"]])
def test_what_a_program_is_given_is_printed_as_it_is(submit: Submit, where: list[str]) -> None:
    role = "--set=emr.cluster.service_role=arn:aws:iam::123456789012:role/s"
    said = submit("orders", "--dry-run", "--set", "run.interval=202611210000", role, *where)
    assert "--set=run.interval=202611210000" in said.out.partition("\n\n")[0]
    assert "--set=run.interval=202611210000" in said.out.partition("\n\n")[2]
    assert "123456789012" not in said.out


def test_a_printed_command_says_that_aws_parts_properties_at_commas(submit: Submit, shop: Path) -> None:
    text = (shop / "conf" / "emr.toml").read_text()
    for name, properties in (("commas", '"a" = "b,c=d"'), ("plain", '"a" = "b=d"')):
        step_ = f'[[emr.steps]]\nname = "jar"\nkind = "jar"\njar = "s3://b/x.jar"\nproperties = {{ {properties} }}\n'
        (shop / "conf" / f"{name}.toml").write_text(text + step_)
    for where in ([], ["--transient"]):
        said = submit("jar", "hello", "--dry-run", *where, env="commas")
        assert said.code == 0, said.err
        assert (
            "The command does not do the same: `aws` parts properties at commas, and step 'jar' has one in" in said.err
        )
        assert "The command does not" not in submit("jar", "--dry-run", *where, env="plain").err


def test_a_dry_run_loads_nothing_of_aws_and_asks_nobody(shop: Path) -> None:
    built(shop)
    code = """
import sys
from framework.cli import main
try:
    main(["submit", "orders", "--env", "emr", "--dry-run"])
finally:
    print([name for name in ("boto3", "botocore") if name in sys.modules], file=sys.stderr)
"""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LAKEGATE_", "PYTHON"))}
    paths = {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=shop, env=kept | paths, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "[]\n")


def test_a_cluster_that_has_only_a_name_is_not_looked_for(submit: Submit, shop: Path) -> None:
    text = (shop / "conf" / "emr.toml").read_text().replace('cluster_id = "j-1"', "")
    (shop / "conf" / "named.toml").write_text(text)
    said = submit("hello", "--dry-run", env="named")
    assert request(said)["JobFlowId"] == "j-CLUSTER"
    assert "found by its name" in said.err


def test_a_submission_has_an_id_of_its_own_or_the_one_that_is_given(submit: Submit) -> None:
    marks = [
        request(submit("hello", "--dry-run", *given))["Steps"][0]["HadoopJarStep"]["Properties"][0]["Value"]
        for given in ([], [], ["--submission", "abc1"])
    ]
    assert len(set(marks)) == 3
    assert marks[2] == "lakegate-abc1-001"
    assert submit("hello", "--dry-run", "--submission", "A,b").code == 2


def test_a_submission_that_is_there_already_is_found_by_its_id(submit: Submit) -> None:
    emr = Emr()
    first, again = (submit("orders", "--submission", "t2", emr=emr) for _ in range(2))
    assert first.code == again.code == 0
    assert "s-1  orders" in again.out
    assert len(emr.client.asked("add_job_flow_steps")) == 1


@pytest.mark.parametrize("where", [[], ["--transient"]])
def test_an_id_of_other_steps_is_refused(submit: Submit, where: list[str]) -> None:
    emr = Transient() if where else Emr()
    assert submit("hello", "--submission", "t3", *where, emr=emr).code == 0
    for names in (["hello", "hello"], ["report"]):
        said = submit(*names, "--submission", "t3", *where, emr=emr)
        assert (said.code, type(said.error)) == (1, OtherStepsError)
        assert "it has 'hello' (s-1)" in said.err
    assert len(emr.steps) == 1


@pytest.mark.parametrize("where", [[], ["--transient"]])
@pytest.mark.parametrize(
    ("other", "said"),
    [
        (["--min-amount", "4"], "an argument was '--min-amount=3', and is now '--min-amount=4'"),
        (["--min-amount", "3", "--set", "emr.conf.spark.mine=1"], "arguments were none, and are now '--conf' 'spark"),
        (
            ["--min-amount", "3", "--on-failure", "terminate"],
            "the action on failure was 'CONTINUE', and is now 'TERMINATE",
        ),
    ],
)
def test_an_id_of_the_same_steps_with_other_arguments_is_refused(
    submit: Submit, where: list[str], other: list[str], said: str
) -> None:
    emr = Transient() if where else Emr()
    assert submit("orders", "--min-amount", "3", "--submission", "t5", *where, emr=emr).code == 0
    again = submit("orders", *other, "--submission", "t5", *where, emr=emr)
    assert (again.code, type(again.error)) == (1, OtherArgumentsError)
    assert f"  s-1 (orders): {said}" in again.err
    assert len(emr.steps) == 1
    same = submit("orders", "--min-amount", "3", "--submission", "t5", *where, emr=emr)
    assert (same.code, "s-1  orders" in same.out) == (0, True), same.err


def test_an_id_of_the_same_steps_with_another_bundle_is_refused(submit: Submit, packaged: Path) -> None:
    emr = Emr()
    assert submit("orders", "--submission", "t6", emr=emr).code == 0
    (packaged / "jobs" / "helper.py").write_text("")
    again = submit("orders", "--submission", "t6", emr=emr)
    assert (again.code, type(again.error)) == (1, OtherArgumentsError)
    assert "jobs-0.1.0-py3-none-any.whl.zip" in again.err


# -- what is submitted ------------------------------------------------------------------------------------------------


def test_a_chain_is_one_call_in_order_and_files_are_sent_once(submit: Submit, bucket: Bucket) -> None:
    emr = Emr()
    arguments = ["orders", "report", "hello", "--on-failure", "cancel-and-wait", "--param", "orders.min_amount=3"]
    said = submit(*arguments, "--submission", "t1", emr=emr)
    assert said.code == 0, said.err
    (asked,) = emr.client.asked("add_job_flow_steps")
    assert [(each["Name"], each["ActionOnFailure"]) for each in asked["Steps"]] == [
        (name, "CANCEL_AND_WAIT") for name in ("orders", "report", "hello")
    ]
    sent = bucket.keys("artifacts/")
    assert len({key.rsplit("/", 1)[1] for key in sent}) == 6
    address = next(key for key in sent if key.endswith("/day.hql"))
    assert asked["Steps"][1]["HadoopJarStep"]["Args"][4] == f"s3://{bucket.name}/{address}"
    assert said.out.splitlines()[1:4] == ["Submission t1 to cluster j-1:", "s-1  orders", "s-2  report"]
    assert "`lakegate logs s-1 --follow --env emr`, or all of them: `lakegate steps --env emr`." in said.out
    assert "Uploaded 0 of 6 files" in submit(*arguments, emr=Emr()).out


def test_a_chain_whose_steps_run_at_once_is_said_not_to_be_in_order(submit: Submit) -> None:
    applications = [{"Name": "Spark"}, {"Name": "Hive"}]
    told = cluster(ReleaseLabel="emr-7.14.0", Applications=applications, StepConcurrencyLevel=5)
    transient = ("--transient", "--set", "emr.cluster.step_concurrency=5")
    for where, emr in (((), Emr(told=told)), (transient, Transient())):
        said = submit("orders", "hello", *where, emr=emr)
        assert (said.code, "runs up to 5 steps at once: none of these waits for the one before" in said.err) == (
            0,
            True,
        )
    for names, emr in ((["hello"], Emr(told=told)), (["orders", "hello"], Emr())):
        assert "at once" not in submit(*names, emr=emr).err


def test_nothing_is_sent_where_something_stands_against_it(submit: Submit, bucket: Bucket, shop: Path) -> None:
    (shop / "reports" / "day.hql").write_text("select 2")
    before = bucket.keys("artifacts/")
    emr = Emr(told=cluster("TERMINATING", Applications=[{"Name": "Hive"}]))
    said = submit("report", emr=emr)
    assert (said.code, type(said.error)) == (1, ClusterStateError)
    assert bucket.keys("artifacts/") == before
    assert emr.client.asked("add_job_flow_steps") == []


def test_a_name_that_is_neither_is_refused_with_what_there_is(submit: Submit) -> None:
    said = submit("orders", "reprot", "--dry-run")
    assert (said.code, type(said.error)) == (2, UnknownWorkError)
    assert "'hello', 'orders', 'report'. Did you mean 'report'?" in said.err


def test_a_name_that_is_both_is_refused(submit: Submit, shop: Path) -> None:
    text = (shop / "conf" / "emr.toml").read_text().replace('"hello"', '"orders"')
    (shop / "conf" / "both.toml").write_text(text)
    said = submit("orders", "--dry-run", env="both")
    assert (said.code, type(said.error)) == (2, AmbiguousWorkError)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["orders", "--min-amount", "much"], ParameterValueError),
        (["orders", "--param", "orders.amount=1"], UnknownParameterError),
        (["orders", "hello", "--min-amount", "1"], ChainParameterError),
        (["orders", "--param", "min_amount=1"], ChainParameterError),
        (["orders", "--param", "hello.x=1"], ChainParameterError),
        (["hello", "--param", "hello.x=1"], ChainParameterError),
    ],
)
def test_parameters_are_checked_before_anything_is_done(submit: Submit, arguments: list[str], error: type) -> None:
    said = submit(*arguments, "--dry-run")
    assert (said.code, type(said.error)) == (2, error)


@pytest.mark.parametrize(
    ("param", "said"),
    [
        ("min_amount=1", "--param min_amount is refused: it names no job. In a chain, say --param JOB.NAME=VALUE."),
        ("orders.min_amount", "--param is refused: it has no value."),
        ("hunter2", "--param is refused: it names no job."),
    ],
)
def test_what_a_parameter_of_a_chain_lacks_is_said(submit: Submit, param: str, said: str) -> None:
    assert said in submit("orders", "--param", param, "--dry-run").err


def test_without_pyspark_parameters_are_passed_on_and_said_to_be_unchecked(
    submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framework.cli.project.has_pyspark", lambda: False)
    said = submit("orders", "--min-amount", "much", "--other=x", "--dry-run")
    assert request(said)["Steps"][0]["HadoopJarStep"]["Args"][-2:] == ["--min-amount=much", "--other=x"]
    assert (
        "orders: its parameters, and what its tables ask of Delta, are unchecked: pyspark is not installed here."
        in said.err
    )
    typo = submit("orders", "--dry-rum")
    assert (typo.code, type(typo.error)) == (2, ChainParameterError)


def test_settings_of_the_command_line_travel_and_those_of_the_shell_do_not(submit: Submit, bucket: Bucket) -> None:
    given = ("--set", "lake.root=s3://other/lake", "--set", "emr.conf.spark.mine=1")
    said = submit("orders", "--dry-run", *given, LAKEGATE_LANDING__ROOT="s3://mine")
    args = request(said)["Steps"][0]["HadoopJarStep"]["Args"]
    assert args[-1] == "--set=lake.root=s3://other/lake"
    assert "spark.mine=1" in args
    assert "LAKEGATE_LANDING__ROOT" in said.err
    assert "s3://mine" not in " ".join(args)


def test_what_the_release_lacks_is_refused(submit: Submit, shop: Path) -> None:
    text = (shop / "jobs" / "orders.py").read_text().replace('Job(\n    "orders"', 'Job(\n    "wide"')
    widening = 'properties={"delta.enableTypeWidening": "true"}, keys='
    (shop / "jobs" / "wide.py").write_text(text.replace("keys=", widening))
    assert submit("wide", "--dry-run").code == 0
    for arguments, lack in (
        (["wide", "--set", "emr.release=emr-7.1.0"], "asks for delta.enableTypeWidening"),
        (["orders", "report", "--set", "emr.release=emr-spark-8.2.0"], "It has no Hive"),
        (["orders", "--set", "emr.python=3.14"], "[emr] python is 3.14"),
    ):
        built(shop, "emr-7.1.0")
        built(shop, "emr-spark-8.2.0")
        built(shop, python="3.14")
        said = submit(*arguments, "--dry-run")
        assert (said.code, type(said.error)) == (1, ReleaseMismatchError)
        assert lack in said.err
    assert submit("report", "--dry-run").code == 0  # nothing of ours runs there


def test_the_end_of_a_release_s_support_is_said(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framework.cli.start.clock", lambda: datetime(2028, 9, 1, tzinfo=UTC))
    said = submit("orders", "--dry-run")
    assert said.code == 0
    assert "AWS supports emr-7.14.0 until 2028-09-08" in said.err


def test_a_job_whose_bundle_is_not_built_is_refused_with_the_way_out(submit: Submit) -> None:
    said = submit("orders", "--dry-run", "--set", "emr.release=emr-7.13.0", "--set", "emr.architecture=x86_64")
    assert (said.code, type(said.error)) == (1, BundleMissingError)
    assert "`lakegate package --release emr-7.13.0 --arch x86_64 --set emr.python=3.11`" in said.err


def test_a_release_that_there_is_not_is_said_before_its_bundle_is_looked_for(submit: Submit) -> None:
    said = submit("orders", "--dry-run", "--set", "emr.release=emr-7.13")
    assert (said.code, type(said.error)) == (1, UnknownReleaseError)
    assert "Did you mean 'emr-7.13.0'?" in said.err


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ([], 5),
        (["--env", "emr", "--set", "lake.root=relative/lake", "--set", "spark.master=local[*]"], 2),
    ],
)
def test_an_environment_of_a_laptop_is_refused_with_all_that_is_wrong(
    shop: Path, submit: Submit, given: list[str], faults: int
) -> None:
    built(shop, "emr-spark-8.2.0")
    said = submit("orders", "--dry-run", "--set", "emr.artifacts=s3://b/a", *given, env="local" if not given else "emr")
    assert (said.code, type(said.error)) == (1, NotOfAClusterError)
    assert len(said.error.faults) == faults
    assert "without --env it is `local`" in said.err


def test_settings_that_do_not_travel_are_refused_for_jobs(shop: Path, submit: Submit, tmp_path: Path) -> None:
    shutil.copytree(shop / "conf", tmp_path / "conf")
    said = submit("orders", "--dry-run", LAKEGATE_CONF=str(tmp_path / "conf"))
    assert (said.code, type(said.error)) == (2, SettingError)
    assert "LAKEGATE_CONF" in said.err
    assert submit("orders", "--dry-run", LAKEGATE_CONF=str(shop / "conf")).code == 0
    assert submit("hello", "--dry-run", LAKEGATE_CONF=str(tmp_path / "conf")).code == 0


@pytest.mark.parametrize("name", ["continuous", "replan"])
def test_a_job_that_cannot_be_run_for_a_parameter_s_name_is_not_submitted(
    packaged: Path, submit: Submit, name: str
) -> None:
    text = (packaged / "jobs" / "orders.py").read_text()
    clash = text.replace("min_amount", name).replace('Job(\n    "orders"', 'Job(\n    "clash"')
    (packaged / "jobs" / "clash.py").write_text(clash)
    said = submit("clash", "--dry-run")
    assert (said.code, type(said.error)) == (2, ParameterConflictError)
    assert "an option of `lakegate run`" in said.err


def test_a_folder_in_place_of_the_manifest_and_a_file_in_place_of_dist_are_said(packaged: Path, submit: Submit) -> None:
    manifest = packaged / "dist" / "bundle-emr-7.14.0-aarch64-py3.11.json"
    manifest.unlink()
    manifest.mkdir()
    said = submit("orders", "--dry-run", packaged=False)
    assert (said.code, type(said.error)) == (1, BundleDamagedError)
    shutil.rmtree(packaged / "dist")
    (packaged / "dist").write_text("")
    said = submit("orders", "--dry-run", packaged=False)
    (packaged / "dist").unlink()
    assert (said.code, type(said.error)) == (1, BundleMissingError)


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("emr.conf.foo=1", "begin with spark"),
        ("emr.artifacts=s3://b/#x", "emr.artifacts"),
        ("emr.artifacts=s3://b/x,y", "emr.artifacts"),
        ("emr.artifacts=s3://b,c", "emr.artifacts"),
    ],
)
def test_a_setting_that_spark_submit_would_misread_is_refused(submit: Submit, setting: str, reason: str) -> None:
    said = submit("orders", "--dry-run", "--set", setting)
    assert (said.code, type(said.error)) == (2, SettingError)
    assert reason in said.err


@pytest.fixture
def packaged(shop: Path) -> Iterator[Path]:
    """The project as it was packaged, whose files are put back afterwards."""
    built(shop)
    before = {path: path.read_bytes() for folder in ("jobs", "conf", "scripts") for path in (shop / folder).glob("*.*")}
    yield shop
    shutil.rmtree(shop / "dist", ignore_errors=True)
    for folder in ("jobs", "conf", "scripts"):
        for path in (shop / folder).glob("*.*"):
            if path not in before:
                path.unlink()
    for path, content in before.items():
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("jobs/orders.py", "changed"),
        ("conf/emr.toml", "changed"),
        ("scripts/run_job.py", "changed"),
        ("jobs/helper.py", "new"),
        ("conf/prod.toml", "gone"),
    ],
)
def test_a_bundle_of_the_project_as_it_was_is_not_sent(packaged: Path, submit: Submit, name: str, how: str) -> None:
    assert submit("orders", "--dry-run", packaged=False).code == 0
    if how == "gone":
        (packaged / name).unlink()
    else:
        with (packaged / name).open("a") as file:
            file.write("# more\n")
    said = submit("orders", "--dry-run", packaged=False)
    assert (said.code, type(said.error)) == (1, StaleBundleError)
    assert f"now: {name} ({how}). The" in said.err
    assert "Run `lakegate package --release emr-7.14.0 --arch aarch64 --set emr.python=3.11` again." in said.err
    assert submit("hello", "--dry-run", packaged=False).code == 0  # nothing of ours runs there


def test_what_is_submitted_is_named_first(packaged: Path, submit: Submit) -> None:
    for name in ("a", "b", "c", "orders"):
        with (packaged / "jobs" / f"{name}.py").open("a") as file:
            file.write("# more\n")
    said = submit("orders", "--dry-run", packaged=False)
    assert "jobs/orders.py (changed), jobs/a.py (new), jobs/b.py (new) and 1 more" in said.err


def test_a_bundle_of_the_dependencies_as_they_were_is_not_sent(packaged: Path, submit: Submit) -> None:
    declared = packaged / "pyproject.toml"
    text = declared.read_text()
    declared.write_text(text.replace('["lakegate>=0.1.0"]', '["lakegate>=0.1.0", "pandas"]'))
    said = submit("orders", "--dry-run", packaged=False)
    declared.write_text(text)
    assert (said.code, type(said.error)) == (1, StaleBundleError)
    assert "now: dependencies in pyproject.toml (changed). The" in said.err
    assert submit("orders", "--dry-run", packaged=False).code == 0


def test_a_bundle_of_another_project_is_not_sent(packaged: Path, submit: Submit, tmp_path: Path) -> None:
    other = project(tmp_path / "other")
    (other / "jobs" / "mine.py").write_text("x = 1\n")
    built(other)
    for path in (other / "dist").iterdir():
        (packaged / "dist" / path.name).write_bytes(path.read_bytes())
    said = submit("orders", "--dry-run", packaged=False)
    assert (said.code, type(said.error)) == (1, StaleBundleError)
    assert (said.error.files["conf/emr.toml"], said.error.files["jobs/mine.py"]) == ("new", "gone")


# -- secrets ----------------------------------------------------------------------------------------------------------

PLANTED = {
    "LAKEGATE_SECRETS__DATABASE": "hunter2-of-the-database",
    "AWS_ACCESS_KEY_ID": "AKIAHUNTER2HUNTER2XX",
    "AWS_SECRET_ACCESS_KEY": "hunter2-of-aws",
    "AWS_SESSION_TOKEN": "hunter2-of-the-session",
}


def test_a_dry_run_tells_no_secret(submit: Submit) -> None:
    said = submit("orders", "hello", "--dry-run", **PLANTED)
    assert said.code == 0, said.err
    assert "hunter2" not in (said.out + said.err).lower()


@pytest.mark.parametrize("secret", PLANTED.values(), ids=list(PLANTED))
def test_a_secret_that_would_be_sent_is_refused_and_not_told(submit: Submit, secret: str) -> None:
    said = submit("orders", "--min-amount", "1", "--set", f"run.interval={secret}", "--dry-run", **PLANTED)
    assert said.code == 2
    assert "hunter2" not in (said.out + said.err).lower()
    said = submit("orders", "--set", f"spark.conf.spark.mine={secret}", "--dry-run", **PLANTED)
    assert (said.code, type(said.error)) == (2, CredentialRefusedError)
    assert "hunter2" not in (said.out + said.err).lower()


def test_what_aws_says_is_told_without_the_account(submit: Submit) -> None:
    words = "User: arn:aws:sts::123456789012:assumed-role/me is not authorized on arn:aws:s3:::b"
    emr = Emr(add_job_flow_steps=[refusal("AddJobFlowSteps", "AccessDeniedException", words)])
    said = submit("orders", emr=emr, **PLANTED)
    assert (said.code, type(said.error)) == (1, AwsRefusedError)
    assert "arn:aws:sts::<account>:assumed-role/me is not authorized" in said.err
    assert "123456789012" not in said.out + said.err


# -- waiting ----------------------------------------------------------------------------------------------------------


def test_follow_prints_each_change(submit: Submit) -> None:
    said = submit("orders", "--follow", emr=Emr("COMPLETED"))
    assert said.code == 0, said.err
    assert said.out.splitlines()[-2:] == ["s-1  orders  PENDING", "s-1  orders  COMPLETED"]


def test_wait_prints_the_end_only(submit: Submit) -> None:
    said = submit("orders", "hello", "--wait", emr=Emr("COMPLETED", "COMPLETED"))
    assert said.code == 0, said.err
    assert "PENDING" not in said.out
    assert said.out.splitlines()[-2:] == ["s-1  orders  COMPLETED", "s-2  hello  COMPLETED"]


@pytest.mark.parametrize("end", ["FAILED", "CANCELLED", "INTERRUPTED"])
def test_a_step_that_did_not_complete_ends_the_command_with_one(submit: Submit, end: str) -> None:
    said = submit("orders", "hello", "--wait", emr=Emr("COMPLETED", end))
    assert (said.code, type(said.error)) == (1, StepsFailedError)
    assert f"s-2: hello  {end}" in said.err
    assert "`lakegate why s-2 --env emr`" in said.err
    assert ("no table (log: s3://logs/stderr.gz)" in said.err) == (end == "FAILED")


def test_a_cluster_that_goes_ends_the_command(submit: Submit) -> None:
    states = [cluster(), cluster(), cluster("TERMINATED", reason="spot")]
    said = submit("hello", "--wait", emr=Emr(describe_cluster=states))
    assert (said.code, type(said.error)) == (1, ClusterEndedError)


@pytest.mark.parametrize(("choice", "signals"), [("leave", []), ("ask", []), ("cancel", ["SEND_INTERRUPT"])])
def test_after_the_timeout_is_done_what_was_said(submit: Submit, choice: str, signals: list[str]) -> None:
    emr = Emr()
    said = submit("orders", "--timeout", "2m", "--on-timeout", choice, emr=emr)
    assert (said.code, type(said.error)) == (1, StepTimeoutError)
    assert "did not end within 120 s" in said.err
    assert emr.signals == signals
    kill = [each["Steps"][0]["Name"] for each in emr.client.asked("add_job_flow_steps")[1:]]
    assert kill == (["kill orders"] if signals else [])
    assert ("killed by step s-2" if signals else "Left as it is: s-1. `lakegate cancel s-1 --env emr`") in said.out


@pytest.mark.parametrize(("answer", "signals"), [("y\n", ["SEND_INTERRUPT"]), ("n\n", []), ("", [])])
def test_ctrl_c_asks_on_a_terminal(
    submit: Submit, monkeypatch: pytest.MonkeyPatch, answer: str, signals: list[str]
) -> None:
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    emr, interrupted = Emr(), list[bool]()
    listed = emr.listed

    def interrupt(**asked: Any) -> Any:
        if "StepIds" in asked and not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt
        return listed(**asked)

    emr.client.answers["list_steps"] = interrupt
    said = submit("orders", "--wait", emr=emr)
    assert said.code == 130
    assert emr.signals == signals
    assert "Cancel s-1?" in said.out


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86400), ("1.5m", 90)])
def test_a_time_has_a_unit(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "2", "h", "2x", "0s", "-1h", "2h30m"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Exception, match="is no time"):
        seconds(text)


@pytest.mark.parametrize("reason", ["timeout", "ctrl-c"])
def test_that_cancelling_failed_does_not_hide_why_it_was_asked_for(submit: Submit, reason: str) -> None:
    def interrupted(**_: Any) -> Any:
        raise KeyboardInterrupt

    emr = Emr(cancel_steps=[refusal("CancelSteps", "AccessDeniedException", "no such right")])
    listed, looks = emr.listed, list[int]()

    def second(**asked: Any) -> Any:
        looks.append(1)
        return interrupted() if reason == "ctrl-c" and len(looks) == 2 else listed(**asked)

    emr.client.answers["list_steps"] = second
    said = submit("hello", "--timeout", "5s", "--on-timeout", "cancel", emr=emr)
    if reason == "timeout":
        assert (said.code, type(said.error)) == (1, StepTimeoutError)
        assert "s-1 did not end within 5 s" in said.err
    else:
        assert said.code == 130
    assert "They were not cancelled: AWS did not do CancelSteps: AccessDeniedException: no such right." in said.err
    assert "s-1 may go on. Look: `lakegate steps --env emr`; try again: `lakegate cancel s-1 --env emr`." in said.err


def test_ctrl_c_while_cancelling_says_that_it_was_not_finished(submit: Submit) -> None:
    def interrupted(**_: Any) -> Any:
        raise KeyboardInterrupt

    emr = Emr(cancel_steps=interrupted)
    said = submit("hello", "--timeout", "5s", "--on-timeout", "cancel", emr=emr)
    assert (said.code, type(said.error)) == (1, StepTimeoutError)
    assert "Cancelling was interrupted." in said.err
    assert "try again: `lakegate cancel s-1 --env emr`" in said.err


def test_where_waiting_is_refused_the_steps_are_said_to_go_on(submit: Submit) -> None:
    emr = Emr()
    listed, looks = emr.listed, list[int]()

    def expires(**asked: Any) -> Any:
        looks.append(1)
        return refusal("ListSteps", "ExpiredTokenException", "expired") if len(looks) > 2 else listed(**asked)

    emr.client.answers["list_steps"] = expires
    said = submit("hello", "--wait", emr=emr)
    assert (said.code, type(said.error)) == (1, AwsRefusedError)
    assert "ExpiredTokenException" in said.err
    assert "s-1 goes on. Look: `lakegate steps --env emr`; cancel: `lakegate cancel s-1 --env emr`." in said.err
    assert emr.signals == []


# -- a cluster of its own ---------------------------------------------------------------------------------------------

CREATION = "lakegate:creation"


class Transient(Emr):
    """An account without a cluster, in which one is made; its first answer may be lost."""

    def __init__(self, *ends: str, lost: bool = False) -> None:
        super().__init__(*ends)
        self.made: list[dict[str, Any]] = []
        self.lost = lost
        answers: dict[str, Any] = {
            "run_job_flow": self.run,
            "list_clusters": lambda **_: {"Clusters": [{"Id": "j-NEW", "Name": each["Name"]} for each in self.made]},
            "describe_cluster": lambda **_: {"Cluster": cluster()["Cluster"] | {"Tags": self.made[0]["Tags"]}},
            "describe_security_configuration": [
                refusal("DescribeSecurityConfiguration", "InvalidRequestException", "'x' does not exist")
            ],
            "create_security_configuration": lambda Name, **_: {"Name": Name, "CreationDateTime": NOW},
        }
        self.client = Amazon(**{**self.client.answers, **answers})
        self.client.meta = SimpleNamespace(region_name="eu-west-1", endpoint_url="https://aws.amazon.com")

    def run(self, **request: Any) -> Any:
        self.made.append(request)
        self.add(request["Steps"])
        if self.lost:
            self.lost = False
            return refusal("RunJobFlow", "InternalServerException")
        return {"JobFlowId": "j-NEW"}


def test_a_transient_cluster_is_made_with_the_chain_and_ends_itself(submit: Submit, bucket: Bucket) -> None:
    emr = Transient("COMPLETED", "COMPLETED")
    said = submit("orders", "hello", "--transient", "--wait", "--submission", "abc", emr=emr)
    assert said.code == 0, said.err
    (made,) = emr.made
    assert made["Instances"]["KeepJobFlowAliveWhenNoSteps"] is False
    assert "AutoTerminationPolicy" not in made
    assert [step["Name"] for step in made["Steps"]] == ["orders", "hello"]
    assert {"Key": CREATION, "Value": "abc"} in made["Tags"]
    assert "add_job_flow_steps" not in [name for name, _ in emr.client.calls]
    assert "s-1  orders  COMPLETED" in said.out
    assert "j-NEW" in said.out


def test_a_transient_cluster_whose_answer_was_lost_is_found_and_not_made_twice(submit: Submit) -> None:
    emr = Transient("COMPLETED", lost=True)
    said = submit("hello", "--transient", emr=emr)
    assert said.code == 0, said.err
    assert len(emr.made) == 1
    again = submit("hello", "--transient", "--submission", emr.made[0]["Tags"][-1]["Value"], emr=emr)
    assert (again.code, len(emr.made)) == (0, 1), again.err


def test_a_dry_run_prints_the_transient_cluster_and_asks_nobody(submit: Submit) -> None:
    said = submit("orders", "hello", "--transient", "--dry-run")
    assert said.code == 0, said.err
    text, _, command = said.out.partition("\n\naws ")
    assert [step["Name"] for step in json.loads(text)["Steps"]] == ["orders", "hello"]
    assert "emr create-cluster" in command
    assert "--auto-terminate" in command
    assert "--region eu-west-1" in command
    assert '"Type":"CUSTOM_JAR","Name":"orders"' in command


def test_what_stands_against_a_transient_cluster_is_found_before_anything_is_sent(submit: Submit) -> None:
    emr = Transient()
    said = submit("hello", "--transient", "--set", "emr.step_log_uri=s3://nobody-has-this-bucket/logs", emr=emr)
    assert isinstance(said.error, BucketError)
    protected = submit("hello", "--transient", "--set", "emr.cluster.termination_protection=true", emr=emr)
    assert isinstance(protected.error, TransientClusterError)
    assert emr.made == []


def test_what_is_printed_of_a_transient_cluster_names_it(submit: Submit) -> None:
    said = submit("hello", "--transient", "--set", "aws.region=eu-west-1", emr=Transient())
    more = " --env emr --set aws.region=eu-west-1 --cluster j-NEW"
    assert f"`lakegate logs s-1 --follow{more}`, or all of them: `lakegate steps{more}`." in said.out
    late = submit("hello", "--transient", "--timeout", "5s", emr=Transient())
    assert "`lakegate cancel s-1 --env emr --cluster j-NEW`" in late.out
    failed = submit("hello", "--transient", "--wait", emr=Transient("FAILED"))
    assert "`lakegate why s-1 --env emr --cluster j-NEW`" in failed.err


def test_a_cluster_that_was_found_by_its_name_is_named_by_its_id(submit: Submit, shop: Path) -> None:
    (shop / "conf" / "found.toml").write_text(
        (shop / "conf" / "emr.toml").read_text().replace('cluster_id = "j-1"', "")
    )
    emr = Emr(list_clusters=[{"Clusters": [{"Id": "j-1", "Name": "lakegate"}]}])
    said = submit("hello", emr=emr, env="found")
    assert said.code == 0, said.err
    assert "`lakegate logs s-1 --follow --env found --cluster j-1`" in said.out


def test_options_may_stand_before_the_name(shop: Path, submit: Submit) -> None:
    before = lakegate(shop, "submit", "--env", "emr", "--dry-run", "--set=emr.step_log_uri=s3://l", "hello", path=())
    assert request(before)["Steps"][0]["Name"] == "hello"
    assert "LogUri" in before.out
    unknown = lakegate(shop, "submit", "--environment", "emr", "hello", path=())
    assert (unknown.code, "No such option: --environment" in unknown.err) == (2, True)
    helped = lakegate(shop, "submit", "--env", "emr", "--help", path=())
    assert (helped.code, "orders" in helped.out) == (0, True)
    parted = lakegate(shop, "submit", "--dry-run", "--env", "nope", "--", "hello", path=(), LAKEGATE_ENV="emr")
    assert (parted.code, "No such option" in parted.err) == (2, True)


def test_what_only_this_shell_says_does_not_make_an_environment_one_of_a_cluster(submit: Submit, shop: Path) -> None:
    (shop / "conf" / "laptop.toml").write_text(
        (shop / "conf" / "emr.toml").read_text().replace("[lake]\nroot", "[lake]\n# root", 1)
        + '[spark]\njars = "maven"\n'
    )
    shell = {"LAKEGATE_SPARK__JARS": "provided", "LAKEGATE_LAKE__ROOT": "s3://b/lake"}
    refused = submit("orders", "--dry-run", "--set", "lake.root=lake", env="laptop", **shell)
    assert isinstance(refused.error, NotOfAClusterError)
    assert "spark.jars is 'maven'" in refused.err


def test_a_dry_run_doubts_a_region_that_may_be_new_and_refuses_what_is_none(submit: Submit) -> None:
    said = submit("hello", "--dry-run", "--set", "aws.region=eu-nowhere-1")
    assert said.code == 0
    assert "aws.region: 'eu-nowhere-1' is not among the regions" in said.err
    for wrong in ("aws.region=eu-west-1a", "aws.endpoint_url=localhost:5000"):
        refused = submit("hello", "--dry-run", "--set", wrong)
        assert (refused.code, refused.out, type(refused.error)) == (2, "", SettingError)


def test_an_address_that_is_none_is_said(shop: Path) -> None:
    said = lakegate(shop, "steps", "--env", "emr", "--set", "aws.endpoint_url=localhost:4566", path=())
    assert (said.code, type(said.error)) == (2, SettingError)
    assert "Write it as http://HOST:PORT" in said.err


def test_a_transient_cluster_is_never_found_as_the_permanent_one(submit: Submit, shop: Path) -> None:
    (shop / "conf" / "name.toml").write_text((shop / "conf" / "emr.toml").read_text().replace('cluster_id = "j-1"', ""))
    emr = Transient()
    assert submit("hello", "--transient", "--submission", "t4", emr=emr, env="name").code == 0
    assert emr.made[0]["Name"] == "lakegate-transient-t4"
    said = submit("hello", emr=emr, env="name")
    assert (said.code, type(said.error)) == (1, ClusterNotFoundError)
