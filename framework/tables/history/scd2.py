"""Histories of versions: slowly changing dimensions of type 2, and feeds of changes that make them. One MERGE a batch.

What is written follows from all that was ever said of a key, see `framework.versions`; as in `bitemporal`, the plan is
the MERGE's lazy source, so that Delta refuses the commit where another writer has altered what it read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Literal, get_args

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from framework.errors import DeclarationError, FrameMismatchError, meant
from framework.session import derive
from framework.tables.commit import Counts, Loaded, Transaction, loaded
from framework.tables.history.examine import examine
from framework.tables.history.planned import STEPS, together
from framework.tables.history.shape import CONDITIONS, Roles, Shape, feed_differences, require_times
from framework.tables.history.snapshot import SNAPSHOT_AT, require_latest, time_of_snapshot, written
from framework.tables.history.times import EPOCH, FAR_TIMES, MICROSECOND
from framework.tables.history.truncated import Truncations, holds, known_truncations, with_those_of
from framework.tables.lake import Lake
from framework.tables.layout import VALID
from framework.tables.model import generated_columns, schema
from framework.tables.names import one_of, pair, several
from framework.tables.prepare import prepared
from framework.tables.sql import named, unlike
from framework.tables.table import Table
from framework.tables.write import RightFor, Write, computed_once
from framework.timeline import INSERT
from framework.versions import ABSENT, DELETE, REPLACE, steps

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
    truncate_when: str | None = None
    absent: Absent = "keep"
    snapshot_at: str | None = None
    in_order: bool = False
    then: tuple[str, ...] = ()

    @property
    def others(self) -> tuple[str, ...]:
        """The columns that its rows have beside those of the table."""
        return (self.by, *self.then, *([self.snapshot_at] if self.snapshot_at else []))

    @property
    def right_for(self) -> RightFor:
        """Any rows, since a late one finds its place; all of them, if what is missing is gone."""
        return "all" if self.absent == "delete" else "any"

    def require(self, table: Table) -> None:
        """The table must have keys, and a row model with the period and what is tracked."""
        subject = f"{self.verb}() into {table.name!r}"
        fields = require_times(subject, table, self.valid, others=self.track or ())
        beside = {
            **dict.fromkeys(generated_columns(table.model) if table.model else (), "is generated from the others"),
            **dict.fromkeys(table.keys, "is a key"),
            **dict.fromkeys(self.valid, "is of its period"),
        }
        if self.track == ():
            raise DeclarationError(subject, "track=[] names no column. Leave it out, and all are tracked")
        if self.by in table.keys:
            raise DeclarationError(
                subject, f"its rows are ordered by {self.by!r}, which is a key: each has one version"
            )
        for name in self.track or ():
            if name in beside:
                reason = f"track= names {name!r}, which {beside[name]}: no version of a key begins by it"
                raise DeclarationError(subject, f"{reason}. Name columns that the rows change")
        for name in self.then:
            if name not in fields:
                reason = f"sequence_by= names {name!r}, which the row model lacks: by it a change that comes late, or"
                raise DeclarationError(subject, f"{reason} again, finds its place. Add it.{meant(name, fields)}")
            if name in beside:
                raise DeclarationError(subject, f"sequence_by= names {name!r}, which {beside[name]}")
        for name in self._times:
            if name in fields and fields[name].dataType != fields[self.valid[0]].dataType:
                raise DeclarationError(subject, f"{name!r} must have the type of {self.valid[0]!r}")

    def require_frame(self, table: Table, frame: StructType) -> None:
        """The frame must have the model's columns without the period, and those that this write is told by."""
        assert table.model is not None
        conditions = {name: getattr(self, name) for name in CONDITIONS}
        said = feed_differences(table, frame, self.valid, self.others, conditions)
        kind = schema(table.model)[self.valid[0]].dataType
        for name in self._times:
            if name in frame.names and frame[name].dataType != kind:
                is_, should = frame[name].dataType.simpleString(), kind.simpleString()
                said.append(f"{name!r} is {is_}, and must be {should} as {self.valid[0]!r}")
        if said:
            raise FrameMismatchError(f"{self.verb}() into table {table.name!r}", said, frame.names)

    def commit(self, lake: Lake, table: Table, rows: DataFrame, transaction: Transaction) -> Loaded:
        """Write, end and mend versions in one commit.

        Raises NullKeyError, SequenceError, ContradictionError or SnapshotError and writes nothing.
        """
        with computed_once(rows.where(~holds(self.ignore_when)) if self.ignore_when else rows) as held:
            changes, found = held, known_truncations(lake, table)
            if self.truncate_when:
                changes, gone = (held.where(each) for each in (~holds(self.truncate_when), holds(self.truncate_when)))
                number = _Moments(table, self, rows.schema).number(F.col(self.by))
                found = with_those_of(found, gone, number, transaction, error=(table.name, self.by))
            of_a_time = 0
            if self.then:
                counted = changes.count()
                changes = _last_of_a_time(changes, (*table.keys, self.by), self.then)
                of_a_time = counted - changes.count()
            shape = _Moments(table, self, rows.schema)
            read, kept, pruning = examine(shape, changes)
            now = self._now(lake, shape, changes, transaction)
            remembering = replace(table, properties={**table.properties, VALID: ",".join(self.valid)})
            source = prepared(lake, found.of(remembering), changes, transaction.notes)
            shape = _Moments(table, self, source.schema)
            if now is not None:
                transaction = replace(transaction, notes={**transaction.notes, SNAPSHOT_AT: written(shape, now)})
            session = derive(lake.spark, {**transaction.confs, **FAR_TIMES})
            target = DeltaTable.forPath(session, lake.path(table.name))
            if now is not None or found.told:
                pruning = None  # keys are gone in every partition, so all are looked at
            _merge(shape, target, _planned(shape, source, target.toDF(), pruning, now, found), pruning)
        return loaded(
            lake, table.name, transaction, lambda metrics: found.counted(_counts(read + of_a_time, kept, metrics))
        )

    @property
    def _times(self) -> tuple[str, ...]:
        return (self.by, *([self.snapshot_at] if self.snapshot_at else []))

    def _now(self, lake: Lake, shape: "_Moments", rows: DataFrame, transaction: Transaction) -> int | None:
        """Return the time of which the rows are a full snapshot, as a number; None where they are none."""
        if self.snapshot_at is None:
            return shape.moment(transaction.started_at or transaction.clock()) if self.absent == "delete" else None
        at = time_of_snapshot(shape, rows, self.snapshot_at)
        require_latest(lake, shape, at)
        return at


