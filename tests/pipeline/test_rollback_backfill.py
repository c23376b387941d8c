"""Going back and filling the past, on a job of three tables: bronze appends, silver merges, gold follows silver."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from delta.tables import DeltaTable
from deltalake import DeltaTable as Independent
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from framework import fault
from framework.batch import Position
from framework.config import LandingSettings, Settings
from framework.errors import (
    BackfillRefusedError,
    DamagedStateError,
    LakegateError,
    RestoredTableError,
    RollbackRefusedError,
    StaleEpochError,
    UnknownRunError,
)
from framework.pipeline import Interval, Job, RunReport, Stage, extract, load, run
from framework.pipeline.backfill import backfill, begin_backfill, find_backfill, require_backfill, slices
from framework.pipeline.rollback import plan_rollback, rollback
from framework.pipeline.work import Work, at_work, reading
from framework.sources import files, incremental, table, written
from framework.state import Backfill, History, Withdrawn, logged
from framework.tables import Frame, Lake, RowModel, Table, append, read, replace, upsert
from framework.tables import load as load_table
from framework.tables.commit import Transaction
from tests.delta import actions, given, rows_of, version_of

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


class Sale(RowModel):
    id: int
    day: date
    euros: int


class Total(RowModel):
    day: date
    euros: int


RAW = Table("bronze.sales", Sale)
SALES = Table("silver.sales", Sale, keys=("id",), partition_by="day")
TOTALS = Table("gold.totals", Total, keys=("day",))


def sold(raw: Frame[Sale]) -> Frame[Sale]:
    return Sale.frame(raw.where(F.col("euros") > 0))


def totals(sales: Frame[Sale]) -> Frame[Total]:
    return Total.frame(sales.groupBy("day").agg(F.sum("euros").alias("euros")))


def job(**pieces: Any) -> Job:
    raw = extract(raw=incremental(files("sales", Sale, format="csv"), **{"dated": "{yyyy}-{MM}-{dd}", **pieces}))
    stages: list[Stage] = [
        raw,
        load(raw, into=RAW, write=append()),
        sold,
        load(sold, into=SALES, write=upsert()),
        extract(sales=written(SALES)),
        totals,
        load(totals, into=TOTALS, write=replace(by="day")),
    ]
    return Job("sales", stages=stages)


@dataclass
class Shop:
    """A lake that the job fills from files of one day each."""

    lake: Lake
    settings: Settings
    landing: Path

    def land(self, day: int, *sales: tuple[int, int], name: str = "") -> None:
        lines = [f"{number},2024-01-{day:02},{euros}\n" for number, euros in sales]
        (self.landing / "sales" / f"2024-01-{day:02}{name}.csv").write_text("".join(["id,day,euros\n", *lines]))

    def run(self, at: datetime = NOON, **pieces: Any) -> RunReport:
        return run(job(**pieces), self.lake, self.settings, {}, clock=lambda: at)

    def work(self) -> Any:
        return at_work(job(), self.lake, self.settings, {}, clock=lambda: NOON)

    def rows(self) -> tuple[list[Any], list[Any], list[Any]]:
        return tuple(
            rows_of(self.lake, t, "id, euros" if t is not TOTALS else "day, euros") for t in (RAW, SALES, TOTALS)
        )  # type: ignore[return-value]


@pytest.fixture(scope="module")
def made(spark: SparkSession, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, str, str]:
    """A shop whose job ran on the first day's file and then on the second's; the ids of both runs."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "landing" / "sales").mkdir(parents=True)
    landing = settings.model_copy(update={"landing": LandingSettings(root=str(folder / "landing"))})
    shop = Shop(Lake(spark, str(folder / "lake")), landing, folder / "landing")
    shop.land(1, (1, 10), (2, 20))
    first = shop.run()
    shop.land(2, (2, 25), (3, 30))
    second = shop.run()
    shutil.copytree(folder / "landing", folder / "landed")
    return shop, first.last.plan.run_id, second.last.plan.run_id


