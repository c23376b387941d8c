import re
from typing import Any

import pytest
from typer.main import get_command

from framework.cli.app import app
from framework.config import Settings
from framework.emr.logs.endings import ENDINGS, Ending
from framework.emr.logs.faults import FAULTS, Fault, recognise

# Words that no job here can be made to say, as their sources have them: YARN, Glue, EMR's S3 connector, Spark 3.5.
SAID = {
    "org.apache.hadoop.hive.ql.metadata.HiveException: Unable to instantiate "
    "org.apache.hadoop.hive.ql.metadata.SessionHiveMetaStoreClient": "Glue or Hive metastore",
    "software.amazon.awssdk.services.glue.model.AWSGlueException: Database sales not found": "Glue or Hive metastore",
    "com.amazonaws.services.s3.model.AmazonS3Exception: Slow Down (Service: Amazon S3; Status Code: 503; Error Code: "
    "503 Slow Down)": "S3 throttled",
    "com.amazonaws.services.s3.model.AmazonS3Exception: Access Denied (Service: Amazon S3; Status Code: 403)": (
        "access denied"
    ),
    "java.lang.ClassNotFoundException: io.delta.sql.DeltaSparkSessionExtension": "Delta missing",
    "java.lang.NoSuchMethodError: 'org.apache.spark.sql.delta.Snapshot x()'": "Delta of another version",
    "java.lang.ClassNotFoundException: org.postgresql.Driver": "class missing",
    "Caused by: java.lang.OutOfMemoryError: GC overhead limit exceeded": "heap too small",
    "ExecutorLostFailure (executor 1 exited caused by one of the running tasks) Reason: Slave lost": "node lost",
    "[2026-11-21] Container [pid=1,containerID=c] is running beyond physical memory limits. Current usage": (
        "container killed for its memory"
    ),
    "java.io.IOException: No space left on device": "disk full",
    "ImportError: libfoo.so.1: wrong ELF class: ELFCLASS32": "library for another CPU",
    "bash: line 1: flink: command not found": "program missing",
    "ERROR ApplicationMaster: RECEIVED SIGNAL TERM": "killed",
    "User application exited with status 3": "data refused",
}


@pytest.mark.parametrize(("line", "name"), SAID.items())
def test_composed_a_line_shows_its_fault(line: str, name: str) -> None:
    found = recognise(f"something before\n{line}\nsomething behind")
    assert found is not None
    assert (found[0].name, found[1]) == (name, line)


@pytest.mark.parametrize(
    "line",
    [
        "26/11/21 19:22:10 INFO TaskSetManager: Finished task 0.0 in stage 3.0 (TID 137) in 52 ms",
        "\tat com.amazonaws.glue.catalog.AWSGlueClient.call(AWSGlueClient.java:143)",
        '  File "/usr/lib/AccessDenied.py", line 403, in SlowDown',
        "User application exited with status 1",
        "Command exited with exit code 3",
        "Exit status: 0. Diagnostics: none",
    ],
)
def test_what_only_looks_like_a_fault_is_none(line: str) -> None:
    assert recognise(line) is None


def test_of_two_faults_the_one_that_led_to_the_other_is_taken() -> None:
    found = recognise("Container exited with a non-zero exit code 137\njava.lang.OutOfMemoryError: Java heap space")
    assert found is not None
    assert found[0].name == "heap too small"


def test_each_fault_has_a_name_of_its_own_and_an_advice() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert all(fault.advice.endswith(".") for fault in FAULTS)


@pytest.mark.parametrize("name", ["class missing", "jars that do not fit together", "Delta's storage jar missing"])
def test_an_option_that_submit_does_not_have_is_advised_only_to_whoever_calls_spark_submit(name: str) -> None:
    advice = next(fault.advice for fault in FAULTS if fault.name == name)
    before, _, _ = advice.partition("--jars")
    assert "--jars" not in advice or "by hand" in before


@pytest.mark.parametrize("one", [*FAULTS, *ENDINGS], ids=lambda one: one.name)
def test_commands_and_settings_that_are_advised_are_there(one: Fault | Ending) -> None:
    verbs = get_command(app).commands  # type: ignore[attr-defined]
    assert set(re.findall(r"`lakegate (\w+)", one.advice)) <= set(verbs)
    for name in re.findall(r"\b(?:emr|aws|lake|landing|catalog)\.[a-z_]+", one.advice):
        section: Any = Settings
        for part in name.split("."):
            section = section.model_fields[part].annotation
