"""What spark-submit finds in its configuration."""

import subprocess
from pathlib import Path

import pytest

from framework.local_emr.daemons import spark
from framework.session import lane


@pytest.mark.heavy  # fetches the jars for S3, where they are not here yet
@pytest.mark.parametrize(
    ("cluster", "step", "found"),
    [
        ({}, {}, "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"),
        ({}, {"SPARK_SUBMIT_OPTS": "-Xint"}, "-Xint"),
        ({"SPARK_SUBMIT_OPTS": "-Xmx2g"}, {}, "-Xmx2g"),
    ],
    ids=["by itself", "as a step says", "as a cluster says"],
)
def test_what_submits_starts_quickly_unless_its_options_are_said(
    tmp_path: Path, cluster: dict[str, str], step: dict[str, str], found: str
) -> None:
    folder = spark.write(tmp_path, lane(), {}, variables=cluster)
    command = ["bash", "-c", f'. "{folder}/{spark.ENVIRONMENT}"; printf %s "$SPARK_SUBMIT_OPTS"']
    assert subprocess.run(command, env=step, capture_output=True, text=True, check=True).stdout == found
