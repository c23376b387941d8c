"""An EMR on this machine as a user has it: begun, asked and ended by commands, with a project of its own."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from deltalake import DeltaTable, QueryBuilder

from framework.lanes import lane_of
from framework.local_emr.daemons import hadoop, nodes, process
from framework.local_emr.daemons.nodes import Node
from tests.command import ROOT

BUCKET = "lakegate"
Rows = Counter[tuple[Any, ...]]
TABLES = ("bronze/flights", "silver/flights", "silver/flights_in_weather", "gold/delays")
RELEASES = {"4.1": "emr-spark-8.2.0", "3.5": "emr-7.14.0"}
FLIGHTS = 27_004  # of January 2013
REFERENCE = ("airlines.csv", "airports.csv", "planes.csv", "weather.csv.gz")
WRITERS = '''
from framework.pipeline import Job, extract, load
from framework.sources import files, incremental
from framework.tables import RowModel, Table, append


class Entry(RowModel):
    """A row that a job writes."""

    id: int


raw = extract(raw=incremental(files("{name}", Entry, format="csv"), max_files_per_batch=1))
job = Job("{name}", [raw, load(raw, into=Table("silver.entries", Entry), write=append())])
'''


@dataclass(frozen=True)
class Step:
    """A step that was submitted."""

    emr: "LocalEmr"
    cluster: str
    id: str

    @property
    def described(self) -> Any:
        return self.emr.client("emr").describe_step(ClusterId=self.cluster, StepId=self.id)["Step"]

    @property
    def state(self) -> str:
        return str(self.described["Status"]["State"])

    @property
    def applications(self) -> list[str]:
        found: list[str] = self.described.get("AdditionalInfo", {}).get("ResourceManagerApplicationIds", [])
        return found

    def ended(self, seconds: float = 420) -> str:
        """Wait for its end, and return the state that it ended in."""
        until(lambda: self.state not in ("PENDING", "RUNNING", "CANCEL_PENDING"), seconds)
        return self.state

    def why(self) -> str:
        return self.emr.lakegate("why", self.id, "--cluster", self.cluster).stdout


@dataclass(frozen=True)
class LocalEmr:
    folder: Path
    project: Path
    environment: dict[str, str]
    spark: str

    def lakegate(self, *arguments: str, code: int = 0, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in the project, with what `lakegate local-emr env` says."""
        said = run(self.project, arguments, {**self.environment, **variables})
        assert said.returncode == code, f"{shlex.join(arguments)}\n{said.stdout}\n{said.stderr}"
        return said

    def client(self, service: str) -> Any:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL")
        return _client(service, *(self.environment[name] for name in names))

    def cluster(self, *sets: str, **variables: str) -> str:
        """Make a cluster, wait until it is up, and return its id."""
        release = f"emr.release={RELEASES[self.spark]}"
        made = self.lakegate(
            "cluster", "create", "--yes", "--wait", *options(release, *sets), code=0, **variables
        ).stdout
        return str(re.findall(r"j-[A-Z0-9]+", made)[0])

    def end(self, cluster: str) -> None:
        """End a cluster, and wait until its nodes are others' again."""
        self.lakegate("cluster", "terminate", cluster, "--yes")
        described = self.client("emr").describe_cluster
        until(lambda: described(ClusterId=cluster)["Cluster"]["Status"]["State"] == "TERMINATED")

    def submit(self, cluster: str, *names: str, sets: tuple[str, ...] = ()) -> Step:
        """Submit jobs or steps to a cluster, and return the last step of the chain."""
        given = options(f"emr.release={RELEASES[self.spark]}", f"emr.cluster_id={cluster}", *sets)
        said = self.lakegate("submit", *names, *given).stdout
        return Step(self, cluster, re.findall(r"s-[A-Z0-9]{10,}", said)[-1])

    def put(self, there: str, *files: Path) -> None:
        """Put files of this machine into a folder of the bucket."""
        for file in files:
            self.client("s3").upload_file(str(file), BUCKET, f"{there}/{file.name}")

    def keys(self, prefix: str) -> list[str]:
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]

    def text(self, key: str) -> str:
        import gzip

        body: bytes = self.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return (gzip.decompress(body) if key.endswith(".gz") else body).decode()

    def rows(self, lake: str, name: str) -> Rows:
        """Return the rows of a table of a lake on S3, read without Spark."""
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL")
        there = {**{each: self.environment[each] for each in names}, "AWS_ALLOW_HTTP": "true"}
        return rows(DeltaTable(f"s3://{BUCKET}/{lake}/{name}", storage_options=there))

    @property
    def nodes(self) -> dict[str, Node]:
        return {each.name: each for each in nodes.nodes(hadoop.running(self.folder))}

    def nodes_in_use(self) -> int:
        """Return on how many nodes containers run."""
        return sum(each.containers > 0 for each in self.nodes.values())

    def hadoop(self, cluster: str, *arguments: str) -> str:
        """Run the program `hadoop` as a step, and return the state that it ended in."""
        jar = {"Jar": "command-runner.jar", "Args": ["hadoop", *arguments]}
        steps = [{"Name": "hadoop", "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar}]
        (added,) = self.client("emr").add_job_flow_steps(JobFlowId=cluster, Steps=steps)["StepIds"]
        return Step(self, cluster, added).ended()

    @property
    def mark(self) -> dict[str, str]:
        """The variable that all processes of it have."""
        return {process.MARK: str(self.folder)}


def options(*sets: str) -> list[str]:
    return [part for each in sets for part in ("--set", each)]


def run(project: Path, arguments: tuple[str, ...], variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a command of the project's own copy of the framework."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAKEGATE_"))},
        "PYTHONPATH": str(project),
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-m", "framework", *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def begun(folder: Path, *arguments: str) -> Iterator[LocalEmr]:
    """Give an EMR with a bucket; nothing of it stays."""
    project, home = folder / "project", folder / "emr"
    _copy_of_the_project(project)
    variables = {"LAKEGATE_LOCAL_EMR": str(home), "LAKEGATE_ENV": "local-emr"}
    try:
        said = run(project, ("local-emr", "start", *arguments), variables)
        assert said.returncode == 0, said.stderr
        exported = run(project, ("local-emr", "env"), variables).stdout
        words = [
            shlex.split(line.removeprefix("export ")) for line in exported.splitlines() if line.startswith("export ")
        ]
        found = dict(word.split("=", 1) for line in words for word in line)
        emr = LocalEmr(home, project, {**variables, **found}, _spark())
        emr.client("s3").create_bucket(Bucket=BUCKET)
        yield emr
    finally:
        ended = run(project, ("local-emr", "stop"), variables)
        assert ended.returncode == 0, ended.stderr
        assert process.marked({process.MARK: str(home)}) == ()


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[LocalEmr]:
    """Give an EMR with a bucket, the flights of January, and a bundle; nothing of it stays."""
    with begun(folder, *arguments) as emr:
        data = ROOT / "data" / "nycflights13"
        emr.put("landing", *(data / name for name in REFERENCE))
        emr.put("landing/flights", data / "flights" / "flights-2013-01.csv.gz")
        emr.lakegate("package", *options(f"emr.release={RELEASES[emr.spark]}"))
        yield emr


def rows(table: DeltaTable) -> Rows:
    """Return a table's rows without the columns that are times or places of the run, and how often each is there."""
    names = [field.name for field in table.schema().fields if field.name not in ("_ingested_at", "_source_file")]
    found: Any = QueryBuilder().register("t", table).execute(f"SELECT {', '.join(sorted(names))} FROM t").read_all()
    return Counter(zip(*([value.as_py() for value in column] for column in found.columns), strict=True))


def on_the_laptop(project: Path, folder: Path) -> dict[str, Rows]:
    """Return the tables that `lakegate run` makes of the same files on this machine's disk."""
    data = ROOT / "data" / "nycflights13"
    (folder / "landing" / "flights").mkdir(parents=True)
    for name in (*REFERENCE, "flights/flights-2013-01.csv.gz"):
        shutil.copy(data / name, folder / "landing" / name)
    places = options(f"lake.root={folder / 'lake'}", f"landing.root={folder / 'landing'}")
    said = run(project, ("run", "flights", "--env", "local", *places), {})
    assert said.returncode == 0, said.stderr
    return {name: rows(DeltaTable(folder / "lake" / name)) for name in TABLES}


def is_as_on_the_laptop(emr: LocalEmr, lake: str, laptop: dict[str, Rows]) -> None:
    for name in TABLES:
        found = emr.rows(lake, name)
        assert (name, [*(found - laptop[name])][:3], [*(laptop[name] - found)][:3]) == (name, [], [])
        assert found.total() == (FLIGHTS if name != "gold/delays" else laptop[name].total())


@cache
def _client(service: str, key: str, secret: str, region: str, endpoint: str) -> Any:
    """Made once: making one takes as long as ten calls, and who waits asks often."""
    return boto3.Session(key, secret, region_name=region).client(service, endpoint_url=endpoint)


def until(said: Callable[[], bool], seconds: float = 180) -> None:
    """Wait for something to be so."""
    deadline = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < deadline, "it did not come to be so"
        time.sleep(0.2)


def _spark() -> str:
    from importlib.metadata import version

    lane = lane_of(version("pyspark"), None)
    assert lane
    return lane.spark


def _copy_of_the_project(there: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("framework", "jobs", "conf", "scripts"):
        shutil.copytree(ROOT / name, there / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, there / name)
    for name in ("one", "other"):
        (there / "jobs" / f"{name}.py").write_text(f'"""A job that shares its table."""\n{WRITERS.format(name=name)}')