@pytest.fixture
def two_days(made: tuple[Shop, str, str], lake: Lake) -> tuple[Shop, str, str]:
    """A copy of that shop's lake; the landing folder, whose paths the plans have, is as it was."""
    shop, first, second = made
    shutil.copytree(shop.lake.root, lake.root)
    shutil.rmtree(shop.landing)
    shutil.copytree(shop.landing.parent / "landed", shop.landing)
    return Shop(lake, shop.settings, shop.landing), first, second


AFTER_ONE = ([(1, 10), (2, 20)], [(1, 10), (2, 20)], [(date(2024, 1, 1), 30)])
AFTER_TWO = (
    [(1, 10), (2, 20), (2, 25), (3, 30)],
    [(1, 10), (2, 25), (3, 30)],
    [(date(2024, 1, 1), 10), (date(2024, 1, 2), 55)],
)


def _back(shop: Shop, to: str) -> None:
    with shop.work() as work:
        rollback(work, plan_rollback(work, to)[0])


# -- rollback ---------------------------------------------------------------------------------------------------------


def test_every_table_goes_back_and_the_batches_after_it_run_again(two_days: tuple[Shop, str, str]) -> None:
    shop, first, _ = two_days
    assert shop.rows() == AFTER_TWO
    rows = read(shop.lake, RAW)
    DeltaTable.forPath(shop.lake.spark, shop.lake.path(RAW.name)).optimize().executeCompaction()  # nobody minds it
    _back(shop, first)
    assert shop.rows() == AFTER_ONE
    version = version_of(shop.lake, RAW)
    with pytest.raises(StaleEpochError):  # a writer of the old epoch
        load_table(shop.lake, RAW, append(), rows, Transaction("sales/bronze.sales", Position(0, 3)))
    assert version_of(shop.lake, RAW) == version
    again = shop.run()
    assert again.last.plan.position == Position(1, 2)
    assert shop.rows() == AFTER_TWO
    assert shop.run().batches == ()


def test_a_rollback_over_a_rollback_finds_the_batches_that_count(two_days: tuple[Shop, str, str]) -> None:
    shop, first, second = two_days
    _back(shop, first)
    shop.land(3, (4, 40))
    redone = shop.run()
    _back(shop, first)
    assert shop.rows() == AFTER_ONE
    assert shop.run().last.plan.position == Position(2, 2)
    assert shop.rows()[1] == [(1, 10), (2, 25), (3, 30), (4, 40)]
    for undone in (second, redone.last.plan.run_id):
        with shop.work() as work, pytest.raises(RollbackRefusedError, match="an earlier rollback has undone it"):
            plan_rollback(work, undone)


def test_a_plan_of_a_rollback_changes_nothing_and_says_each_version(two_days: tuple[Shop, str, str]) -> None:
    shop, first, _ = two_days
    with shop.work() as work:
        _, steps = plan_rollback(work, first)
    assert [str(step) for step in steps] == [
        "bronze.sales: version 2 back to 1",
        "silver.sales: version 2 back to 1",
        "gold.totals: version 2 back to 1",
    ]
    assert shop.rows() == AFTER_TWO


def test_a_table_that_another_job_has_written_since_is_not_taken_back(two_days: tuple[Shop, str, str]) -> None:
    shop, first, _ = two_days
    other = shop.lake.spark.createDataFrame([(9, date(2024, 1, 9), 90)], "id bigint, day date, euros bigint")
    load_table(shop.lake, RAW, append(), other, Transaction("else/bronze.sales", Position(0, 1), {"job": "else"}))
    given(shop.lake, SALES, "(8, DATE '2024-01-08', 80)")
    with shop.work() as work, pytest.raises(RollbackRefusedError) as refused:
        plan_rollback(work, first)
    assert [reason.split(":")[0] for reason in refused.value.reasons] == ["bronze.sales", "silver.sales"]
    assert "else (write, version 3)" in refused.value.reasons[0]
    assert "somebody else" in refused.value.reasons[1]


