"""Maintenance as a stage: after the loads, unseen by whoever reads, and stopped by what jobs still need."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable as Independent
from pyspark.sql import DataFrame

from framework import fault
from framework.batch import Pin, Plan, Position, Publication
from framework.config import Settings
from framework.errors import DeclarationError, RestoredTableError, RestoreRefusedError
from framework.pipeline import Job, extract, load, maintain
from framework.pipeline.restore import plan_restore, restore_table
from framework.pipeline.rollback import plan_rollback
from framework.pipeline.work import at_work
from framework.sources import changes, files, incremental, table
from framework.state import History, Rollback, holder_of
from framework.state.history import name
from framework.state.holds import holds
from framework.tables import Lake, RowModel, Table, append, upsert
from framework.testing import NOON, RunJob
from tests.delta import aged, data_files, given, rows_of, version_of


class Order(RowModel):
    id: int
    city: str | None


FEED = {"delta.enableChangeDataFeed": "true"}
ORDERS = Table("silver.orders", Order, keys="id", properties=FEED)
SEEN = Table("gold.seen")


def seen(feed: DataFrame) -> DataFrame:
    return feed.select("id", "_change_type")


raw = extract(raw=incremental(files("orders", Order, format="csv")))
kept = maintain(ORDERS, small_files=2)
fill = Job("fill", [kept, raw, load(raw, into=ORDERS, write=upsert())])
feed = extract(feed=changes(ORDERS))
follow = Job("follow", [feed, seen, load(seen, into=SEEN, write=append())])
upkeep = Job("upkeep", [maintain(ORDERS, small_files=2)])


def land(folder: Path, name: str, *lines: str) -> None:
    (folder / "orders").mkdir(exist_ok=True)
    (folder / "orders" / name).write_text("\n".join(["id,city", *lines]))


def maintained(report: Any) -> Any:
    return next(stage for stage in report.last.stages if stage.kind == "maintain")


def test_a_table_is_maintained_behind_its_loads_and_no_reader_of_its_changes_sees_it(
    tmp_path: Path, lake: Lake, run_job: RunJob, settings: Settings
) -> None:
    land(tmp_path, "1.csv", "1,Oslo")
    assert maintained(run_job(fill, tmp_path)).reads == "nothing to do"
    run_job(follow)
    land(tmp_path, "2.csv", "2,Bonn", "3,")
    second = run_job(fill, tmp_path)
    assert [stage.kind for stage in second.last.stages][-1] == "maintain"
    assert maintained(second).reads == "rewrites 2 small files"
    assert len(Independent(lake.path(ORDERS.name)).file_uris()) == 1

    run_job(follow)
    assert rows_of(lake, SEEN) == [(1, "insert"), (2, "insert"), (3, "insert")]
    assert rows_of(lake, ORDERS, "id, city") == [(1, "Oslo"), (2, "Bonn"), (3, None)]
    before = version_of(lake, ORDERS)
    assert run_job(fill, tmp_path).batches == ()
    assert version_of(lake, ORDERS) == before
    with at_work(fill, lake, settings, None, clock=lambda: NOON) as work:
        _, (step,) = plan_rollback(work, _first_run(lake, "fill"))
    assert step.target == 1


def _first_run(lake: Lake, job: str) -> str:
    found = History(lake, job).published.load("0000-0000000001")
    assert found
    return found.run_id


def test_a_vacuum_waits_for_the_job_that_has_not_read_the_changes_yet(
    tmp_path: Path, lake: Lake, run_job: RunJob
) -> None:
    land(tmp_path, "1.csv", "1,Oslo", "2,Bonn")
    run_job(fill, tmp_path)
    run_job(follow)
    land(tmp_path, "2.csv", "1,Rome")
    run_job(fill, tmp_path)
    run_job(follow, at=datetime(2024, 1, 1, 13, tzinfo=UTC))
    version = version_of(lake, ORDERS)
    Independent(lake.path(ORDERS.name)).delete("id = 2")
    aged(lake, ORDERS, 8)
    there = data_files(lake, ORDERS)

    refused = maintained(run_job(upkeep)).note
    assert f"version {version} of " in refused
    assert "the bookmark of job follow" in refused
    assert "lakegate rollback fill" in refused
    assert data_files(lake, ORDERS) == there
    retired = Job("upkeep", [maintain(ORDERS, retired=("follow", "fill"))])
    assert "vacuums" in maintained(run_job(retired)).reads
    assert data_files(lake, ORDERS) < there
    assert rows_of(lake, ORDERS, "id, city") == [(1, "Rome")]


def test_what_a_job_left_holds_the_versions_of_its_own_tables_only(lake: Lake) -> None:
    given(lake, ORDERS, "(1, 'Oslo')")
    other = Table("silver.other", Order)
    given(lake, other, "(1, 'Oslo')")
    at = Position(0, 1)
    pins = {"a": Pin(version=1, of=table(ORDERS).known_as), "b": Pin(version=0, of=table(other).known_as), "c": Pin()}
    plan = Plan("reader", "reader-1", at, NOON, "", (), pins=pins)
    history = History(lake, "reader")
    history.plans.create(name(at), plan)
    assert [hold.version for hold in holds(lake, ORDERS.name)] == [1]
    assert [hold.version for hold in holds(lake, other.name)] == [0]
    assert "batch 1 of job reader, which was interrupted" in holds(lake, ORDERS.name)[0].who
    assert holds(lake, ORDERS.name, ("reader",)) == ()

    history.published.create(name(at), Publication("reader", "reader-1", at, NOON, NOON, {other.name: 1}))
    assert holds(lake, ORDERS.name) == ()
    (left,) = holds(lake, other.name)
    assert (left.version, "run reader-1" in left.who) == (1, True)
    history.rollbacks.create("0001", Rollback(1, at, "reader-1", {ORDERS.name: 0}))
    (begun,) = holds(lake, ORDERS.name)
    assert (begun.version, "rollback of job reader" in begun.who) == (0, True)


def test_a_table_is_maintained_once_in_a_job() -> None:
    with pytest.raises(DeclarationError, match=r"maintains silver\.orders twice"):
        Job("twice", [kept, replace(kept, small_files=9)])


@pytest.mark.parametrize("point", ["after compaction silver.orders", "before vacuum silver.orders"])
def test_maintenance_that_is_interrupted_is_done_by_the_next_run(
    point: str, lake: Lake, run_job: RunJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    for row in ("(1, 'Oslo')", "(2, NULL)"):
        given(lake, ORDERS, row)
    Independent(lake.path(ORDERS.name)).delete("id = 1")
    given(lake, ORDERS, "(3, 'Rome')")
    aged(lake, ORDERS, 8)

    holders = []

    def stop(at: str) -> None:
        if at == point:
            holders.append(holder_of(lake, f"table-{ORDERS.name}"))
            raise KeyboardInterrupt

    monkeypatch.setattr(fault, "reached", stop)
    with pytest.raises(KeyboardInterrupt):
        run_job(upkeep)
    monkeypatch.setattr(fault, "reached", None)
    assert holders != [None], "the lease of the table is held, as for a load"
    run_job(upkeep)
    assert len(data_files(lake, ORDERS)) == 3, "what was compacted is inside the window"
    assert rows_of(lake, ORDERS, "id, city") == [(2, None), (3, "Rome")]
    version = version_of(lake, ORDERS)
    assert maintained(run_job(upkeep)).reads == "nothing to do"
    assert version_of(lake, ORDERS) == version


# -- restore ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def loaded(tmp_path: Path, lake: Lake, run_job: RunJob) -> Callable[[], Any]:
    """A table of two loads, versions 1 and 2; the fixture is a run of their job."""
    job = Job("fill", [raw, load(raw, into=ORDERS, write=upsert())])
    for number, line in enumerate(("1,Oslo", "2,Bonn"), 1):
        land(tmp_path, f"{number}.csv", line)
        run_job(job, tmp_path)
    return lambda: run_job(job, tmp_path)


def test_what_was_done_by_hand_is_undone_and_the_bookmark_stays_right(
    loaded: Callable[[], Any], tmp_path: Path, lake: Lake, settings: Settings
) -> None:
    Independent(lake.path(ORDERS.name)).delete("id = 1")
    assert plan_restore(lake, ORDERS.name, 2) == ["delete (version 3)"]
    assert restore_table(lake, settings, ORDERS.name, 2) == 4
    assert rows_of(lake, ORDERS, "id, city") == [(1, "Oslo"), (2, "Bonn")]
    land(tmp_path, "3.csv", "3,Rome")
    assert len(loaded().batches) == 1
    assert rows_of(lake, ORDERS, "id") == [(1,), (2,), (3,)]


def test_a_load_is_not_undone_without_its_bookmark_nor_a_version_whose_files_are_gone(
    loaded: Callable[[], Any], lake: Lake, settings: Settings
) -> None:
    with pytest.raises(RestoreRefusedError, match=r"fill/silver\.orders \(version 2\).*`lakegate rollback fill"):
        restore_table(lake, settings, ORDERS.name, 1)
    there = Independent(lake.path(ORDERS.name))
    before = data_files(lake, ORDERS)
    there.delete("true")
    for path in Path(lake.path(ORDERS.name)).glob("*.parquet"):
        path.unlink()
    assert before
    with pytest.raises(RestoreRefusedError) as refused:
        restore_table(lake, settings, ORDERS.name, 2)
    assert refused.value.reasons == ("files of version 2 are gone: they were vacuumed",)
    with pytest.raises(RestoreRefusedError, match="there is nothing to undo"):
        restore_table(lake, settings, ORDERS.name, 3)


def test_a_restore_that_lost_a_load_is_itself_undone(
    loaded: Callable[[], Any], tmp_path: Path, lake: Lake, settings: Settings
) -> None:
    Independent(lake.path(ORDERS.name)).restore(1)
    land(tmp_path, "3.csv", "3,Rome")
    with pytest.raises(RestoredTableError):
        loaded()
    restore_table(lake, settings, ORDERS.name, 2)
    assert len(loaded().batches) == 1
    assert rows_of(lake, ORDERS, "id") == [(1,), (2,), (3,)]
