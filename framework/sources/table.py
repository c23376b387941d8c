"""Tables as sources: a table as of when the batch was planned, or what this batch's own load has just written to it."""

from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from framework.batch import Pin
from framework.errors import DeclarationError, UnknownSnapshotError, alternatives
from framework.sources.source import Reading
from framework.tables import RowModel, Table, read
from framework.tables.commit import same_rows
from framework.tables.model import columns, schema
from framework.tables.read import newest_version, version_at
from framework.tables.slices import in_partitions, values_of


@dataclass(frozen=True, slots=True)
class TableSource:
    """A table's rows, pinned to a version; made by `table`."""

    table: Table
    version: int | None = None
    timestamp: datetime | None = None
    run: str | None = None

    keeps_malformed = False

    @property
    def model(self) -> type[RowModel] | None:
        """The table's row model."""
        return self.table.model

    @property
    def known_as(self) -> str:
        """What a bookmark says that it is of."""
        return f"table({self.table.name!r})"

    def schema(self, reading: Reading) -> StructType | None:
        """Return the declared columns, or those of the table in the lake."""
        return _schema(self.table, reading)

    def pin(self, reading: Reading) -> Pin:
        """Pin the version to be read. Raises TableNotFoundError, UnknownSnapshotError or UnknownRunError."""
        if self.run is not None:
            return self._pinned(version_of_run(reading, self.table, self.run))
        if self.version is not None:
            read(reading.lake, self.table, version=self.version)
            return self._pinned(self.version)
        if self.timestamp is not None:
            return self._pinned(version_at(reading.lake, self.table, self.timestamp))
        return self._pinned(newest_version(reading.lake, self.table))

    def read(self, reading: Reading, pin: Pin) -> DataFrame:
        """Read the pinned version."""
        return read(reading.lake, self.table, version=pin.version)

    def _pinned(self, version: int) -> Pin:
        return Pin(version=version, of=self.known_as)


@dataclass(frozen=True, slots=True)
class Written:
    """A table as this batch's load left it, limited to what the load touched; made by `written`."""

    table: Table
    whole: str | None = None

    keeps_malformed = False

    def __post_init__(self) -> None:
        """Refuse to round out to a column that the table does not have."""
        model = self.table.model
        if self.whole and model and self.whole not in columns(model):
            known = alternatives(self.whole, columns(model))
            raise DeclarationError(f"written({self.table.name!r})", f"whole={self.whole!r} is not a column. {known}")

    @property
    def model(self) -> type[RowModel] | None:
        """The table's row model."""
        return self.table.model

    def schema(self, reading: Reading) -> StructType | None:
        """Return the declared columns, or those of the table in the lake."""
        return _schema(self.table, reading)

    def pin(self, reading: Reading) -> Pin:
        """Nothing: the load's own commit says what is read."""
        return Pin()

    def read(self, reading: Reading, pin: Pin) -> DataFrame:
        """Read the partitions that the commit's add and remove actions name, as the commit left them.

        Behind it may be compactions, after which a vacuum can take its files away; their rows are the same.
        """
        loaded = reading.loaded[self.table.name]
        rows = read(reading.lake, self.table, version=self._version(reading))
        touched = in_partitions(rows, loaded.partitions)
        if not self.whole or not loaded.partitions:
            return touched
        values = self._touched(reading, self.whole).distinct().toDF("_whole")
        return rows.join(F.broadcast(values), rows[self.whole].eqNullSafe(values["_whole"]), "left_semi")

    def touched(self, reading: Reading, by: str) -> tuple[str | None, ...] | None:
        """Return the values of a column that the load touched, also those of which it left no row.

        None where the table has no such column.
        """
        loaded = reading.loaded[self.table.name]
        if loaded.partitions and by in loaded.partitions[0]:
            return tuple(dict.fromkeys(values[by] for values in loaded.partitions))
        if by not in read(reading.lake, self.table, version=self._version(reading)).columns:
            return None
        return tuple(values_of(self._touched(reading, by), by))

    def _touched(self, reading: Reading, column: str) -> DataFrame:
        """Return a column of the touched partitions before the load and after it: a row may have left its slice."""
        loaded = reading.loaded[self.table.name]
        versions = (max(loaded.version - 1, 0), self._version(reading))
        both = [in_partitions(read(reading.lake, self.table, version=v), loaded.partitions) for v in versions]
        return reduce(DataFrame.union, (rows.select(column) for rows in both if column in rows.columns))

    def _version(self, reading: Reading) -> int:
        return same_rows(reading.lake, self.table.name, reading.loaded[self.table.name].version)


def table(
    table: Table, *, version: int | None = None, timestamp: datetime | None = None, run: str | None = None
) -> TableSource:
    """Read a table as it is when the batch is planned, or as of a version, a time (UTC if it has no zone) or a run.

    `run` is the id of a finished run, or a job's name for its latest one: tables that are read as of one run fit
    together, as that run left them.
    """
    if sum(given is not None for given in (version, timestamp, run)) > 1:
        raise DeclarationError(f"table({table.name!r})", "version, timestamp and run each say which snapshot; give one")
    return TableSource(table, version, timestamp, run)


def version_of_run(reading: Reading, table: Table, run: str) -> int:
    """Return the version at which a finished run left a table, or a maintained one of the same rows.

    Raises UnknownRunError or UnknownSnapshotError.
    """
    left = reading.published(run).tables
    if table.name not in left:
        known = alternatives(table.name, left)
        raise UnknownSnapshotError(table.name, f"run {run}", f"the run did not write it. {known}")
    return same_rows(reading.lake, table.name, left[table.name])


def written(table: Table, *, whole: str | None = None) -> Written:
    """Read what this batch's load has just written: the table as the load left it, limited to what it touched.

    It touched the partitions that its commit added files to or removed them from. `whole` names a column and rounds
    this out to all rows of the table that share one of its values with those partitions, for results that are replaced
    by that column: whole days, where the table is partitioned by month in another zone. A load that changed nothing
    gives no rows.
    """
    return Written(table, whole)


def _schema(table: Table, reading: Reading) -> StructType | None:
    if table.model is not None:
        return schema(table.model)
    return read(reading.lake, table).schema if reading.lake.exists(table.name) else None