def test_a_version_whose_files_were_vacuumed_cannot_be_gone_back_to(two_days: tuple[Shop, str, str]) -> None:
    shop, first, _ = two_days
    (removed, *_) = actions(shop.lake, SALES, "remove", 2)
    Path(shop.lake.path(SALES.name), removed["path"]).unlink()
    with shop.work() as work, pytest.raises(RollbackRefusedError, match=r"silver\.sales: files of version 1 are gone"):
        plan_rollback(work, first)


def test_a_run_that_is_not_known_and_the_newest_one_are_refused(two_days: tuple[Shop, str, str]) -> None:
    shop, _, second = two_days
    with shop.work() as work, pytest.raises(UnknownRunError):
        plan_rollback(work, "sales-20000101T000000-000000")
    with shop.work() as work, pytest.raises(RollbackRefusedError, match="there is nothing to undo"):
        plan_rollback(work, second)


def test_a_table_that_was_restored_by_hand_is_noticed_before_a_batch(two_days: tuple[Shop, str, str]) -> None:
    shop, _, _ = two_days
    DeltaTable.forPath(shop.lake.spark, shop.lake.path(SALES.name)).restoreToVersion(1)
    shop.land(3, (4, 40))
    before = [version_of(shop.lake, t) for t in (RAW, SALES, TOTALS)]
    with pytest.raises(RestoredTableError):
        shop.run()
    assert [version_of(shop.lake, t) for t in (RAW, SALES, TOTALS)] == before


def _restored_by_hand(shop: Shop, *, of: Table, to: int) -> None:
    DeltaTable.forPath(shop.lake.spark, shop.lake.path(of.name)).restoreToVersion(to)


@pytest.mark.parametrize("keeps", [1, 2, 3])
def test_a_rollback_mends_a_job_whose_table_was_restored_by_hand(two_days: tuple[Shop, str, str], keeps: int) -> None:
    shop, first, second = two_days
    shop.land(3, (4, 40))
    runs = [first, second, shop.run().last.plan.run_id]
    _restored_by_hand(shop, of=SALES, to=1)
    shop.land(4, (5, 50))
    with pytest.raises(RestoredTableError):
        shop.run()
    _back(shop, runs[keeps - 1])
    shop.run()
    assert shop.rows() == (
        [(1, 10), (2, 20), (2, 25), (3, 30), (4, 40), (5, 50)],
        [(1, 10), (2, 25), (3, 30), (4, 40), (5, 50)],
        [(date(2024, 1, 1), 10), (date(2024, 1, 2), 55), (date(2024, 1, 3), 40), (date(2024, 1, 4), 50)],
    )


def test_what_a_restore_by_hand_has_undone_is_nobody_s_any_more_and_what_it_brought_back_is(
    two_days: tuple[Shop, str, str],
) -> None:
    shop, first, _ = two_days
    given(shop.lake, SALES, "(8, DATE '2024-01-08', 80)")  # version 3
    _restored_by_hand(shop, of=SALES, to=2)
    with shop.work() as work:
        assert plan_rollback(work, first)[1][1].version == 4
    _restored_by_hand(shop, of=SALES, to=3)
    with shop.work() as work, pytest.raises(RollbackRefusedError) as refused:
        plan_rollback(work, first)
    assert refused.value.reasons == (
        "silver.sales: others have committed to it since: somebody else (write, version 3)",
    )


# -- one view over several tables -------------------------------------------------------------------------------------


