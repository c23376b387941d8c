"""Clients that nobody here wrote drive the EMR on this machine as they are, each in an environment of its own.

What they print is compared with the state that the project's own boto3 sees. Stock waiters look every 30 s.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from framework.config.emr import this_machine
from framework.emr.cluster.instances import GENERAL
from tests.command import ROOT
from tests.local_emr.end_to_end.emr import BUCKET, RELEASES, LocalEmr, begun, until

pytestmark = pytest.mark.clients
PROGRAMS = Path(__file__).parent / "programs"
INSTANCE_TYPE = GENERAL[this_machine()][0]
ROLES = {"ServiceRole": "EMR_DefaultRole", "JobFlowRole": "EMR_EC2_DefaultRole"}


@dataclass(frozen=True)
class Client:
    """A user who has a client's environment, a folder with an application, and what `lakegate local-emr env` says."""

    emr: LocalEmr
    name: str
    programs: str
    folder: Path

    def run(self, *words: str, code: int = 0, variables: Mapping[str, str] | None = None) -> str:
        """Run a program of the client, and return what it printed: to stderr, too, where it fails."""
        path = f"{self.programs}:/usr/bin:/bin"
        known = {"PATH": path, "HOME": str(self.folder.parent), **self.emr.environment, **(variables or {})}
        said = subprocess.run(words, cwd=self.folder, env=known, capture_output=True, text=True, check=False)
        assert said.returncode == code, f"{words}\n{said.stdout}\n{said.stderr}"
        return said.stdout if code == 0 else said.stdout + said.stderr

    @property
    def there(self) -> str:
        """A place on S3 of its own."""
        return f"s3://{BUCKET}/{self.name}"

    def rows(self, name: str) -> list[tuple[Any, ...]]:
        """Return how many rows the application wrote, and their sum; read without Spark."""
        file = self.folder.parent / f"{name}.parquet"
        (key,) = [each for each in self.emr.keys(f"{self.name}/{name}/") if each.endswith(".parquet")]
        self.emr.client("s3").download_file(BUCKET, key, str(file))
        return duckdb.connect().execute(f"SELECT count(*), sum(id)::INT FROM '{file}'").fetchall()

    def state(self, cluster: str) -> str:
        return str(self.emr.client("emr").describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"])

    def steps(self, cluster: str) -> dict[str, str]:
        """Return the state of each of a cluster's steps by its name, the latest first."""
        found = self.emr.client("emr").list_steps(ClusterId=cluster)["Steps"]
        return {each["Name"]: each["Status"]["State"] for each in found}


@pytest.fixture(scope="module")
def emr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEmr]:
    with begun(tmp_path_factory.mktemp("clients")) as found:
        yield found


