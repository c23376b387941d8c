"""A YARN and an HDFS for the tests of a module, and jobs on them."""

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from framework.local_emr.daemons import hadoop, jars, lifecycle, process, s3, spark
from framework.local_emr.daemons.hadoop import Hadoop
from framework.session import lane
from tests.s3.server import Bucket

JOB = Path(__file__).parent / "where.py"


@dataclass(frozen=True)
class Cluster:
    """What runs, a bucket of S3 beside it, and what a client's environment is."""

    hadoop: Hadoop
    bucket: Bucket
    environment: dict[str, str]

    def run(self, main: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run one of Hadoop's programs."""
        command = self.hadoop.command(main, *arguments)
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def submit(self, name: str, tasks: int = 8, seconds: float = 1.0, **conf: str) -> "Submitted":
        """Begin the job of where.py as an application in cluster mode; its script and its output are on S3."""
        self.bucket.client.upload_file(str(JOB), self.bucket.name, "code/where.py")
        confs = [f"--conf={key.replace('_', '.')}={value}" for key, value in conf.items()]
        root = f"s3://{self.bucket.name}"
        command = [
            str(jars.spark_home() / "bin" / "spark-submit"),
            *("--master", "yarn", "--deploy-mode", "cluster", "--num-executors", "2", "--name", name, *confs),
            *(f"{root}/code/where.py", f"{root}/{name}", str(tasks), str(seconds)),
        ]
        running = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        return Submitted(self, name, running)


class Submitted:
    """An application that was submitted."""

    def __init__(self, cluster: Cluster, name: str, client: "subprocess.Popen[str]") -> None:
        self.cluster, self.name, self.client = cluster, name, client
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.client.stderr
        with self.client.stderr as lines:
            self.said.extend(lines)
        self.client.wait()

    def ended(self, seconds: float = 240) -> int:
        """Wait for its end, and return the client's exit code."""
        code = self.client.wait(seconds)
        self._reader.join()
        return code

    @property
    def rows(self) -> list[dict[str, str]]:
        """What its tasks wrote, so far as it is committed."""
        bucket = self.cluster.bucket
        return [json.loads(line) for key in bucket.keys(f"{self.name}/part-") for line in bucket.text(key).splitlines()]


def until(said: Callable[[], bool], seconds: float = 120) -> None:
    """Wait for something to be so."""
    deadline = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < deadline, "it did not come to be so"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def cluster(bucket: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes and HDFS, gone after the module."""
    folder = tmp_path_factory.mktemp("local-emr")
    running = lifecycle.start(
        folder, with_hdfs=True, settings=s3.settings(bucket.endpoint), variables=s3.variables(bucket.endpoint)
    )
    try:
        conf = spark.write(folder / "conf", lane(), spark.defaults(running))
        yield Cluster(running, bucket, {**hadoop.container_environment(running), "SPARK_CONF_DIR": str(conf)})
    finally:
        lifecycle.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)
        assert process.marked(running.mark) == ()
