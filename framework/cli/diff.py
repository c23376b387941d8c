"""`lakegate diff TABLE --from V1 --to V2`."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Printed

from framework.cli import project
from framework.cli.console import wide_enough
from framework.cli.migrate import declaration
from framework.cli.snapshot import version_of
from framework.cli.start import start
from framework.counted import counted
from framework.errors import LakegateError


def print_diff(name: str, old: str, new: str | None, environment: str, overrides: Sequence[str], *, limit: int) -> None:
    """Print the rows that one version has and the other has not, or not as often, and how many more there are."""
    here = project.find()
    _, lake = start(here, f"diff {name}", environment, overrides, quiet=True)
    from pyspark.sql import functions as F

    from framework.tables import Table
    from framework.tables.collect import collected
    from framework.tables.diff import diff, ordered
    from framework.tables.read import newest_version
    from framework.tables.sql import named

    last = newest_version(lake, Table(name)) if new is None else version_of(lake, name, new)
    first = version_of(lake, name, old)
    rows = diff(lake, Table(name), first, last).persist()
    *columns, often = rows.columns
    counts = rows.agg(F.count(F.lit(1)), F.sum(F.greatest(-F.col(often), F.lit(0))), F.sum(F.greatest(often, F.lit(0))))
    first_of = [key for key in _keys(here, name) if key in columns] or columns[:1]
    by_key = rows.select(*(F.col(named((column,))) for column in dict.fromkeys((*first_of, often, *columns))))
    with lake.readable(name):
        distinct, gone, come = counts.first() or (0, 0, 0)
        found = collected(ordered(by_key).limit(limit))
    printed = Printed(title=f"{name}, version {first} to {last}", title_justify="left")
    printed.add_column("")
    for column in columns:
        printed.add_column(escape(column), overflow="fold")
    for row in found:
        times = row[often]
        sign = ("+" if times > 0 else "-") + (f" {abs(times)} times" if abs(times) > 1 else "")
        printed.add_row(sign, *(escape("NULL" if row[column] is None else str(row[column])) for column in columns))
    rows.unpersist()
    wide_enough(printed).print(printed)
    more = f"; {distinct - limit:,} more that differ are not shown (--limit)" if distinct > limit else ""
    Console(highlight=False).print(f"{counted(gone or 0, 'row')} gone, {counted(come or 0, 'row')} new{more}")


def _keys(here: project.Project, name: str) -> Sequence[str]:
    """Return a table's keys, if a job declares them: what a row was is to stand before what it is."""
    try:
        return declaration(here, name, None)[1].keys
    except LakegateError:
        return ()
