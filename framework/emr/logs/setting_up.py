"""Logs of setting up a node: the first error with what stands around it, and the end.

What follows a failed package or service is most often its consequence, hundreds of lines of it: Puppet goes on, and
skips whatever depends on it.
"""

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from framework.emr.logs.records import LONGEST_SHOWN

BEFORE, AFTER, LAST = 5, 12, 15
# Puppet writes the level behind the resource; a line without one is of a script, or goes on with the line before.
LEVEL = re.compile(r"\((debug|info|notice|warning|err|alert|emerg|crit)\): ")
BAD = ("err", "alert", "emerg", "crit")
ERROR = re.compile(
    r"^(?:\x1b\[[0-9;]*m)*(?:[\w./-]+: )*(?:(?:[Ff]atal )?[Ee]rror|ERROR|E|fatal|FATAL|FAILED)\b:"
    r"|\b(?:ERROR|FATAL|CRITICAL)\b|^Traceback \(most recent call last\)|command not found"
    r"|No such file or directory|Permission denied|\bcurl: \(\d+\)|No match for argument"
)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The lines of a log that say most, each with its number; `first` is empty where the end has the first error."""

    first: tuple[tuple[int, str], ...]
    last: tuple[tuple[int, str], ...]
    errors: int


def excerpt(lines: Iterable[str]) -> Excerpt:
    """Read a log once, and keep its first error and its end."""
    before: deque[tuple[int, str]] = deque(maxlen=BEFORE)
    last: deque[tuple[int, str]] = deque(maxlen=LAST)
    first: list[tuple[int, str]] = []
    errors = at = 0
    for number, line in enumerate(lines, 1):
        numbered = (number, line[:LONGEST_SHOWN])
        if is_error(line):
            errors += 1
            if not first:
                first, at = list(before), number
        if at and number <= at + AFTER:
            first.append(numbered)
        before.append(numbered)
        last.append(numbered)
    if not last or at >= last[0][0]:
        first = []
    # What the end shows is not shown twice.
    return Excerpt(tuple(each for each in first if each[0] < last[0][0]), tuple(last), errors)


def is_error(line: str) -> bool:
    """Return whether a line says that something failed."""
    if level := LEVEL.search(line):
        return level[1] in BAD
    return ERROR.search(line) is not None
