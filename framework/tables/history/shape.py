"""What a frame's columns are to a table that remembers: keys, periods, and the values that hold in them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf

from pyspark.errors import PySparkException
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    DataType,
    DateType,
    DecimalType,
    FractionalType,
    LongType,
    NumericType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from framework.errors import DeclarationError, alternatives
from framework.tables.compare import comparable
from framework.tables.history.times import DAY, EPOCH, FOREVER, FOREVER_AT, timestamp
from framework.tables.lake import empty, first_line
from framework.tables.model import columns, differences, generated_columns, schema
from framework.tables.prepare import ADDED
from framework.tables.table import Table

CONDITIONS = ("delete_when", "ignore_when", "truncate_when")
MOVED = "LAKEGATE_SYSTEM_TIME_MOVED"


@dataclass(frozen=True, slots=True)
class Roles:
    """Which columns have which part in a history: its periods, and what says how a row changes it."""

    valid: tuple[str, str]
    system: tuple[str, ...] = ("system_from", "system_to")
    operation: str | None = None
    sets: str | None = None
    sequence_by: str | None = None
    coalesce: bool = False


def require_times(
    subject: str, table: Table, valid: tuple[str, str], system: Sequence[str] = (), others: Sequence[str] = ()
) -> Mapping[str, StructField]:
    """Return the columns of a table's row model, which must have keys, its times, and others.

    Raises DeclarationError for the subject.
    """
    times = (*valid, *system)
    periods, hint = ("periods", "; all four times are columns") if system else ("period", "")
    if table.model is None:
        raise DeclarationError(subject, f"the table has no row model, which says the types of its {periods}")
    if not table.keys:
        raise DeclarationError(subject, "the table declares no keys. Add keys=(...) to it")
    fields = {field.name: field for field in schema(table.model).fields}
    generated = generated_columns(table.model)
    for name in (*times, *others):
        if name not in fields:
            raise DeclarationError(subject, f"its model has no column {name!r}{hint}. {alternatives(name, fields)}")
        if name in times and (fields[name].nullable or name in table.keys or name in generated):
            raise DeclarationError(subject, f"{name!r} must be neither nullable nor generated nor a key")
    kinds = [fields[name].dataType for name in valid]
    if kinds[0] != kinds[1] or not isinstance(kinds[0], DateType | TimestampType):
        raise DeclarationError(subject, f"{' and '.join(valid)} must both be date, or both be datetime")
    return fields


def feed_differences(
    table: Table, frame: StructType, kept: Sequence[str], by: Sequence[str], conditions: Mapping[str, str | None]
) -> list[str]:
    """Say how a frame differs from the columns that a table takes: its model's without those that it keeps itself.

    It may have besides what its rows are ordered `by`, and what the SQL conditions name; a condition that is none of
    its rows is said too.
    """
    assert table.model is not None
    generated = generated_columns(table.model)
    wanted = StructType([field for field in schema(table.model).fields if field.name not in (*kept, *generated)])
    conditioned = " ".join(filter(None, conditions.values()))
    named = [name for name in frame.names if re.search(rf"\b{re.escape(name)}\b", conditioned)]
    said = differences(wanted, frame, exempt=(*ADDED, *generated, *by, *named))
    said += [f"it lacks {name!r}" for name in by if not (name in frame.names or name in wanted.names)]
    return [*said, *_wrong_conditions(frame, conditions)]


def _wrong_conditions(frame: StructType, conditions: Mapping[str, str | None]) -> Iterator[str]:
    """Say what is wrong with SQL conditions on the rows of a frame, as Spark says it; nothing is run."""
    for name, condition in conditions.items():
        try:
            if condition is not None:
                empty(SparkSession.active(), frame).where(condition)
        except PySparkException as error:
            yield f"{name}={condition!r} is no condition on its rows: {first_line(error)}"


def has_plain_order(kind: DataType) -> bool:
    """Say whether values of a type have one order, which Python and text keep: numbers, times and strings do."""
    return isinstance(kind, NumericType | DateType | TimestampType | TimestampNTZType | StringType)


def place_of(value: Column, values: Column) -> Column:
    """Return where an array has a value first, counted from 1; `F.array_position` of Spark 3.5 takes no column."""
    return F.call_function("array_position", values, value)


class Shape:
    """A frame of changes, as columns and SQL."""

    def __init__(self, table: Table, write: Roles, frame: StructType) -> None:
        assert table.model is not None
        self.table, self.write = table, write
        self.kinds = {field.name: field.dataType for field in frame.fields}
        beside = {*table.keys, *write.valid, *write.system, *generated_columns(table.model)}
        self.times: tuple[str, ...] = write.valid
        self.payload = [name for name in columns(table.model) if name not in beside]
        self.added = [name for name in ADDED if name in frame.names]
        self.by_date = isinstance(schema(table.model)[write.valid[0]].dataType, DateType)
        told_by = self.kinds[write.sequence_by] if write.sequence_by else LongType()
        self.sequence = LongType() if isinstance(told_by, TimestampType) else told_by

    def number(self, column: Column) -> Column:
        """A valid time as days or microseconds."""
        return F.unix_date(column).cast("bigint") if self.by_date else F.unix_micros(column)

    def time(self, number: Column) -> Column:
        """A valid time from days or microseconds."""
        return F.date_from_unix_date(number.cast("int")) if self.by_date else F.timestamp_micros(number)

    @property
    def forever(self) -> int:
        """The open end of a valid time, as a number."""
        days = (FOREVER - EPOCH.date()).days
        return days if self.by_date else days * DAY

    @property
    def operation(self) -> Column:
        """What a row of the frame does."""
        return F.col(self.write.operation) if self.write.operation else F.lit("put")

    @property
    def sets(self) -> Column:
        """Which columns a row of the frame sets, as places in the payload; NULL is all."""
        if self.write.sets is None:
            return F.lit(None).cast("array<int>")
        places = F.transform(F.col(self.write.sets), lambda name: place_of(name, self._names).cast("int") - 1)
        return F.when(self.operation == "update", F.array_sort(F.array_distinct(places)))

    @property
    def place(self) -> Column:
        """A row's sequence as Python orders it as Spark does.

        A timestamp as microseconds, for as a local time in Python an hour may be there twice; NaN as infinity.
        """
        if self.write.sequence_by is None:
            return F.lit(0).cast("bigint")
        told_by, kind = F.col(self.write.sequence_by), self.kinds[self.write.sequence_by]
        if isinstance(kind, FractionalType) and not isinstance(kind, DecimalType):
            return F.nanvl(told_by, F.lit(inf).cast(kind))
        return F.unix_micros(told_by) if isinstance(kind, TimestampType) else told_by

    @property
    def _names(self) -> Column:
        return F.array(*map(F.lit, self.payload)).cast("array<string>")

    @property
    def row(self) -> Column:
        """A row of the frame in one form: its change, and the values that it says."""
        write, said = self.write, []
        for place, name in enumerate(self.payload):
            is_said = (self.operation != "delete") & (self.sets.isNull() | F.array_contains(self.sets, place))
            said.append(F.when(is_said, F.col(name)).alias(name))
        end = F.coalesce(self.number(F.col(write.valid[1])), F.lit(self.forever))
        return F.struct(
            self.number(F.col(write.valid[0])).alias("start"),
            end.alias("end"),
            self.operation.alias("operation"),
            self.sets.alias("sets"),
            self.place.alias("sequence"),
            F.lit(None).cast("timestamp").alias("system_from"),
            F.struct(*said, *map(F.col, self.added)).alias("values"),
        )

    def believed(self, now: datetime) -> Column:
        """A row of the table in the same form; one that was told at `now` or later is an error."""
        start, end = self.write.system
        moved = f"`{start}` >= {timestamp(now)} OR `{end}` < {FOREVER_AT}"
        return F.struct(
            self.number(F.col(self.write.valid[0])).alias("start"),
            self.number(F.col(self.write.valid[1])).alias("end"),
            F.lit(None).cast("string").alias("operation"),
            F.lit(None).cast("array<int>").alias("sets"),
            F.lit(None).cast(self.sequence).alias("sequence"),
            F.when(F.expr(moved), F.raise_error(F.lit(MOVED))).otherwise(F.col(start)).alias("system_from"),
            F.struct(*map(F.col, self.payload), *map(F.col, self.added)).alias("values"),
        )

    def comparable(self, row: Column, name: str) -> Column:
        """A value of a row in one form, as Spark can compare it."""
        return comparable(row["values"][name], self.kinds[name])
