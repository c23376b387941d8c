"""Histories of versions: slowly changing dimensions of type 2, and feeds of changes that make them. One MERGE a batch.

What is written follows from all that was ever said of a key, see `framework.versions`; as in `bitemporal`, the plan is
the MERGE's lazy source, so that Delta refuses the commit where another writer has altered what it read.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Literal

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from framework.errors import DeclarationError, FrameMismatchError
from framework.session import derive
from framework.tables.commit import Counts, Loaded, Transaction, loaded
from framework.tables.history.examine import examine
from framework.tables.history.planned import STEPS, together
from framework.tables.history.shape import Roles, Shape, require_times
from framework.tables.history.times import FAR_TIMES, VALID, timestamp
from framework.tables.lake import Lake
from framework.tables.model import differences, generated_columns, schema
from framework.tables.prepare import ADDED, prepared
from framework.tables.table import Table
from framework.tables.write import RightFor, Write, computed_once
from framework.timeline import INSERT
from framework.versions import DELETE, REPLACE, steps

Absent = Literal["keep", "delete"]


@dataclass(frozen=True, slots=True)
class Versions:
    """A write whose rows say what a key is from a time on; made by `scd2` and `apply_changes`."""

    verb: str
    by: str
    valid: tuple[str, str] = ("valid_from", "valid_to")
    track: tuple[str, ...] | None = None
    delete_when: str | None = None
    ignore_when: str | None = None
    absent: Absent = "keep"
    in_order: bool = False

    @property
    def right_for(self) -> RightFor:
        """Any rows, since a late one finds its place; all of them, if what is missing is gone."""
        return "all" if self.absent == "delete" else "any"

    def require(self, table: Table) -> None:
        """The table must have keys, and a row model with the period and what is tracked."""
        subject = f"{self.verb}() into {table.name!r}"
        fields = require_times(subject, table, self.valid, others=self.track or ())
        if self.by in fields and fields[self.by].dataType != fields[self.valid[0]].dataType:
            raise DeclarationError(subject, f"{self.by!r} must have the type of {self.valid[0]!r}")

    def require_frame(self, table: Table, frame: StructType) -> None:
        """The frame must have the model's columns without the period, and those that this write is told by."""
        assert table.model is not None
        generated, fields = generated_columns(table.model), schema(table.model).fields
        wanted = StructType([field for field in fields if field.name not in (*self.valid, *generated)])
        conditions = f"{self.delete_when} {self.ignore_when}"
        named = [name for name in frame.names if re.search(rf"\b{re.escape(name)}\b", conditions)]
        said = differences(wanted, frame, exempt=(*ADDED, *generated, self.by, *named))
        if self.by not in frame.names:
            said.append(f"it lacks {self.by!r}")
        elif frame[self.by].dataType != schema(table.model)[self.valid[0]].dataType:
            said.append(f"{self.by!r} has not the type of {self.valid[0]!r}")
        if said:
            raise FrameMismatchError(f"{self.verb}() into table {table.name!r}", said, frame.names)

    def commit(self, lake: Lake, table: Table, rows: DataFrame, transaction: Transaction) -> Loaded:
        """Write, end and mend versions in one commit.

        Raises NullKeyError, SequenceError or ContradictionError and writes nothing.
        """
        told = rows.where(~F.coalesce(F.expr(self.ignore_when), F.lit(False))) if self.ignore_when else rows
        with computed_once(told) as held:
            read, kept, pruning = examine(_Moments(table, self, rows.schema), held)
            named = replace(table, properties={**table.properties, VALID: ",".join(self.valid)})
            source = prepared(lake, named, held, transaction.notes)
            shape = _Moments(table, self, source.schema)
            session = derive(lake.spark, {**transaction.confs, **FAR_TIMES})
            target = DeltaTable.forPath(session, lake.path(table.name))
            gone_at = transaction.clock() if self.absent == "delete" else None
            if gone_at is not None:
                pruning = None  # keys are gone in every partition, so all are looked at
            _merge(shape, target, _planned(shape, source, target.toDF(), pruning, gone_at), pruning)
        return loaded(lake, table.name, transaction, partial(_counts, read, kept))


