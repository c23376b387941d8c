"""What `lakegate table NAME` prints of a table before its rows: schema, properties, size, history, bookmarks."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Printed

from framework.cli.console import sized, wide_enough
from framework.counted import counted

if TYPE_CHECKING:
    from framework.tables import Lake
    from framework.tables.commit import Commit
    from framework.tables.maintain import Size

COMMITS = 10


def print_about(lake: "Lake", name: str) -> None:
    """Print what a table is. Raises TableNotFoundError."""
    from framework.tables.alter import clustering
    from framework.tables.lake import partition_columns, properties_of
    from framework.tables.maintain import size_of

    size, snapshot = size_of(lake, name), lake.snapshot(name)
    metadata = snapshot.metadata()
    console = Console(highlight=False)
    console.print(f"[bold]{escape(name)}[/bold]  {told(size)}", soft_wrap=True)
    console.print(escape(f"{lake.path(name)}  {metadata.description() or ''}".rstrip()), soft_wrap=True)
    for said, columns in (("partitioned", partition_columns(snapshot)), ("clustered", clustering(lake, snapshot))):
        if columns:
            console.print(escape(f"{said} by {', '.join(columns)}"))
    schema = [
        (each["name"], _kind(each["type"]), "" if each["nullable"] else "NOT NULL", each["metadata"].get("comment", ""))
        for each in json.loads(metadata.schemaString())["fields"]
    ]
    _print("Columns", ("column", "type", "", "comment"), schema)
    _print("Properties", ("property", "value"), list(properties_of(snapshot).items()))
    _print("History", ("version", "made at (UTC)", "operation", "by"), _history(lake, name, size.version))
    _print("Bookmarks", ("job/load", "batch"), _bookmarks(snapshot))
    _print("Held", ("version", "by"), _held(lake, name))


def told(size: "Size") -> str:
    """Return `12 files, 3.4 MB, versions 0 to 9`."""
    return f"{counted(size.files, 'file')}, {sized(size.size)}, versions {size.oldest} to {size.version}"


def _kind(kind: object) -> str:
    return kind if isinstance(kind, str) else json.dumps(kind)


def _history(lake: "Lake", name: str, newest: int) -> list[tuple[str, ...]]:
    from framework.tables.commit import read_commit

    commits = (read_commit(lake, name, version, {}) for version in range(newest, max(newest - COMMITS, -1), -1))
    return [
        (
            str(commit.version),
            f"{datetime.fromtimestamp((commit.committed_at or 0) / 1000, UTC):%Y-%m-%d %H:%M:%S}",
            commit.operation,
            _by(commit),
        )
        for commit in commits
        if commit
    ]


def _by(commit: "Commit") -> str:
    """Return what a commit's notes say of who made it, or of what it is for."""
    from framework.tables.commit import ERASURE, SCHEMA_CHANGE

    notes = commit.notes
    if ERASURE in notes:
        return "erase"
    if "restored_to" in notes:
        return f"restore to version {notes['restored_to']}"
    if "rollback" in notes:
        return f"rollback of {notes.get('job', '')}"
    return str(notes.get(SCHEMA_CHANGE) or notes.get("run") or notes.get("maintained_by") or "")


def _bookmarks(snapshot: Any) -> list[tuple[str, ...]]:
    from framework.batch import Position

    found = str(snapshot.transactions().mkString("\n")).split("\n")
    pairs = sorted(each.rsplit(" -> ", 1) for each in found if each)
    return [(app, str(Position.of(int(version)))) for app, version in pairs]


def _held(lake: "Lake", name: str) -> list[tuple[str, ...]]:
    from framework.state.holds import holds

    return [(str(hold.version), hold.who) for hold in holds(lake, name)]


def _print(title: str, headings: tuple[str, ...], rows: Sequence[Sequence[str]]) -> None:
    if not rows:
        return
    printed = Printed(title=title, title_justify="left")
    for heading in headings:
        printed.add_column(heading, overflow="fold")
    for row in rows:
        printed.add_row(*map(escape, row))
    wide_enough(printed).print(printed)
