"""Loading a table: one commit of one batch, made at most once."""

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame

from framework.tables.commit import Transaction, find_commit, position_of
from framework.tables.lake import Lake
from framework.tables.prepare import require_frame
from framework.tables.read import newest_version
from framework.tables.table import Table
from framework.tables.write import Counts, Write


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load left: the version it committed, the partitions it touched, its rows, and whether it was in before."""

    version: int
    partitions: tuple[Mapping[str, str | None], ...]
    counts: Counts
    already_applied: bool = False


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
    return _loaded(lake, table, transaction, write.commit(lake, table, rows, transaction))


def loaded_before(lake: Lake, table: Table, transaction: Transaction) -> Loaded:
    """Return what an earlier attempt of this batch left."""
    loaded = _loaded(lake, table, transaction, Counts())
    return Loaded(loaded.version, loaded.partitions, loaded.counts, already_applied=True)


def _loaded(lake: Lake, table: Table, transaction: Transaction, counts: Counts) -> Loaded:
    commit = find_commit(lake, table.name, transaction)
    if commit is None:  # cleaned out of the log: the table holds it, and any of its partitions may be touched
        return Loaded(newest_version(lake, table), ({},), counts)
    return Loaded(commit.version, commit.partitions, counts)
