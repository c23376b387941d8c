"""Histories of versions: late events, and values that are NULL; see tests/properties for what holds of any."""

from typing import Any

import pytest

from framework.timeline import Fact
from framework.versions import Event, steps, versions
from tests.versioned import FOREVER, Given, load, visible


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


def test_a_key_that_a_snapshot_lacks_is_no_row_that_changed_nothing() -> None:
    # It has ended when the snapshot is taken, and is to begin later.
    rows = [Given(1, 5, None, ("a", 1)), Given(8, FOREVER, None, ("b", 1))]
    mixed = [Given(5, None, "absent", (None, 0)), *rows]
    done = steps(mixed, [[0, 1, 2], [0, 1, 1]], tracked=(0,), forever=FOREVER, in_order=False, snapshot_at=5)
    assert done == [("delete", 8, FOREVER, 2, [])]
