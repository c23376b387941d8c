import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from framework.config.steps import StepSettings
from framework.emr.steps.kinds import Command, command
from framework.errors import SettingError

KINDS: TypeAdapter[StepSettings] = TypeAdapter(StepSettings)
COPY = {"kind": "s3-dist-cp", "src": "s3://b/in", "dest": "hdfs:///in"}


def run(region: str | None = "eu-west-1", **step: Any) -> Command:
    return command(KINDS.validate_python({"name": "it", **step}), lambda place: f"at:{place}", region)


def args(**step: Any) -> str:
    found = run(**step)
    assert found.jar == "command-runner.jar"
    return shlex.join(found.args)


def test_hive_runs_a_script_with_variables() -> None:
    said = args(kind="hive-script", script="a.hql", variables={"DAY": "2013-01-01"}, args=["-v"])
    assert said == "hive-script --run-hive-script --args -f at:a.hql -d DAY=2013-01-01 -v"
    assert run(kind="hive-script", script="a.hql").application == "Hive"


def test_streaming_puts_hadoop_s_own_options_first() -> None:
    step = {"kind": "hadoop-streaming", "input": ["s3://b/1", "s3://b/2"], "output": "s3://b/out"}
    said = args(**step, mapper="python3 m.py", reducer="aggregate", files=["m.py", "n.txt"], properties={"a": "1"})
    assert said == (
        "hadoop-streaming -D a=1 -files at:m.py,at:n.txt -input s3://b/1 -input s3://b/2 -output s3://b/out "
        "-mapper 'python3 m.py' -reducer aggregate"
    )
    assert args(**step, mapper="cat").startswith("hadoop-streaming -D mapreduce.job.reduces=0 -input")


def test_a_jar_is_run_itself() -> None:
    found = run(kind="jar", jar="a.jar", main_class="a.Main", args=["x"], properties={"a": "1"})
    assert found == Command("at:a.jar", ("x",), None, "a.Main", {"a": "1"})


def test_a_copy_says_each_option_once() -> None:
    assert args(**COPY) == "s3-dist-cp --src=s3://b/in --dest=hdfs:///in"
    said = args(
        **COPY,
        src_pattern=".*csv",
        group_by="(a).*",
        target_size=128,
        output_codec="gz",
        delete_on_success=True,
        args=["--s3Endpoint=s3.eu-west-1.amazonaws.com"],
    )
    assert shlex.split(said)[3:] == [
        "--srcPattern=.*csv",
        "--groupBy=(a).*",
        "--targetSize=128",
        "--outputCodec=gz",
        "--deleteOnSuccess",
        "--s3Endpoint=s3.eu-west-1.amazonaws.com",
    ]


def test_flink_runs_a_jar_of_the_node_as_it_is() -> None:
    step = KINDS.validate_python(
        {
            "name": "f",
            "kind": "flink",
            "jar": "/x.jar",
            "options": ["-p", "4"],
            "main_class": "M",
            "args": ["--in", "a"],
        }
    )
    found = command(step, lambda place: place, None)
    assert shlex.join(found.args) == "flink run -m yarn-cluster -p 4 -c M /x.jar --in a"
    assert found.application == "Flink"


def test_flink_fetches_a_jar_that_is_on_s3(tmp_path: Path) -> None:
    # The programs of the node, which say what they are given.
    for name in ("aws", "flink"):
        (tmp_path / name).write_text(f'#!/bin/sh\nprintf "%s|" {name} "$@"\n')
        (tmp_path / name).chmod(0o755)
    step = KINDS.validate_python({"name": "f", "kind": "flink", "jar": "s3://b/my job.jar", "args": ["a b", "$c"]})
    found = command(step, lambda place: place, None)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    said = subprocess.run(found.args, env=path, capture_output=True, text=True, check=True).stdout.split("|")
    assert said[:5] == ["aws", "s3", "cp", "--only-show-errors", "s3://b/my job.jar"]
    assert said[6:] == ["flink", "run", "-m", "yarn-cluster", said[5], "a b", "$c", ""]
    assert said[5].endswith(".jar")


def test_bash_gets_its_arguments_as_they_are() -> None:
    found = run(kind="bash", command='printf "%s," "$0" "$@"', args=["a b", "c"])
    assert subprocess.run(found.args, capture_output=True, text=True, check=True).stdout == "it,a b,c,"


def test_a_script_is_run_by_the_jar_of_the_region() -> None:
    found = run(kind="script-runner", script="s3://b/x.sh", args=["a"])
    assert found.jar == "s3://eu-west-1.elasticmapreduce/libs/script-runner/script-runner.jar"
    assert found.args == ("at:s3://b/x.sh", "a")
    with pytest.raises(SettingError, match=r"aws\.region.*'it'"):
        run(None, kind="script-runner", script="s3://b/x.sh")
