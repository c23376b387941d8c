"""Other disasters: each ends right, or in an error that says what is wrong, with nothing lost or doubled."""

import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from framework import fault
from framework.batch import Position
from framework.config import Settings
from framework.errors import (
    DamagedStateError,
    LakegateError,
    LostPlanError,
    RestoredTableError,
    StageFailedError,
    StaleEpochError,
    StorageError,
)
from framework.pipeline import Job, RunReport, run
from framework.pipeline.plan import Planned
from framework.pipeline.work import at_work
from framework.state import History, Withdrawn
from framework.tables import Lake, append, load
from framework.tables.commit import Transaction
from framework.tables.merge import Merge
from tests.crash.harness import Rows, batches, prepared, rows, tables
from tests.crash.scenarios import (
    BRONZE,
    NOON,
    SCENARIOS,
    Place,
    from_files,
    from_rows,
    late,
    morning,
    one_more,
    two_files,
)


@dataclass
class Scene:
    """A lake of the test's own, in the session of this process."""

    spark: SparkSession
    settings: Settings
    place: Place

    @property
    def lake(self) -> Lake:
        return Lake(self.spark, str(self.place.lake))

    def run(self, job: Job = from_files, *, at: datetime | None = None, **how: Any) -> RunReport:
        landing = self.settings.landing.model_copy(update={"root": str(self.place.landing)})
        lease = self.settings.lease.model_copy(update={"expiry": 1.0})
        here = self.settings.model_copy(update={"landing": landing, "lease": lease})
        return run(job, self.lake, here, {}, clock=lambda: at or self.place.clock(0), **how)

    def rows(self) -> dict[str, Rows]:
        """Return the rows of all tables without the times of their batches."""
        found = tables(self.place.lake)
        return {
            name: rows(table, ", ".join(f.name for f in table.schema().fields if f.name != "_ingested_at"))
            for name, table in found.items()
        }

    def versions(self) -> dict[str, int]:
        return {name: table.version() for name, table in tables(self.place.lake).items()}

    def table(self, name: str) -> DeltaTable:
        return tables(self.place.lake)[name]

    def document(self, kind: str, number: int = -1) -> Path:
        return self.place.state(kind)[number]


@pytest.fixture
def scene(spark: SparkSession, settings: Settings, tmp_path: Path) -> Iterator[Scene]:
    place = Place(tmp_path, tmp_path / "landing")
    place.lake.mkdir()
    yield Scene(spark, settings, place)
    fault.reached = None


