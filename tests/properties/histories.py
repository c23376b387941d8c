"""What Hypothesis draws: batches of changes to bitemporal tables, and events of versions."""

from typing import TypeVar

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.naive import Said

LAST = 12
DAYS = range(LAST + 1)
PAIRS = st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([1, 2, None]))
many = settings(max_examples=300, deadline=None, database=None)
T = TypeVar("T")


def drawn(examples: st.SearchStrategy[T], count: int = 40) -> list[T]:
    """Draw examples that are to be tried together, each as a key of one table: the same ones each time."""
    found: list[T] = []

    @settings(max_examples=count, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
    @given(examples)
    def collect(example: T) -> None:
        found.append(example)

    collect()
    return found


@st.composite
def changes(draw: st.DrawFn, sequence: int) -> Said:
    start = draw(st.integers(0, LAST - 1))
    end = draw(st.integers(start + 1, LAST))
    operation = draw(st.sampled_from(["put", "put", "update", "delete"]))
    values = (None, None) if operation == "delete" else draw(PAIRS)
    sets = draw(st.sampled_from([None, frozenset({0}), frozenset({1})])) if operation == "update" else None
    return Said(7, operation, start, end, values, sets, sequence)


@st.composite
def histories(draw: st.DrawFn, batches: int = 4, *, at_least: int = 1) -> list[list[Said]]:
    """Batches of changes to one key, each with a sequence of its own."""
    sizes = draw(st.lists(st.integers(0, 4), min_size=at_least, max_size=batches))
    numbers = iter(range(100))
    return [[draw(changes(next(numbers))) for _ in range(size)] for size in sizes]


# At most one event a time: (tracked, untracked), or None for gone.
EVENTS = st.dictionaries(
    st.integers(1, LAST),
    st.one_of(st.none(), st.tuples(st.sampled_from(["a", "b", None]), st.integers(1, 3))),
    max_size=9,
)
# When all keys were truncated.
TRUNCATIONS = st.lists(st.integers(1, LAST), max_size=2, unique=True)
