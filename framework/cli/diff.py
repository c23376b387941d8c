"""`lakegate diff TABLE --from V1 --to V2`."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Printed

from framework.cli import project
from framework.cli.console import wide_enough
from framework.cli.snapshot import version_of
from framework.cli.start import start


def print_diff(name: str, old: str, new: str | None, environment: str, overrides: Sequence[str], *, limit: int) -> None:
    """Print the rows that one version has and the other has not, or not as often, and how many more there are."""
    _, lake = start(project.find(), f"diff {name}", environment, overrides, quiet=True)
    from pyspark.sql import functions as F

    from framework.tables import Table
    from framework.tables.collect import collected
    from framework.tables.diff import diff, ordered
    from framework.tables.read import newest_version

    last = newest_version(lake, Table(name)) if new is None else version_of(lake, name, new)
    first = version_of(lake, name, old)
    rows = diff(lake, Table(name), first, last).persist()
    *columns, often = rows.columns
    counts = rows.agg(F.count(F.lit(1)), F.sum(F.greatest(-F.col(often), F.lit(0))), F.sum(F.greatest(often, F.lit(0))))
    with lake.readable(name):
        distinct, gone, come = counts.first() or (0, 0, 0)
        found = collected(ordered(rows).limit(limit))
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
    Console(highlight=False).print(f"{gone or 0:,} rows gone, {come or 0:,} rows new{more}")
