"""The newest state of each key, from a feed of changes in any order: an upsert that remembers what was deleted.

A key that is deleted keeps a row, a tombstone, which says at which sequence: or an older change that comes later would
bring it back. As in the other histories the plan is the MERGE's lazy source, and reads the target inside of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType, TimestampType

from framework.errors import DeclarationError, FrameMismatchError, alternatives
from framework.session import derive
from framework.tables.commit import Counts, Loaded, Transaction, loaded
from framework.tables.compare import comparable
from framework.tables.history.examine import examine
from framework.tables.history.shape import CONDITIONS, Roles, Shape, feed_differences, has_plain_order
from framework.tables.history.times import FAR_TIMES
from framework.tables.history.truncated import Truncations, holds, known_truncations, with_those_of
from framework.tables.lake import Lake
from framework.tables.layout import DELETED
from framework.tables.model import generated_columns, schema
from framework.tables.prepare import ADDED, prepared
from framework.tables.slices import literal
from framework.tables.table import Table
from framework.tables.write import RightFor, computed_once

INSERT, UPDATE, DELETE = "insert", "update", "delete"


@dataclass(frozen=True, slots=True)
class Latest:
    """A write whose rows are changes, of which the newest of each key counts; made by `apply_changes`."""

    by: str
    deleted: str = "deleted_at"
    delete_when: str | None = None
    ignore_when: str | None = None
    truncate_when: str | None = None

    @property
    def verb(self) -> str:
        """What it is called."""
        return "apply_changes"

    @property
    def right_for(self) -> RightFor:
        """Any rows, since an older one than the table's is left out."""
        return "any"

    def require(self, table: Table) -> None:
        """The table must have keys, and a row model with the sequence and the column of tombstones."""
        subject = f"{self.verb}() into {table.name!r}"
        if table.model is None:
            raise DeclarationError(subject, "the table has no row model, which says the type of its sequence")
        if not table.keys:
            raise DeclarationError(subject, "the table declares no keys. Add keys=(...) to it")
        fields = {field.name: field for field in schema(table.model).fields}
        for name in (self.by, self.deleted):
            if name not in fields:
                raise DeclarationError(subject, f"its model has no column {name!r}. {alternatives(name, fields)}")
            if name in table.keys or name in generated_columns(table.model):
                raise DeclarationError(subject, f"{name!r} must be neither generated nor a key")
        by, deleted = fields[self.by], fields[self.deleted]
        if by.nullable:
            raise DeclarationError(subject, f"{self.by!r} must not be nullable: every change has its sequence")
        if self.truncate_when and not has_plain_order(by.dataType):
            raise DeclarationError(
                subject,
                f"{self.by!r} is {by.dataType.simpleString()}: truncations are remembered by numbers, times or strings",
            )
        if not deleted.nullable or deleted.dataType != by.dataType:
            raise DeclarationError(subject, f"{self.deleted!r} must be nullable, and of the type of {self.by!r}")

    def require_frame(self, table: Table, frame: StructType) -> None:
        """The frame must have the model's columns without that of tombstones, and those that this write is told by."""
        conditions = {name: getattr(self, name) for name in CONDITIONS}
        if said := feed_differences(table, frame, (self.deleted,), (self.by,), conditions):
            raise FrameMismatchError(f"{self.verb}() into table {table.name!r}", said, frame.names)

    def commit(self, lake: Lake, table: Table, rows: DataFrame, transaction: Transaction) -> Loaded:
        """Write the newest state of each key in one commit.

        Raises NullKeyError, SequenceError or ContradictionError and writes nothing.
        """
        with computed_once(rows.where(~holds(self.ignore_when)) if self.ignore_when else rows) as held:
            found = before = known_truncations(lake, table)
            if self.truncate_when:
                place, gone = _Newest(table, self.by, rows.schema).place, held.where(holds(self.truncate_when))
                found = with_those_of(found, gone, place, transaction, error=(table.name, self.by)).newest(before)
            changes = self._changes(table, held.where(~holds(self.truncate_when)))
            read, kept, pruning = examine(_Newest(table, self.by, changes.schema), changes)
            named = replace(table, properties={**table.properties, DELETED: self.deleted})
            source = prepared(lake, found.of(named), changes, transaction.notes)
            session = derive(lake.spark, {**transaction.confs, **FAR_TIMES})
            target = DeltaTable.forPath(session, lake.path(table.name))
            if found.told:
                pruning = None  # what is older is gone in every partition
            planned = _planned(_Newest(table, self.by, source.schema), source, target.toDF(), found, pruning)
            _merge(table, target, planned, pruning)
        return loaded(lake, table.name, transaction, lambda metrics: found.counted(_counts(read, kept, metrics)))

    def _changes(self, table: Table, rows: DataFrame) -> DataFrame:
        """Return the rows as the table is to hold them: a tombstone keeps of its values only what may not be NULL."""
        assert table.model is not None
        is_gone, generated = holds(self.delete_when), generated_columns(table.model)
        columns = []
        for field in schema(table.model).fields:
            name = field.name
            if name == self.deleted:
                columns.append(F.when(is_gone, F.col(self.by)).alias(name))
            elif name not in generated:
                stays = not field.nullable or name in (*table.keys, self.by)
                columns.append(F.col(name) if stays else F.when(~is_gone, F.col(name)).alias(name))
        return rows.select(*columns, *(name for name in ADDED if name in rows.columns))


