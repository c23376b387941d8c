"""What must hold of any batch of changes to one key of a bitemporal table: P1, P2, P4 to P11 and P14, of the planning.

The model that they are held to, `tests.naive`, is a dict of days for each commit. P9 holds within a batch: of two
batches the later counts. P2 of the system time, P3 and the rest of P4 are of what a MERGE does to the rows that are
there, P12 and P16 of whole tables: tests/tables/test_bitemporal.py, with some of the others once more. P13 is of joins:
tests/tables/test_ask.py. P15 is of processes that are killed: tests/crash.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.timeline import Change, Fact, Plan, plan
from tests.naive import Naive, Row, Said, slice_of
from tests.properties.histories import DAYS, changes, histories, many

pytestmark = pytest.mark.properties
SPRING, NOON = date(2024, 3, 25), datetime(2024, 3, 31, 0, 30, tzinfo=UTC)
KINDS: list[Callable[[int], Any]] = [
    lambda day: day,
    lambda day: SPRING + timedelta(day),
    lambda day: NOON + timedelta(minutes=day),
]


def planned(rows: Sequence[Row], batch: Iterable[Said], coalesce: bool, kind: Callable[[int], Any]) -> Plan:
    """Plan a batch in times of some kind, and return the plan in days."""
    back = {kind(day): day for day in DAYS}
    believed = [Fact(kind(r.valid_from), kind(r.valid_to), r.values, r) for r in rows if r.system_to is None]
    said = [
        Change(s.operation, kind(s.start), kind(s.end), s.values, s.sets, s.sequence)  # type: ignore[arg-type]
        for s in batch
    ]
    made = plan(believed, said, coalesce=coalesce)
    inserted = tuple(Fact(back[fact.start], back[fact.end], fact.values) for fact in made.inserted)
    return Plan(made.closed, inserted, made.idle)


def loaded(
    rows: Sequence[Row],
    batch: Iterable[Said],
    system: int,
    *,
    coalesce: bool = False,
    kind: Callable[[int], Any] = KINDS[0],
) -> list[Row]:
    """Return the table after a batch, at a system time."""
    made = planned(rows, batch, coalesce, kind)
    closed = {fact.origin for fact in made.closed}
    after = [row._replace(system_to=system) if row in closed else row for row in rows]
    return after + [Row(7, fact.values, fact.start, fact.end, system, None) for fact in made.inserted]


def table(history: Iterable[Iterable[Said]], *, coalesce: bool = False) -> list[Row]:
    rows: list[Row] = []
    for system, batch in enumerate(history, 1):
        rows = loaded(rows, batch, system, coalesce=coalesce)
    return rows


def naive(history: Iterable[Iterable[Said]]) -> Naive:
    model = Naive()
    for batch in history:
        model.commit(batch)
    return model


def overlap(one: Row, other: Row) -> bool:
    """Two rows say something of one day at one system time."""
    return (
        one.valid_from < other.valid_to
        and other.valid_from < one.valid_to
        and (other.system_to is None or one.system_from < other.system_to)
        and (one.system_to is None or other.system_from < one.system_to)
    )


@many
@given(histories(), st.booleans())
def test_p1_no_two_rows_say_something_of_one_day_at_one_time(history: list[list[Said]], coalesce: bool) -> None:
    rows = table(history, coalesce=coalesce)
    assert not [(one, other) for n, one in enumerate(rows) for other in rows[:n] if overlap(one, other)]


@many
@given(histories(), st.booleans())
def test_p2_every_valid_period_begins_before_it_ends(history: list[list[Said]], coalesce: bool) -> None:
    assert all(row.valid_from < row.valid_to for row in table(history, coalesce=coalesce))


@many
@given(histories(), st.booleans())
def test_p4_what_is_closed_is_a_row_that_was_believed_and_each_is_closed_once(
    history: list[list[Said]], coalesce: bool
) -> None:
    *earlier, batch = history
    believed = [row for row in table(earlier, coalesce=coalesce) if row.system_to is None]
    closed = planned(believed, batch, coalesce, KINDS[0]).closed
    rows = [fact.origin for fact in closed]
    assert {*rows} <= {*believed}
    assert len({*rows}) == len(rows)
    assert [(fact.start, fact.end, fact.values) for fact in closed] == [
        (row.valid_from, row.valid_to, row.values) for row in rows
    ]


@many
@given(histories(), st.booleans(), st.sampled_from(KINDS))
def test_p5_every_slice_of_both_times_is_what_was_said(
    history: list[list[Said]], coalesce: bool, kind: Callable[[int], Any]
) -> None:
    rows: list[Row] = []
    for system, batch in enumerate(history, 1):
        rows = loaded(rows, batch, system, coalesce=coalesce, kind=kind)
    model = naive(history)
    for commit in range(len(history) + 1):
        assert slice_of(rows, 7, commit, DAYS) == model.believed(7, commit)


@many
@given(histories(), st.data())
def test_p6_outside_of_its_period_a_change_has_no_effect(history: list[list[Said]], data: st.DataObject) -> None:
    was, change, now = around(history, data)
    outside = [day for day in DAYS if not change.start <= day < change.end]
    assert {day: now.get(day) for day in outside} == {day: was.get(day) for day in outside}


@many
@given(histories(), st.data())
def test_p7_inside_of_its_period_a_change_has_its_effect(history: list[list[Said]], data: st.DataObject) -> None:
    was, change, now = around(history, data)
    inside = set(range(change.start, change.end))
    if change.operation == "put":
        assert {now.get(day) for day in inside} == {change.values}
    elif change.operation == "delete":
        assert not now.keys() & inside
    else:
        assert now.keys() & inside == was.keys() & inside
        for day in now.keys() & inside:
            for place, value in enumerate(was[day]):
                is_set = change.sets is None or place in change.sets
                assert now[day][place] == (change.values[place] if is_set else value)


def around(history: list[list[Said]], data: st.DataObject) -> tuple[dict[int, Any], Said, dict[int, Any]]:
    """Draw one more change, and return what is believed before it and after it."""
    before, system = table(history), len(history) + 1
    change = data.draw(changes(1000))
    return slice_of(before, 7, system, DAYS), change, slice_of(loaded(before, [change], system), 7, system, DAYS)


@many
@given(histories(), st.booleans())
def test_p8_the_same_batch_again_writes_nothing(history: list[list[Said]], coalesce: bool) -> None:
    rows = table(history, coalesce=coalesce)
    puts = [change for change in history[-1] if change.operation == "put"]
    for system, batch in enumerate((puts, history[-1]), len(history) + 1):
        rows = loaded(rows, batch, system, coalesce=coalesce)
        again = planned(rows, batch, coalesce, KINDS[0])
        assert (again.closed, again.inserted) == ((), ())


@many
@given(histories(), st.booleans())
def test_p8_what_is_believed_before_and_after_is_neither_closed_nor_inserted(
    history: list[list[Said]], coalesce: bool
) -> None:
    *earlier, batch = history
    made = planned(table(earlier, coalesce=coalesce), batch, coalesce, KINDS[0])
    was, now = (naive(history).believed(7, commit) for commit in (-2, -1))
    changed = {day for day in DAYS if now.get(day) != was.get(day)}
    assert bool(made.closed or made.inserted) == bool(changed)
    if not coalesce:
        assert all(changed & set(range(fact.start, fact.end)) for fact in made.closed)


@many
@given(histories(batches=2), st.randoms(use_true_random=False), st.booleans())
def test_p9_the_order_of_the_rows_in_a_batch_does_not_matter(
    history: list[list[Said]], random: Any, coalesce: bool
) -> None:
    batch = [change for part in history for change in part]
    mixed = random.sample(batch, len(batch))
    at_once = table([batch], coalesce=coalesce)
    assert sorted(table([mixed], coalesce=coalesce), key=str) == sorted(at_once, key=str)


@many
@given(histories(batches=2), st.booleans())
def test_p9_a_batch_may_be_split_in_its_order(history: list[list[Said]], coalesce: bool) -> None:
    batch = [change for part in history for change in part]
    at_once, split = table([batch], coalesce=coalesce), table(history, coalesce=coalesce)
    assert slice_of(split, 7, 99, DAYS) == slice_of(at_once, 7, 99, DAYS)


def test_p9_of_two_batches_the_later_counts_whatever_their_sequences() -> None:
    first, second = (Said(7, "put", 0, 2, (city, None), None, at) for at, city in enumerate(("oslo", "rome")))
    in_order, late = table([[first], [second]]), table([[second], [first]])
    assert slice_of(in_order, 7, 2, DAYS) == {0: ("rome", None), 1: ("rome", None)}
    assert slice_of(late, 7, 2, DAYS) == {0: ("oslo", None), 1: ("oslo", None)}


@many
@given(histories())
def test_p10_coalesced_rows_say_the_same_and_none_has_an_equal_neighbour(history: list[list[Said]]) -> None:
    one, other = table(history), table(history, coalesce=True)
    for system in range(len(history) + 1):
        assert slice_of(one, 7, system, DAYS) == slice_of(other, 7, system, DAYS)
    now = sorted((row for row in other if row.system_to is None), key=lambda row: row.valid_from)
    for row, next_ in pairwise(now):
        assert not (row.valid_to == next_.valid_from and row.values == next_.values)


@many
@given(histories(), st.data())
def test_p11_a_delete_undoes_a_put_and_a_delete_after_a_delete_does_nothing(
    history: list[list[Said]], data: st.DataObject
) -> None:
    rows = table(history)
    put = data.draw(changes(1000))._replace(operation="put", values=("c", 3), sets=None)
    delete = put._replace(operation="delete", values=(None, None), sequence=1001)
    assert slice_of(loaded(rows, [put, delete], 98), 7, 98, DAYS) == slice_of(loaded(rows, [delete], 98), 7, 98, DAYS)
    assert planned(loaded(rows, [delete], 98), [delete], False, KINDS[0]) == Plan((), (), 1)


@many
@given(histories(), st.booleans())
def test_p14_what_is_believed_now_is_a_history_of_versions_and_of_one_day_a_log(
    history: list[list[Said]], coalesce: bool
) -> None:
    rows, model = table(history, coalesce=coalesce), naive(history)
    now = sorted((row for row in rows if row.system_to is None), key=lambda row: row.valid_from)
    assert all(one.valid_to <= other.valid_from for one, other in pairwise(now))
    for day in DAYS:
        log = sorted((row for row in rows if row.valid_from <= day < row.valid_to), key=lambda row: row.system_from)
        ends = [(row.system_from, row.system_to or len(history) + 1) for row in log]
        assert all(one[1] <= other[0] for one, other in pairwise(ends))
        told = {at: row.values for row, (start, end) in zip(log, ends, strict=True) for at in range(start, end)}
        assert told == {
            at: model.believed(7, at)[day] for at in range(len(history) + 1) if day in model.believed(7, at)
        }
