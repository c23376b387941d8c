"""Records of a log: a line with a time, or a traceback, and all that belongs to it; of a long one its ends are kept."""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

HEAD, TAIL = 150, 250
LONGEST_SHOWN = 2_000
TIMED = re.compile(
    r"(?:\d{2}/\d{2}/\d{2}|\d{4}-\d{2}-\d{2})[ T]\d{2}:\d{2}:\d{2}\S* +"
    r"(?:\[[^]]*\] +)?(?P<level>TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b"
)
BEGINS = re.compile(r'Traceback \(most recent call last\):|Error: |Exception in thread |\{"|# *$|\S+: line \d+: ')
CHAINED = ("The above exception was the direct cause", "During handling of the above exception")
# Parts of words: looking for these is ten times as quick as for one pattern.
TROUBLE = (
    *("Traceback", "rror", "xception", "_failed", "ERROR", "FATAL", "WARN", "Caused by"),
    *("ill", "SIG", "Memory", "can't open file", "not found", "enied", "xit"),
)


@dataclass(frozen=True, slots=True)
class Record:
    """Lines that belong together, and which of the log's lines they are, the first being 1."""

    lines: tuple[str, ...]
    first: int
    last: int

    @property
    def text(self) -> str:
        """Return the lines as one text."""
        return "\n".join(self.lines)

    @property
    def numbered(self) -> list[tuple[int, str]]:
        """Return the lines, each with its number in the log."""
        missing = self.last - self.first + 1 - len(self.lines)
        return [(self.first + n + (missing if n > HEAD else 0), line) for n, line in enumerate(self.lines)]

    @property
    def level(self) -> str:
        """Return what the record says that it is: INFO, WARN, ...; empty where it has no time."""
        found = TIMED.match(self.lines[0])
        return found["level"] if found else ""


def records(lines: Iterable[str]) -> Iterator[Record]:
    """Give a log's records one after the other; no more than one is kept in memory, and its ends of that."""
    head: list[str] = []
    tail: deque[str] = deque(maxlen=TAIL)
    first = number = 0
    alone = False
    previous = ""
    for number, line in enumerate(lines, 1):
        line = line[:LONGEST_SHOWN]
        is_rest = line.startswith((" ", "\t", "Caused by: "))
        if head and (_begins(line, head[0], previous) or (alone and not is_rest)):
            yield _record(head, tail, first, number - 1)
            head, tail = [], deque(maxlen=TAIL)
        if not head:
            first = number
            # What a program prints has no time: each line is for itself, until something begins.
            alone = not (TIMED.match(line) or BEGINS.match(line))
        (head if len(head) < HEAD else tail).append(line)
        previous = line if line.strip() else previous
    if head:
        yield _record(head, tail, first, number)


def troubled(lines: Iterable[str]) -> Iterator[Record]:
    """Give the records that may say what went wrong."""
    return (record for record in records(lines) if any(word in line for line in record.lines for word in TROUBLE))


def _begins(line: str, first: str, previous: str) -> bool:
    if TIMED.match(line) or line.startswith('{"'):
        return True
    if not BEGINS.match(line):
        return False
    if not line.startswith("Traceback"):
        return True
    # A traceback in the middle of another one's message, or the next of a chain, is part of it.
    nested = previous.startswith(CHAINED) or previous.rstrip().endswith(("stack trace below.", "PythonException:"))
    timed = TIMED.match(first)
    return not nested and not (timed and timed["level"] in ("WARN", "ERROR"))  # whoever caught it has logged it


def _record(head: list[str], tail: deque[str], first: int, last: int) -> Record:
    gone = last - first + 1 - len(head) - len(tail)
    return Record((*head, *([f"... {gone:,} lines ..."] if gone else []), *tail), first, last)
