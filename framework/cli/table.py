"""`lakegate table NAME`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Printed

from framework.cli import project
from framework.cli.about import print_about
from framework.cli.console import wide_enough
from framework.cli.start import clock, start
from framework.counted import counted
from framework.errors import NoHistoryError, alternatives

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

    from framework.tables import Lake

# More rows than a picture of one key can show.
MOST_BELIEFS = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows are asked for: of a snapshot, of times that the table keeps, of a key."""

    run: str | None = None
    version: int | None = None
    valid: datetime | None = None
    system: datetime | None = None
    key: Mapping[str, str] = field(default_factory=dict)
    about: bool = False

    @property
    def whole(self) -> bool:
        """Whether nothing but the table is asked for, so that what it is is told too."""
        return self.about and not (self.run or self.version is not None or self.valid or self.system or self.key)


def keyed(said: Sequence[str]) -> dict[str, str]:
    """Return the columns and values of --key COLUMN=VALUE."""
    parts = [each.partition("=") for each in said]
    if wrong := [name for name, equals, _ in parts if not (name and equals)]:
        raise typer.BadParameter(f"--key {wrong[0]}: say COLUMN=VALUE, such as --key tailnum=N10156")
    names = [name for name, _, _ in parts]
    if twice := [name for name in names if names.count(name) > 1]:
        raise typer.BadParameter(f"--key {twice[0]}: say it once; of two values one would be passed over")
    return {name: value for name, _, value in parts}


def print_table(name: str, environment: str, overrides: Sequence[str], asked: Asked, *, limit: int) -> None:
    """Print rows of a table.

    Raises UnknownRunError, NoHistoryError, or a TableError where it, or the snapshot, cannot be read.
    """
    lake, rows, version = _asked_for(name, environment, overrides, asked)
    if asked.whole:
        print_about(lake, name)
    printed = Printed(title=f"{name}, version {version}", title_justify="left")
    for column in rows.columns:
        printed.add_column(escape(column), overflow="fold")
    shown, count = _read(lake, name, version, rows, limit)
    for row in shown:
        printed.add_row(*("" if value is None else escape(str(value)) for value in row))
    console = wide_enough(printed)
    console.print(printed)
    console.print(f"{len(shown)} of {counted(count, 'row')}")


def draw_table(name: str, environment: str, overrides: Sequence[str], asked: Asked, *, svg: Path | None) -> None:
    """Draw what a table believes of one key, in both times; raises as `print_table` does."""
    from framework.report import timeline
    from framework.tables import Table
    from framework.tables.history.ask import periods
    from framework.tables.prepare import ADDED

    if not asked.key:
        raise typer.BadParameter("--timeline draws one key: say --key COLUMN=VALUE, once for each column of the key")
    lake, rows, version = _asked_for(name, environment, overrides, asked)
    of = periods(lake, Table(name))
    if of.system_time is None:
        raise typer.BadParameter(
            f"--timeline draws bitemporal tables, and {name} keeps no system time. "
            "Without --timeline, --key prints the key's versions"
        )
    times = (*of.valid, *of.system)
    key = ", ".join(f"{column}={value}" for column, value in asked.key.items())
    found, count = _read(lake, name, version, rows, MOST_BELIEFS)
    if count > MOST_BELIEFS:
        raise typer.BadParameter(
            f"{count:,} rows have this --key, and a picture {MOST_BELIEFS} at most: name more columns"
        )
    if not found:
        typer.echo(f"no rows with {key}")
        return
    payload = [column for column in rows.columns if column not in (*times, *asked.key, *ADDED)]
    told = [column for column in payload if len({str(row[column]) for row in found}) > 1] or payload[:1]
    beliefs = [
        timeline.Belief(
            ", ".join(f"{column}={'NULL' if row[column] is None else row[column]}" for column in told),
            (row[times[0]], row[times[1]]),
            (row[times[2]], row[times[3]]),
        )
        for row in found
    ]
    if timeline.overlaps(beliefs):
        raise typer.BadParameter(f"the rows with --key {key} are of several keys: name all columns of the key")
    drawn = timeline.timeline(beliefs)
    console = Console()
    typer.echo(f"{name}, {key}")
    typer.echo(timeline.text(drawn, console.width if console.is_terminal else None))
    typer.echo(timeline.LEGEND)
    if svg:
        svg.parent.mkdir(parents=True, exist_ok=True)
        svg.write_text(timeline.svg(drawn, f"{name}, {key}"), encoding="utf-8")
        typer.echo(f"Drawn: {svg}")


def print_view(name: str, environment: str, overrides: Sequence[str], engine: str) -> None:
    """Print the statement by which an engine sees what a table believes now. Raises as `print_table` does."""
    from framework.tables import Table
    from framework.tables.history.ask import periods
    from framework.tables.history.view import QUOTES, current_view

    if engine not in QUOTES:
        raise typer.BadParameter(f"--view {engine}: {alternatives(engine, QUOTES)}")
    lake, rows, _ = _asked_for(name, environment, overrides, Asked())
    typer.echo(f"{current_view(periods(lake, Table(name)), rows.columns, engine)};")


def _asked_for(
    name: str, environment: str, overrides: Sequence[str], asked: Asked
) -> "tuple[Lake, DataFrame, int | None]":
    """Return the lake, the rows, and the version that they are of."""
    here = project.find()
    settings, lake = start(here, f"table {name}", environment, overrides, quiet=True)
    from pyspark.sql import functions as F

    from framework.pipeline.work import reading
    from framework.sources import table as source
    from framework.tables import Table
    from framework.tables.history.ask import periods, sliced

    now = reading(lake, settings, clock())
    chosen = source(Table(name), run=asked.run, version=asked.version)
    pin = chosen.pin(now)
    rows = chosen.read(now, pin)
    for column, value in asked.key.items():
        if column not in rows.columns:
            raise typer.BadParameter(f"--key {column}: {name} has no such column. {alternatives(column, rows.columns)}")
        rows = rows.where(F.col(column).cast("string") == value)
    if asked.valid or asked.system:
        rows = sliced(rows, periods(lake, Table(name)), valid=asked.valid, system=asked.system)
    if asked.key:
        rows = _as_told(lake, name, rows)
    return lake, rows, pin.version


def _as_told(lake: "Lake", name: str, rows: "DataFrame") -> "DataFrame":
    """Order what a table that remembers keeps of a key as it was told; the rows of another are left as they are."""
    from framework.tables import Table
    from framework.tables.history.ask import periods

    try:
        of = periods(lake, Table(name))
    except NoHistoryError:
        return rows
    return rows.orderBy(*(of.system_time or ())[:1], *(of.valid_time or ())[:1])


def _read(lake: "Lake", name: str, version: int | None, rows: "DataFrame", limit: int) -> "tuple[list[Row], int]":
    """Return as many rows, and how many there are. Raises UnreadableTableError."""
    from framework.tables.collect import collected

    with lake.readable(name, version):
        return collected(rows.limit(limit)), rows.count()
