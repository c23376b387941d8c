"""A cluster and its steps as EMR describes them, and their logs in S3 as EMR lays them out; S3 is moto's."""

import gzip
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from framework import aws
from tests.command import ROOT, Said, lakegate
from tests.emr.amazon import Amazon, Answer, refusal
from tests.s3.server import Bucket

CLUSTER, STEP = "j-2AXXXXXXGAPLF", "s-3M8DXXXXXIYGW"
APPLICATION = "application_1763710000000_0001"
FAILURES = Path(__file__).parent / "failures"
CLUSTER_MODE = ["spark-submit", "--deploy-mode", "cluster", "s3://code/run_job.py", "orders"]
CLIENT_MODE = ["spark-submit", "--deploy-mode", "client", "s3://code/run_job.py", "orders"]
# The words of Spark's org.apache.spark.deploy.yarn.Client; all that a cluster-mode step itself has to say.
YARN_CLIENT = f"""\
26/11/21 19:22:01 INFO Client: Submitting application {APPLICATION} to ResourceManager
26/11/21 19:22:02 INFO YarnClientImpl: Submitted application {APPLICATION}
26/11/21 19:22:03 INFO Client: Application report for {APPLICATION} (state: RUNNING)
26/11/21 19:22:30 INFO Client: Application report for {APPLICATION} (state: FINISHED)
26/11/21 19:22:30 ERROR Client: Application diagnostics message: User application exited with status 1
Exception in thread "main" org.apache.spark.SparkException: Application {APPLICATION} finished with failed status
\tat org.apache.spark.deploy.yarn.Client.run(Client.scala:1382)
\tat org.apache.spark.deploy.yarn.YarnClusterApplication.start(Client.scala:1818)
\tat org.apache.spark.deploy.SparkSubmit$.main(SparkSubmit.scala)
26/11/21 19:22:30 INFO ShutdownHookManager: Shutdown hook called
"""


@dataclass
class Emr:
    """One cluster with one step, in a bucket of its own prefix; `log_uri` is what DescribeCluster says."""

    bucket: Bucket
    prefix: str = "logs"
    args: list[str] = field(default_factory=lambda: CLUSTER_MODE)
    step: dict[str, Any] = field(default_factory=dict)
    cluster: dict[str, Any] = field(default_factory=dict)
    state: str = "FAILED"
    details: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)

    @property
    def log_uri(self) -> str:
        """The log URI, as older clusters give it."""
        return f"s3n://{self.bucket.name}/{self.prefix}/"

    def put(self, key: str, text: str | bytes) -> str:
        """Make a log of the cluster; gzip where its name says so and the text is not packed yet."""
        packed = text.encode() if isinstance(text, str) else text
        if key.endswith(".gz") and not packed.startswith(b"\x1f\x8b"):
            packed = gzip.compress(packed)
        self.bucket.client.put_object(Bucket=self.bucket.name, Key=f"{self.prefix}/{CLUSTER}/{key}", Body=packed)
        return f"s3://{self.bucket.name}/{self.prefix}/{CLUSTER}/{key}"

    def put_step(self, **streams: str | bytes) -> None:
        """Make logs of the step's own process."""
        for stream, text in streams.items():
            self.put(f"steps/{STEP}/{stream}.gz", text)

    def put_container(self, number: int, attempt: int = 1, **streams: str | bytes) -> None:
        """Make logs of a container of YARN."""
        name = f"{APPLICATION.replace('application', 'container')}_{attempt:02}_{number:06}"
        for stream, text in streams.items():
            self.put(f"containers/{APPLICATION}/{name}/{stream}.gz", text)

    def put_failure(self, name: str) -> None:
        """Make the logs of a job that failed in earnest, as those of a cluster-mode driver."""
        self.put_step(stderr=YARN_CLIENT, controller="2026-11-21T19:22:31.000Z INFO Step ended with exit code 1\n")
        streams: dict[str, Any] = {}
        for stream in ("stdout", "stderr"):
            if (FAILURES / f"{name}.{stream}.gz").is_file():
                streams[stream] = (FAILURES / f"{name}.{stream}.gz").read_bytes()

        self.put_container(1, **streams)

    def described(self) -> dict[str, Any]:
        """Return what DescribeStep answers."""
        status = {
            "State": self.state,
            "Timeline": {"EndDateTime": datetime(2024, 1, 1, tzinfo=UTC)},
            **({"FailureDetails": self.details} if self.details else {}),
        }
        config = {"Jar": "command-runner.jar", "Args": self.args}
        return {"Step": {"Id": STEP, "Name": "orders", "Config": config, "Status": status, **self.step}}

    def client(self) -> Amazon:
        """Return EMR as the commands see it."""
        described = {"Cluster": {"Id": CLUSTER, "Name": "nightly", "LogUri": self.log_uri, **self.cluster}}
        answers: dict[str, Any] = {
            "describe_step": lambda **asked: self._of_step(asked),
            "describe_cluster": [described],
            **self.answers,
        }
        return Amazon(**answers)

    def run(self, *arguments: str) -> Said:
        """Call the command with this EMR and this S3."""
        with self.instead(), pytest.MonkeyPatch.context() as patch:
            patch.chdir(ROOT)
            return lakegate(ROOT, *arguments, LAKEGATE_AWS__ENDPOINT_URL=self.bucket.endpoint)

    @contextmanager
    def instead(self) -> Iterator[Amazon]:
        """Be EMR for a while."""
        emr, make = self.client(), aws.client
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                aws, "client", lambda service, settings, **_: emr if service == "emr" else make(service, settings)
            )
            yield emr

    def _of_step(self, asked: Mapping[str, str]) -> Answer:
        if asked["ClusterId"] != CLUSTER:
            return _invalid(f"Cluster id '{asked['ClusterId']}' is not valid.")
        if asked["StepId"] != STEP:
            return _invalid(f"Step id '{asked['StepId']}' is not valid.")
        return self.described()


def _invalid(message: str) -> Exception:
    answer: Exception = refusal("DescribeStep", "InvalidRequestException", message)
    return answer