@pytest.fixture(scope="module")
def calm(spark: SparkSession, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """After two files in two batches, nothing having gone wrong."""
    folder = tmp_path_factory.mktemp("calm")
    scene = Scene(spark, settings, Place(folder, folder / "landing"))
    scene.place.lake.mkdir()
    two_files(scene.place)
    scene.run()
    return scene


@pytest.fixture
def after_two(calm: Scene, tmp_path: Path) -> Iterator[Scene]:
    """A copy of the calm lake, and a landing folder that may be changed."""
    shutil.copytree(calm.place.lake, tmp_path / "lake")
    kept = {path: path.read_bytes() for path in (calm.place.landing / "orders").iterdir()}
    times = {path: path.stat() for path in kept}
    yield Scene(calm.spark, calm.settings, Place(tmp_path, calm.place.landing))
    fault.reached = None
    shutil.rmtree(calm.place.landing / "orders")
    (calm.place.landing / "orders").mkdir()
    for path, content in kept.items():
        path.write_bytes(content)
        os.utime(path, ns=(times[path].st_atime_ns, times[path].st_mtime_ns))


@pytest.fixture(scope="module")
def undisturbed(spark: SparkSession, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rows]:
    """What three files leave when nothing goes wrong; by their names, without the folder."""
    folder = tmp_path_factory.mktemp("undisturbed")
    scene = Scene(spark, settings, Place(folder, folder / "landing"))
    scene.place.lake.mkdir()
    two_files(scene.place)
    scene.run()
    one_more(scene.place)
    scene.run()
    return _by_name(scene.rows())


def _by_name(found: dict[str, Rows]) -> dict[str, Rows]:
    def short(value: Any) -> Any:
        return value.rpartition("/landing/")[2] if isinstance(value, str) else value

    return {name: [tuple(map(short, row)) for row in table] for name, table in found.items()}


def _at(point: str, act: Callable[[], object]) -> None:
    """Do something once, when a point is reached."""

    def reached(name: str) -> None:
        if name == point:
            fault.reached = None
            act()

    fault.reached = reached


# -- the disk ---------------------------------------------------------------------------------------------------------


@contextmanager
def _no_room(process: int) -> Iterator[Callable[[], None]]:
    """Let a process write nothing more, once it is told to: what a full disk answers, without root."""
    before = resource.prlimit(process, resource.RLIMIT_FSIZE)
    try:
        yield lambda: resource.prlimit(process, resource.RLIMIT_FSIZE, (0, before[1])) and None
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_when_a_load_writes(after_two: Scene, undisturbed: dict[str, Rows]) -> None:
    one_more(after_two.place)
    jvm = int(after_two.spark._jvm.java.lang.ProcessHandle.current().pid())  # type: ignore[union-attr]
    with _no_room(jvm) as fill:
        _at("before commit orders/gold.totals", fill)
        with pytest.raises(StageFailedError):
            after_two.run()
    after_two.run()
    assert _by_name(after_two.rows()) == undisturbed


def test_a_disk_that_is_full_when_the_plan_is_written(after_two: Scene, undisturbed: dict[str, Rows]) -> None:
    one_more(after_two.place)
    with _no_room(os.getpid()) as fill:
        _at("before plans", fill)
        with pytest.raises(StorageError):
            after_two.run()
    assert len(after_two.place.state("plans")) == 2
    after_two.run()
    assert _by_name(after_two.rows()) == undisturbed


@pytest.mark.parametrize("left", [[], [f".{0:020}.json.3f1d.tmp", f".{0:020}.json.3f1d.tmp.crc"]], ids=["log", "draft"])
def test_a_table_of_which_only_the_folder_was_made(left: list[str], scene: Scene, undisturbed: dict[str, Rows]) -> None:
    for table in ("bronze/orders", "silver/orders", "gold/totals", "_lakegate/runs_orders"):
        log = scene.place.lake / table / "_delta_log"
        log.mkdir(parents=True)
        for name in left:
            (log / name).write_text('{"commitInfo":{"time')
    two_files(scene.place)
    scene.run()
    one_more(scene.place)
    scene.run()
    assert _by_name(scene.rows()) == undisturbed


# -- the clock --------------------------------------------------------------------------------------------------------


def test_a_clock_that_goes_back_between_batches_of_files(after_two: Scene, undisturbed: dict[str, Rows]) -> None:
    one_more(after_two.place)
    after_two.run(at=NOON - timedelta(days=1))
    assert _by_name(after_two.rows()) == undisturbed


def test_a_clock_that_goes_back_between_intervals(scene: Scene) -> None:
    morning(scene.place)
    scene.run(from_rows, at=NOON)
    late(scene.place)
    before = scene.versions()

    report = scene.run(from_rows, at=NOON - timedelta(days=1))
    assert report.batches == ()
    assert "behind the bookmark" in report.notes[0]
    assert scene.versions() == before

    scene.run(from_rows, at=NOON + timedelta(hours=1))
    assert [row[:2] for row in scene.rows()["silver.readings"]] == [(1, 50.0), (2, 20.0), (3, 30.0), (4, 10.0)]


# -- somebody else ----------------------------------------------------------------------------------------------------


def _compact(table: DeltaTable) -> None:
    """Write every file anew, also one that is alone in its partition."""
    kept = table.metadata().partition_columns
    table.optimize.z_order([next(field.name for field in table.schema().fields if field.name not in kept)])


def _vacuum(table: DeltaTable) -> None:
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)


def _both(table: DeltaTable) -> None:
    _compact(table)
    _vacuum(table)


def test_maintenance_between_runs(after_two: Scene, undisturbed: dict[str, Rows]) -> None:
    for table in tables(after_two.place.lake).values():
        _both(table)
    one_more(after_two.place)
    after_two.run()
    assert _by_name(after_two.rows()) == undisturbed