def scd2(
    *,
    valid_by: str,
    track: str | Sequence[str] | None = None,
    valid: tuple[str, str] = ("valid_from", "valid_to"),
    delete_when: str | None = None,
    absent: Absent = "keep",
    snapshot_at: str | None = None,
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
    `delete_when` holds end their key's version.

    With `absent="delete"` the rows are a full snapshot, and what holds from now on is what they have; now is when their
    batch was planned, or what the column `snapshot_at` says, alike in all rows. A key that is not among them ends now,
    and what was to begin later is withdrawn. One that has ended and is among them again begins again, and where its row
    is no newer than that end it does so now; likewise where the table has other values of it now than its row, which
    were said of a later time.

        table                 rows, all there are   table after, at 9
        id  city  valid       id  city  updated_at  id  city  valid
        1   oslo  [1, 7)      1   oslo  1           1   oslo  [1, 7)
        2   rome  [1, ∞)                            1   oslo  [9, ∞)
                                                    2   rome  [1, 9)

    A row that says again what holds already is kept as a trace, a row without duration (`valid_to = valid_from`): it is
    where a late row before it has to end. `in_order` promises that no row comes late, and keeps no traces; so it is
    where `snapshot_at` is `valid_by`, since a snapshot that comes after a later one is refused (SnapshotError). One of
    the same time takes its place, where the source gives one.
    """
    one_of("scd2()", "absent", absent, get_args(Absent))
    if snapshot_at is not None and absent != "delete":
        raise DeclarationError("scd2()", 'snapshot_at= is the time of a full snapshot: say absent="delete" too')
    tracked = None if track is None else several(track)
    period = pair("scd2()", "valid", valid)
    return Versions(
        "scd2",
        valid_by,
        period,
        tracked,
        delete_when,
        absent=absent,
        snapshot_at=snapshot_at,
        in_order=in_order or snapshot_at == valid_by,
    )


def _last_of_a_time(rows: DataFrame, time: Sequence[str], then: Sequence[str]) -> DataFrame:
    """Return of the rows of each key and `time` those that are last by other columns; two alike are left as they are.

    id  at  lsn  city        id  at  lsn  city
    1   5   70   oslo
    1   5   71   rome        1   5   71   rome
    1   6   80   rome        1   6   80   rome
    """
    order = [F.col(named((name,))).desc_nulls_last() for name in then]
    place = unlike("_place", rows.columns)
    placed = rows.withColumn(place, F.rank().over(Window.partitionBy(*time).orderBy(*order)))
    return placed.where(F.col(place) == 1).drop(place)


class _Moments(Shape):
    """A frame whose rows say what a key is from a time on."""

    def __init__(self, table: Table, write: Versions, frame: StructType) -> None:
        super().__init__(table, Roles(write.valid, (), sequence_by=write.by), frame)
        self.versions, self.times = write, (write.by,)
        tracked = write.track or [name for name in self.payload if name not in write.others]
        self.tracked = tuple(self.payload.index(name) for name in tracked if name in self.payload)

    @property
    def operation(self) -> Column:
        """Whether a row says that its key is gone."""
        return F.when(holds(self.versions.delete_when), "delete").otherwise("put")

    @property
    def row(self) -> Column:
        """A row of the frame in one form; one that ends its key keeps its values, for a trace to have some."""
        return self._form(self.number(F.col(self.versions.by)), F.lit(self.forever), self.operation)

    @property
    def there(self) -> Column:
        """A row of the table in the same form."""
        start, end = (self.number(F.col(name)) for name in self.versions.valid)
        return self._form(start, end, F.lit(None).cast("string"))

    def moment(self, at: datetime) -> int:
        """A time of the clock as a valid time, as a number."""
        return (at.astimezone(UTC).date() - EPOCH.date()).days if self.by_date else (at - EPOCH) // MICROSECOND

    def absent(self, at: int) -> Column:
        """That the key of a row of the table is gone from a time on, in the same form."""
        return self._form(F.lit(at).cast("bigint"), F.lit(self.forever), F.lit(ABSENT))

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
        says = F.coalesce(~row["operation"].isin("delete", ABSENT), F.lit(True))
        return F.when(says, super().comparable(row, name))


def _planned(
    shape: _Moments,
    rows: DataFrame,
    target: DataFrame,
    pruning: str | None,
    snapshot_at: int | None,
    truncations: Truncations,
) -> DataFrame:
    """Return what is to be done, row by row; lazy, so that the MERGE reads the target."""
    keys, write = list(shape.table.keys), shape.versions
    there = target.alias("t").where(pruning) if pruning else target.alias("t")
    told, touched = rows.select(*keys, shape.row.alias("_row")), rows.select(*keys).distinct()
    if snapshot_at is not None:
        start, end = (shape.number(F.col(name)) for name in write.valid)
        absent = there.where((start < end) & (end > snapshot_at)).join(touched, keys, "left_anti")
        told = told.unionByName(absent.select(*keys, shape.absent(snapshot_at).alias("_row")))
        touched = touched.unionByName(absent.select(*keys))
    for at in truncations.told:
        moment, (since, until) = shape.time(F.lit(int(at))), write.valid
        touched = touched.unionByName(there.where((F.col(since) < moment) & (F.col(until) > moment)).select(*keys))
    known = there.join(touched, keys, "left_semi").select(*keys, shape.there.alias("_row"))
    numbered, cells = together(shape, _placed(shape, told.unionByName(known)))
    truncated = tuple(map(int, truncations.known))
    plan = partial(
        steps,
        tracked=shape.tracked,
        forever=shape.forever,
        in_order=write.in_order,
        truncated=truncated,
        snapshot_at=snapshot_at,
        marked=bool(write.then),
    )
    of_each = F.udf(plan, STEPS, useArrow=False)(F.transform("_rows", lambda row: row.dropFields("values")), cells)
    return (
        numbered.withColumn("_steps", of_each)
        .select(*keys, F.explode(F.transform("_steps", lambda step: _step(shape, step))).alias("_step"))
        .select(*keys, "_step.*")
    )


def _placed(shape: _Moments, rows: DataFrame) -> DataFrame:
    """Number the rows of a key by their time, and those of a time by the columns that order them; equal ones alike.

    Python then compares numbers, whatever the columns' types; of NULL, which is the first, too.
    """
    if not shape.versions.then:
        return rows
    row, place = F.col("_row"), unlike("_place", shape.table.keys)
    order = [row["start"], *(row["values"][name].asc_nulls_first() for name in shape.versions.then)]
    rank = F.rank().over(Window.partitionBy(*shape.table.keys).orderBy(*order)).cast("bigint")
    return rows.withColumn(place, rank).select(*shape.table.keys, row.withField("sequence", F.col(place)).alias("_row"))


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
