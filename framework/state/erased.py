"""Erased: who was erased, as digests that every load looks at, and what was done for it.

under <lake.root>/_lakegate
    erased/<id>.json          a person: put there before the first row is removed, so that none comes back
    erasures-begun/<id>.json  an erasure: which version each table had before its first row was removed
    erasures/<id>.json        what it did, once it is through: the tables, how many rows of each, without the data
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from secrets import token_hex

from framework.state.documents import Documents
from framework.tables import Lake
from framework.tables.person import Person

BEGUN = "erasures-begun"


@dataclass(frozen=True, slots=True)
class Begun:
    """An erasure that is to be ended: the versions before it, by table."""

    digest: str
    asked_at: datetime
    versions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure has done: the rows that it removed, by table, in all its attempts."""

    digest: str
    asked_at: datetime
    finished_at: datetime
    rows: Mapping[str, int]


def erased(lake: Lake) -> list[Person]:
    """Return who was erased. Raises DamagedStateError."""
    found = _persons(lake)
    return found.load_all(found.names())


def put_down(lake: Lake, person: Person, at: datetime) -> None:
    """Put a person on the list, once."""
    if person not in erased(lake):
        _persons(lake).create(_name(at), person)


def rename_subject(lake: Lake, subject: Sequence[str], renames: Mapping[str, str], at: datetime) -> None:
    """Put who is on the list by columns that get new names down by these too; whoever loads by the old ones has those.

    `subject` is as it is after that, `renames` are the new names by the old ones.
    """
    old = {new: old for old, new in renames.items()}
    before = tuple(sorted(old.get(name, name) for name in subject))
    if before != tuple(sorted(subject)):
        for person in [each for each in erased(lake) if each.subject == before]:
            put_down(lake, person.renamed(renames), at)


def begin_erasure(lake: Lake, asked: Begun) -> tuple[str, Begun]:
    """Record that an erasure begins, under a name; one that was begun before and never ended is taken up."""
    begun = Documents(lake, BEGUN, Begun)
    for name in sorted({*begun.names()} - {*_erasures(lake).names()}):
        found = begun.load(name)
        if found and found.digest == asked.digest:
            return name, replace(found, versions={**asked.versions, **found.versions})
    name = _name(asked.asked_at)
    begun.create(name, asked)
    return name, asked


def record_erasure(lake: Lake, name: str, done: Erasure) -> None:
    """Record what the erasure of a name did."""
    _erasures(lake).create(name, done)


def salt(lake: Lake) -> str:
    """Return the salt of the lake's digests, the same for all: a row is then hashed once, however long the list is."""
    known = erased(lake)
    return known[0].salt if known else token_hex(16)


def _erasures(lake: Lake) -> Documents[Erasure]:
    return Documents(lake, "erasures", Erasure)


def _persons(lake: Lake) -> Documents[Person]:
    return Documents(lake, "erased", Person)


def _name(at: datetime) -> str:
    return f"{at:%Y%m%dT%H%M%S}-{token_hex(4)}"
