"""Daily files that are full snapshots: one a batch, in the order of their days, whatever their runs are killed at."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from framework import fault
from framework.config import LandingSettings, Settings
from framework.errors import SnapshotError
from framework.pipeline import Job, extract, load
from framework.pipeline.bookmarks import bookmark
from framework.pipeline.rollback import plan_rollback, rollback
from framework.pipeline.work import at_work
from framework.sources import files, incremental
from framework.tables import Lake, RowModel, Table, scd2, sync
from framework.testing import NOON, RunJob
from tests.delta import rows_of


class Listed(RowModel):
    """A customer as a day's file has it."""

    id: int
    city: str


class Customer(Listed):
    """Where a customer lived, from day to day."""

    valid_from: date
    valid_to: date


CUSTOMERS, NEWEST = Table("silver.customers", Customer, keys="id"), Table("silver.newest", Listed, keys="id")
OPEN = date(9999, 12, 31)
source = incremental(files("customers", Listed, format="csv"), dated="{yyyy}-{MM}-{dd}", snapshots=True)


def listed(raw: DataFrame) -> DataFrame:
    day = F.regexp_extract("_source_file", r"(\d{4}-\d{2}-\d{2})", 1).cast("date")
    return raw.select("id", "city", day.alias("seen_on"))


def newest(raw: DataFrame) -> DataFrame:
    return raw.select("id", "city")


job = Job(
    "snapshots",
    stages=[
        extract(raw=source),
        listed,
        newest,
        load(listed, into=CUSTOMERS, write=scd2(valid_by="seen_on", absent="delete", snapshot_at="seen_on")),
        load(newest, into=NEWEST, write=sync()),
    ],
)


def day(number: int) -> date:
    return date(2024, 1, number)


@pytest.fixture
def arrive(tmp_path: Path) -> Callable[..., Path]:
    def put(name: str, *lines: str) -> Path:
        path = tmp_path / "customers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["id,city", *lines, ""]))
        return path

    return put


def history(lake: Lake) -> list[tuple[object, ...]]:
    return sorted(rows_of(lake, CUSTOMERS, "id, valid_from, valid_to, city"))


def test_each_day_is_a_batch_of_all_its_files_and_a_day_that_comes_late_is_refused_until_it_is_taken_away(
    lake: Lake, settings: Settings, run_job: RunJob, tmp_path: Path, arrive: Callable[..., Path]
) -> None:
    arrive("2024-01-02/1.csv", "1,oslo")
    arrive("2024-01-02/2.csv", "2,rome")
    arrive("2024-01-03.csv", "2,rome", "3,lima")
    report = run_job(job, landing=tmp_path)
    assert [[len(batch.plan.pins["raw"].files) for batch in report.batches]] == [[2, 1]]
    known = [(1, day(2), day(3), "oslo"), (2, day(2), OPEN, "rome"), (3, day(3), OPEN, "lima")]
    assert history(lake) == known
    assert rows_of(lake, NEWEST, "id, city") == [(2, "rome"), (3, "lima")]
    late = arrive("2024-01-02/3.csv", "1,oslo")
    arrive("2024-01-06.csv", "1,bonn", "3,lima")
    with pytest.raises(
        SnapshotError, match=r"2024-01-02/3.csv is a snapshot of 2024-01-02 00:00, and one of 2024-01-03"
    ):
        run_job(job, landing=tmp_path)
    assert history(lake) == known
    there = settings.model_copy(update={"landing": LandingSettings(root=str(tmp_path))})
    waits = bookmark(job, lake, there, lambda: NOON)
    assert (waits.read, waits.waiting) == ("2024-01-03.csv", "refused")
    assert "2024-01-02/3.csv is a snapshot of 2024-01-02" in waits.notes[0]
    late.unlink()
    run_job(job, landing=tmp_path)
    assert history(lake) == [
        (1, day(2), day(3), "oslo"),
        (1, day(6), OPEN, "bonn"),
        (2, day(2), day(6), "rome"),
        (3, day(3), OPEN, "lima"),
    ]


def test_a_snapshot_with_a_malformed_record_is_refused_since_its_key_would_end(
    lake: Lake, run_job: RunJob, tmp_path: Path, arrive: Callable[..., Path]
) -> None:
    arrive("2024-01-02.csv", "1,oslo", "2,rome")
    run_job(job, landing=tmp_path)
    known = history(lake)
    broken = arrive("2024-01-03.csv", "one,oslo", "2,rome")
    with pytest.raises(SnapshotError, match=r"1 malformed record\(s\), .* would end: 'one,oslo' in .*2024-01-03.csv"):
        run_job(job, landing=tmp_path)
    assert history(lake) == known
    broken.write_text("id,city\n1,oslo\n2,rome\n")
    run_job(job, landing=tmp_path)
    assert history(lake) == known
    arrive("2024-01-04.csv", "1,oslo", "two,rome")
    upserted = Job("snapshots", stages=[extract(raw=source), newest, load(newest, into=NEWEST, write=sync())])
    assert run_job(upserted, landing=tmp_path).last.stages[0].note.startswith("1 malformed, kept in")


def test_a_batch_that_was_killed_is_taken_up_and_one_that_is_rolled_back_can_be_told_anew(
    lake: Lake,
    settings: Settings,
    run_job: RunJob,
    tmp_path: Path,
    arrive: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def killed(point: str) -> None:
        if point.startswith("before commit") and "newest" in point:
            raise KeyboardInterrupt

    arrive("2024-01-02.csv", "1,oslo")
    first = run_job(job, landing=tmp_path).last.plan.run_id
    arrive("2024-01-05.csv", "2,rome")
    with monkeypatch.context() as here:
        here.setattr(fault, "reached", killed)
        with pytest.raises(KeyboardInterrupt):
            run_job(job, landing=tmp_path)
    run_job(job, landing=tmp_path)
    told = [(1, day(2), day(5), "oslo"), (2, day(5), OPEN, "rome")]
    assert history(lake) == told
    with at_work(job, lake, settings, None, clock=lambda: NOON) as work:
        rollback(work, plan_rollback(work, first)[0])
    (tmp_path / "customers" / "2024-01-05.csv").unlink()
    arrive("2024-01-04.csv", "2,bari")
    run_job(job, landing=tmp_path)
    assert history(lake) == [(1, day(2), day(4), "oslo"), (2, day(4), OPEN, "bari")]
