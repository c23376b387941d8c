"""`lakegate bookmarks [JOB]`."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from framework.cli import project
from framework.cli.start import clock, start


def print_bookmarks(name: str | None, environment: str, overrides: Sequence[str]) -> None:
    """Print for each job how far it has read its incremental source, which commits carry that, and what is waiting."""
    here = project.find()
    jobs = [here.load(found) for found in ([name] if name else here.names())]
    settings, lake = start(here, "bookmarks", environment, overrides, quiet=True)
    from framework.pipeline.bookmarks import bookmark

    table = Table(title="Bookmarks", title_justify="left")
    for heading in ("job", "source", "read so far", "batch", "carried by", "waiting"):
        table.add_column(heading, overflow="fold")
    notes = []
    for job in jobs:
        found = bookmark(job, lake, settings, clock)
        carried = "\n".join(f"{load} at version {version}" for load, version in found.commits.items())
        row = (job.name, found.source, found.read, str(found.batch or ""), carried, found.waiting)
        table.add_row(*map(escape, row))
        notes += [f"{job.name}: {note}" for note in found.notes]
    console = Console(highlight=False)
    console.print(table)
    for note in notes:
        console.print(f"[yellow]note[/yellow]  {escape(note)}")
