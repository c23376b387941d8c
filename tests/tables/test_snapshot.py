"""Full snapshots that are stamped with their day: what one lacks ends on its day, and none comes after a later one."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from random import Random
from typing import Any

import pytest
from pyspark.sql import DataFrame

from framework.batch import Position
from framework.errors import DeclarationError, FrameMismatchError, SnapshotError
from framework.tables import Counts, Lake, RowModel, Table, load, scd2
from framework.tables.commit import Transaction
from framework.tables.restore import restore
from tests.delta import actions, rows_of, version_of


class Customer(RowModel):
    """Where a customer lives, from day to day."""

    id: int
    city: str | None
    valid_from: date
    valid_to: date


class Stamped(RowModel):
    """A customer as a snapshot has it."""

    id: int
    city: str | None
    seen_on: date


class Dated(RowModel):
    """A customer as a snapshot has it that knows since when."""

    id: int
    city: str | None
    since: date
    seen_on: date | None


CUSTOMERS = Table("silver.customers", Customer, keys="id")
DAILY = scd2(valid_by="seen_on", absent="delete", snapshot_at="seen_on")
SINCE = scd2(valid_by="since", absent="delete", snapshot_at="seen_on")
OPEN = date(9999, 12, 31)
Cities = Mapping[int, str | None]


def day(number: int) -> date:
    return date(2024, 1, number)


def loads(lake: Lake, frame: DataFrame, batch: int, write: Any = DAILY) -> Counts:
    """Load a snapshot long after its day."""
    clock = lambda: datetime(2025, 7, 1, tzinfo=UTC)  # noqa: E731
    return load(lake, CUSTOMERS, write, frame, Transaction("all", Position(0, batch), {}, clock)).counts


def stamped(rows: Callable[..., Any], on: int, cities: Cities) -> Any:
    return rows(Stamped, *({"id": key, "city": city, "seen_on": day(on)} for key, city in cities.items()))


def naive(snapshots: Mapping[int, Cities]) -> list[tuple[int, str | None, date, date]]:
    """For each key the stretches of snapshots that say the same, each up to the first that says otherwise."""
    found = []
    for key in {key for cities in snapshots.values() for key in cities}:
        open_: tuple[str | None, date] | None = None
        for on, cities in sorted(snapshots.items()):
            if open_ and (key not in cities or cities[key] != open_[0]):
                found.append((key, open_[0], open_[1], day(on)))
                open_ = None
            if key in cities and open_ is None:
                open_ = (cities[key], day(on))
        if open_:
            found.append((key, open_[0], open_[1], OPEN))
    return sorted(found, key=lambda row: (row[0], row[2]))


def history(lake: Lake) -> list[tuple[Any, ...]]:
    return sorted(rows_of(lake, CUSTOMERS, "id, city, valid_from, valid_to"), key=lambda row: (row[0], row[2]))


def test_each_version_holds_from_the_day_of_its_snapshot_to_that_of_the_first_which_says_otherwise(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    random, snapshots = Random(17), dict[int, Cities]()
    for batch, on in enumerate((2, 3, 7, 8, 15, 16)):
        there = random.sample(range(8), 5)
        snapshots[on] = {key: random.choice(("oslo", "rome", None)) for key in there}
        loads(lake, stamped(rows, on, snapshots[on]), batch)
        assert history(lake) == naive(snapshots)
    before = version_of(lake, CUSTOMERS)
    again = loads(lake, stamped(rows, 20, snapshots[16]), 6)
    assert again == Counts(read=5, unchanged=5)
    assert (history(lake), version_of(lake, CUSTOMERS)) == (naive(snapshots), before + 1)
    assert actions(lake, CUSTOMERS, "add") == []


def test_a_snapshot_that_comes_after_a_later_one_is_refused_and_one_of_the_same_day_takes_its_place(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    loads(lake, stamped(rows, 2, {1: "oslo", 2: "rome"}), 1)
    loads(lake, stamped(rows, 9, {1: "oslo", 2: "rome"}), 2)  # which leaves no row of the 9th
    there, version = history(lake), version_of(lake, CUSTOMERS)
    with pytest.raises(SnapshotError, match=r"is a snapshot of 2024-01-08, and one of 2024-01-09 was loaded before"):
        loads(lake, stamped(rows, 8, {1: "bonn"}), 3)
    assert (history(lake), version_of(lake, CUSTOMERS)) == (there, version)
    loads(lake, stamped(rows, 9, {2: "bari", 3: "lima"}), 3)
    loads(lake, stamped(rows, 9, {2: "rome", 4: "kiel"}), 4)
    assert history(lake) == naive({2: {1: "oslo", 2: "rome"}, 9: {2: "rome", 4: "kiel"}})
    # Undone, as a rollback does it, a later one does not count.
    restore(lake, CUSTOMERS.name, version - 1, {"rollback": 1})
    loads(lake, stamped(rows, 5, {2: "rome"}), 5)
    assert history(lake) == naive({2: {1: "oslo", 2: "rome"}, 5: {2: "rome"}})


def test_a_table_that_knows_later_times_takes_no_snapshot_of_an_earlier_one(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    load(lake, CUSTOMERS, scd2(valid_by="seen_on"), stamped(rows, 5, {1: "oslo"}), Transaction("x", Position(0, 1)))
    with pytest.raises(SnapshotError, match=r"of 2024-01-04, and one of 2024-01-05"):
        loads(lake, stamped(rows, 4, {1: "oslo"}), 1)
    loads(lake, stamped(rows, 6, {2: "rome"}), 1)
    assert history(lake) == naive({5: {1: "oslo"}, 6: {2: "rome"}})


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ((2, 3), "'seen_on' is 2024-01-02 to 2024-01-03.*snapshots=True"),
        ((2, None), "'seen_on' is NULL in 1 row"),
        ((), "no time, for it has no rows"),
    ],
)
def test_a_batch_that_is_no_one_snapshot_is_refused(
    lake: Lake, rows: Callable[..., Any], days: tuple[int | None, ...], said: str
) -> None:
    loads(lake, stamped(rows, 1, {1: "oslo"}), 1)
    told = ({"id": n, "city": "rome", "since": day(1), "seen_on": on and day(on)} for n, on in enumerate(days))
    with pytest.raises(SnapshotError, match=said):
        loads(lake, rows(Dated, *told), 2, SINCE)
    assert (history(lake), version_of(lake, CUSTOMERS)) == ([(1, "oslo", day(1), OPEN)], 1)


def test_rows_may_know_since_when_they_hold_and_what_they_lack_ends_on_the_day_of_the_snapshot(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    def snapshot(on: int, *told: tuple[int, str, int]) -> Any:
        each = {"seen_on": day(on)}
        return rows(Dated, *({"id": key, "city": city, "since": day(at), **each} for key, city, at in told))

    loads(lake, snapshot(5, (1, "oslo", 1), (2, "rome", 4), (3, "lima", 9)), 1, SINCE)
    loads(lake, snapshot(8, (1, "bonn", 6), (3, "lima", 9)), 2, SINCE)
    assert history(lake) == [
        (1, "oslo", day(1), day(6)),
        (1, "bonn", day(6), OPEN),
        (2, "rome", day(4), day(8)),
        (3, "lima", day(9), OPEN),
    ]


def test_the_time_of_a_snapshot_is_declared_with_it_and_of_the_type_of_the_period(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    with pytest.raises(DeclarationError, match='say absent="delete" too'):
        scd2(valid_by="seen_on", snapshot_at="seen_on")
    frame = stamped(rows, 1, {1: "oslo"})
    with pytest.raises(FrameMismatchError, match="'seen_on' is timestamp, and must be date as 'valid_from'"):
        loads(lake, frame.withColumn("seen_on", frame.seen_on.cast("timestamp")), 1)
    with pytest.raises(FrameMismatchError, match="it lacks 'seen'"):
        loads(lake, frame, 1, scd2(valid_by="seen_on", absent="delete", snapshot_at="seen"))


class Seen(Customer):
    """A customer with the day of the last snapshot that told of its beginning."""

    seen_on: date


def test_the_day_of_a_snapshot_begins_no_version_where_the_table_keeps_it(lake: Lake, rows: Callable[..., Any]) -> None:
    seen = replace(CUSTOMERS, model=Seen)
    for batch, on in enumerate((3, 4)):
        told = rows(Dated, {"id": 1, "city": "oslo", "since": day(1), "seen_on": day(on)})
        load(lake, seen, SINCE, told, Transaction("all", Position(0, batch)))
    assert rows_of(lake, seen, "id, city, valid_from, valid_to, seen_on") == [(1, "oslo", day(1), OPEN, day(4))]
