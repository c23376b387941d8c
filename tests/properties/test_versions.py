"""What must hold of any events of one key of a history of versions: the same rows, however ordered and split."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.versions import Event, events, versions
from tests.properties.histories import EVENTS, TRUNCATIONS, many
from tests.versioned import FOREVER, Given, load, visible

pytestmark = pytest.mark.properties
Said = dict[int, tuple[Any, ...] | None]


def naive(said: Said, truncated: list[int]) -> dict[int, Any]:
    """The tracked value on each day; what is said on the day of a truncation comes after it."""
    now: tuple[Any, ...] | None = None
    days = {}
    for day in range(1, 15):
        now = said.get(day, None if day in truncated else now)
        if now is not None:
            days[day] = now[0]
    return days


def days_of(rows: list[tuple[Any, ...]]) -> dict[int, Any]:
    return {day: values[0] for start, end, values in rows for day in range(start, min(end, 15))}


@many
@given(EVENTS)
def test_the_rows_say_of_each_day_what_was_said_last_before_it_and_each_is_a_change(said: Said) -> None:
    rows = versions([Event(at, those) for at, those in said.items()], (0,), FOREVER)
    shown = sorted((row for row in rows if row.start < row.end), key=lambda row: row.start)
    assert days_of([(row.start, row.end, row.values) for row in shown]) == naive(said, [])
    for one, other in pairwise(shown):
        assert one.end <= other.start
        assert one.end < other.start or one.values[0] != other.values[0]


@many
@given(EVENTS)
def test_what_was_said_can_be_read_from_the_rows(said: Said) -> None:
    rows = versions([Event(at, those) for at, those in said.items()], (0,), FOREVER)
    assert {event.at: event.values for event in events(rows, FOREVER)} == said


@many
@given(EVENTS, st.randoms(use_true_random=False), st.integers(1, 4))
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
@given(EVENTS, TRUNCATIONS, st.randoms(use_true_random=False), st.integers(1, 4))
def test_truncations_come_in_any_order_too(said: Said, truncated: list[int], random: Any, parts: int) -> None:
    mixed = random.sample(list(said.items()), len(said))
    come_with = {at: random.randrange(parts) for at in truncated}
    rows: list[Given] = []
    for part in range(parts):
        known = [at for at in truncated if come_with[at] <= part]
        rows, _ = load(rows, mixed[part::parts], truncated=known)
    assert days_of(visible(rows)) == naive(said, truncated)
    assert visible(rows) == visible(load([], said.items(), truncated=truncated)[0])
    again, changed = load(rows, random.sample(mixed, len(mixed) // 2), truncated=truncated)
    assert (again, changed) == (rows, 0)


@many
@given(
    st.dictionaries(
        st.tuples(st.integers(1, 6), st.integers(1, 4)), st.sampled_from(["a", "b", None]), min_size=1, max_size=12
    ),
    st.randoms(use_true_random=False),
    st.integers(1, 5),
)
def test_changes_of_one_time_come_in_any_order_and_again_where_the_table_keeps_their_place(
    said: dict[tuple[int, int], str | None], random: Any, parts: int
) -> None:
    last = {at: value for (at, _), value in sorted(said.items())}
    come = random.sample(list(said), len(said)) + random.choices(list(said), k=len(said))
    rows: list[Given] = []
    for part in range(parts):
        newest = {at: (said[at, place], place) for at, place in sorted(come[part::parts])}
        rows, _ = load(rows, newest.items(), placed=True)
    assert days_of(visible(rows)) == naive({at: (value,) if value else None for at, value in last.items()}, [])
    places = {at: (value, max(place for day, place in said if day == at)) for at, value in last.items()}
    at_once, _ = load([], places.items(), placed=True)
    assert sorted(rows) == sorted(at_once)
    assert load(rows, places.items(), placed=True)[1] == 0


@many
@given(st.lists(EVENTS, min_size=1, max_size=5), st.booleans())
def test_what_holds_when_a_snapshot_is_taken_is_what_it_says(snapshots: list[Said], in_order: bool) -> None:
    rows: list[Given] = []
    for at, said in zip(range(4, 14, 2), snapshots, strict=False):
        rows, _ = load(rows, said.items(), in_order, snapshot_at=at)
        if not said or min(said) <= at:
            assert days_of(visible(rows)).get(at) == naive(said, []).get(at)
        if not said:
            assert max(days_of(visible(rows)), default=0) < at
        assert load(rows, said.items(), in_order, snapshot_at=at) == (rows, 0)


@many
@given(EVENTS)
def test_rows_that_come_in_order_need_no_traces(said: Said) -> None:
    rows: list[Given] = []
    for at, those in sorted(said.items()):
        rows, _ = load(rows, [(at, those)], in_order=True)
    assert visible(rows) == visible(load([], said.items())[0])
    assert all(row.start != row.end for row in rows)
