"""Bitemporal tables by the day: a dict for each commit, which shares no code with the framework."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Believed = dict[int, tuple[Any, ...]]


class Said(NamedTuple):
    """One change of a batch, in days."""

    key: int
    operation: str
    start: int
    end: int
    values: tuple[Any, ...]
    sets: frozenset[int] | None
    sequence: int


class Row(NamedTuple):
    """One row of a bitemporal table, both of its periods in numbers; an open system time is None."""

    key: int
    values: tuple[Any, ...]
    valid_from: int
    valid_to: int
    system_from: int
    system_to: int | None


@dataclass
class Naive:
    """What is believed of each day of each key, after each commit."""

    commits: list[dict[int, Believed]] = field(default_factory=lambda: [{}])

    def commit(self, batch: Iterable[Said]) -> None:
        now = {key: dict(days) for key, days in self.commits[-1].items()}
        for said in sorted(batch, key=lambda said: said.sequence):
            days = now.setdefault(said.key, {})
            for day in range(said.start, said.end):
                if said.operation == "put":
                    days[day] = said.values
                elif said.operation == "delete":
                    days.pop(day, None)
                elif day in days:
                    new = list(days[day])
                    for position in range(len(new)) if said.sets is None else said.sets:
                        new[position] = said.values[position]
                    days[day] = tuple(new)
        self.commits.append(now)

    def believed(self, key: int, commit: int = -1) -> Believed:
        return self.commits[commit].get(key, {})


def slice_of(rows: Sequence[Row], key: int, system: int, days: Iterable[int]) -> Believed:
    """Return what the rows say of each day, as of a system time; two answers for one day are an error."""
    found: Believed = {}
    for day in days:
        answers = [
            row.values
            for row in rows
            if row.key == key
            and row.valid_from <= day < row.valid_to
            and row.system_from <= system < (row.system_to if row.system_to is not None else system + 1)
        ]
        assert len(answers) <= 1, f"day {day} of key {key} has {answers} as of {system}"
        if answers:
            found[day] = answers[0]
    return found
