"""Loading a table: one commit of one batch, made at most once."""

from dataclasses import replace

from pyspark.sql import DataFrame

from framework.tables.commit import Counts, Loaded, Transaction, loaded, position_of
from framework.tables.lake import Lake
from framework.tables.prepare import require_frame
from framework.tables.table import Table
from framework.tables.write import Write


def is_applied(lake: Lake, table: Table, transaction: Transaction) -> bool:
    """Say whether the table holds this transaction, or a later one of its app id."""
    position = position_of(lake, table.name, transaction.app_id)
    return position is not None and position.txn_version >= transaction.position.txn_version


def load(lake: Lake, table: Table, write: Write, rows: DataFrame, transaction: Transaction) -> Loaded:
    """Write the rows in one commit that carries the transaction; the table is made first if it is not there.

    Raises FrameMismatchError before anything is written where the rows lack a column that the table declares, have one
    that it does not, or have one of another type.
    """
    require_frame(table, rows.schema)
    return write.commit(lake, table, rows, transaction)


def loaded_before(lake: Lake, table: Table, transaction: Transaction) -> Loaded:
    """Return what an earlier attempt of this batch left."""
    return replace(loaded(lake, table.name, transaction, lambda metrics: Counts()), already_applied=True)