@pytest.mark.parametrize("maintain", [_compact, _both])
@pytest.mark.parametrize("point", ["before commit orders/silver.orders", "before commit orders/gold.totals"])
def test_maintenance_during_a_run(point: str, maintain: Any, after_two: Scene, undisturbed: dict[str, Rows]) -> None:
    one_more(after_two.place)
    _at(point, lambda: [maintain(table) for table in tables(after_two.place.lake).values()])
    with suppress(LakegateError):
        after_two.run()
    after_two.run()
    assert _by_name(after_two.rows()) == undisturbed


def test_a_restore_by_hand_between_runs_is_refused_until_it_is_undone(
    after_two: Scene, undisturbed: dict[str, Rows]
) -> None:
    one_more(after_two.place)
    good = after_two.table("bronze.orders").version()
    after_two.table("bronze.orders").restore(1)
    with pytest.raises(RestoredTableError):
        after_two.run()
    after_two.table("bronze.orders").restore(good)
    after_two.run()
    assert _by_name(after_two.rows()) == undisturbed


@pytest.mark.parametrize("point", ["before commit orders/silver.orders", "before published"])
def test_a_restore_by_hand_during_a_run_is_reported(point: str, after_two: Scene) -> None:
    one_more(after_two.place)
    _at(point, lambda: after_two.table("bronze.orders").restore(1))
    after_two.run()
    after_two.place.land("later.csv", "8,Rome,9")
    with pytest.raises(RestoredTableError):
        after_two.run()


# -- files of state ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plans", "published", "leases", "rollbacks"])
def test_a_damaged_document_is_named_and_nothing_is_changed(
    kind: str, after_two: Scene, undisturbed: dict[str, Rows]
) -> None:
    one_more(after_two.place)
    damaged = after_two.place.lake / "_lakegate" / "rollbacks" / "orders" / "0001.json"
    if kind != "rollbacks":
        damaged = after_two.document(kind)
    before, good = after_two.versions(), damaged.read_bytes() if damaged.exists() else None
    damaged.parent.mkdir(exist_ok=True, parents=True)

    for text in (b"", b'{"job": "or', b"\xff\xfe\x00garbage"):
        damaged.write_bytes(text)
        with pytest.raises((DamagedStateError, StorageError), match=damaged.name) as refused:
            after_two.run()
        assert str(damaged) in str(refused.value)
        assert after_two.versions() == before

    damaged.write_bytes(good) if good else damaged.unlink()
    after_two.run()
    assert _by_name(after_two.rows()) == undisturbed


@pytest.mark.parametrize("number", [0, 1], ids=["an older one", "the newest"])
def test_a_plan_that_is_lost_is_an_error(number: int, after_two: Scene, undisturbed: dict[str, Rows]) -> None:
    one_more(after_two.place)
    lost = after_two.document("plans", number)
    before, good = after_two.versions(), lost.read_bytes()
    lost.unlink()

    with pytest.raises(LostPlanError) as refused:
        after_two.run()
    assert refused.value.path == str(lost)
    assert after_two.versions() == before

    lost.write_bytes(good)
    after_two.run()
    assert _by_name(after_two.rows()) == undisturbed


def test_the_newest_publication_is_written_again_where_it_is_lost(
    after_two: Scene, undisturbed: dict[str, Rows]
) -> None:
    one_more(after_two.place)
    after_two.document("published").unlink()
    after_two.run()
    assert _by_name(after_two.rows()) == undisturbed


def test_an_older_publication_that_is_lost_is_an_error(after_two: Scene) -> None:
    one_more(after_two.place)
    before = after_two.versions()
    after_two.document("published", 0).unlink()
    with pytest.raises(DamagedStateError):
        after_two.run()
    assert after_two.versions() == before


def test_a_batch_that_is_begun_stays_open_though_one_that_was_taken_over_withdraws_it(
    after_two: Scene, undisturbed: dict[str, Rows]
) -> None:
    one_more(after_two.place)
    _at("before commit orders/bronze.orders", lambda: 1 / 0)
    with pytest.raises(StageFailedError):
        after_two.run()
    withdrawn = Withdrawn(Position(0, 3), "late")
    assert History(after_two.lake, "orders").withdrawn.create("0000-0000000003", withdrawn)
    after_two.run()
    assert _by_name(after_two.rows()) == undisturbed


