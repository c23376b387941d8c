"""Every kind of step, as an EMR cluster takes it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framework.local_emr.daemons import process
from framework.local_emr.daemons.hadoop import running
from framework.local_emr.steps.programs import STEP
from tests.local_emr.end_to_end.emr import BUCKET, LocalEmr, Step, until

pytestmark = pytest.mark.heavy
ROOT = f"s3://{BUCKET}/kinds"
FILES = {
    "code/app.py": """
import sys
from pyspark.sql import SparkSession
import helper
spark = SparkSession.builder.getOrCreate()
words = spark.read.text(sys.argv[1]).selectExpr("explode(split(value, ' ')) AS word")
assert spark.sparkContext.parallelize([0], 1).map(lambda _: open("extra.txt").read()).collect() == ["beside"]
words.groupBy("word").count().selectExpr("concat(word, ' ', count)").coalesce(1).write.text(sys.argv[2])
print(helper.SAID, spark.conf.get("spark.submit.deployMode"))
""",
    "code/helper.py": "SAID = 'helped in'\n",
    "code/extra.txt": "beside",
    "code/script.sh": '#!/bin/bash\necho "script $1" && hadoop fs -cat "$2" && yarn node -list | grep -c RUNNING\n',
    "code/table.hql": "CREATE TABLE made (n INT);\nINSERT INTO made VALUES (${n}), (${n});\nSELECT sum(n) FROM made;\n",
    "code/words.py": '#!/usr/bin/env python3\nimport sys\nprint(*sys.stdin.read().split(), sep="\\n")\n',
    "code/boot.sh": 'echo "booted with $1"\n',
    "in/a.txt": "one two two",
    "in/b.csv": "1,2\n",
    "in/below/c.csv": "3,4\n",
}


@pytest.fixture(scope="module")
def cluster(emr: LocalEmr) -> Iterator[str]:
    """A cluster that has run a bootstrap action."""
    for key, text in FILES.items():
        emr.client("s3").put_object(Bucket=BUCKET, Key=f"kinds/{key}", Body=text.encode())
    boot = {"name": "boot", "path": f"{ROOT}/code/boot.sh", "arguments": ["a word"]}
    made = emr.cluster(LAKEGATE_EMR__CLUSTER__BOOTSTRAP=json.dumps([boot]))
    logs = [key for key in emr.keys(f"logs/{made}/node/") if key.endswith("/bootstrap-actions/1/stdout.gz")]
    assert [emr.text(key) for key in logs] == ["booted with a word\n"] * 3
    yield made
    emr.end(made)


def _run(emr: LocalEmr, cluster: str, *arguments: str, **jar: Any) -> Step:
    """Run a step to its end."""
    step = _begun(emr, cluster, *arguments, **jar)
    step.ended()
    return step


def _begun(emr: LocalEmr, cluster: str, *arguments: str, **jar: Any) -> Step:
    named = {"Jar": "command-runner.jar", **jar, "Args": list(arguments)}
    asked = [{"Name": arguments[0], "ActionOnFailure": "CONTINUE", "HadoopJarStep": named}]
    (added,) = emr.client("emr").add_job_flow_steps(JobFlowId=cluster, Steps=asked)["StepIds"]
    return Step(emr, cluster, added)


def _said(step: Step, stream: str = "stdout") -> str:
    return step.emr.text(f"logs/{step.cluster}/steps/{step.id}/{stream}.gz")


def _texts(emr: LocalEmr, folder: str) -> str:
    """Return the lines of all parts of a folder, in order."""
    parts = [key for key in emr.keys(f"kinds/{folder}/") if "/part-" in key]
    return "".join(sorted("".join(map(emr.text, parts)).splitlines(keepends=True)))


@pytest.mark.parametrize("mode", ["client", "cluster"])
def test_spark_submit_has_files_and_modules_from_s3(emr: LocalEmr, cluster: str, mode: str) -> None:
    step = _run(
        emr,
        cluster,
        *("spark-submit", "--deploy-mode", mode, "--conf", "spark.yarn.tags=mine"),
        *("--py-files", f"{ROOT}/code/helper.py", "--files", f"{ROOT}/code/extra.txt"),
        *(f"{ROOT}/code/app.py", f"{ROOT}/in/a.txt", f"{ROOT}/out-{mode}"),
    )
    assert step.state == "COMPLETED", step.why()
    assert _texts(emr, f"out-{mode}") == "one 1\ntwo 2\n"
    (application,) = step.applications
    driver = f"containers/{application}/container_{application.removeprefix('application_')}_01_000001"
    said = _said(step) if mode == "client" else emr.text(f"logs/{cluster}/{driver}/stdout.gz")
    assert f"helped in {mode}\n" in said


def test_a_script_runs_with_the_programs_of_the_cluster(emr: LocalEmr, cluster: str) -> None:
    jar = "s3://us-east-1.elasticmapreduce/libs/script-runner/script-runner.jar"
    step = _run(emr, cluster, f"{ROOT}/code/script.sh", "here", f"{ROOT}/in/a.txt", Jar=jar)
    assert step.state == "COMPLETED", step.why()
    assert _said(step) == "script here\none two two2\n"


def test_s3_dist_cp_copies_what_fits_between_s3_and_hdfs(emr: LocalEmr, cluster: str) -> None:
    there = _run(emr, cluster, "s3-dist-cp", f"--src={ROOT}/in", "--dest=hdfs:///copied", "--srcPattern=.*\\.csv")
    back = _run(emr, cluster, "s3-dist-cp", "--src", "/copied", "--dest", f"{ROOT}/back", "--deleteOnSuccess")
    assert (there.state, back.state) == ("COMPLETED", "COMPLETED"), (there.why(), back.why())
    files = [key for key in emr.keys("kinds/back/") if not key.endswith("/")]
    assert files == ["kinds/back/b.csv", "kinds/back/below/c.csv"]
    assert _run(emr, cluster, "hadoop", "fs", "-test", "-e", "/copied/b.csv").state == "FAILED"


def test_hadoop_streaming_and_a_jar_of_ones_own(emr: LocalEmr, cluster: str) -> None:
    counted = _run(
        emr,
        cluster,
        *("hadoop-streaming", "-files", f"{ROOT}/code/words.py", "-mapper", "words.py", "-reducer", "uniq -c"),
        *("-input", f"{ROOT}/in/a.txt", "-output", f"{ROOT}/counted"),
    )
    assert counted.state == "COMPLETED", _said(counted, "syslog")
    assert [line.split() for line in _texts(emr, "counted").splitlines()] == [["1", "one"], ["2", "two"]]
    assert "Running job: job_local" in _said(counted, "syslog")
    # A jar whose manifest names its main class, as those of users do.
    (jar,) = running(emr.folder).jars.glob("*hadoop-streaming*.jar")
    emr.put("kinds/code", jar)
    copied = _run(
        emr,
        cluster,
        *("-mapper", "cat", "-reducer", "NONE", "-input", f"{ROOT}/in/a.txt", "-output", f"{ROOT}/cat"),
        Jar=f"{ROOT}/code/{jar.name}",
    )
    assert copied.state == "COMPLETED", _said(copied, "syslog")
    assert _texts(emr, "cat").strip() == "one two two"


def test_a_script_of_hive(emr: LocalEmr, cluster: str) -> None:
    script = ("hive-script", "--run-hive-script", "--args", "-f", f"{ROOT}/code/table.hql", "-d", "n=21")
    step = _run(emr, cluster, *script)
    assert step.state == "COMPLETED", step.why()
    assert _said(step).strip() == "42"


def test_a_step_that_fails_says_why(emr: LocalEmr, cluster: str) -> None:
    failed = _run(emr, cluster, "bash", "-c", "echo out; echo 'ValueError: no such thing' >&2; exit 3")
    assert failed.state == "FAILED"
    details = failed.described["Status"]["FailureDetails"]
    log = f"s3://{BUCKET}/logs/{cluster}/steps/{failed.id}/stderr.gz"
    assert details == {"Reason": "Unknown Error.", "Message": "ValueError: no such thing", "LogFile": log}
    assert _said(failed) == "out\n"
    assert "waitProcessCompletion ended with exit code 3" in _said(failed, "controller")
    missing = _run(emr, cluster, "flink", "run", "x.jar")
    assert "flink is no program of this machine's EMR" in missing.described["Status"]["FailureDetails"]["Message"]
    nowhere = _run(emr, cluster, f"{ROOT}/code/none.sh", Jar="s3://x/script-runner.jar")
    assert "code/none.sh cannot be fetched" in nowhere.described["Status"]["FailureDetails"]["Message"]


@pytest.mark.parametrize(("option", "survives"), [("SEND_INTERRUPT", True), ("TERMINATE_PROCESS", False)])
def test_a_step_is_cancelled_and_by_force_with_its_descendants(
    emr: LocalEmr, cluster: str, option: str, survives: bool, tmp_path: Path
) -> None:
    # What it has begun beside itself is left alone by the first way, as on EMR.
    step = _begun(emr, cluster, "bash", "-c", f"sleep 600 & echo $! > {tmp_path}/pid; wait")
    until((tmp_path / "pid").exists)
    time.sleep(0.5)
    client = emr.client("emr")
    client.cancel_steps(ClusterId=cluster, StepIds=[step.id], StepCancellationOption=option)
    assert step.ended() == "CANCELLED"
    left = process.marked({**emr.mark, STEP: step.id})
    assert bool(left) == survives
    process.kill(left, {})
