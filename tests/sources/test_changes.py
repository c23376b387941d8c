from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from framework import fault
from framework.errors import ChangesMissingError, PlanChangedError
from framework.pipeline import Job, extract, load
from framework.sources import changes
from framework.tables import Lake, RowModel, Table, append
from framework.testing import NOON
from tests.delta import given, rows_of, version_of
from tests.runs import run_in


class Reading(RowModel):
    id: int
    value: float


READINGS = Table("raw.readings", Reading, properties={"delta.enableChangeDataFeed": "true"})
ONE, TWO = Table("bronze.one"), Table("bronze.two")
INSERTS = [(1, "insert", 1), (2, "insert", 1), (3, "insert", 1)]


class Killed(BaseException):
    pass


def seen(feed: DataFrame, *, attempt: int = 1) -> DataFrame:
    return feed.select("id", F.col("_change_type").alias("change"), F.col("_commit_version").alias("version"))


JOB = Job(
    "followed",
    [extract(feed=changes(READINGS)), seen, load(seen, into=ONE, write=append()), load(seen, into=TWO, write=append())],
)


@pytest.fixture
def follow(lake: Lake, tmp_path: Path) -> Callable[..., None]:
    """Run the job after a first batch, a snapshot of three rows, each time a minute later."""
    times = iter(range(100))

    def run(**more: Any) -> None:
        run_in(lake, JOB, tmp_path, NOON + timedelta(minutes=next(times)), **more)

    given(lake, READINGS, "(1, 1.0), (2, 2.0), (3, 3.0)")
    run()
    assert rows_of(lake, ONE) == rows_of(lake, TWO) == INSERTS
    return run


def _killed_between_the_loads(follow: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(point: str) -> None:
        if point == "before commit followed/bronze.two":
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(fault, "reached", reached)
        with pytest.raises(Killed):
            follow()


def test_a_begun_batch_that_is_planned_anew_reads_the_same_changes_into_the_loads_that_are_left(
    lake: Lake, follow: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    DeltaTable(lake.path(READINGS.name)).delete("id = 2")
    _killed_between_the_loads(follow, monkeypatch)
    given(lake, READINGS, "(4, 4.0)")

    with pytest.raises(PlanChangedError):
        follow(given={"attempt": 2})
    follow(given={"attempt": 2}, replan=True)

    assert rows_of(lake, ONE) == rows_of(lake, TWO) == [
        (1, "insert", 1), (2, "delete", 2), (2, "insert", 1), (3, "insert", 1), (4, "insert", 3)
    ]  # fmt: skip


def _remove_files_of_the_feed(lake: Lake) -> None:
    there = list(Path(lake.path(READINGS.name), "_change_data").glob("*.parquet"))
    assert there
    for file in there:
        file.unlink()


def _update_and_remove(lake: Lake) -> None:
    DeltaTable(lake.path(READINGS.name)).update(predicate="id = 1", updates={"value": "9.0"})
    _remove_files_of_the_feed(lake)


def _keep_no_feed_for_a_while(lake: Lake) -> None:
    table = DeltaTable(lake.path(READINGS.name))
    table.alter.set_table_properties({"delta.enableChangeDataFeed": "false"})
    given(lake, READINGS, "(4, 4.0)")
    DeltaTable(lake.path(READINGS.name)).alter.set_table_properties({"delta.enableChangeDataFeed": "true"})


def _clean_the_log(lake: Lake) -> None:
    given(lake, READINGS, "(4, 4.0)")
    given(lake, READINGS, "(5, 5.0)")
    log = Path(lake.path(READINGS.name), "_delta_log")
    DeltaTable(lake.path(READINGS.name)).create_checkpoint()
    for version in range(3):
        (log / f"{version:020}.json").unlink()


@pytest.mark.parametrize("lose", [_update_and_remove, _keep_no_feed_for_a_while, _clean_the_log])
def test_changes_that_are_gone_are_missed_whatever_is_tried_and_a_job_of_a_new_name_begins_anew(
    lake: Lake, spark: SparkSession, tmp_path: Path, follow: Callable[..., None], lose: Callable[[Lake], None]
) -> None:
    lose(lake)
    for replan in (False, True):
        with pytest.raises(ChangesMissingError) as refused:
            follow(replan=replan)
        assert refused.value.table == "raw.readings"
        assert "replan" not in str(refused.value)
    assert rows_of(lake, ONE) == rows_of(lake, TWO) == INSERTS

    other = Table("bronze.other")
    anew = Job("anew", [extract(feed=changes(READINGS)), seen, load(seen, into=other, write=append())])
    run_in(lake, anew, tmp_path, NOON + timedelta(days=1))
    now = version_of(lake, READINGS)
    assert rows_of(lake, other) == [(row, "insert", now) for (row,) in rows_of(lake, READINGS, "id")]


def test_a_begun_batch_whose_changes_are_gone_says_so_with_replan_too(
    lake: Lake, follow: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    DeltaTable(lake.path(READINGS.name)).update(predicate="id = 1", updates={"value": "9.0"})
    _killed_between_the_loads(follow, monkeypatch)
    _remove_files_of_the_feed(lake)

    for replan in (False, True):
        with pytest.raises(ChangesMissingError):
            follow(replan=replan)
    assert rows_of(lake, TWO) == INSERTS
    assert rows_of(lake, ONE) == [
        (1, "insert", 1),
        (1, "update_postimage", 2),
        (1, "update_preimage", 2),
        (2, "insert", 1),
        (3, "insert", 1),
    ]
