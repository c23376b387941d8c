"""Writes that need no key: append, overwrite, and replace of whole slices. Each is one commit.

A write is a value with two methods: `require(table)` refuses a declaration that it cannot serve, when the job is built;
`commit(lake, table, rows, transaction)` writes, and returns what went in.
"""

from dataclasses import dataclass
from typing import Protocol

from pyspark.sql import DataFrame, DataFrameWriter

from framework.errors import DataRefusedError, DeclarationError, alternatives
from framework.tables.commit import Commit, Transaction, find_commit
from framework.tables.lake import Lake
from framework.tables.model import columns, generated_columns
from framework.tables.prepare import prepared
from framework.tables.slices import any_of
from framework.tables.table import Table

MOST_SLICES = 10_000


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of one load: `read` = inserted + updated + unchanged + deduplicated; `deleted` were the table's."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    deduplicated: int = 0


class Write(Protocol):
    """How a load changes its table."""

    def require(self, table: Table) -> None:
        """Raise DeclarationError where the table's declaration lacks what this write needs."""

    def commit(self, lake: Lake, table: Table, rows: DataFrame, transaction: Transaction) -> Counts:
        """Write the rows in one commit that carries the transaction."""


@dataclass(frozen=True, slots=True)
class Append:
    """Add all rows."""

    def require(self, table: Table) -> None:
        """Any table will do."""

    def commit(self, lake: Lake, table: Table, rows: DataFrame, transaction: Transaction) -> Counts:
        """Append the rows; generated columns are left to Delta."""
        _writer(prepared(lake, table, rows), table, transaction).mode("append").save(lake.path(table.name))
        return _counts(lake, table, transaction)


@dataclass(frozen=True, slots=True)
class Overwrite:
    """Put the rows in the place of all that the table holds."""

    def require(self, table: Table) -> None:
        """Any table will do."""

    def commit(self, lake: Lake, table: Table, rows: DataFrame, transaction: Transaction) -> Counts:
        """Overwrite the table; readers see the old rows or the new ones."""
        # Also in a session that is set to overwrite only the partitions that the rows have.
        writer = _writer(prepared(lake, table, rows), table, transaction).option("partitionOverwriteMode", "static")
        writer.mode("overwrite").save(lake.path(table.name))
        return _counts(lake, table, transaction)


@dataclass(frozen=True, slots=True)
class Replace:
    """Put the rows in the place of the slices that they belong to."""

    by: str

    def require(self, table: Table) -> None:
        """The column must be one of the table's."""
        if table.model and self.by not in columns(table.model):
            known = alternatives(self.by, columns(table.model))
            raise DeclarationError(f"replace(by={self.by!r}) into {table.name!r}", f"it is not a column. {known}")

    def commit(self, lake: Lake, table: Table, rows: DataFrame, transaction: Transaction) -> Counts:
        """Replace each value of `by` that the rows have; the table's other values stay.

        by="day"   table            rows               table after
                   day  flights     day  flights       day  flights
                   1    10          2    7             1    10
                   2    20          3    5             2    7
                                                       3    5
        """
        by, kind = rows.select(self.by), rows.schema[self.by].dataType
        found = by.select(by[0].cast("string")).distinct().limit(MOST_SLICES + 1).collect()
        if len(found) > MOST_SLICES:
            raise DataRefusedError(
                f"The rows for table {table.name!r} fall into more than {MOST_SLICES} values of {self.by!r}. "
                "Replace by a coarser column."
            )
        slices = any_of(f"`{self.by}`", kind, [row[0] for row in found])
        # The values must be in the rows for Delta to compare them with the condition, generated or not.
        writer = prepared(lake, table, rows).write.format("delta").options(**transaction.options).mode("overwrite")
        writer.option("replaceWhere", slices).save(lake.path(table.name))
        return _counts(lake, table, transaction)


def append() -> Write:
    """Add all rows. Right for rows that are read once; a key is not looked at."""
    return Append()


def overwrite() -> Write:
    """Put the rows in the place of all that the table holds, in one commit."""
    return Overwrite()


def replace(by: str) -> Write:
    """Put the rows in the place of the slices that they belong to: each value of the column `by` that they have.

    A slice that the rows do not have is left alone, so an empty frame replaces nothing.
    """
    return Replace(by)


def _writer(rows: DataFrame, table: Table, transaction: Transaction) -> DataFrameWriter:
    generated = generated_columns(table.model) if table.model else {}
    return rows.drop(*generated).write.format("delta").options(**transaction.options)


def _counts(lake: Lake, table: Table, transaction: Transaction) -> Counts:
    commit = find_commit(lake, table.name, transaction) or Commit(-1, ())
    rows = commit.metrics.get("numOutputRows", 0)
    return Counts(read=rows, inserted=rows, deleted=commit.metrics.get("numDeletedRows", 0))
