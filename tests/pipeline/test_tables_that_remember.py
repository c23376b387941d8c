"""Tables that remember inside of jobs: checked, run once, taken up, and not rolled back."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable as Independent
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from framework import fault
from framework.config import Settings
from framework.errors import CheckFailedError, RestoreRefusedError, RollbackRefusedError
from framework.pipeline import Job, extract, load
from framework.pipeline.restore import plan_restore
from framework.pipeline.rollback import plan_rollback
from framework.pipeline.work import at_work
from framework.sources import as_of, files, incremental, table
from framework.state.holds import holds
from framework.tables import Counts, Frame, Lake, RowModel, Table, bitemporal, scd2
from framework.testing import NOON, RunJob
from tests.delta import given, rows_of
from tests.planes import PLANES


class Said(RowModel):
    """What a file says of a plane."""

    tail: str
    seats: int | None
    valid_from: date
    valid_to: date | None
    does: str


class Seen(RowModel):
    """How many seats a plane had from a day on."""

    tail: str
    seats: int | None
    valid_from: date
    valid_to: date


class Known(RowModel):
    """How many seats a plane has, without a time."""

    tail: str
    seats: int | None


SEEN = Table("silver.seen", Seen, keys="tail")
OPEN = date(9999, 12, 31)
raw = extract(raw=incremental(files("said", Said, format="csv")))


def said(raw: Frame[Said]) -> Frame[Said]:
    return Said.frame(raw)


def seen(raw: Frame[Said]) -> DataFrame:
    return Said.frame(raw).drop("valid_to").withColumnRenamed("valid_from", "since")


def lacking(raw: Frame[Said]) -> DataFrame:
    return Said.frame(raw).drop("seats")


tell = bitemporal(valid=("valid_from", "valid_to"), operation="does")
job = Job(
    "planes",
    stages=[
        raw,
        said,
        load(said, into=PLANES, write=tell),
        seen,
        load(seen, into=SEEN, write=scd2(valid_by="since", delete_when="does = 'delete'")),
    ],
)
wrong = Job("wrong", stages=[raw, lacking, load(lacking, into=PLANES, write=tell)])


def test_a_job_tells_each_file_once_at_the_clock_of_its_commit_and_is_not_rolled_back(
    lake: Lake, settings: Settings, run_job: RunJob, tmp_path: Path
) -> None:
    (tmp_path / "said").mkdir()
    header = "tail,seats,valid_from,valid_to,does\n"
    (tmp_path / "said" / "1.csv").write_text(header + "N1,50,2013-01-01,,put\nN2,9,2013-01-01,2013-02-01,put\n")
    with pytest.raises(CheckFailedError, match="it lacks 'seats'"):
        run_job(wrong, landing=tmp_path)
    first = run_job(job, landing=tmp_path)
    later = NOON + timedelta(days=1)
    (tmp_path / "said" / "2.csv").write_text(header + "N1,55,2013-06-01,2013-07-01,update\nN2,,2013-01-15,,delete\n")
    run_job(job, landing=tmp_path, at=later)
    assert run_job(job, landing=tmp_path, at=later).batches == ()

    june, july = date(2013, 6, 1), date(2013, 7, 1)
    forever = datetime(9999, 12, 31, tzinfo=UTC)
    assert rows_of(lake, PLANES, "tail, seats, valid_from, valid_to, system_from, system_to") == sorted(
        [
            ("N1", 50, date(2013, 1, 1), OPEN, NOON, later),
            ("N1", 50, date(2013, 1, 1), june, later, forever),
            ("N1", 55, june, july, later, forever),
            ("N1", 50, july, OPEN, later, forever),
            ("N2", 9, date(2013, 1, 1), date(2013, 2, 1), NOON, later),
            ("N2", 9, date(2013, 1, 1), date(2013, 1, 15), later, forever),
        ],
        key=str,
    )
    assert rows_of(lake, SEEN) == [
        ("N1", 50, date(2013, 1, 1), june),
        ("N1", 55, june, OPEN),
        ("N2", 9, date(2013, 1, 1), date(2013, 1, 15)),
    ]
    with (
        at_work(job, lake, settings, None, clock=lambda: later) as work,
        pytest.raises(RollbackRefusedError, match="not to be unwritten"),
    ):
        plan_rollback(work, first.batches[0].plan.run_id)
    # So nobody goes back to what its runs left, of this table or of others.
    assert [hold for each in (PLANES, SEEN) for hold in holds(lake, each.name)] == []
    with pytest.raises(RestoreRefusedError, match="tell it the opposite instead"):
        plan_restore(lake, PLANES.name, 1)


KNOWN = Table("bronze.known", Known, keys="tail")
moved = extract(moved=as_of(SEEN))
known = extract(known=table(KNOWN))


def since_january(known: Frame[Known]) -> DataFrame:
    return known.select("tail", "seats", F.lit(date(2013, 1, 1)).alias("valid_from"), F.lit(OPEN).alias("valid_to"))


def test_a_table_of_versions_and_a_plain_one_become_tables_of_beliefs(lake: Lake, run_job: RunJob) -> None:
    june, forever = date(2013, 6, 1), datetime(9999, 12, 31, tzinfo=UTC)
    # N1 said again in July what it was since June, which a table of versions keeps as a row without duration.
    given(
        lake,
        SEEN,
        "('N1', 50, DATE '2013-01-01', DATE '2013-06-01'), ('N1', 55, DATE '2013-06-01', DATE '9999-12-31'), "
        "('N1', 55, DATE '2013-07-01', DATE '2013-07-01')",
    )
    kept = "'lakegate.valid' = 'valid_from,valid_to'"
    lake.spark.sql(f"ALTER TABLE delta.`{lake.path(SEEN.name)}` SET TBLPROPERTIES ({kept})")
    given(lake, KNOWN, "('N2', 9), ('N3', NULL)")
    into = bitemporal(valid=("valid_from", "valid_to"))
    run_job(Job("moving", stages=[moved, load(moved, into=PLANES, write=into)]))
    run_job(Job("telling", stages=[known, since_january, load(since_january, into=PLANES, write=into)]))
    again = run_job(Job("moving", stages=[moved, load(moved, into=PLANES, write=into)]))
    assert again.last.stages[-1].counts == Counts(read=2, unchanged=2)
    assert rows_of(lake, PLANES, "tail, seats, valid_from, valid_to, system_to") == [
        ("N1", 50, date(2013, 1, 1), june, forever),
        ("N1", 55, june, OPEN, forever),
        ("N2", 9, date(2013, 1, 1), OPEN, forever),
        ("N3", None, date(2013, 1, 1), OPEN, forever),
    ]


def here_since_january(known: Frame[Known]) -> DataFrame:
    return known.select("tail", "seats", F.lit(date(2013, 1, 1)).alias("since"))


snapshots = scd2(valid_by="since", absent="delete")
listing = Job("listing", stages=[known, here_since_january, load(here_since_january, into=SEEN, write=snapshots)])


def test_what_a_snapshot_lacks_ends_when_its_batch_was_planned_however_late_that_is_taken_up(
    lake: Lake, run_job: RunJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(point: str) -> None:
        if point.startswith("before commit"):
            raise KeyboardInterrupt

    given(lake, KNOWN, "('N1', 50), ('N2', 9)")
    run_job(listing)
    Independent(lake.path(KNOWN.name)).delete("tail = 'N2'")
    monkeypatch.setattr(fault, "reached", killed)
    with pytest.raises(KeyboardInterrupt):
        run_job(listing, at=NOON + timedelta(days=1))
    monkeypatch.setattr(fault, "reached", None)
    run_job(listing, at=NOON + timedelta(days=5))
    assert rows_of(lake, SEEN) == [
        ("N1", 50, date(2013, 1, 1), OPEN),
        ("N2", 9, date(2013, 1, 1), (NOON + timedelta(days=1)).date()),
    ]