def scd2(
    *,
    valid_by: str,
    track: Sequence[str] | None = None,
    valid: tuple[str, str] = ("valid_from", "valid_to"),
    delete_when: str | None = None,
    absent: Absent = "keep",
    in_order: bool = False,
) -> Write:
    """Keep the history of each key: a row for every version, with the period in which it held.

        table                 rows                  table after
        id  city  valid       id  city  updated_at  id  city  valid
        1   oslo  [1, ∞)      1   bonn  5           1   oslo  [1, 3)
                              1   rome  3           1   rome  [3, 5)
                                                    1   bonn  [5, ∞)

    `valid_by` names the column that says since when a row holds; `valid` those of the period [from, to), whose open end
    is 9999-12-31. A version begins where one of the columns in `track` differs (by default any but `valid_by`; NULL is
    a value like others); the columns that are not tracked are those of the row that began it. Rows may come late and in
    any order, several of a key in one batch; the same row again writes nothing. Rows for which the SQL condition
    `delete_when` holds end their key's version; with `absent="delete"` the rows are a full snapshot, and keys that are
    not among them end now.

    A row that says again what holds already is kept as a trace, a row without duration (`valid_to = valid_from`): it is
    where a late row before it has to end. `in_order` promises that no row comes late, and keeps no traces.
    """
    chosen = None if track is None else tuple(track)
    return Versions("scd2", valid_by, (valid[0], valid[1]), chosen, delete_when, None, absent, in_order)


def apply_changes(
    *,
    sequence_by: str,
    delete_when: str | None = None,
    ignore_when: str | None = None,
    track: Sequence[str] | None = None,
    valid: tuple[str, str] = ("valid_from", "valid_to"),
) -> Write:
    """Apply a feed of changes to a history of versions, in whatever order they arrive, and however often.

        table                 rows                        table after
        id  city  valid       id  city  op      at        id  city  valid
        1   oslo  [1, ∞)      1   NULL  delete  7         1   oslo  [1, 4)
                              1   rome  update  4         1   rome  [4, 7)
                              2   bari  read    4

    with `delete_when="op = 'delete'"` and `ignore_when="op = 'read'"`. `sequence_by` is when a change was made at its
    source; two changes of one key at one time are refused unless they are equal. See `scd2` for the rest.
    """
    chosen = None if track is None else tuple(track)
    return Versions("apply_changes", sequence_by, (valid[0], valid[1]), chosen, delete_when, ignore_when)


class _Moments(Shape):
    """A frame whose rows say what a key is from a time on."""

    def __init__(self, table: Table, write: Versions, frame: StructType) -> None:
        super().__init__(table, Roles(write.valid, (), sequence_by=write.by), frame)
        self.versions, self.times = write, (write.by,)
        tracked = write.track or [name for name in self.payload if name != write.by]
        self.tracked = tuple(self.payload.index(name) for name in tracked if name in self.payload)

    @property
    def operation(self) -> Column:
        """Whether a row says that its key is gone."""
        if self.versions.delete_when is None:
            return F.lit("put")
        return F.when(F.coalesce(F.expr(self.versions.delete_when), F.lit(False)), "delete").otherwise("put")

    @property
    def row(self) -> Column:
        """A row of the frame in one form; one that ends its key keeps its values, for a trace to have some."""
        return self._form(self.number(F.col(self.versions.by)), F.lit(self.forever), self.operation)

    @property
    def there(self) -> Column:
        """A row of the table in the same form."""
        start, end = (self.number(F.col(name)) for name in self.versions.valid)
        return self._form(start, end, F.lit(None).cast("string"))

    def gone(self, at: datetime) -> Column:
        """That the key of a row of the table is gone from a time on, in the same form."""
        moment = F.expr(f"DATE'{at:%Y-%m-%d}'" if self.by_date else timestamp(at))
        return self._form(self.number(moment), F.lit(self.forever), F.lit("delete"))

    def _form(self, start: Column, end: Column, operation: Column) -> Column:
        return F.struct(
            start.alias("start"),
            end.cast("bigint").alias("end"),
            operation.alias("operation"),
            F.lit(None).cast("array<int>").alias("sets"),
            start.alias("sequence"),
            F.struct(*map(F.col, self.payload), *map(F.col, self.added)).alias("values"),
        )

    def comparable(self, row: Column, name: str) -> Column:
        """A value of a row as Spark can compare it; what a row holds that ends its key says nothing."""
        says = F.coalesce(row["operation"] != "delete", F.lit(True))
        return F.when(says, super().comparable(row, name))


