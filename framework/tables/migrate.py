"""Migrating a table: it is made what it is declared to be, as far as that can be done without writing its rows anew."""

from collections.abc import Mapping
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from framework.errors import MigrationRefusedError, MigrationStoppedError, TableNotFoundError
from framework.tables.alter import alter, broken
from framework.tables.difference import Asked, Change
from framework.tables.lake import Lake, first_line, is_made
from framework.tables.prepare import compared
from framework.tables.table import Table


def plan_migration(lake: Lake, table: Table, asked: Asked) -> tuple[Change, ...]:
    """Return the changes that make a table as declared, in order; none where it is.

    Raises TableNotFoundError, or MigrationRefusedError with every reason: what cannot be altered, what was asked for
    that does not fit, rows that break a check which is to be added.
    """
    snapshot = lake.snapshot(table.name)
    if not is_made(snapshot):
        raise TableNotFoundError(table.name, lake.path(table.name))
    if table.model is None:
        raise MigrationRefusedError(table.name, ["it declares no row model, so there is nothing to compare it with"])
    differs = compared(lake, table, snapshot, asked)
    if reasons := differs.refusals or broken(lake, table.name, differs.changes, asked.renames):
        raise MigrationRefusedError(table.name, reasons)
    return differs.changes


def migrate(lake: Lake, table: Table, asked: Asked, by: Mapping[str, Any]) -> tuple[Change, ...]:
    """Make a table as declared, in commits that note what they altered, and `by` whom.

    Raises as planning it does, and MigrationStoppedError where Delta refuses a change.
    """
    changes = plan_migration(lake, table, asked)
    for change in changes:
        try:
            alter(lake, table.name, [change], by)
        except (PySparkException, Py4JJavaError) as error:
            raise MigrationStoppedError(table.name, change.does, first_line(error)) from error
    return changes
