"""Bitemporal tables: what was true when, and when the table was told. One MERGE a batch; all that it alters of a row
that is there is to end its system time.

The plan is not made before the MERGE but is its source, lazily: so the MERGE's own transaction reads what is believed,
and Delta refuses the commit if another writer has altered that meanwhile. Then the load plans again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import DataFrame
from pyspark.sql.types import ArrayType, StringType, StructField, StructType, TimestampType

from framework.errors import DeclarationError, FrameMismatchError, SystemTimeMovedError
from framework.session import derive
from framework.tables.commit import Counts, Loaded, Transaction, loaded
from framework.tables.history.examine import examine
from framework.tables.history.planned import planned
from framework.tables.history.shape import MOVED, Roles, Shape, has_plain_order, require_times
from framework.tables.history.times import (
    FAR_TIMES,
    FOREVER_AT,
    SYSTEM_TIME,
    next_system_time,
    timestamp,
)
from framework.tables.lake import Lake
from framework.tables.layout import SYSTEM, VALID
from framework.tables.model import differences, generated_columns, schema
from framework.tables.names import pair
from framework.tables.prepare import ADDED, prepared
from framework.tables.table import Table
from framework.tables.write import RightFor, Write, computed_once
from framework.timeline import CLOSE, INSERT


@dataclass(frozen=True, slots=True)
class Bitemporal(Roles):
    """A write whose rows are changes of what a table believes; made by `bitemporal`."""

    @property
    def verb(self) -> str:
        """What it is called."""
        return "bitemporal"

    @property
    def right_for(self) -> RightFor:
        """Any rows: what is believed already is not written again."""
        return "any"

    def require(self, table: Table) -> None:
        """The table must have keys, and a row model with both periods."""
        subject = f"bitemporal() into {table.name!r}"
        fields = require_times(subject, table, self.valid, self.system)
        if any(not isinstance(fields[name].dataType, TimestampType) for name in self.system):
            raise DeclarationError(subject, f"{' and '.join(self.system)} must be datetime")
        if self.sequence_by in table.keys:
            raise DeclarationError(subject, f"sequence_by={self.sequence_by!r} is a key: rows of one key have one only")

    def require_frame(self, table: Table, frame: StructType) -> None:
        """The frame must have the model's columns without system time, and those that this write is told by."""
        assert table.model is not None
        wanted = [field for field in schema(table.model).fields if field.name not in self.system]
        asked = [StructField(self.operation, StringType())] if self.operation else []
        asked += [StructField(self.sets, ArrayType(StringType()))] if self.sets else []
        names = {field.name for field in wanted}
        expected = StructType([*wanted, *(field for field in asked if field.name not in names)])
        generated = tuple(generated_columns(table.model))
        said = differences(expected, frame, exempt=(*ADDED, *([self.sequence_by] if self.sequence_by else [])))
        said = [each for each in said if not any(each == f"it lacks {name!r}" for name in generated)]
        if self.sequence_by and self.sequence_by not in frame.names:
            said.append(f"it lacks {self.sequence_by!r}")
        elif self.sequence_by and not has_plain_order(kind := frame[self.sequence_by].dataType):
            said.append(
                f"{self.sequence_by!r} is {kind.simpleString()}, and rows are ordered by numbers, times or strings"
            )
        if said:
            raise FrameMismatchError(f"bitemporal() into table {table.name!r}", said, frame.names)

    def commit(self, lake: Lake, table: Table, rows: DataFrame, transaction: Transaction) -> Loaded:
        """Close and insert in one commit.

        Raises NullKeyError, SequenceError, PeriodError, OperationError or ContradictionError and writes nothing;
        SystemTimeMovedError where another writer's clock is ahead.
        """
        shape = Shape(table, self, rows.schema)
        with computed_once(rows) as held:
            read, kept, pruning = examine(shape, held)
            source = prepared(lake, remembering(table, self), held, transaction.notes)
            shape = Shape(table, self, source.schema)
            now = next_system_time(lake, table, self.system, transaction.clock())
            noted = replace(transaction, notes={**transaction.notes, SYSTEM_TIME: now.isoformat()})
            session = derive(lake.spark, {**noted.confs, **FAR_TIMES})
            target = DeltaTable.forPath(session, lake.path(table.name))
            done = planned(shape, source, target.toDF(), now, pruning)
            try:
                _merge(shape, target, done, now, pruning)
            except Exception as error:
                if MOVED in str(error):
                    raise SystemTimeMovedError(table.name, now.isoformat()) from None
                raise
        return loaded(lake, table.name, noted, partial(_counts, read, kept))