@pytest.fixture
def client(emr: LocalEmr, tmp_path: Path) -> Callable[[str], Client]:
    """Give what installs a client, if it is not there, and returns its user."""

    def made(name: str) -> Client:
        said = subprocess.run([ROOT / "scripts/clients.sh", name], capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stderr
        folder = tmp_path / "work"
        folder.mkdir()
        shutil.copy(PROGRAMS / "app.py", folder)
        return Client(emr, name, said.stdout.strip(), folder)

    return made


def test_aws_cli(client: Callable[[str], Client]) -> None:
    cli = client("aws-cli")
    release = RELEASES[cli.emr.spark]

    def aws(*words: str, code: int = 0) -> str:
        return cli.run("aws", *words, code=code)

    def of_emr(*words: str) -> Any:
        return json.loads(aws("emr", *words))

    assert aws("s3", "mb", "s3://aws-cli") == "make_bucket: aws-cli\n"
    aws("s3", "cp", "app.py", f"{cli.there}/app.py")
    assert aws("s3", "ls", f"{cli.there}/").split()[2:] == [str((cli.folder / "app.py").stat().st_size), "app.py"]

    nodes = ("--instance-type", INSTANCE_TYPE, "--instance-count", "2")
    given = ("--applications", "Name=Spark", "--log-uri", "s3://aws-cli/logs/", "--tags", "team=data")
    cluster = of_emr("create-cluster", "--release-label", release, "--use-default-roles", *nodes, *given)["ClusterId"]
    aws("emr", "wait", "cluster-running", "--cluster-id", cluster)
    assert [each["Id"] for each in of_emr("list-clusters", "--active")["Clusters"]] == [cluster]

    written = f"{cli.there}/app.py,5,{cli.there}/rows"
    runner = "Type=CUSTOM_JAR,Jar=command-runner.jar,ActionOnFailure=CONTINUE"
    added = of_emr(
        *("add-steps", "--cluster-id", cluster, "--steps"),
        f"Type=Spark,Name=writes,ActionOnFailure=CONTINUE,Args=[--deploy-mode,cluster,{written}]",
        f'{runner},Name=sleeps,Args=[bash,-c,"sleep 600"]',
        f"{runner},Name=never,Args=[bash,-c,true]",
    )["StepIds"]
    of_step = [("--cluster-id", cluster, "--step-id", each) for each in added]
    aws("emr", "wait", "step-complete", *of_step[0])
    step = of_emr("describe-step", *of_step[0])["Step"]
    assert (step["Name"], step["Status"]["State"], cli.rows("rows")) == ("writes", "COMPLETED", [(5, 10)])
    assert step["Config"]["Args"] == ["spark-submit", "--deploy-mode", "cluster", *written.split(",")]

    until(lambda: cli.steps(cluster)["sleeps"] == "RUNNING")
    how = ("--step-cancellation-option", "TERMINATE_PROCESS")
    cancelled = of_emr("cancel-steps", "--cluster-id", cluster, "--step-ids", *added[1:], *how)
    assert [each["Status"] for each in cancelled["CancelStepsInfoList"]] == ["SUBMITTED", "SUBMITTED"]
    until(lambda: cli.steps(cluster) == {"never": "CANCELLED", "sleeps": "CANCELLED", "writes": "COMPLETED"})
    listed = of_emr("list-steps", "--cluster-id", cluster, "--step-states", "CANCELLED")["Steps"]
    assert [each["Id"] for each in listed] == added[:0:-1]
    assert "Waiter StepComplete failed" in aws("emr", "wait", "step-complete", *of_step[1], code=255)

    attributes = ("emr", "modify-cluster-attributes", "--cluster-id", cluster)
    aws(*attributes, "--termination-protected")
    said = aws("emr", "terminate-clusters", "--cluster-ids", cluster, code=255)
    assert "(ValidationException) when calling the TerminateJobFlows operation" in said
    aws(*attributes, "--no-termination-protected")
    aws("emr", "terminate-clusters", "--cluster-ids", cluster)
    aws("emr", "wait", "cluster-terminated", "--cluster-id", cluster)
    described = of_emr("describe-cluster", "--cluster-id", cluster)["Cluster"]
    assert (described["Status"]["State"], cli.state(cluster)) == ("TERMINATED", "TERMINATED")
    assert described["Tags"] == [{"Key": "team", "Value": "data"}]
    assert "controller.gz" in aws("s3", "ls", f"s3://aws-cli/logs/{cluster}/steps/{added[0]}/")


def test_boto3(client: Callable[[str], Client]) -> None:
    boto3 = client("boto3")
    program = str(PROGRAMS / "boto3_life.py")
    said = json.loads(boto3.run("python", program, RELEASES[boto3.emr.spark], INSTANCE_TYPE, boto3.there))
    cluster = said.pop("cluster")
    assert said == {
        "versions": ["1.34.0", "1.34.0"],
        "up": "WAITING",
        "steps": {"writes": "COMPLETED", "fails": "FAILED"},
        "failed": "there is no reason",
        "ended": "TERMINATED",
    }
    assert (boto3.state(cluster), boto3.steps(cluster)) == (said["ended"], said["steps"])
    assert boto3.rows("rows") == [(7, 21)]


def test_emr_cli(client: Callable[[str], Client]) -> None:
    cli = client("emr-cli")
    cluster = cli.emr.client("emr").run_job_flow(
        Name="emr-cli",
        ReleaseLabel=RELEASES[cli.emr.spark],
        Applications=[{"Name": "Spark"}],
        LogUri=f"{cli.there}/logs/",
        Instances={"MasterInstanceType": INSTANCE_TYPE, "InstanceCount": 1, "KeepJobFlowAliveWhenNoSteps": True},
        **ROLES,
    )["JobFlowId"]
    run = ("emr", "run", "--cluster-id", cluster, "--entry-point", "app.py", "--s3-code-uri", f"{cli.there}/code")
    said = cli.run(*run, "--job-name", "waits", "--job-args", f"3,{cli.there}/rows", "--build", "--wait")
    assert "Job completed successfully!" in said
    assert cli.rows("rows") == [(3, 3)]

    # In client mode, and with what the step printed, which it fetches from the cluster's logs.
    said = cli.run(*run, "--job-name", "shows", "--job-args", f"4,{cli.there}/more", "--show-stdout")
    assert f"4 rows are at {cli.there}/more" in said
    assert cli.rows("more") == [(4, 6)]

    said = cli.run(*run, "--job-name", "fails", "--job-args", "no-number", "--wait", code=1)
    assert "EMR on EC2 step failed!" in said
    assert cli.steps(cluster) == {"fails": "FAILED", "shows": "COMPLETED", "waits": "COMPLETED"}
    cli.emr.client("emr").terminate_job_flows(JobFlowIds=[cluster])


def test_airflow(client: Callable[[str], Client]) -> None:
    airflow = client("airflow")
    shutil.copy(PROGRAMS / "airflow_life.py", airflow.folder)
    airflow.emr.client("s3").upload_file(str(airflow.folder / "app.py"), BUCKET, f"{airflow.name}/app.py")
    cluster = {"ReleaseLabel": RELEASES[airflow.emr.spark], "Applications": [{"Name": "Spark"}], **ROLES}
    variables = {
        "AIRFLOW_HOME": str(airflow.folder.parent / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(airflow.folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        # Whatever an AWS_ variable says holds for it.
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        "AIRFLOW_CONN_EMR_DEFAULT": json.dumps({"conn_type": "emr", "extra": cluster}),
        "THERE": airflow.there,
        "INSTANCE_TYPE": INSTANCE_TYPE,
    }
    airflow.run("airflow", "db", "migrate", variables=variables)
    said = airflow.run("airflow", "dags", "test", "life", variables=variables)
    assert re.search(r"DagRun Finished: dag_id=life, .* state=success", said)
    assert "EMR job failed: for reason Unknown Error. with message there is no reason and log file" in said
    (made,) = set(re.findall(r"Poking cluster (j-[A-Z0-9]+)", said))
    assert (airflow.state(made), airflow.steps(made)) == ("TERMINATED", {"writes": "COMPLETED", "fails": "FAILED"})
    assert airflow.rows("rows") == [(7, 21)]
