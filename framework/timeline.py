"""Timelines: what is believed of one key over valid time, and what a batch of changes closes and inserts.

Pure Python, and nothing of Spark is imported: executors run it on the rows of each key. Periods are half-open. Times
may be anything that compares: dates, or a count of days or microseconds.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Any, Literal, TypeAlias

from framework.errors import ContradictionError, OverlapError, PeriodError

Operation = Literal["put", "update", "delete"]
START, END = attrgetter("start"), attrgetter("end")


@dataclass(frozen=True, slots=True)
class Fact:
    """That a key has these values from `start` to just before `end`; `origin` names the row that it stems from."""

    start: Any
    end: Any
    values: tuple[Any, ...]
    origin: Any = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Change:
    """What is said of a period: `put` these values, `update` those that are there, or `delete` them.

    An update sets only the positions in `sets` (all, if None), and only where something is believed: gaps stay gaps.
    Of several changes the one with the greatest `sequence` wins.
    """

    operation: Operation
    start: Any
    end: Any
    values: tuple[Any, ...] = ()
    sets: frozenset[int] | None = None
    sequence: Any = 0
    origin: Any = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Refuse a period that holds no time."""
        if not self.start < self.end:
            raise PeriodError("A change", 1, [f"[{self.start}, {self.end})"])

    def over(self, fact: Fact) -> Fact:
        """Return what this update makes of a fact, in the part that both have in common."""
        values = (
            self.values
            if self.sets is None
            else tuple(self.values[n] if n in self.sets else value for n, value in enumerate(fact.values))
        )
        return Fact(max(fact.start, self.start), min(fact.end, self.end), values, self.origin)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one commit closes and inserts of one key; `idle` is how many changes had no effect."""

    closed: tuple[Fact, ...]
    inserted: tuple[Fact, ...]
    idle: int = 0


def plan(believed: Iterable[Fact], changes: Iterable[Change], *, coalesce: bool = False) -> Plan:
    """Return what the changes of one batch close and insert, given all that is believed of the key.

        believed         change                     closed           inserted
        oslo  [1, 9)     put bonn [3, 5)            oslo  [1, 9)     oslo  [1, 3)
                                                                     bonn  [3, 5)
                                                                     oslo  [5, 9)

        oslo  [1, 3)     update to bonn [2, 6)      oslo  [1, 3)     oslo  [1, 2)
        rome  [5, 9)                                rome  [5, 9)     bonn  [2, 3)
                                                                     bonn  [5, 6)
                                                                     rome  [6, 9)

    A fact that is believed over all of its period after the batch as before is neither closed nor inserted again, so
    what says nothing new writes nothing. With `coalesce` an inserted fact becomes one with its neighbours of equal
    values. Raises ContradictionError, or OverlapError where what is believed overlaps.
    """
    before = sorted(believed, key=START)
    if clash := next((pair for pair in pairwise(before) if pair[1].start < pair[0].end), None):
        raise OverlapError([f"[{fact.start}, {fact.end})" for fact in clash])
    after, idle = list(before), 0
    ordered = in_order(changes)
    for change in ordered:
        first, last = _overlapping(after, change.start, change.end)
        new = _changed(after[first:last], change)
        if new is None:
            idle += 1
        else:
            after[first:last] = new
    kept = [fact for fact in before if _holds(after, fact.start, fact.end, fact.values)]
    inserted = _without(after, kept)
    if coalesce:
        kept, inserted = _coalesced(kept, inserted)
    still = set(map(START, kept))
    closed = tuple(fact for fact in before if fact.start not in still)
    # Changes that undo each other have had no effect.
    return Plan(closed, tuple(inserted), idle if closed or inserted else len(ordered))


def in_order(changes: Iterable[Change]) -> list[Change]:
    """Return the changes by sequence, each once.

    Raises ContradictionError where two of one sequence say different things of the same time.
    """
    ordered = sorted(dict.fromkeys(changes), key=attrgetter("sequence", "start", "end"))
    for _, together in groupby(ordered, key=attrgetter("sequence")):
        open_: list[Change] = []
        for change in together:
            open_ = [other for other in open_ if other.end > change.start]
            for other in open_:
                if _said(other) != _said(change):
                    periods = [f"{c.operation} [{c.start}, {c.end})" for c in (other, change)]
                    raise ContradictionError("The changes of a key", [" and ".join(periods)])
            open_.append(change)
    return ordered


def _said(change: Change) -> tuple[Any, ...]:
    return change.operation, change.values, change.sets


def _changed(inside: Sequence[Fact], change: Change) -> list[Fact] | None:
    """Return what takes the place of the facts that a change overlaps; None if it says nothing new."""
    if change.operation == "put":
        if _holds(inside, change.start, change.end, change.values):
            return None
        middle = [Fact(change.start, change.end, change.values, change.origin)]
    else:
        middle = [] if change.operation == "delete" else [change.over(fact) for fact in inside]
        same = [fact.values for fact in middle] == [fact.values for fact in inside]
        if same:
            return None
    left = [replace(fact, end=change.start) for fact in inside[:1] if fact.start < change.start]
    right = [replace(fact, start=change.end) for fact in inside[-1:] if fact.end > change.end]
    return [*left, *middle, *right]


def _overlapping(facts: Sequence[Fact], start: Any, end: Any) -> tuple[int, int]:
    """Return where in a timeline the facts begin and end that have some time in common with a period."""
    first = bisect_right(facts, start, key=END)
    return first, max(first, bisect_left(facts, end, key=START))


def _holds(facts: Sequence[Fact], start: Any, end: Any, values: tuple[Any, ...]) -> bool:
    """Say whether a timeline has these values in all of a period."""
    first, last = _overlapping(facts, start, end)
    for fact in facts[first:last]:
        if fact.start > start or fact.values != values:
            return False
        start = fact.end
    return bool(start >= end)


def _without(facts: Sequence[Fact], kept: Sequence[Fact]) -> list[Fact]:
    """Return the facts without the time that kept ones cover."""
    left = []
    for fact in facts:
        start = fact.start
        first, last = _overlapping(kept, fact.start, fact.end)
        for other in kept[first:last]:
            if start < other.start:
                left.append(replace(fact, start=start, end=other.start))
            start = other.end
        if start < fact.end:
            left.append(replace(fact, start=start))
    return left


def _coalesced(kept: Sequence[Fact], inserted: Sequence[Fact]) -> tuple[list[Fact], list[Fact]]:
    """Make one of each run of adjoining facts with equal values that has an inserted one among them."""
    new = set(map(START, inserted))
    runs: list[list[Fact]] = []
    for fact in sorted([*kept, *inserted], key=START):
        if runs and runs[-1][-1].end == fact.start and runs[-1][-1].values == fact.values:
            runs[-1].append(fact)
        else:
            runs.append([fact])
    still, made = [], []
    for run in runs:
        ours = [fact for fact in run if fact.start in new]
        if ours:
            made.append(replace(ours[-1], start=run[0].start, end=run[-1].end))
        else:
            still.extend(run)
    return still, made


CLOSE, INSERT, IDLE = "close", "insert", "idle"
Step: TypeAlias = "tuple[str, Any, Any, int | None, list[int]]"


def numbered(rows: Sequence[Any], cells: Sequence[Sequence[int]]) -> Iterator[tuple[int, Any, tuple[int, ...]]]:
    """Give each row with its number, and the numbers of its values, which come column by column."""
    values = zip(*cells, strict=True) if cells else [()] * len(rows)
    for number, (row, those) in enumerate(zip(rows, values, strict=True)):
        yield number, row, those


def steps(rows: Sequence[Any], cells: Sequence[Sequence[int]], *, coalesce: bool) -> list[Step]:
    """Plan one key, given its rows and, column by column, a number for each row's value; equal values have equal ones.

    A row is of the table if it has no `operation`, else of the batch. Each step is what is to be done, the period, the
    row that it stems from, and the numbers of its values.
    """
    believed, changes = [], []
    for number, row, those in numbered(rows, cells):
        if row.operation is None:
            believed.append(Fact(row.start, row.end, those, number))
        else:
            sets = None if row.sets is None else frozenset(row.sets)
            changes.append(Change(row.operation, row.start, row.end, those, sets, row.sequence, number))
    made = plan(believed, changes, coalesce=coalesce)
    return [
        *((CLOSE, fact.start, fact.end, fact.origin, []) for fact in made.closed),
        *((INSERT, fact.start, fact.end, fact.origin, list(fact.values)) for fact in made.inserted),
        *((IDLE, None, None, None, []) for _ in range(made.idle)),
    ]