def _planned(
    shape: _Moments, rows: DataFrame, target: DataFrame, pruning: str | None, gone_at: datetime | None
) -> DataFrame:
    """Return what is to be done, row by row; lazy, so that the MERGE reads the target."""
    keys, write = list(shape.table.keys), shape.versions
    there = target.alias("t").where(pruning) if pruning else target.alias("t")
    told, touched = rows.select(*keys, shape.row.alias("_row")), rows.select(*keys).distinct()
    if gone_at is not None:
        is_open = shape.number(F.col(write.valid[1])) == shape.forever
        absent = there.where(is_open).join(touched, keys, "left_anti")
        told = told.unionByName(absent.select(*keys, shape.gone(gone_at).alias("_row")))
        touched = touched.unionByName(absent.select(*keys))
    known = there.join(touched, keys, "left_semi").select(*keys, shape.there.alias("_row"))
    numbered, cells = together(shape, told.unionByName(known))
    plan = partial(steps, tracked=shape.tracked, forever=shape.forever, in_order=write.in_order)
    of_each = F.udf(plan, STEPS, useArrow=False)(F.transform("_rows", lambda row: row.dropFields("values")), cells)
    return (
        numbered.withColumn("_steps", of_each)
        .select(*keys, F.explode(F.transform("_steps", lambda step: _step(shape, step))).alias("_step"))
        .select(*keys, "_step.*")
    )


def _step(shape: _Moments, step: Column) -> Column:
    """Return one step with the values of the row that it stems from."""
    values = F.get(F.col("_rows"), step["row"].cast("int"))["values"]
    return F.struct(
        step["does"].alias("_does"),
        shape.time(step["start"]).alias(shape.versions.valid[0]),
        shape.time(step["end"]).alias(shape.versions.valid[1]),
        *(values[name].alias(name) for name in (*shape.payload, *shape.added)),
    )


def _merge(shape: _Moments, target: DeltaTable, done: DataFrame, pruning: str | None) -> None:
    table, (start, end) = shape.table, shape.versions.valid
    on = " AND ".join(
        [
            f"s.`_does` IN ('{REPLACE}', '{DELETE}')",
            *(f"t.`{key}` = s.`{key}`" for key in table.keys),
            f"t.`{start}` = s.`{start}`",
            *([f"({pruning})"] if pruning else []),
        ]
    )
    inserted: dict[str, str | Column] = {
        name: f"s.`{name}`" for name in (*table.keys, start, end, *shape.payload, *shape.added)
    }
    replaced = {name: value for name, value in inserted.items() if name not in (*table.keys, start)}
    merge = target.alias("t").merge(done.alias("s"), on).whenMatchedDelete(condition=f"s.`_does` = '{DELETE}'")
    merge = merge.whenMatchedUpdate(set=replaced)
    merge.whenNotMatchedInsert(condition=f"s.`_does` = '{INSERT}'", values=inserted).execute()


def _counts(read: int, kept: int, metrics: Mapping[str, int]) -> Counts:
    closed, written = metrics.get("numTargetRowsUpdated", 0), metrics.get("numTargetRowsInserted", 0)
    deleted = metrics.get("numTargetRowsDeleted", 0)
    idle = min(max(metrics.get("numSourceRows", 0) - closed - written - deleted, 0), kept)
    effective = kept - idle
    return Counts(read, 0, effective, deleted, idle, read - kept, closed, written)
