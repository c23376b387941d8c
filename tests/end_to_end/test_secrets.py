"""A command that knows secrets fails in many ways, and tells none of them."""

from pathlib import Path

import pytest

from tests.command import fresh, lakegate, project

SECRET = "hunter2"
KNOWN = {
    "LAKEGATE_SECRETS__DATABASE": f"{SECRET} of the database",
    "LAKEGATE_SPARK__CONF": f'{{"spark.hadoop.fs.s3a.secret.key": "{SECRET} of a bucket"}}',
    "AWS_SECRET_ACCESS_KEY": f"{SECRET} of AWS",
}
FAILING = '''"""Fail while rows are read."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from framework.pipeline import Job, extract, load
from framework.tables import Table, append


def numbers(spark: SparkSession) -> DataFrame:
    return spark.range(3).where(F.assert_true(F.col("id") < 2, F.lit("too large")).isNull())


job = Job("failing", stages=[extract(numbers=numbers), load("numbers", into=Table("a.numbers"), write=append())])
'''


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a job that fails."""
    shop = project(tmp_path_factory.mktemp("secrets") / "shop")
    (shop / "jobs" / "failing.py").write_text(FAILING)
    return shop


def _is_kept_in(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path.name for path in files if SECRET.encode() in path.read_bytes()]


def test_a_stage_that_fails_in_spark_tells_no_secret(shop: Path) -> None:
    said = fresh(shop, "lakegate", "run", "failing", "--env", "test", "--set", "log.level=debug", **KNOWN)
    assert said.code == 1
    assert "too large" in said.err.splitlines()[-1]
    assert '"event": "stage_failed"' in said.err
    assert "Traceback" not in said.err
    assert SECRET not in said.out + said.err
    assert _is_kept_in(shop) == []


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--set", "log.level=loud"], {}),
        (["--set", "lake.rot=x"], {}),
        (["--set", f"secrets.database={SECRET}"], {}),
        (["--env", "nowhere"], {}),
        (["--min-amount", "much"], {}),
        ([], {"LAKEGATE_SECRETS": f'{{"database": "{SECRET}"'}),
        ([], {"LAKEGATE_SECRET__DATABASE": SECRET}),
        ([], {"LAKEGATE_SPARK__CONF": f'{{"spark.password": ["{SECRET}"]}}'}),
        ([], {"LAKEGATE_SPARK__CONF": f'{{"spark.password": "{SECRET}'}),
        ([], {"LAKEGATE_AWS__ENDPOINT": SECRET}),
    ],
)
def test_a_setting_that_is_refused_tells_no_secret(shop: Path, arguments: list[str], variables: dict[str, str]) -> None:
    said = lakegate(shop, "run", "orders", *arguments, **{**KNOWN, **variables})  # type: ignore[arg-type]
    assert said.code == 2
    assert said.err.startswith("Error: ")
    assert SECRET not in said.out + said.err


@pytest.mark.parametrize("text", [f"[secrets]\ndatabase = '{SECRET}'", f"[spark.conf]\n'spark.password' = {SECRET}"])
def test_a_file_of_settings_that_is_refused_tells_no_secret(shop: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "dev.toml").write_text(text)
    said = lakegate(shop, "run", "orders", "--env", "dev", LAKEGATE_CONF=str(tmp_path))
    assert said.code == 2
    assert SECRET not in said.out + said.err
