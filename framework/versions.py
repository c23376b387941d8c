"""Versions: the history of one key that follows from what was said of it, in whatever order that arrived.

Pure Python, as timelines are. Each event says that from a time on the key has some values, or is gone. The rows of a
history are a function of the set of its events, and the events can be read from the rows again: so a late event finds
its place, and however events are ordered and split into batches, the rows are the same in the end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from framework.timeline import IDLE, INSERT, Fact, Step, numbered

REPLACE, DELETE = "replace", "delete"
ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Event:
    """That from `at` on a key has these values, None if it is gone; `origin` names the row that says so."""

    at: Any
    values: tuple[Any, ...] | None
    origin: Any = None


def events(rows: Iterable[Fact], forever: Any) -> list[Event]:
    """Read from the rows of a history what was said.

    A row without duration is the trace of an event that changed nothing when it was said: inside of a version the same
    values once more, outside of one that the key is gone.
    """
    found: list[Event] = []
    open_: Fact | None = None
    for row in sorted(rows, key=lambda row: (row.start, row.end)):
        if open_ is not None and open_.end <= row.start:
            if open_.end < row.start or row.start == row.end:
                found.append(Event(open_.end, None, open_.origin))
            open_ = None
        if row.start < row.end:
            open_ = row
            found.append(Event(row.start, row.values, row.origin))
        else:
            found.append(Event(row.start, None if open_ is None else row.values, row.origin))
    if open_ is not None and open_.end != forever:
        found.append(Event(open_.end, None, open_.origin))
    return found


def versions(
    said: Iterable[Event], tracked: Sequence[int], forever: Any, *, in_order: bool = False, marked: bool = False
) -> list[Fact]:
    """Return the rows of a history, of events at different times.

        at  values          valid     values
        1   oslo            [1, 4)    oslo
        2   oslo            [2, 2)    oslo      a trace: if bonn is said of 1.5 later, that ends at 2
        4   gone
        6   rome            [6, ∞)    rome

    A version begins where a tracked value differs from those before. With `in_order` there are no traces. With `marked`
    an event by which the key is gone has a trace also where it ends a version, so that its own row can be looked at.
    """
    rows: list[Fact] = []
    open_: Event | None = None
    for event in sorted(said, key=lambda event: event.at):
        if _says_nothing_new(open_, event, tracked):
            if not in_order:
                rows.append(Fact(event.at, event.at, event.values or (), event.origin))
            continue
        if open_ is not None:
            rows.append(Fact(open_.at, event.at, open_.values or (), open_.origin))
            if marked and event.values is None:
                rows.append(Fact(event.at, event.at, (), event.origin))
        open_ = None if event.values is None else event
    if open_ is not None:
        rows.append(Fact(open_.at, forever, open_.values or (), open_.origin))
    return rows


def _says_nothing_new(open_: Event | None, event: Event, tracked: Sequence[int]) -> bool:
    if event.values is None or open_ is None or open_.values is None:
        return event.values is None and open_ is None
    return all(open_.values[place] == event.values[place] for place in tracked)


def steps(
    rows: Sequence[Any],
    cells: Sequence[Sequence[int]],
    *,
    tracked: Sequence[int],
    forever: Any,
    in_order: bool,
    truncated: Sequence[Any] = (),
    snapshot_at: Any = None,
    marked: bool = False,
) -> list[Step]:
    """Plan one key: what becomes of its rows, each of which is known by its start; see `framework.timeline.steps`.

    Of two events of one time the one of the batch counts, unless that of the table has a greater `sequence`; where the
    rows have any, ends are `marked`, to have one too. At the times in `truncated` every key was gone, unless it has an
    event of its own then; these leave no trace, since the table remembers them.

    With `snapshot_at` the batch is all that there is at that time: what it says last of the key before then is what
    holds from then on, also where something else was said in between. A row that is `absent` says that it has nothing
    of the key, and what was said of later times is withdrawn.
    """
    there, new = [], []
    places = {row.start: row.sequence for row in rows if row.operation is None}
    later = {row.start: row.sequence - places.get(row.start, row.sequence) for row in rows if row.operation is not None}
    for number, row, those in numbered(rows, cells):
        if row.operation is None:
            there.append(Fact(row.start, row.end, those, number))
        else:
            new.append(Event(row.start, None if row.operation in ("delete", ABSENT) else those, number))
    is_absent = any(row.operation == ABSENT for row in rows)
    said = {event.at: event for event in events(there, forever) if not (is_absent and event.at > snapshot_at)}
    news = {
        event.at: event
        for event in new
        if later[event.at] > 0
        or (later[event.at] == 0 and (event.at not in said or said[event.at].values != event.values))
    }
    all_ = {**{at: Event(at, None) for at in truncated}, **said, **news}
    seen = _seen(new, all_.values(), tracked, snapshot_at)
    if seen:
        all_[snapshot_at] = Event(snapshot_at, seen.values, seen.origin)
    traceless = {at for at in truncated if all_[at].values is None}
    after = versions(all_.values(), tracked, forever, in_order=in_order, marked=marked)
    after = [row for row in after if row.start < row.end or row.start not in traceless]
    before = {row.start: row for row in there}
    done: list[Step] = []
    for row in after:
        old = before.pop(row.start, None)
        if old is None:
            done.append((INSERT, row.start, row.end, row.origin, []))
        elif (old.end, old.origin) != (row.end, row.origin):
            done.append((REPLACE, row.start, row.end, row.origin, []))
    done += [(DELETE, row.start, row.end, row.origin, []) for row in before.values()]
    told = set() if is_absent else {event.at for event in new}
    idle = told - news.keys() - ({seen.at} if seen else set()) if done else told
    return [*done, *((IDLE, None, None, None, []) for _ in idle)]


def _seen(new: Iterable[Event], all_: Iterable[Event], tracked: Sequence[int], at: Any) -> Event | None:
    """Return what a snapshot says of a key, where something else would hold at its time."""
    if at is None:
        return None
    said, held = (max((e for e in each if e.at <= at), key=lambda e: e.at, default=None) for each in (new, all_))
    open_ = held if held and held.values is not None else None
    return None if said is None or _says_nothing_new(open_, said, tracked) else said
