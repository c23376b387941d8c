"""Loading a table: one commit of one batch, made at most once, however often it is tried.

A try that meets another writer is made again on the table as it is then, with the same rows. What happened to a commit
whose answer was lost is read from the table.
"""

import re
from dataclasses import replace
from functools import partial

from pyspark.sql import DataFrame

from framework import fault
from framework.errors import ConstraintBrokenError, StaleEpochError
from framework.tables.commit import Counts, Loaded, Transaction, loaded, position_of
from framework.tables.conflict import conflict_of, outlast
from framework.tables.lake import Lake
from framework.tables.prepare import require_as_declared
from framework.tables.table import Table
from framework.tables.write import Write

ENFORCED = re.compile(r"\[DELTA_(?:VIOLATE_CONSTRAINT_WITH_VALUES|NOT_NULL_CONSTRAINT_VIOLATED)\]\s*(.*(?:\n - .*)*)")


def is_applied(lake: Lake, table: Table, transaction: Transaction) -> bool:
    """Say whether the table holds this transaction, or a later one of its app id.

    Raises StaleEpochError where a rollback has begun a newer epoch: then the batch was undone, not applied.
    """
    position = position_of(lake, table.name, transaction.app_id)
    if position is not None and position.epoch > transaction.position.epoch:
        raise StaleEpochError(table.name, str(transaction.position), str(position))
    return position is not None and position >= transaction.position


def load(lake: Lake, table: Table, write: Write, rows: DataFrame, transaction: Transaction) -> Loaded:
    """Write the rows in one commit that carries the transaction; the table is made first if it is not there.

    Raises FrameMismatchError before anything is written where the rows lack a column that the table declares, have one
    that it does not, or have one of another type; TableMismatchError where the table is otherwise and must not be
    altered; ConstraintBrokenError where it refuses a row; StaleEpochError where a rollback came between; ConflictError
    where other writers leave no room.
    """
    write.require_frame(table, rows.schema)
    return outlast(table.name, partial(_attempt, lake, table, write, rows, transaction))


def _attempt(lake: Lake, table: Table, write: Write, rows: DataFrame, transaction: Transaction) -> Loaded:
    if is_applied(lake, table, transaction):
        return loaded_before(lake, table, transaction)
    try:
        fault.point(f"before commit {transaction.app_id}")
        left = write.commit(lake, table, rows, transaction)
    except Exception as error:
        if is_applied(lake, table, transaction):
            return loaded_before(lake, table, transaction)
        if conflict_of(error):
            require_as_declared(lake, table)  # for the next attempt: the other may have altered it
        elif refused := ENFORCED.search(str(error)):
            raise ConstraintBrokenError(table.name, " ".join(refused[1].split()).rstrip(".")) from None
        raise
    fault.point(f"after commit {transaction.app_id}")
    if not left.in_log:
        is_applied(lake, table, transaction)  # Delta skips what it holds already: a newer epoch is an error
    return left


def loaded_before(lake: Lake, table: Table, transaction: Transaction) -> Loaded:
    """Return what an earlier attempt of this batch left."""
    return replace(loaded(lake, table.name, transaction, lambda metrics: Counts()), already_applied=True)
