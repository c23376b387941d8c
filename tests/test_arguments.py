import json
import subprocess
import sys
from pathlib import Path

import pytest

from framework.arguments import SAFE, pack, unpack
from tests.command import ROOT

HARMFUL = [
    "--note=a`echo INJECTED`b",
    r"--path=x\\y\n",
    '--json={"a":{"b":1}}',
    "--day={{ ds }}",
    "--log=<LOG_DIR><CPS>{{JVM_ADD_OPENS}}",
    "--home=$HOME $(id) ${PATH}",
    "--quotes='\"'\"'",
    "--lines=one\ntwo\r\n",
    "--city=Zürich 東京",
    "--packed=abc",
    "--empty=",
    "",
    "\\",
]
SAFE_ONES = ["orders", "--env", "prod", "--min-amount=3", "--from=2026-11-21 12:00:00", "--set=lake.root=s3://b/l"]


def line(arguments: list[str]) -> str:
    """The line by which YARN starts the driver: Spark quotes, and YARN expands what it takes for its own."""
    replaced = {"$": "\\$", '"': '\\"', "'": "'\\''"}
    quoted = ["'" + "".join(replaced.get(c, c) for c in each) + "'" for each in arguments]
    text = " ".join(quoted)
    for mark, meaning in {"<LOG_DIR>": "/logs", "<CPS>": ":", "{{JVM_ADD_OPENS}}": "", "{{": "$", "}}": ""}.items():
        text = text.replace(mark, meaning)
    return f"exec /bin/bash -c \"'{sys.executable}' entry.py {text}\""


def arrived(arguments: list[str], folder: Path) -> list[str]:
    (folder / "entry.py").write_text("import json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    done = subprocess.run(["bash", "-c", line(arguments)], cwd=folder, capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


def test_arguments_come_out_of_the_line_of_yarn_as_they_went_in(tmp_path: Path) -> None:
    given = [each for pair in zip(HARMFUL, [*SAFE_ONES, *SAFE_ONES, *SAFE_ONES], strict=False) for each in pair]
    assert unpack(arrived(pack(given), tmp_path)) == given


def test_without_packing_the_line_of_yarn_runs_what_an_argument_holds(tmp_path: Path) -> None:
    assert arrived(["--note=a`echo INJECTED`b"], tmp_path) == ["--note=aINJECTEDb"]


def test_what_is_safe_stays_readable() -> None:
    assert pack(SAFE_ONES) == SAFE_ONES


@pytest.mark.parametrize("argument", HARMFUL)
def test_what_is_packed_is_safe(argument: str) -> None:
    (packed,) = pack([argument])
    assert SAFE.fullmatch(packed)
    assert unpack([packed]) == [argument]


@pytest.mark.parametrize("entry", ["scripts/run_job.py", "framework/cli/templates/project/scripts/run_job.py.txt"])
def test_the_entrypoint_unpacks(entry: str, tmp_path: Path) -> None:
    code = "import framework.cli.app as shown\nshown.app = lambda args, prog_name: print(args)\n"
    code += f"exec(open({str(ROOT / entry)!r}).read())"
    command = [sys.executable, "-c", code, *pack(["orders", "--note=`id`"])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['run', 'orders', '--note=`id`']"
