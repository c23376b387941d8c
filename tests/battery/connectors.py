"""Every source and every write, each as one entry for the battery: what is given at first, and what it should become.

A new connector is one entry here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from framework.batch import Pin
from framework.sources import Reading, changes, files, incremental, jdbc, table
from framework.sources.source import Source
from framework.tables import Lake, RowModel, Table, append, overwrite, replace, sync, upsert
from framework.tables.write import Write
from tests.delta import given
from tests.postgres import PASSWORD, USER, Postgres

EARLY, LATE = datetime(2024, 1, 1, 10, tzinfo=UTC), datetime(2024, 1, 1, 14, tzinfo=UTC)
NOON, EVENING = datetime(2024, 1, 1, 12, tzinfo=UTC), datetime(2024, 1, 1, 18, tzinfo=UTC)
FIRST, SECOND = [(1, "Oslo"), (2, "Bonn")], [(3, "Lima")]


class City(RowModel):
    id: int
    name: str
    at: datetime


FEED = {"delta.enableChangeDataFeed": "true"}
ORIGIN = Table("raw.cities", City, properties=FEED)
TARGET = Table("silver.cities", City, keys="id")


@dataclass(frozen=True)
class World:
    """Where a source has its rows: a lake, a landing folder, and a database if there is one."""

    lake: Lake
    landing: Path
    postgres: Postgres | None = None

    def reading(self, now: datetime) -> Reading:
        """Return what sources read with."""
        return Reading(self.lake, str(self.landing), now, until=now, secret=lambda name: PASSWORD)


Put = Callable[[World, list[tuple[int, str]], datetime], None]


@dataclass(frozen=True)
class Connector:
    """A source: how it is made, how rows get to where it reads, and whether it tells what is new."""

    make: Callable[[World], Source]
    put: Put
    is_incremental: bool = True


def _to_files(world: World, rows: list[tuple[int, str]], at: datetime) -> None:
    folder = world.landing / "cities"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{number},{name},{at:%Y-%m-%dT%H:%M:%SZ}" for number, name in rows]
    (folder / f"{at:%H}.csv").write_text("\n".join(["id,name,at", *lines]) + "\n")


def _to_table(world: World, rows: list[tuple[int, str]], at: datetime) -> None:
    given(world.lake, ORIGIN, _values(rows, at, "TIMESTAMPTZ"))


def _to_postgres(world: World, rows: list[tuple[int, str]], at: datetime) -> None:
    assert world.postgres
    anew = "DROP TABLE IF EXISTS cities; CREATE TABLE cities (id bigint, name text, at timestamptz);"
    world.postgres.sql(f"{anew if at == EARLY else ''} INSERT INTO cities VALUES {_values(rows, at, 'timestamptz')}")


def rows_at(*rows: tuple[int, str]) -> str:
    """Return rows of the table as SQL."""
    return _values(list(rows), EARLY, "TIMESTAMPTZ")


def _values(rows: list[tuple[int, str]], at: datetime, kind: str) -> str:
    return ", ".join(f"({number}, '{name}', {kind} '{at:%Y-%m-%d %H:%M:%S}+00')" for number, name in rows)


def _database(world: World) -> Source:
    assert world.postgres
    return incremental(jdbc(world.postgres.url, "cities", City, user=USER, password="pg"), by="at")


CSV = files("cities", City, format="csv")
CONNECTORS: Mapping[str, Connector] = {
    "files": Connector(lambda world: CSV, _to_files, is_incremental=False),
    "incremental files": Connector(lambda world: incremental(CSV), _to_files),
    "table": Connector(lambda world: table(ORIGIN), _to_table, is_incremental=False),
    "incremental table": Connector(lambda world: incremental(table(ORIGIN), by="at"), _to_table),
    "changes": Connector(lambda world: changes(ORIGIN), _to_table),
    "incremental jdbc": Connector(_database, _to_postgres),
}


@dataclass(frozen=True)
class Writing:
    """A write: what a table of Oslo and Bonn holds after Rome (2) and Lima (3), and after a batch of no rows."""

    write: Write
    after: list[tuple[int, str]]
    after_none: list[tuple[int, str]]


OSLO, BONN, ROME, LIMA = (1, "Oslo"), (2, "Bonn"), (2, "Rome"), (3, "Lima")
WRITES: Mapping[str, Writing] = {
    "append": Writing(append(), [OSLO, BONN, ROME, LIMA], [OSLO, BONN]),
    "overwrite": Writing(overwrite(), [ROME, LIMA], []),
    "replace": Writing(replace(by="id"), [OSLO, ROME, LIMA], [OSLO, BONN]),
    "upsert": Writing(upsert(), [OSLO, ROME, LIMA], [OSLO, BONN]),
    "sync": Writing(sync(), [ROME, LIMA], []),
}


def through_json(pin: Pin) -> Pin:
    """Return a pin as a plan's document would give it back."""
    adapter: TypeAdapter[Any] = TypeAdapter(Pin)
    found: Pin = adapter.validate_json(adapter.dump_json(pin))
    return found