class _Newest(Shape):
    """A frame whose rows say what a key is by a sequence."""

    def __init__(self, table: Table, by: str, frame: StructType) -> None:
        super().__init__(table, Roles((by, by), (), sequence_by=by), frame)
        self.by, self.times = by, (by,)

    @property
    def row(self) -> Column:
        """A row of the frame in one form; a state has no end, so two of one sequence are of the same time."""
        return F.struct(
            F.lit(0).cast("bigint").alias("start"),
            F.lit(1).cast("bigint").alias("end"),
            self.operation.alias("operation"),
            self.sets.alias("sets"),
            self.place.alias("sequence"),
            F.struct(*map(F.col, self.payload)).alias("values"),
        )


def _planned(
    shape: _Newest, rows: DataFrame, target: DataFrame, truncations: Truncations, pruning: str | None
) -> DataFrame:
    """Return what is to be done, as `_does`; lazy, so that the MERGE reads the target."""
    keys, by = list(shape.table.keys), shape.by
    is_gone = F.lit(False)
    if truncations.known:
        kind = shape.kinds[by]
        newest = truncations.known[-1]
        is_gone = F.col(by) < (
            F.timestamp_micros(F.lit(int(newest))) if isinstance(kind, TimestampType) else F.expr(literal(newest, kind))
        )
    others = [name for name in rows.columns if name not in keys]
    # Those of one sequence are equal, or the batch was refused: it does not matter which is taken.
    newest_of_each = rows.where(~is_gone).groupBy(*keys).agg(F.max_by(F.struct(*others), F.col(by)).alias("_row"))
    here = newest_of_each.select(*keys, "_row.*")
    there = target.alias("t").where(pruning) if pruning else target.alias("t")
    compared = [by, *shape.payload]
    known = there.select(*(F.col(name).alias(f"_t_{name}") for name in (*keys, *compared)), F.lit(True).alias("_there"))
    differs = F.lit(False)
    for name in shape.payload:
        pair = (comparable(F.col(n), shape.kinds[name]) for n in (name, f"_t_{name}"))
        differs = differs | ~next(pair).eqNullSafe(next(pair))
    is_news = (F.col(by) > F.col(f"_t_{by}")) | ((F.col(by) == F.col(f"_t_{by}")) & differs)
    does = F.when(F.col("_there").isNull(), INSERT).when(is_news, UPDATE)
    done = here.join(known, [F.col(key) == F.col(f"_t_{key}") for key in keys], "left")
    done = done.withColumn("_does", does).where("_does IS NOT NULL").select(*keys, *others, "_does")
    if not truncations.told:
        return done
    older = there.where(is_gone).join(here.select(*keys), keys, "left_anti").select(*keys, F.lit(DELETE).alias("_does"))
    return done.unionByName(older, allowMissingColumns=True)


def _merge(table: Table, target: DeltaTable, done: DataFrame, pruning: str | None) -> None:
    on = " AND ".join([*(f"t.`{key}` = s.`{key}`" for key in table.keys), *([f"({pruning})"] if pruning else [])])
    values: dict[str, str | Column] = {name: f"s.`{name}`" for name in done.columns if name != "_does"}
    updated = {name: value for name, value in values.items() if name not in table.keys}
    merge = target.alias("t").merge(done.alias("s"), on).whenMatchedDelete(condition=f"s.`_does` = '{DELETE}'")
    merge = merge.whenMatchedUpdate(set=updated)
    merge.whenNotMatchedInsert(condition=f"s.`_does` <> '{DELETE}'", values=values).execute()


def _counts(read: int, kept: int, metrics: Mapping[str, int]) -> Counts:
    inserted, updated = metrics.get("numTargetRowsInserted", 0), metrics.get("numTargetRowsUpdated", 0)
    deleted = metrics.get("numTargetRowsDeleted", 0)
    return Counts(read, inserted, updated, deleted, kept - inserted - updated, read - kept)
