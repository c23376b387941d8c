"""What a batch closes and inserts: each rule against a dict of days, and what others have published."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.errors import ContradictionError, OverlapError, PeriodError
from framework.timeline import Change, Fact, Plan, plan
from tests.naive import Naive, Row, Said, slice_of

LAST = 12
DAYS = range(LAST + 1)
SPRING, NOON = date(2024, 3, 25), datetime(2024, 3, 31, 0, 30, tzinfo=UTC)
KINDS: list[Callable[[int], Any]] = [
    lambda day: day,
    lambda day: SPRING + timedelta(day),
    lambda day: NOON + timedelta(minutes=day),
]
PAIRS = st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([1, 2, None]))
many = settings(max_examples=300, deadline=None, database=None)


@st.composite
def changes(draw: st.DrawFn, sequence: int) -> Said:
    start = draw(st.integers(0, LAST - 1))
    end = draw(st.integers(start + 1, LAST))
    operation = draw(st.sampled_from(["put", "put", "update", "delete"]))
    values = (None, None) if operation == "delete" else draw(PAIRS)
    sets = draw(st.sampled_from([None, frozenset({0}), frozenset({1})])) if operation == "update" else None
    return Said(7, operation, start, end, values, sets, sequence)


@st.composite
def histories(draw: st.DrawFn, batches: int = 4) -> list[list[Said]]:
    """Batches of changes to one key, each with a sequence of its own."""
    sizes = draw(st.lists(st.integers(0, 4), min_size=1, max_size=batches))
    numbers = iter(range(100))
    return [[draw(changes(next(numbers))) for _ in range(size)] for size in sizes]


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


# -- properties: P1 to P14 as far as they are about one key -----------------------------------------------------------


@many
@given(histories(), st.booleans(), st.sampled_from(KINDS))
def test_every_slice_of_both_times_is_what_was_said(
    history: list[list[Said]], coalesce: bool, kind: Callable[[int], Any]
) -> None:  # P1, P2, P5, P10, P14
    rows: list[Row] = []
    for system, batch in enumerate(history, 1):
        rows = loaded(rows, batch, system, coalesce=coalesce, kind=kind)
    model = naive(history)
    for commit in range(len(history) + 1):
        assert slice_of(rows, 7, commit, DAYS) == model.believed(7, commit)
    for row in rows:
        assert row.valid_from < row.valid_to
        assert row.system_to is None or row.system_from < row.system_to


@many
@given(histories(), st.booleans())
def test_a_batch_alters_no_row_but_to_close_it(history: list[list[Said]], coalesce: bool) -> None:  # P3, P4
    *earlier, batch = history
    before = table(earlier, coalesce=coalesce)
    system = len(history)
    after = loaded(before, batch, system, coalesce=coalesce)
    for old, new in zip(before, after, strict=False):
        assert new == old or (old.system_to is None and new == old._replace(system_to=system))
    for row in after[len(before) :]:
        assert (row.system_from, row.system_to) == (system, None)


@many
@given(histories(), st.data())
def test_a_change_has_its_effect_inside_of_its_period_and_none_outside(
    history: list[list[Said]], data: st.DataObject
) -> None:  # P6, P7
    before = table(history)
    change = data.draw(changes(1000))
    system = len(history) + 1
    was = slice_of(before, 7, system, DAYS)
    now = slice_of(loaded(before, [change], system), 7, system, DAYS)
    inside = range(change.start, change.end)
    assert {day: now.get(day) for day in DAYS if day not in inside} == {
        day: was.get(day) for day in DAYS if day not in inside
    }
    if change.operation == "put":
        assert {now.get(day) for day in inside} == {change.values}
    elif change.operation == "delete":
        assert not now.keys() & set(inside)
    else:
        assert now.keys() & set(inside) == was.keys() & set(inside)


@many
@given(histories(), st.booleans())
def test_the_same_batch_again_writes_nothing(history: list[list[Said]], coalesce: bool) -> None:  # P8
    rows = table(history, coalesce=coalesce)
    puts = [change for change in history[-1] if change.operation == "put"]
    rows = loaded(rows, puts, len(history) + 1, coalesce=coalesce)
    again = planned(rows, puts, coalesce, KINDS[0])
    assert (again.closed, again.inserted) == ((), ())
    rows = loaded(rows, history[-1], 98, coalesce=coalesce)
    again = planned(rows, history[-1], coalesce, KINDS[0])
    assert (again.closed, again.inserted) == ((), ())


@many
@given(histories(batches=2), st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_rows_in_a_batch_does_not_matter_nor_where_it_is_split(
    history: list[list[Said]], random: Any, coalesce: bool
) -> None:  # P9
    batch = [change for part in history for change in part]
    at_once = table([batch], coalesce=coalesce)
    mixed = random.sample(batch, len(batch))
    assert sorted(table([mixed], coalesce=coalesce), key=str) == sorted(at_once, key=str)
    split = table(history, coalesce=coalesce)
    assert slice_of(split, 7, 99, DAYS) == slice_of(at_once, 7, 99, DAYS)


@many
@given(histories(), st.data())
def test_a_delete_undoes_a_put_and_a_delete_after_a_delete_does_nothing(
    history: list[list[Said]], data: st.DataObject
) -> None:  # P11
    rows = table(history)
    put = data.draw(changes(1000))._replace(operation="put", values=("c", 3), sets=None)
    delete = put._replace(operation="delete", values=(None, None), sequence=1001)
    assert slice_of(loaded(rows, [put, delete], 98), 7, 98, DAYS) == slice_of(loaded(rows, [delete], 98), 7, 98, DAYS)
    assert planned(loaded(rows, [delete], 98), [delete], False, KINDS[0]) == Plan((), (), 1)


@many
@given(histories())
def test_coalesced_facts_have_no_equal_neighbour_among_those_of_their_batch(history: list[list[Said]]) -> None:  # P10
    rows = sorted((r for r in table(history, coalesce=True) if r.system_to is None), key=lambda r: r.valid_from)
    for one, next_ in pairwise(rows):
        assert not (one.valid_to == next_.valid_from and one.values == next_.values)


@many
@given(histories())
def test_what_is_believed_before_and_after_is_neither_closed_nor_inserted(history: list[list[Said]]) -> None:
    *earlier, batch = history
    before = table(earlier)
    made = planned(before, batch, False, KINDS[0])
    days = naive(history)
    for fact in made.closed:
        inside = range(fact.start, fact.end)
        assert any(days.believed(7).get(day) != days.believed(7, -2).get(day) for day in inside)
    changed = [day for day in DAYS if days.believed(7).get(day) != days.believed(7, -2).get(day)]
    assert bool(made.closed or made.inserted) == bool(changed)


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "end"), [(5, 5), (5, 4)], ids=["empty", "inverted"])
def test_a_period_that_holds_no_time_is_refused(start: int, end: int) -> None:
    with pytest.raises(PeriodError) as refused:
        Change("put", start, end, ("a",))
    assert refused.value.examples == (f"[{start}, {end})",)


def test_two_values_of_one_sequence_for_one_time_are_refused_and_equal_ones_are_one() -> None:
    one, other = Change("put", 1, 5, ("a",), sequence=3), Change("put", 4, 9, ("b",), sequence=3)
    with pytest.raises(ContradictionError, match=r"put \[1, 5\) and put \[4, 9\)"):
        plan([], [other, Change("put", 2, 3, ("a",), sequence=3), one])
    assert plan([], [one, one]).inserted == (Fact(1, 5, ("a",)),)
    beside = Change("put", 5, 9, ("b",), sequence=3)
    assert plan([], [beside, one]).inserted == (Fact(1, 5, ("a",)), Fact(5, 9, ("b",)))
    assert plan([], [one, Change("put", 4, 9, ("b",), sequence=2)]).inserted == (
        Fact(1, 5, ("a",)),
        Fact(5, 9, ("b",)),
    )


def test_a_table_that_believes_two_things_at_once_is_refused() -> None:
    with pytest.raises(OverlapError, match=r"\[1, 5\) and \[4, 6\)"):
        plan([Fact(4, 6, ("b",)), Fact(1, 5, ("a",))], [Change("delete", 8, 9)])


# -- rows, not only slices --------------------------------------------------------------------------------------------


def test_a_put_writes_only_the_part_that_is_news() -> None:
    rome, bonn = Fact(0, 10, ("rome",), 1), Fact(10, 20, ("bonn",), 2)
    assert plan([rome, bonn], [Change("put", 0, 20, ("rome",), origin=3)]) == Plan((bonn,), (Fact(10, 20, ("rome",)),))
    assert plan([rome, bonn], [Change("put", 0, 20, ("rome",))], coalesce=True) == Plan(
        (rome, bonn), (Fact(0, 20, ("rome",)),)
    )


def test_each_fact_says_which_row_it_stems_from() -> None:
    made = plan([Fact(0, 9, ("a", 1), "there")], [Change("update", 3, 5, ("b", 0), frozenset({0}), origin="new")])
    assert [(f.start, f.values, f.origin) for f in made.inserted] == [
        (0, ("a", 1), "there"),
        (3, ("b", 1), "new"),
        (5, ("a", 1), "there"),
    ]


# -- published answers ------------------------------------------------------------------------------------------------

FOREVER = date(9999, 12, 31)


def day(text: str) -> date:
    return date.fromisoformat(text) if text else FOREVER


def facts(*rows: tuple[str, str, Any]) -> list[Fact]:
    return [Fact(day(start), day(end), (value,)) for start, end, value in rows]


def after(believed: Sequence[Fact], *said: Change) -> list[Fact]:
    for change in said:
        made = plan(believed, [change])
        believed = sorted({*believed} - {*made.closed} | {*made.inserted}, key=lambda fact: fact.start)
    return list(believed)


def over(operation: Any, start: str, end: str, value: Any = None) -> Change:
    return Change(operation, day(start), day(end), (value,))


def test_the_example_of_postgresql_s_documentation() -> None:
    # PostgreSQL 19 documentation, 6.4 Updating and Deleting Temporal Data: product 5.
    products = facts(("2020-01-01", "2022-01-01", 5.00), ("2022-01-01", "", 8.00))
    products = after(products, over("update", "2023-09-01", "2025-03-01", 12.00))
    assert products == facts(
        ("2020-01-01", "2022-01-01", 5.00),
        ("2022-01-01", "2023-09-01", 8.00),
        ("2023-09-01", "2025-03-01", 12.00),
        ("2025-03-01", "", 8.00),
    )
    assert after(products, over("delete", "2021-08-01", "2023-09-01")) == facts(
        ("2020-01-01", "2021-08-01", 5.00), ("2023-09-01", "2025-03-01", 12.00), ("2025-03-01", "", 8.00)
    )


def test_the_example_of_postgresql_s_regression_test() -> None:
    # PostgreSQL, src/test/regress/sql/for_portion_of.sql: the statements on for_portion_of_test, "one" to "one^4".
    assert after(
        facts(("2018-01-02", "2020-01-01", "one")),
        over("update", "2018-01-15", "2019-01-01", "one^1"),
        over("delete", "2019-01-15", "2019-01-20"),
        over("update", "2019-02-01", "2019-02-03", "one^2"),
        over("delete", "2019-02-03", "2019-02-04"),
        over("update", "2019-02-04", "2019-02-05", "one^3"),
        over("delete", "2019-02-05", "2019-02-06"),
        over("update", "2019-03-01", "2019-03-02", "one^4"),
        over("delete", "2019-03-02", "2019-03-03"),
    ) == facts(
        ("2018-01-02", "2018-01-15", "one"),
        ("2018-01-15", "2019-01-01", "one^1"),
        ("2019-01-01", "2019-01-15", "one"),
        ("2019-01-20", "2019-02-01", "one"),
        ("2019-02-01", "2019-02-03", "one^2"),
        ("2019-02-04", "2019-02-05", "one^3"),
        ("2019-02-06", "2019-03-01", "one"),
        ("2019-03-01", "2019-03-02", "one^4"),
        ("2019-03-03", "2020-01-01", "one"),
    )


def test_xtdb_s_users() -> None:
    # XTDB 2, core2 tests of SQL DML: Dave is deleted from 2020-05 on, Susan becomes Sue from 2021-07 on.
    dave = after(facts(("2018-01-01", "", "Dave")), over("delete", "2020-05-01", ""))
    assert dave == facts(("2018-01-01", "2020-05-01", "Dave"))
    susan = after(facts(("2021-01-01", "", "Susan")), over("update", "2021-07-01", "", "Sue"))
    assert susan == facts(("2021-01-01", "2021-07-01", "Susan"), ("2021-07-01", "", "Sue"))


def test_snodgrass_s_flat_in_aalborg() -> None:
    # R. T. Snodgrass, Developing Time-Oriented Database Applications in SQL, 10.2: a flat in January 1998, of which
    # XTDB's bitemporal-tx-time-split-test has the rows too. Days of the month; 99 is for ever.
    said = {
        10: ("put", 10, 99, "Eva"),  # Eva Nielsen buys it
        15: ("put", 15, 99, "Peter"),  # Peter Olsen buys it
        20: ("delete", 20, 99, None),  # he sells it
        23: ("put", 3, 15, "Eva"),  # she had bought it on the 3rd
        26: ("delete", 2, 5, None),  # no, on the 5th
        28: ("put", 12, 15, "Peter"),  # and he on the 12th
    }
    rows: list[Row] = []
    for system, (operation, start, end, owner) in said.items():
        back = {day: day for day in range(100)}
        change = Said(7, operation, start, end, (owner,), None, 0)
        believed = [Fact(r.valid_from, r.valid_to, r.values, r) for r in rows if r.system_to is None]
        made = plan(believed, [Change(change.operation, start, end, (owner,))], coalesce=True)  # type: ignore[arg-type]
        gone = {fact.origin for fact in made.closed}
        rows = [row._replace(system_to=system) if row in gone else row for row in rows]
        rows += [Row(7, f.values, back[f.start], back[f.end], system, None) for f in made.inserted]
    assert sorted(rows) == sorted(
        [
            Row(7, ("Eva",), 10, 99, 10, 15),
            Row(7, ("Eva",), 10, 15, 15, 23),
            Row(7, ("Peter",), 15, 99, 15, 20),
            Row(7, ("Peter",), 15, 20, 20, 28),
            Row(7, ("Eva",), 3, 15, 23, 26),
            Row(7, ("Eva",), 5, 15, 26, 28),
            Row(7, ("Eva",), 5, 12, 28, None),
            Row(7, ("Peter",), 12, 20, 28, None),
        ]
    )
