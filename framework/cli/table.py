"""`lakegate table NAME`."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Printed

from framework.cli import project
from framework.cli.start import clock, start
from framework.errors import UnreadableTableError


def print_table(
    name: str, environment: str, overrides: Sequence[str], *, run: str | None, version: int | None, limit: int
) -> None:
    """Print rows of a table. Raises UnknownRunError, or a TableError where it, or the snapshot, cannot be read."""
    here = project.find()
    settings, lake = start(here, f"table {name}", environment, overrides, quiet=True)
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    from framework.pipeline.work import reading
    from framework.sources import table as source
    from framework.tables import Table
    from framework.tables.read import first_line

    now = reading(lake, settings, clock())
    chosen = source(Table(name), run=run, version=version)
    pin = chosen.pin(now)
    rows = chosen.read(now, pin)
    printed = Printed(title=f"{name}, version {pin.version}", title_justify="left")
    for column in rows.columns:
        printed.add_column(escape(column), overflow="fold")
    try:
        shown, count = rows.limit(limit).collect(), rows.count()
    except (Py4JJavaError, PySparkException) as error:
        raise UnreadableTableError(name, pin.version, first_line(error)) from None
    for row in shown:
        printed.add_row(*("" if value is None else escape(str(value)) for value in row))
    console = Console(highlight=False)
    console.print(printed)
    console.print(f"{len(shown)} of {count:,} rows")
