"""Writes that need no key: append, overwrite, and replace of whole slices. Each is one commit.

A write is a value: `require(table)` refuses a declaration that it cannot serve, when the job is built;
`require_frame(table, columns)` a frame, before anything is written;
`commit(lake, table, rows, transaction)` writes, and returns what it left.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

from pyspark.sql import DataFrame, DataFrameWriter
from pyspark.sql.types import StructType

from framework.errors import DeclarationError, UntouchedSliceError, alternatives
from framework.tables.commit import Counts, Loaded, Transaction, loaded
from framework.tables.lake import Lake
from framework.tables.model import columns, generated_columns
from framework.tables.prepare import prepared, require_frame
from framework.tables.slices import any_of, values_of
from framework.tables.table import Table

RightFor = Literal["new", "any", "slices", "all"]


class Write(Protocol):
    """How a load changes its table.

    `right_for` says of which rows: `new` ones, that were never loaded; `any`, since what is there already is found by
    its key; whole `slices` of the table; or `all` that the table is to hold.
    """

    @property
    def verb(self) -> str:
        """What it is called."""

    @property
    def right_for(self) -> RightFor:
        """Which rows it can be given without losing or doubling any."""

    def require(self, table: Table) -> None:
        """Raise DeclarationError where the table's declaration lacks what this write needs."""

    def require_frame(self, table: Table, frame: StructType) -> None:
        """Raise FrameMismatchError where a frame has not the columns that this write takes."""

    def commit(self, lake: Lake, table: Table, rows: DataFrame, transaction: Transaction) -> Loaded:
        """Write the rows in one commit that carries the transaction."""


class OfTheTable:
    """What takes frames of the columns that the table declares."""

    __slots__ = ()

    def require_frame(self, table: Table, frame: StructType) -> None:
        """The frame must have the table's columns."""
        require_frame(table, frame)


@dataclass(frozen=True, slots=True)
class Append(OfTheTable):
    """Add all rows."""

    @property
    def verb(self) -> str:
        """What it is called."""
        return "append"

    @property
    def right_for(self) -> RightFor:
        """Rows that were never loaded: others would be there twice."""
        return "new"

    def require(self, table: Table) -> None:
        """Any table will do."""

    def commit(self, lake: Lake, table: Table, rows: DataFrame, transaction: Transaction) -> Loaded:
        """Append the rows; generated columns are left to Delta."""
        _writer(prepared(lake, table, rows, transaction.notes), table, transaction).mode("append").save(
            lake.path(table.name)
        )
        return _loaded(lake, table, transaction)


@dataclass(frozen=True, slots=True)
class Overwrite(OfTheTable):
    """Put the rows in the place of all that the table holds."""

    @property
    def verb(self) -> str:
        """What it is called."""
        return "overwrite"

    @property
    def right_for(self) -> RightFor:
        """All that the table is to hold: the rest is removed."""
        return "all"

    def require(self, table: Table) -> None:
        """Any table will do."""

    def commit(self, lake: Lake, table: Table, rows: DataFrame, transaction: Transaction) -> Loaded:
        """Overwrite the table; readers see the old rows or the new ones."""
        # Also in a session that is set to overwrite only the partitions that the rows have.
        writer = _writer(prepared(lake, table, rows, transaction.notes), table, transaction).option(
            "partitionOverwriteMode", "static"
        )
        writer.mode("overwrite").save(lake.path(table.name))
        return _loaded(lake, table, transaction)


@dataclass(frozen=True, slots=True)
class Replace(OfTheTable):
    """Put the rows in the place of the slices that they belong to.

    `touched` are the slices of which the rows hold everything, as Spark casts them to strings: then these are replaced,
    also where no row of one is left, and no others.
    """

    by: str
    touched: tuple[str | None, ...] | None = None

    @property
    def verb(self) -> str:
        """What it is called."""
        return "replace"

    @property
    def right_for(self) -> RightFor:
        """Whole slices: what a slice has besides is removed."""
        return "slices"

    def require(self, table: Table) -> None:
        """The column must be one of the table's."""
        if table.model and self.by not in columns(table.model):
            known = alternatives(self.by, columns(table.model))
            raise DeclarationError(f"replace(by={self.by!r}) into {table.name!r}", f"it is not a column. {known}")

    def commit(self, lake: Lake, table: Table, rows: DataFrame, transaction: Transaction) -> Loaded:
        """Replace each value of `by` that the rows have; the table's other values stay.

        by="day"   table            rows               table after
                   day  flights     day  flights       day  flights
                   1    10          2    7             1    10
                   2    20          3    5             2    7
                                                       3    5

        Raises UntouchedSliceError where rows are of a slice that was not touched.
        """
        # A generated column stays in the rows, for Delta to place and compare them by.
        if self.touched is not None:
            self._save_touched(lake, table, rows, transaction, self.touched)
        elif tuple(table.partition_by) == (self.by,):
            self._save(lake, table, rows, transaction, partitionOverwriteMode="dynamic")
        else:
            with computed_once(rows) as held:
                self._save(lake, table, held, transaction, replaceWhere=self._slices(held, values_of(held, self.by)))
        return _loaded(lake, table, transaction)

    def _save(self, lake: Lake, table: Table, rows: DataFrame, transaction: Transaction, **option: str) -> None:
        writer = (
            prepared(lake, table, rows, transaction.notes)
            .write.format("delta")
            .options(**transaction.options, **option)
        )
        writer.mode("overwrite").save(lake.path(table.name))

    def _save_touched(
        self, lake: Lake, table: Table, rows: DataFrame, transaction: Transaction, touched: Sequence[str | None]
    ) -> None:
        try:
            self._save(lake, table, rows, transaction, replaceWhere=self._slices(rows, touched))
        except Exception as error:
            if "DELTA_REPLACE_WHERE_MISMATCH" in str(error):
                raise UntouchedSliceError(table.name, self.by, len(touched)) from None
            raise

    def _slices(self, rows: DataFrame, values: Sequence[str | None]) -> str:
        return any_of(f"`{self.by}`", rows.schema[self.by].dataType, values)


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


@contextmanager
def computed_once(rows: DataFrame) -> Iterator[DataFrame]:
    """Keep rows that are read more than once meanwhile, so that they are the same rows each time."""
    ours = not rows.is_cached
    held = rows.persist() if ours else rows
    try:
        yield held
    finally:
        if ours:
            held.unpersist()


def _writer(rows: DataFrame, table: Table, transaction: Transaction) -> DataFrameWriter:
    generated = generated_columns(table.model) if table.model else {}
    return rows.drop(*generated).write.format("delta").options(**transaction.options)


def _loaded(lake: Lake, table: Table, transaction: Transaction) -> Loaded:
    return loaded(lake, table.name, transaction, _rows_written)


def _rows_written(metrics: Mapping[str, int]) -> Counts:
    # A replace may have to copy rows that stay out of the files that it takes others from.
    rows = metrics.get("numOutputRows", 0) - metrics.get("numCopiedRows", 0)
    return Counts(read=rows, inserted=rows, deleted=metrics.get("numDeletedRows", 0))