def test_tables_are_read_as_one_run_left_them_although_the_next_is_half_done(
    two_days: tuple[Shop, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, first, second = two_days
    shop.land(3, (4, 40))

    def stop(point: str) -> None:
        if point == "after commit sales/silver.sales":
            raise KeyboardInterrupt

    monkeypatch.setattr(fault, "reached", stop)
    with pytest.raises(KeyboardInterrupt):
        shop.run()
    monkeypatch.setattr(fault, "reached", None)
    assert len(rows_of(shop.lake, SALES)) == 4  # half of the third batch is in

    def seen(as_of: str) -> tuple[list[Any], list[Any]]:
        now = reading(shop.lake, shop.settings, NOON)
        found = []
        for chosen in (table(SALES, run=as_of), table(TOTALS, run=as_of)):
            rows = chosen.read(now, chosen.pin(now))
            found.append(
                sorted(
                    tuple(row)
                    for row in rows.select(*(c for c in ("id", "day", "euros") if c in rows.columns)).collect()
                )
            )
        return found[0], found[1]

    one, two = date(2024, 1, 1), date(2024, 1, 2)
    assert seen(first) == ([(1, one, 10), (2, one, 20)], [(one, 30)])
    assert seen("sales") == seen(second) == ([(1, one, 10), (2, two, 25), (3, two, 30)], [(one, 10), (two, 55)])


# -- backfill ---------------------------------------------------------------------------------------------------------


def _fill(shop: Shop, first: int, last: int, *loads: str, by: Any = "day") -> tuple[Backfill, int]:
    with shop.work() as work:
        asked = _asked(work, first, last, loads, by)
        return asked, backfill(work, asked)


def _asked(work: Work, first: int, last: int, loads: Sequence[str], by: Any = "day") -> Backfill:
    return begin_backfill(work, _day(first), _day(last), by=by, only_loads=loads)


def _day(number: int) -> datetime:
    return datetime(2024, 1, number, tzinfo=UTC)


def test_a_past_interval_is_loaded_again_slice_by_slice_and_the_bookmark_stays(
    two_days: tuple[Shop, str, str],
) -> None:
    shop, _, second = two_days
    shop.land(1, (1, 11), (2, 20), (7, 70))  # the first day was wrong
    asked, ran = _fill(shop, 1, 5, "silver.sales", "gold.totals")
    assert ran == 2
    bronze, silver, gold = shop.rows()
    assert bronze == AFTER_TWO[0]
    assert silver == [(1, 11), (2, 25), (3, 30), (7, 70)]
    assert gold == [(date(2024, 1, 1), 81), (date(2024, 1, 2), 55)]
    assert shop.run().batches == ()
    assert History(shop.lake, "sales").latest().run_id == asked.backfill_id
    txns = [txn["appId"] for txn in actions(shop.lake, SALES, "txn", 4)]
    assert txns == [f"{asked.backfill_id}/silver.sales"]
    assert second != asked.backfill_id


def test_one_load_is_filled_from_what_the_table_before_it_holds(two_days: tuple[Shop, str, str]) -> None:
    shop, _, _ = two_days
    gold = shop.lake.path(TOTALS.name)
    Independent(gold).delete()
    version = version_of(shop.lake, SALES)
    _, ran = _fill(shop, 2, 3, "gold.totals")
    assert ran == 1
    assert shop.rows()[2] == [(date(2024, 1, 2), 55)]
    assert version_of(shop.lake, SALES) == version


def test_a_backfill_that_stopped_goes_on_by_its_id(
    two_days: tuple[Shop, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, _, _ = two_days
    shop.land(1, (1, 11))
    shop.land(2, (3, 33))
    ids: list[str] = []

    def stop(point: str) -> None:
        if point.startswith("after commit sales@") and point.endswith("/silver.sales"):
            ids.append(point)
            raise KeyboardInterrupt

    monkeypatch.setattr(fault, "reached", stop)
    with shop.work() as work:
        asked = _asked(work, 1, 3, ["silver.sales", "gold.totals"])
        with pytest.raises(KeyboardInterrupt):
            backfill(work, asked)
    monkeypatch.setattr(fault, "reached", None)
    assert shop.rows()[2] == AFTER_TWO[2]  # gold has not followed yet
    with shop.work() as work:
        assert backfill(work, find_backfill(shop.lake, work.job, asked.backfill_id)) == 2
        assert backfill(work, asked) == 0
    assert shop.rows()[1:] == (
        [(1, 11), (2, 25), (3, 33)],
        [(date(2024, 1, 1), 11), (date(2024, 1, 2), 58)],
    )


def _latest(shop: Shop) -> tuple[dict[str, int], str]:
    left = History(shop.lake, "sales").latest()
    return dict(left.tables), left.run_id


def _resume(shop: Shop, asked: Backfill) -> int:
    with shop.work() as work:
        return backfill(work, find_backfill(shop.lake, work.job, asked.backfill_id))


def _interrupt(monkeypatch: pytest.MonkeyPatch, at: str, act: Callable[[], object]) -> None:
    """Do something that is interrupted when it reaches a point; `*` stands for the random part of a name."""

    def stop(point: str) -> None:
        if fnmatch(point, at):
            raise KeyboardInterrupt

    monkeypatch.setattr(fault, "reached", stop)
    with pytest.raises(KeyboardInterrupt):
        act()
    monkeypatch.setattr(fault, "reached", None)


def test_a_finished_backfill_that_is_asked_for_again_publishes_nothing_older(two_days: tuple[Shop, str, str]) -> None:
    shop, _, _ = two_days
    asked, _ = _fill(shop, 1, 4, "silver.sales", "gold.totals")  # the last slice is empty
    assert _latest(shop) == ({"bronze.sales": 2, "silver.sales": 4, "gold.totals": 4}, asked.backfill_id)
    shop.land(5, (4, 40))
    third = shop.run().last.plan.run_id
    assert _resume(shop, asked) == 0
    assert _latest(shop) == ({"bronze.sales": 3, "silver.sales": 5, "gold.totals": 5}, third)


def test_a_backfill_that_goes_on_after_a_run_publishes_what_is_newer_than_the_run_s(
    two_days: tuple[Shop, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, _, _ = two_days
    loads = ("silver.sales", "gold.totals")
    _interrupt(monkeypatch, "after commit sales@*/silver.sales", lambda: _fill(shop, 1, 2, *loads))  # silver 3
    shop.land(5, (4, 40))
    shop.run()
    (begun,) = History(shop.lake, "sales").backfills.names()
    with shop.work() as work:
        assert backfill(work, find_backfill(shop.lake, work.job, begun)) == 1
    assert _latest(shop) == ({"bronze.sales": 3, "silver.sales": 4, "gold.totals": 4}, begun)


def test_a_backfill_that_stopped_before_it_was_published_is_published_when_it_goes_on(
    two_days: tuple[Shop, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, _, second = two_days
    published: list[str] = []

    def stop(point: str) -> None:
        published.extend([point] * (point == "before published"))
        if len(published) == 3:  # of two slices, and of the backfill
            raise KeyboardInterrupt

    with shop.work() as work:
        asked = _asked(work, 1, 3, ["silver.sales", "gold.totals"])
        monkeypatch.setattr(fault, "reached", stop)
        with pytest.raises(KeyboardInterrupt):
            backfill(work, asked)
        monkeypatch.setattr(fault, "reached", None)
    assert _latest(shop) == ({"bronze.sales": 2, "silver.sales": 2, "gold.totals": 2}, second)
    assert _resume(shop, asked) == 0
    assert _latest(shop) == ({"bronze.sales": 2, "silver.sales": 4, "gold.totals": 4}, asked.backfill_id)


def test_while_a_batch_is_open_no_backfill_is_begun_and_none_goes_on(
    two_days: tuple[Shop, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, _, _ = two_days
    asked, _ = _fill(shop, 1, 2, "silver.sales", "gold.totals")
    shop.land(3, (4, 40))
    _interrupt(monkeypatch, "after commit sales/silver.sales", shop.run)
    with shop.work() as work:
        for refused in (lambda: _asked(work, 1, 3, ["silver.sales"]), lambda: backfill(work, asked)):
            with pytest.raises(BackfillRefusedError, match="batch 3 was interrupted; finish it with `lakegate run sal"):
                refused()
    assert History(shop.lake, "sales").backfills.names() == [asked.backfill_id]
    third = shop.run().last.plan
    assert _latest(shop) == ({"bronze.sales": 3, "silver.sales": 4, "gold.totals": 4}, third.run_id)
    again, ran = _fill(shop, 1, 3, "silver.sales", "gold.totals")
    assert ran == 2
    assert _latest(shop) == ({"bronze.sales": 3, "silver.sales": 6, "gold.totals": 6}, again.backfill_id)


def test_a_backfill_is_published_beside_the_last_finished_batch_not_a_withdrawn_one(
    two_days: tuple[Shop, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, _, _ = two_days
    shop.land(3, (4, 40))
    _interrupt(monkeypatch, "before commit *", shop.run)
    history = History(shop.lake, "sales")
    assert history.withdrawn.create("0000-0000000003", Withdrawn(Position(0, 3), "no"))
    _fill(shop, 1, 2, "silver.sales", "gold.totals")
    assert history.published.names() == ["0000-0000000001", "0000-0000000002", "0000-0000000002-000001"]


def test_a_backfill_is_undone_by_going_back_to_the_run_before_it(two_days: tuple[Shop, str, str]) -> None:
    shop, _, second = two_days
    shop.land(1, (1, 999))
    _fill(shop, 1, 2, "silver.sales", "gold.totals")
    assert shop.rows()[1] == [(1, 999), (2, 25), (3, 30)]
    _back(shop, second)
    assert shop.rows() == AFTER_TWO
    assert shop.run().batches == ()
    with shop.work() as work, pytest.raises(RollbackRefusedError, match="there is nothing to undo"):
        plan_rollback(work, second)


def test_a_backfill_that_a_rollback_has_ended_does_not_go_on(
    two_days: tuple[Shop, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, first, _ = two_days
    loads = ("silver.sales", "gold.totals")
    _interrupt(monkeypatch, "after commit sales@*/silver.sales", lambda: _fill(shop, 1, 3, *loads))
    (begun,) = History(shop.lake, "sales").backfills.names()
    _back(shop, first)
    with shop.work() as work, pytest.raises(BackfillRefusedError, match="and ended it; begin a new one"):
        backfill(work, find_backfill(shop.lake, work.job, begun))
    assert shop.rows() == AFTER_ONE
    shop.run()
    assert _fill(shop, 1, 3, *loads)[1] == 2
    assert shop.rows() == AFTER_TWO


# -- what is told of runs that did not come to their end --------------------------------------------------------------


def _told(shop: Shop) -> list[tuple[int, int, str]]:
    return sorted((row.batch, row.attempt, row.outcome) for row in logged(shop.lake, "sales"))


def _untold(shop: Shop) -> list[tuple[str, int, int]]:
    found = History(shop.lake, "sales").unlogged(logged(shop.lake, "sales"))
    return [(each.run_id, each.position.batch, each.number) for each in found]


def test_a_refused_run_is_told_as_attempt_0_and_hides_no_attempt_that_is_killed(
    two_days: tuple[Shop, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, _, _ = two_days
    third = shop.landing / "sales" / "2024-01-03.csv"
    third.write_text("other\n4\n")
    with pytest.raises(LakegateError):
        shop.run()
    shop.land(3, (4, 40))
    _interrupt(monkeypatch, "before commit sales/silver.sales", shop.run)
    (killed,) = _untold(shop)
    assert killed[1:] == (3, 1)
    plan = Path(History(shop.lake, "sales").plans.path("0000-0000000003"))
    planned = plan.read_text()
    plan.write_text("{")
    with pytest.raises(DamagedStateError):
        shop.run()
    plan.write_text(planned)
    assert _untold(shop) == [killed]
    assert _told(shop)[2:] == [(3, 0, "failed"), (3, 0, "failed")]
    assert shop.run().last.attempt == 2
    assert _untold(shop) == [killed]
    assert _told(shop)[2:] == [(3, 0, "failed"), (3, 0, "failed"), (3, 2, "done")]


def test_a_killed_attempt_of_a_backfill_is_told_too(
    two_days: tuple[Shop, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, _, _ = two_days
    _interrupt(monkeypatch, "after commit sales@*/silver.sales", lambda: _fill(shop, 1, 2, "silver.sales"))
    (begun,) = History(shop.lake, "sales").backfills.names()
    assert _untold(shop) == [(begun, 1, 1)]


def test_an_attempt_that_only_published_what_was_logged_as_done_is_not_told_as_killed(
    two_days: tuple[Shop, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, _, _ = two_days
    shop.land(3, (4, 40))
    _interrupt(monkeypatch, "after run log", shop.run)
    assert shop.run().last.attempt == 2
    assert _untold(shop) == []
    assert _told(shop)[2:] == [(3, 1, "done")]


def test_of_attempts_that_are_older_than_the_rows_that_are_read_nothing_is_told(
    two_days: tuple[Shop, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, first, _ = two_days
    shop.land(3, (4, 40))
    _interrupt(monkeypatch, "before commit sales/silver.sales", lambda: shop.run(_day(9)))
    newest = [row for row in logged(shop.lake, "sales") if row.run_id != first]
    history = History(shop.lake, "sales")
    assert [each.position.batch for each in history.unlogged(newest)] == [1, 3]
    monkeypatch.setattr("framework.state.history.LOGGED_AT_MOST", 1)
    later = [newest[0].model_copy(update={"started_at": _day(5)})]
    assert [(each.position.batch, each.number) for each in history.unlogged(later)] == [(3, 1)]


def test_a_batch_that_follows_one_that_was_taken_up_has_its_own_run_s_id(
    two_days: tuple[Shop, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, _, _ = two_days
    shop.land(3, (4, 40))
    _interrupt(monkeypatch, "before commit sales/silver.sales", shop.run)
    ((killed, _, _),) = _untold(shop)
    shop.land(4, (5, 50))
    shop.land(5, (6, 60))
    third, fourth, fifth = (batch.plan.run_id for batch in shop.run(max_files_per_batch=1).batches)
    assert third == killed
    assert fourth == fifth
    assert fourth != killed


@pytest.mark.parametrize(
    ("pieces", "loads", "why"),
    [
        ({}, (), "bronze.sales appends"),
        ({"dated": None}, ("silver.sales",), "have no date"),
        ({}, ("silver.sale",), "Did you mean 'silver.sales'"),
    ],
)
def test_what_has_no_past_is_refused(pieces: dict[str, Any], loads: tuple[str, ...], why: str) -> None:
    with pytest.raises(BackfillRefusedError, match=why):
        require_backfill(job(**pieces), loads)


def test_a_load_that_is_added_later_joins_at_the_bookmark_and_says_so(two_days: tuple[Shop, str, str]) -> None:
    shop, _, _ = two_days
    shutil.rmtree(shop.lake.path(TOTALS.name))
    shop.lake.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()  # type: ignore[union-attr]
    shop.land(3, (4, 40))
    note = "gold.totals joins at this batch; what came before is for `lakegate backfill sales --only-load gold.totals`"
    assert note in shop.run().last.notes
    assert shop.rows()[2] == [(date(2024, 1, 3), 40)]


@pytest.mark.parametrize(
    ("by", "start", "end", "cuts"),
    [
        (None, (2024, 1, 3), (2024, 3, 1), []),
        ("month", (2024, 1, 15), (2024, 3, 1), [(2024, 2, 1)]),
        ("month", (2023, 11, 30), (2024, 2, 2), [(2023, 12, 1), (2024, 1, 1), (2024, 2, 1)]),
        ("week", (2024, 1, 3), (2024, 1, 16), [(2024, 1, 8), (2024, 1, 15)]),
        ("day", (2024, 2, 28), (2024, 3, 2), [(2024, 2, 29), (2024, 3, 1)]),
        ("year", (2023, 6, 1), (2025, 6, 1), [(2024, 1, 1), (2025, 1, 1)]),
        ("year", (9998, 6, 1), (9999, 12, 31), [(9999, 1, 1)]),
        ("month", (9999, 11, 30), (9999, 12, 31), [(9999, 12, 1)]),
        ("week", (9999, 12, 20), (9999, 12, 31), [(9999, 12, 27)]),
        ("day", (9999, 12, 30), (9999, 12, 31), []),
    ],
)
def test_an_interval_is_cut_where_a_month_a_week_or_a_day_begins(
    by: str | None, start: tuple[int, ...], end: tuple[int, ...], cuts: list[tuple[int, ...]]
) -> None:
    ends = [datetime(*at, tzinfo=UTC) for at in (start, *cuts, end)]  # type: ignore[misc,arg-type]
    asked = Backfill("x", ends[0], ends[-1], by, ())
    assert list(slices(asked)) == [Interval(a, b) for a, b in pairwise(ends)]
