"""An endpoint under test, and what tests ask of it."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from framework.local_emr.api.faults import FaultInjector
from framework.local_emr.api.server import Server
from framework.local_emr.api.world import World
from tests.local_emr.api.instant import InstantNodes
from tests.local_emr.api.processes import Processes

QUICK = {"Delay": 1, "MaxAttempts": 30}
GROUPS = [
    {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1},
    {"InstanceRole": "CORE", "InstanceType": "m5.xlarge", "InstanceCount": 2, "Name": "core"},
]


class Time:
    """The clock of an endpoint, and the seconds that elapse: this machine's, and what a test has added."""

    def __init__(self) -> None:
        self.added, self.passed = timedelta(), timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.added

    def elapsed(self) -> float:
        return time.monotonic() + self.passed.total_seconds()

    def go_on(self, **by: float) -> None:
        self.passed += timedelta(**by)
        self.set(**by)

    def set(self, **by: float) -> None:
        """Set the clock on or back, and let no time pass."""
        self.added += timedelta(**by)


def bash(command: str, action: str = "CONTINUE", name: str = "step", **more: Any) -> dict[str, Any]:
    """Return a step that runs a command."""
    jar = {"Jar": "command-runner.jar", "Args": ["bash", "-c", command]}
    return {"Name": name, "ActionOnFailure": action, "HadoopJarStep": jar, **more}


@dataclass
class Endpoint:
    server: Server
    world: World
    runner: Processes
    nodes: InstantNodes
    time: Time
    faults: FaultInjector
    bucket: str = field(default_factory=lambda: f"b-{uuid.uuid4().hex[:12]}")

    def client(self, service: str = "emr", region: str = "us-east-1", attempts: int = 1) -> Any:
        config = Config(retries={"mode": "standard", "total_max_attempts": attempts})
        session = boto3.Session("local", "local", region_name=region)
        return session.client(service, endpoint_url=self.server.address, config=config)

    def request(self, *steps: dict[str, Any], keep: bool = True, **more: Any) -> dict[str, Any]:
        """Return the request of a cluster with two core nodes; `Instances` is merged into its own."""
        instances = {"InstanceGroups": GROUPS, "KeepJobFlowAliveWhenNoSteps": keep}
        return {
            "Name": "test",
            "ReleaseLabel": "emr-7.14.0",
            "Applications": [{"Name": "Spark"}],
            "ServiceRole": "EMR_DefaultRole",
            "JobFlowRole": "EMR_EC2_DefaultRole",
            "Steps": list(steps),
            **more,
            "Instances": {**instances, **more.get("Instances", {})},
        }

    def cluster(self, *steps: dict[str, Any], keep: bool = True, **more: Any) -> str:
        """Make a cluster."""
        return str(self.client().run_job_flow(**self.request(*steps, keep=keep, **more))["JobFlowId"])

    def running(self, *steps: dict[str, Any], **more: Any) -> str:
        """Make a cluster, and wait until it is up."""
        made = self.cluster(*steps, **more)
        self.reaches(made, "RUNNING", "WAITING")
        return made

    def described(self, cluster: str) -> Any:
        return self.client().describe_cluster(ClusterId=cluster)["Cluster"]

    def add(self, cluster: str, *steps: dict[str, Any], **more: Any) -> list[str]:
        added: list[str] = self.client().add_job_flow_steps(JobFlowId=cluster, Steps=list(steps), **more)["StepIds"]
        return added

    def states(self, cluster: str) -> list[str]:
        """Return the states of the steps, the oldest first."""
        return [each["Status"]["State"] for each in reversed(self.client().list_steps(ClusterId=cluster)["Steps"])]

    def step(self, cluster: str, step: str) -> Any:
        return self.client().describe_step(ClusterId=cluster, StepId=step)["Step"]

    def reaches(self, cluster: str, *states: str) -> Any:
        """Wait for a cluster to be in one of some states; return its status."""
        return until(lambda: self.described(cluster)["Status"], lambda status: status["State"] in states)

    def all_are(self, cluster: str, *states: str) -> None:
        """Wait for the steps to be in these states, the oldest first."""
        until(lambda: self.states(cluster), lambda found: found == list(states))


@contextmanager
def served(folder: Path) -> Iterator[Endpoint]:
    """Give an endpoint whose steps are processes; nothing of it stays."""
    runner, nodes, clock, faults = Processes(folder / "steps"), InstantNodes(), Time(), FaultInjector()
    world = World(runner, clock, nodes, elapsed=clock.elapsed)
    try:
        with Server(world, faults=faults, interval=0.02) as server:
            made = Endpoint(server, world, runner, nodes, clock, faults)
            runner.s3 = made.client("s3")
            runner.s3.create_bucket(Bucket=made.bucket)
            yield made
    finally:
        runner.stop()


def until(look: Callable[[], Any], fits: Callable[[Any], bool]) -> Any:
    """Look until what is seen fits, and return it; fail after 20 seconds."""
    end = time.monotonic() + 20
    while not fits(seen := look()):
        assert time.monotonic() < end, f"last seen: {seen}"
        time.sleep(0.05)
    return seen


def refused(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    """Return the code and the words with which a call is refused."""
    with pytest.raises(ClientError) as error:
        call(**request)
    found = error.value.response["Error"]
    return found["Code"], found["Message"]
