import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from framework.batch import FilePin, Interval, Pin, Plan, Position, Publication
from framework.errors import DamagedStateError, LostPlanError, UnknownRunError
from framework.state import History, Rollback, Withdrawn, history
from framework.state.history import name
from framework.tables import Lake

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
PLAN = Plan(
    job="cities",
    run_id="cities-1",
    position=Position(1, 7),
    started_at=NOON,
    code_version="0123456789ab",
    loads=("cities", "towns"),
    parameters={"min_area": 1.5, "name": "Ærø"},
    pins={
        "raw": Pin(files=(FilePin("s3://b/ø.csv", 10, 1_700_000_000_000, "e1"),)),
        "towns": Pin(version=3, table_id="t", after=1),
        "own": Pin(),
        "late": Pin(version=4, interval=Interval(NOON, datetime(2024, 1, 1, 12, 0, 0, 1, tzinfo=UTC))),
    },
    interval=Interval(end=NOON),
    source="raw",
)


@pytest.fixture
def disk(tmp_path: Path) -> Lake:
    """A lake that has no session: its history is files."""
    without: Any = None
    return Lake(without, str(tmp_path / "lake"))


class Cities:
    """The history of a job, written as runs write it."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    @property
    def history(self) -> History:
        """What a run that begins now sees."""
        return History(self.lake, "cities")

    def plan(self, epoch: int, batch: int, *files: str, run: str = "") -> Position:
        position = Position(epoch, batch)
        pins = {"raw": Pin(files=tuple(FilePin(path, 1, epoch) for path in files))}
        plan = replace(PLAN, position=position, pins=pins, run_id=run or f"cities-{epoch}-{batch}")
        assert self.history.plans.create(name(position), plan)
        return position

    def publish(self, epoch: int, batch: int, run: str = "", **tables: int) -> None:
        position = Position(epoch, batch)
        left = Publication("cities", run or f"cities-{epoch}-{batch}", position, NOON, NOON, tables)
        assert self.history.published.create(name(position), left)

    def finish(self, epoch: int, batch: int, *files: str, **tables: int) -> None:
        self.plan(epoch, batch, *files)
        self.publish(epoch, batch, "", **tables)

    def withdraw(self, epoch: int, batch: int) -> None:
        position = Position(epoch, batch)
        assert self.history.withdrawn.create(name(position), Withdrawn(position, "no"))

    def roll_back(self, epoch: int, kept: Position, *, finished: bool = True, **tables: int) -> None:
        run = f"cities-{kept.epoch}-{kept.batch}"
        assert self.history.rollbacks.create(f"{epoch:04}", Rollback(epoch, kept, run, tables))
        if finished:
            self.publish(epoch, kept.batch, run, **tables)

    def read(self) -> list[str]:
        return sorted(self.history.files_before())


@pytest.fixture
def cities(disk: Lake) -> Cities:
    return Cities(disk)


def _at(position: Position | None) -> tuple[int, int] | None:
    return (position.epoch, position.batch) if position else None


# -- documents --------------------------------------------------------------------------------------------------------


def test_a_plan_is_found_again_as_it_was_written(disk: Lake, cities: Cities) -> None:
    plans = cities.history.plans
    assert plans.load(name(PLAN.position)) is None
    assert plans.create(name(PLAN.position), PLAN)
    assert not plans.create(name(PLAN.position), replace(PLAN, run_id="another"))
    assert plans.load(name(PLAN.position)) == PLAN
    assert History(disk, "towns").plans.load(name(PLAN.position)) is None
    written = json.loads(Path(disk.root, "_lakegate/plans/cities/0001-0000000007.json").read_text())
    assert written["pins"]["raw"]["files"] == [
        {"path": "s3://b/ø.csv", "size": 10, "modified_at": 1_700_000_000_000, "etag": "e1"}
    ]
    assert written["parameters"] == {"min_area": 1.5, "name": "Ærø"}


def test_parameters_are_kept_as_json(cities: Cities) -> None:
    cities.history.plans.create("0000-0000000001", replace(PLAN, parameters={"day": date(2024, 1, 31), "dry": True}))
    found = cities.history.plans.load("0000-0000000001")
    assert found
    assert found.parameters == {"day": "2024-01-31", "dry": True}


@pytest.mark.parametrize("text", ["", "{", '{"job": "cities"}', "[]", '{"job": "cities", "position": {"epoch": 0}}'])
def test_a_plan_that_is_not_one_is_damaged(disk: Lake, cities: Cities, text: str) -> None:
    path = Path(disk.root, "_lakegate/plans/cities/0000-0000000001.json")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(DamagedStateError) as refused:
        cities.history.plans.load("0000-0000000001")
    assert refused.value.path == str(path)


def test_files_of_other_names_are_none_of_the_documents(disk: Lake, cities: Cities) -> None:
    cities.finish(0, 1, "a", table=1)
    cities.roll_back(1, Position(0, 1), table=2)
    for folder in ("plans", "published", "withdrawn", "rollbacks", "ledgers", "attempts"):
        there = Path(disk.root, "_lakegate", folder, "cities")
        there.mkdir(parents=True, exist_ok=True)
        for stray in ("notes", "backup", "9999-9999999999 (copy)", "9999 (copy)", "9999-9999999999-1-x"):
            (there / f"{stray}.json").write_text("not ours")
    history = cities.history
    assert (_at(history.newest()), history.open_position(), _at(history.next())) == ((1, 1), None, (1, 2))
    assert (history.latest().tables, history.run("cities-0-1").tables) == ({"table": 2}, {"table": 2})
    assert (cities.read(), history.unlogged([])) == (["a"], [])


def test_a_new_job_has_no_history(cities: Cities) -> None:
    history = cities.history
    assert (history.epoch, history.newest(), history.open_position(), history.open_rollback()) == (0, None, None, None)
    assert (history.last(), history.files_before(), _at(history.next())) == (None, {}, (0, 1))
    with pytest.raises(UnknownRunError):
        history.latest()
    with pytest.raises(UnknownRunError) as unknown:
        history.run("cities-0-1")
    assert (unknown.value.job, unknown.value.run_id) == ("cities", "cities-0-1")


# -- open, finished, withdrawn ----------------------------------------------------------------------------------------


def test_a_batch_is_open_from_its_plan_until_it_is_published(cities: Cities) -> None:
    cities.plan(0, 1, "a")
    assert _at(cities.history.open_position()) == (0, 1)
    assert (cities.history.last(), cities.read()) == (None, [])
    cities.publish(0, 1)
    assert cities.history.open_position() is None
    assert cities.read() == ["a"]
    assert _at(cities.history.next()) == (0, 2)


def test_a_batch_that_was_withdrawn_is_not_read_and_its_number_not_given_again(cities: Cities) -> None:
    cities.finish(0, 1, "a")
    cities.plan(0, 2, "b")
    cities.withdraw(0, 2)
    assert cities.history.open_position() is None
    assert (_at(cities.history.newest()), _at(cities.history.next())) == ((0, 2), (0, 3))
    last = cities.history.last()
    assert last
    assert _at(last.position) == (0, 1)
    assert cities.read() == ["a"]


def test_what_a_backfill_published_beside_a_batch_does_not_make_it_one_that_is_finished(cities: Cities) -> None:
    cities.finish(0, 1, "a", table=1)
    cities.plan(0, 2, "b")
    cities.withdraw(0, 2)
    left = Publication("cities", "cities@backfill-1", Position(0, 2), NOON, NOON, {"table": 2})
    assert cities.history.published.create("0000-0000000002-000001", left)
    last = cities.history.last()
    assert last
    assert _at(last.position) == (0, 1)
    assert cities.read() == ["a"]
    assert _at(cities.history.next()) == (0, 3)
    assert cities.history.latest().tables == {"table": 2}
    assert cities.history.run("cities@backfill-1").tables == {"table": 2}


def test_batches_are_in_the_order_of_their_numbers_not_of_their_digits(cities: Cities) -> None:
    for batch in range(1, 12):
        cities.finish(0, batch, f"{batch}", table=batch)
    last = cities.history.last()
    assert last
    assert last.position.batch == 11
    assert cities.history.latest().tables == {"table": 11}


def test_a_run_is_found_by_its_id_as_its_last_batch_left_it(cities: Cities) -> None:
    for batch in (1, 2):
        cities.plan(0, batch, run="long")
        cities.publish(0, batch, "long", table=batch)
    cities.finish(0, 3, table=3)
    assert cities.history.run("long").tables == {"table": 2}
    assert cities.history.run("cities-0-3").tables == {"table": 3}
    assert cities.history.latest().tables == {"table": 3}


# -- rollbacks --------------------------------------------------------------------------------------------------------


@pytest.fixture
def rolled_back(cities: Cities) -> Cities:
    """Four batches, back to the second, two more, back to the first of these, one more."""
    for batch in (1, 2, 3, 4):
        cities.finish(0, batch, f"a{batch}", table=batch)
    cities.roll_back(1, Position(0, 2), table=5)
    cities.finish(1, 3, "b3", table=6)
    cities.finish(1, 4, "b4", table=7)
    cities.roll_back(2, Position(1, 3), table=8)
    cities.finish(2, 4, "c4", table=9)
    return cities


def test_the_batches_that_count_are_those_that_no_rollback_has_undone(rolled_back: Cities) -> None:
    assert rolled_back.read() == ["a1", "a2", "b3", "c4"]
    history = rolled_back.history
    last = history.last()
    assert last
    assert _at(last.position) == (2, 4)
    assert (history.epoch, _at(history.newest()), _at(history.next())) == (2, (2, 4), (2, 5))
    assert (history.open_position(), history.open_rollback()) == (None, None)


def test_a_batch_that_several_epochs_kept_was_planned_in_the_first(rolled_back: Cities) -> None:
    origins = [rolled_back.history.origin(Position(2, batch)) for batch in (1, 2, 3, 4, 5)]
    assert [_at(found) for found in origins] == [(0, 1), (0, 2), (1, 3), (2, 4), (2, 5)]
    assert _at(rolled_back.history.origin(Position(1, 4))) == (1, 4)
    assert _at(rolled_back.history.origin(Position(0, 4))) == (0, 4)


def test_going_back_behind_earlier_rollbacks_leaves_out_all_that_they_led_to(rolled_back: Cities) -> None:
    rolled_back.roll_back(3, Position(0, 1), table=10)
    assert rolled_back.read() == ["a1"]
    assert _at(rolled_back.history.next()) == (3, 2)
    rolled_back.finish(3, 2, "d2")
    assert rolled_back.read() == ["a1", "d2"]


def test_going_back_to_what_a_rollback_began_with_is_going_back_to_what_that_kept(rolled_back: Cities) -> None:
    assert _at(rolled_back.history.run("cities-0-2").position) == (1, 2)
    rolled_back.roll_back(3, Position(1, 2), table=10)
    assert rolled_back.read() == ["a1", "a2"]
    assert _at(rolled_back.history.origin(Position(3, 2))) == (0, 2)


def test_a_batch_that_was_open_when_the_job_went_back_is_open_no_more(cities: Cities) -> None:
    cities.finish(0, 1, "a1")
    cities.plan(0, 2, "a2")
    cities.roll_back(1, Position(0, 1))
    assert cities.history.open_position() is None
    assert cities.read() == ["a1"]
    assert _at(cities.history.next()) == (1, 2)


def test_while_a_rollback_is_not_finished_the_newest_run_is_the_one_that_it_goes_back_to(cities: Cities) -> None:
    cities.finish(0, 1, table=1)
    cities.finish(0, 2, table=2)
    cities.roll_back(1, Position(0, 1), finished=False, table=1)
    intent = cities.history.open_rollback()
    assert intent
    assert (intent.epoch, _at(intent.kept), intent.tables) == (1, (0, 1), {"table": 1})
    assert cities.history.latest().tables == {"table": 1}
    cities.publish(1, 1, "cities-0-1", table=3)
    assert cities.history.open_rollback() is None
    assert cities.history.latest().tables == {"table": 3}


# -- the files that were read -----------------------------------------------------------------------------------------


@pytest.fixture
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "LEDGER_EVERY", 3)


def _ledgers(lake: Lake) -> list[str]:
    return sorted(path.name for path in Path(lake.root, "_lakegate/ledgers/cities").glob("*.json"))


def _damage(lake: Lake, *batches: str) -> None:
    """Make plans unreadable, so that a test fails where one of them is read."""
    for batch in batches:
        Path(lake.root, "_lakegate/plans/cities", f"{batch}.json").write_text("{")


@pytest.mark.usefixtures("_often")
def test_every_so_many_batches_the_files_are_kept_together_and_their_plans_not_read_again(
    disk: Lake, cities: Cities
) -> None:
    cities.finish(0, 1, "a")
    cities.finish(0, 2, "b", "c")
    assert cities.read() == ["a", "b", "c"]
    assert _ledgers(disk) == []
    cities.finish(0, 3, "d")
    assert cities.read() == ["a", "b", "c", "d"]
    assert _ledgers(disk) == ["0000-0000000003.json"]
    _damage(disk, "0000-0000000001", "0000-0000000002", "0000-0000000003")
    assert cities.read() == ["a", "b", "c", "d"]
    for batch, file in ((4, "e"), (5, "f"), (6, "g")):
        cities.finish(0, batch, file)
        assert file in cities.read()
    assert _ledgers(disk) == ["0000-0000000003.json", "0000-0000000006.json"]
    assert cities.read() == ["a", "b", "c", "d", "e", "f", "g"]


@pytest.mark.usefixtures("_often")
def test_what_is_kept_together_of_batches_that_were_undone_is_not_looked_at(disk: Lake, cities: Cities) -> None:
    for batch in (1, 2, 3, 4):
        cities.finish(0, batch, f"a{batch}")
        cities.read()
    assert _ledgers(disk) == ["0000-0000000003.json"]
    cities.roll_back(1, Position(0, 2))
    assert cities.read() == ["a1", "a2"]
    cities.finish(1, 3, "b3")
    assert cities.read() == ["a1", "a2", "b3"]
    assert _ledgers(disk) == ["0000-0000000003.json", "0001-0000000003.json"]
    _damage(disk, "0000-0000000001", "0000-0000000002", "0001-0000000003")
    assert cities.read() == ["a1", "a2", "b3"]


@pytest.mark.usefixtures("_often")
@pytest.mark.parametrize("batches", [2, 3, 4])
def test_of_a_path_that_was_read_twice_the_later_file_is_known(cities: Cities, batches: int) -> None:
    for batch in range(1, batches + 1):
        position = Position(0, batch)
        pins = {"raw": Pin(files=(FilePin("a", batch, 100 + batch, f"e{batch}"),))}
        cities.history.plans.create(name(position), replace(PLAN, position=position, pins=pins))
        cities.publish(0, batch)
        cities.read()
    assert cities.history.files_before() == {"a": FilePin("a", batches, 100 + batches, f"e{batches}")}


@pytest.mark.usefixtures("_often")
def test_a_finished_batch_whose_plan_is_gone_is_refused_since_its_files_would_be_read_again(
    disk: Lake, cities: Cities
) -> None:
    for batch in (1, 2, 3):
        cities.finish(0, batch, f"a{batch}")
    gone = Path(disk.root, "_lakegate/plans/cities/0000-0000000002.json")
    text = gone.read_text()
    gone.unlink()
    with pytest.raises(LostPlanError) as lost:
        cities.read()
    assert (lost.value.job, lost.value.path) == ("cities", str(gone))
    assert cities.history.last()
    gone.write_text(text)
    assert cities.read() == ["a1", "a2", "a3"]
    gone.unlink()  # a ledger tells of its files now
    assert cities.read() == ["a1", "a2", "a3"]
    gone.with_name("0000-0000000003.json").unlink()
    with pytest.raises(LostPlanError):
        cities.history.last()


def test_a_job_that_reads_everything_each_time_has_no_files_before(cities: Cities) -> None:
    plan = replace(PLAN, position=Position(0, 1), source=None)
    cities.history.plans.create("0000-0000000001", plan)
    cities.publish(0, 1)
    assert plan.bookmark is None
    assert cities.read() == []
