"""What a command loads in a process of its own: the quick ones neither Spark nor AWS, none a JVM too soon."""

import sys
from pathlib import Path

import pytest

from tests.command import ROOT, fresh

CALL = """
import sys
from framework.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    code = ended.code
spark = sys.modules.get("pyspark")
print(code, spark is not None, "boto3" in sys.modules, bool(spark) and spark.SparkContext._gateway is not None)
"""


def _loaded(*arguments: str) -> tuple[str, ...]:
    """Call the command and return how it ended, and whether it loaded PySpark, loaded boto3, and started a JVM."""
    return tuple(fresh(ROOT, sys.executable, "-c", CALL, *arguments).out.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["--help"], ["run", "--help"], ["show", "--help"]],
    ids=lambda arguments: " ".join(arguments),
)
def test_help_and_list_load_neither_spark_nor_boto3(arguments: list[str]) -> None:
    assert _loaded(*arguments) == ("0", "False", "False", "False")


def test_init_loads_neither_spark_nor_boto3(tmp_path: Path) -> None:
    assert _loaded("init", str(tmp_path / "shop")) == ("0", "False", "False", "False")


@pytest.mark.parametrize("arguments", [["show", "flights"], ["run", "flights", "--help"]], ids=" ".join)
def test_a_job_is_shown_without_a_jvm(arguments: list[str]) -> None:
    assert _loaded(*arguments) == ("0", "True", "False", "False")


@pytest.mark.parametrize("arguments", [["--sett", "x"], ["--set", "lake.rot=x"], ["--env", "nowhere"]], ids=" ".join)
def test_what_was_typed_wrongly_is_refused_without_a_jvm(arguments: list[str]) -> None:
    assert _loaded("run", "flights", *arguments) == ("2", "True", "False", "False")


def test_without_java_a_run_ends_with_what_to_install() -> None:
    said = fresh(ROOT, "lakegate", "run", "flights", JAVA_HOME="/nowhere")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("Error: Spark needs Java 17 or 21, and JAVA_HOME is /nowhere")
    assert "Traceback" not in said.err