def remembering(table: Table, roles: Roles) -> Table:
    """Return the table with its periods among its properties, by which whoever reads it finds them."""
    told = {VALID: ",".join(roles.valid), SYSTEM: ",".join(roles.system)}
    return replace(table, properties={**table.properties, **told})


def bitemporal(
    *,
    valid: tuple[str, str],
    system: tuple[str, str] = ("system_from", "system_to"),
    operation: str | None = None,
    sets: str | None = None,
    sequence_by: str | None = None,
    coalesce: bool = False,
) -> Write:
    """Tell a table what is true in a period, and keep what it believed before.

        table                                rows                      table after
        city  valid    system                city  valid               city  valid    system
        oslo  [1, ∞)   [10:00, ∞)            bonn  [3, 5)              oslo  [1, ∞)   [10:00, 11:00)
                                                                       oslo  [1, 3)   [11:00, ∞)
                                                                       bonn  [3, 5)   [11:00, ∞)
                                                                       oslo  [5, ∞)   [11:00, ∞)

    `valid` names the period of a row in the world, [from, to), which the rows bring; NULL as its end means for ever.
    `system` names the period in which the table believed it, which the table keeps itself. Both are columns of the row
    model, none of them nullable; an open end is 9999-12-31.

    Each row puts its values into its period, or what the column `operation` says: `put`, `update` (only where something
    is believed; gaps stay gaps) or `delete`. An update sets the columns that the array `sets` names, or all if that is
    NULL. The rows of one key and batch are applied in the order of `sequence_by`, as if each were told after the other:
    what a delete has taken, a later update does not find. Of one sequence, those that say different things of one time
    are refused (ContradictionError). A batch that arrives later counts as later, whatever its sequences. What is
    believed already is not written again. With `coalesce` a new row becomes one with neighbours of equal values.
    """
    periods = pair("bitemporal()", "valid", valid), pair("bitemporal()", "system", system)
    return Bitemporal(*periods, operation, sets, sequence_by, coalesce)


def _merge(shape: Shape, target: DeltaTable, done: DataFrame, now: datetime, pruning: str | None) -> None:
    table, write = shape.table, shape.write
    start, (since, until) = write.valid[0], write.system
    on = " AND ".join(
        [
            f"s.`_does` = '{CLOSE}'",
            *(f"t.`{key}` = s.`{key}`" for key in table.keys),
            f"t.`{start}` = s.`{start}`",
            f"t.`{since}` = s.`_since`",
            f"t.`{until}` = {FOREVER_AT}",
            *([f"({pruning})"] if pruning else []),
        ]
    )
    values: Mapping[str, Any] = {
        **{name: f"s.`{name}`" for name in (*table.keys, *write.valid, *shape.payload, *shape.added)},
        since: timestamp(now),
        until: FOREVER_AT,
    }
    target.alias("t").merge(done.alias("s"), on).whenMatchedUpdate(set={until: timestamp(now)}).whenNotMatchedInsert(
        condition=f"s.`_does` = '{INSERT}'", values=dict(values)
    ).execute()


def _counts(read: int, kept: int, metrics: Mapping[str, int]) -> Counts:
    closed, written = metrics.get("numTargetRowsUpdated", 0), metrics.get("numTargetRowsInserted", 0)
    idle = max(metrics.get("numSourceRows", 0) - closed - written, 0)
    return Counts(
        read=read,
        updated=kept - idle,
        unchanged=idle,
        deduplicated=read - kept,
        closed=closed,
        written=written,
    )
