"""Histories of versions: the same rows in the end, however events are ordered and split."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.timeline import Fact
from framework.versions import Event, events, steps, versions

FOREVER = 99
many = settings(max_examples=300, deadline=None, database=None)
# At most one event a time: (tracked, untracked), or None for gone.
HISTORIES = st.dictionaries(
    st.integers(1, 12),
    st.one_of(st.none(), st.tuples(st.sampled_from(["a", "b", None]), st.integers(1, 3))),
    max_size=9,
)
Said = dict[int, tuple[Any, ...] | None]


class Given(NamedTuple):
    start: int
    end: int | None
    operation: str | None
    values: tuple[Any, ...]


def load(rows: Sequence[Given], batch: Iterable[tuple[int, tuple[Any, ...] | None]], in_order: bool = False) -> Any:
    """Return the rows after a batch, and how many steps changed one."""
    told = [Given(at, None, "delete" if those is None else "put", those or (None, 0)) for at, those in batch]
    mixed = [*told, *rows]
    known = list(dict.fromkeys(row.values for row in mixed))
    cells = [[1 + [v[place] for v in known].index(row.values[place]) for row in mixed] for place in range(2)]
    done = steps(mixed, cells, tracked=(0,), forever=FOREVER, in_order=in_order)
    after = {row.start: row for row in rows}
    for does, start, end, origin, _ in done:
        if does == "delete":
            del after[start]
        elif does != "idle":
            assert (does == "replace") == (start in after)
            assert origin is not None
            after[start] = Given(start, end, None, mixed[origin].values)
    return list(after.values()), sum(step[0] != "idle" for step in done)


def visible(rows: Iterable[Given]) -> list[tuple[Any, ...]]:
    return sorted((row.start, row.end, row.values) for row in rows if row.start != row.end)


def naive(said: Said) -> dict[int, Any]:
    """The tracked value on each day."""
    now, days = None, {}
    for day in range(1, 15):
        now = said.get(day, now) if day in said else now
        days[day] = now
    return {day: those[0] for day, those in days.items() if those is not None}


@many
@given(HISTORIES)
def test_the_rows_say_of_each_day_what_was_said_last_before_it_and_each_is_a_change(said: Said) -> None:
    rows = versions([Event(at, those) for at, those in said.items()], (0,), FOREVER)
    shown = sorted((row for row in rows if row.start < row.end), key=lambda row: row.start)
    assert {d: row.values[0] for row in shown for d in range(1, 15) if row.start <= d < row.end} == naive(said)
    for one, other in pairwise(shown):
        assert one.end <= other.start
        assert one.end < other.start or one.values[0] != other.values[0]


@many
@given(HISTORIES)
def test_what_was_said_can_be_read_from_the_rows(said: Said) -> None:
    rows = versions([Event(at, those) for at, those in said.items()], (0,), FOREVER)
    assert {event.at: event.values for event in events(rows, FOREVER)} == said


@many
@given(HISTORIES, st.randoms(use_true_random=False), st.integers(1, 4))
def test_any_order_and_any_split_end_in_the_same_rows(said: Said, random: Any, parts: int) -> None:
    at_once, _ = load([], said.items())
    mixed = random.sample(list(said.items()), len(said))
    rows: list[Given] = []
    for part in range(parts):
        rows, _ = load(rows, mixed[part::parts])
    assert visible(rows) == visible(at_once)
    assert sorted(row.start for row in rows) == sorted(row.start for row in at_once)
    again, changed = load(rows, random.sample(mixed, len(mixed) // 2))
    assert (again, changed) == (rows, 0)


@many
@given(HISTORIES)
def test_rows_that_come_in_order_need_no_traces(said: Said) -> None:
    rows: list[Given] = []
    for at, those in sorted(said.items()):
        rows, _ = load(rows, [(at, those)], in_order=True)
    assert visible(rows) == visible(load([], said.items())[0])
    assert all(row.start != row.end for row in rows)


@pytest.mark.parametrize(
    ("before", "late", "after"),
    [
        ([(1, "a"), (3, "a")], (2, "b"), [(1, 2, "a"), (2, 3, "b"), (3, FOREVER, "a")]),
        ([(3, None)], (2, "b"), [(2, 3, "b")]),
        ([(1, "a"), (5, None)], (3, None), [(1, 3, "a")]),
        ([(1, None), (2, "a")], (3, "a"), [(2, FOREVER, "a")]),
    ],
    ids=["before the same values again", "before the key was gone", "gone earlier", "the same again"],
)
def test_a_late_event_finds_its_place(before: Any, late: Any, after: Any) -> None:
    rows: list[Given] = []
    for batch in (before, [late]):
        rows, _ = load(rows, [(at, None if value is None else (value, 1)) for at, value in batch])
    assert [(start, end, values[0]) for start, end, values in visible(rows)] == after


def test_from_null_to_a_value_is_a_change() -> None:
    # mack's type_2_scd_upsert compares with <>, and misses it.
    rows = versions([Event(1, (None, 1)), Event(2, ("a", 1)), Event(3, (None, 1))], (0,), FOREVER)
    assert [(row.start, row.end, row.values[0]) for row in rows] == [(1, 2, None), (2, 3, "a"), (3, FOREVER, None)]
    assert rows[0] == Fact(1, 2, (None, 1))