# -- commits ----------------------------------------------------------------------------------------------------------


def test_a_commit_whose_answer_was_lost_is_found(
    after_two: Scene, undisturbed: dict[str, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Merge.commit

    def answers_nothing(*given: Any) -> Any:
        commit(*given)
        raise TimeoutError("no answer")

    one_more(after_two.place)
    monkeypatch.setattr(Merge, "commit", answers_nothing)
    report = after_two.run()
    assert {stage.name: stage.outcome for stage in report.last.stages}["silver.orders"] == "already applied"
    assert _by_name(after_two.rows()) == undisturbed


@pytest.mark.parametrize("batch", [1, 2])
def test_a_batch_that_is_played_three_times_is_in_once(batch: int, after_two: Scene) -> None:
    before, versions = after_two.rows(), after_two.versions()
    history = History(after_two.lake, "orders")
    plan = history.plans.load(f"0000-{batch:010}")
    assert plan
    with at_work(from_files, after_two.lake, after_two.settings, {}, clock=lambda: NOON) as work:
        for _ in range(3):
            history.published.delete(f"0000-{batch:010}")
            work.batch(history, work.reading(), Planned(plan, resumed=True))
    assert (after_two.rows(), after_two.versions()) == (before, versions)
    assert len(batches(after_two.place, "files")) == 2


def test_a_writer_from_before_a_rollback_is_refused(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    place = prepared("rollback", spark, settings, tmp_path)
    SCENARIOS["rollback"].play(2, spark, settings, place)
    lake = Lake(spark, str(place.lake))
    before = rows(tables(place.lake)["bronze.orders"])
    orders = spark.read.format("delta").load(lake.path("bronze.orders"))

    with pytest.raises(StaleEpochError):
        load(lake, BRONZE, append(), orders, Transaction("orders/bronze.orders", Position(0, 3)))

    assert rows(tables(place.lake)["bronze.orders"]) == before


def test_a_merge_that_failed_leaves_nothing_in_the_session(
    after_two: Scene, undisturbed: dict[str, Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    from framework.tables import merge

    one_more(after_two.place)
    spark, there = after_two.spark, str(after_two.place.lake / "other" / "table")
    with monkeypatch.context() as patch:
        patch.setattr(
            merge, "_changes", lambda rows, *_: rows.withColumn("_change", F.raise_error(F.lit("no")).cast("string"))
        )
        with pytest.raises(StageFailedError):
            after_two.run()
    spark.range(1).write.format("delta").save(there)
    log = Path(there, "_delta_log", f"{0:020}.json").read_text()
    assert '"txn"' not in log
    assert "userMetadata" not in log
    shutil.rmtree(Path(there).parent)
    after_two.run()
    assert _by_name(after_two.rows()) == undisturbed


# -- files that arrive ------------------------------------------------------------------------------------------------


def test_a_file_that_lands_during_a_run_is_read(after_two: Scene) -> None:
    one_more(after_two.place)
    _at("after plans", lambda: after_two.place.land("a0.csv", "7,Rome,8"))
    after_two.run()
    assert [row[0] for row in after_two.rows()["bronze.orders"]].count(7) == 1
    assert len(batches(after_two.place, "files")) == 4


def test_a_file_with_an_old_time_is_read(after_two: Scene, undisturbed: dict[str, Rows]) -> None:
    one_more(after_two.place)
    old = datetime(2001, 1, 1).timestamp()
    os.utime(after_two.place.landing / "orders" / "0.csv", (old, old))
    after_two.run()
    assert _by_name(after_two.rows()) == undisturbed


def test_a_file_that_is_rewritten_is_reported_and_not_read_twice(after_two: Scene) -> None:
    before = after_two.versions()
    after_two.place.land("a.csv", "1,Oslo,10", "9,Oslo,99")
    report = after_two.run()
    assert report.batches == ()
    assert "rewritten since read, and not read again: a.csv" in report.notes[0]
    assert after_two.versions() == before
