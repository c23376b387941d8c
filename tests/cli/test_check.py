from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from framework.errors import CheckFailedError
from tests.command import lakegate, project

JOB = '''"""Orders with what is wrong with them."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from framework.pipeline import Job, extract, load
from framework.sources import files, table
from framework.tables import Frame, RowModel, Table, append


class Order(RowModel):
    id: int
    city: str | None


ORDERS = Table("silver.orders", Order)


BODY

job = Job(
    "mine",
    stages=[
        extract(raw=files("orders", Order, format="csv")),
        STAGES
    ],
)
'''
FIRST_LINE = 19
LOAD = "load(cleaned, into=ORDERS, write=append()),"


@pytest.fixture
def shop(tmp_path: Path, spark: SparkSession) -> Path:
    """A project with the job `orders`, and a session that `check` finds running."""
    return project(tmp_path / "shop")


def _checked(shop: Path, body: str, stages: str = f"cleaned,\n        {LOAD}") -> Any:
    """Check a job with these functions and stages."""
    (shop / "jobs" / "mine.py").write_text(JOB.replace("BODY", body).replace("STAGES", stages))
    return lakegate(shop, "check", "mine")


def _faults(shop: Path, body: str, stages: str = f"cleaned,\n        {LOAD}") -> Sequence[Any]:
    said = _checked(shop, body, stages)
    assert said.code == 2
    assert isinstance(said.error, CheckFailedError), said.err
    assert "Traceback" not in said.err
    return said.error.faults


def test_a_job_that_compiles_is_ok_though_there_is_no_landing_and_no_lake(shop: Path) -> None:
    said = lakegate(shop, "check", "orders", "--set", "landing.root=/nowhere/at/all", "--set", "lake.root=unmade")
    assert (said.code, said.out) == (0, "ok  orders: 3 stages compile; no data was read.\n")
    assert not (shop / "unmade").exists()


def test_a_misspelt_column_is_reported_with_stage_function_and_line(shop: Path) -> None:
    body = "def cleaned(raw: Frame[Order]) -> Frame[Order]:\n    return Order.frame(raw.where(F.col('town') > ''))"
    (fault,) = _faults(shop, body)
    assert (fault.stage, fault.function, fault.file, fault.line) == (
        "cleaned",
        "cleaned",
        "jobs/mine.py",
        FIRST_LINE + 1,
    )
    assert "`town`" in str(fault)


def test_a_mistake_in_a_helper_is_reported_where_it_is(shop: Path) -> None:
    body = (
        "def in_town(rows: DataFrame) -> DataFrame:\n    return rows.where(F.col('town') > '')\n\n\n"
        "def cleaned(raw: Frame[Order]) -> Frame[Order]:\n    return Order.frame(in_town(raw))"
    )
    (fault,) = _faults(shop, body)
    assert (fault.stage, fault.function, fault.line) == ("cleaned", "in_town", FIRST_LINE + 1)


def test_a_wrong_type_is_reported_with_stage_function_and_line(shop: Path) -> None:
    body = "def cleaned(raw: Frame[Order]) -> Frame[Order]:\n    return Order.frame(raw.withColumn('id', F.lit('one')))"
    (fault,) = _faults(shop, body)
    assert (fault.stage, fault.function, fault.file) == ("cleaned", "cleaned", "jobs/mine.py")
    assert fault.line in (FIRST_LINE, FIRST_LINE + 1)
    assert "'id'" in str(fault)


def test_a_missing_column_is_reported_with_stage_function_and_line(shop: Path) -> None:
    body = "def cleaned(raw: Frame[Order]) -> Frame[Order]:\n    return Order.frame(raw.drop('id'))"
    (fault,) = _faults(shop, body)
    assert (fault.stage, fault.function, fault.line) == ("cleaned", "cleaned", FIRST_LINE + 1)


def test_an_action_is_reported_with_its_line(shop: Path) -> None:
    body = "def cleaned(raw: Frame[Order]) -> Frame[Order]:\n    assert raw.count() >= 0\n    return Order.frame(raw)"
    (fault,) = _faults(shop, body)
    assert (fault.stage, fault.line, fault.error.action) == ("cleaned", FIRST_LINE + 1, "count()")


def test_all_faults_are_reported_at_once(shop: Path) -> None:
    body = (
        "def cleaned(raw: Frame[Order]) -> Frame[Order]:\n    return Order.frame(raw.where('town > 1'))\n\n\n"
        "def counted(raw: Frame[Order]) -> DataFrame:\n    return raw.groupBy('towns').count()"
    )
    count = "load(counted, into=Table('gold.counts'), write=append()),"
    faults = _faults(shop, body, f"cleaned,\n        {LOAD}\n        counted,\n        {count}")
    assert [fault.stage for fault in faults] == ["cleaned", "counted"]


def test_a_missing_frame_is_reported_with_stage_function_and_line(shop: Path) -> None:
    said = _checked(shop, "def cleaned(raws: Frame[Order]) -> Frame[Order]:\n    return Order.frame(raws)")
    assert (said.code, said.error.stage, said.error.frame) == (2, "cleaned", "raws")
    assert f"jobs/mine.py:{FIRST_LINE} in cleaned" in said.err


def test_a_parameter_without_a_default_needs_no_value(shop: Path) -> None:
    body = (
        "def cleaned(raw: Frame[Order], *, least: int) -> Frame[Order]:\n"
        "    return Order.frame(raw.where(F.col('id') >= least))"
    )
    assert _checked(shop, body).code == 0


def test_what_could_not_be_checked_is_noted(shop: Path) -> None:
    body = (
        "def rates(spark: SparkSession) -> DataFrame:\n    raise RuntimeError('not to be called')\n\n\n"
        "def cleaned(raw: Frame[Order], rates: DataFrame) -> Frame[Order]:\n    return Order.frame(raw)"
    )
    said = _checked(shop, body, f"extract(rates=rates),\n        cleaned,\n        {LOAD}")
    notes = [line for line in said.out.splitlines() if line.startswith("note")]
    assert said.code == 0
    assert ["'rates'" in note or "'cleaned'" in note for note in notes] == [True, True]


@pytest.mark.parametrize("arguments", [["--env", "prodd"], ["--set", "lake.rot=x"], ["--set", "log.level=loud"]])
def test_a_bad_setting_is_a_mistake_of_usage(shop: Path, arguments: list[str]) -> None:
    said = lakegate(shop, "check", "orders", *arguments)
    assert (said.code, said.out) == (2, "")
