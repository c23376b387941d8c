"""What a batch closes and inserts: what is refused, and which rows are written; see tests/properties for the rest."""

import pytest

from framework.errors import ContradictionError, OverlapError, PeriodError
from framework.timeline import Change, Fact, Plan, plan

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
