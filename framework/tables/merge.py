"""Merges by key: upsert and sync. Each is one MERGE that reads its target inside its own transaction.

Before the MERGE one pass over the rows counts them and refuses NULL keys and duplicates. What has not changed is left
out of the MERGE, so that its files are not rewritten; that comparison reads the target within the MERGE, where Delta's
conflict check sees it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from framework.errors import DeclarationError, DuplicateKeyError, NullKeyError, SequenceError, alternatives
from framework.session import derive
from framework.tables.commit import Counts, Loaded, Transaction, loaded
from framework.tables.compare import comparable
from framework.tables.lake import Lake
from framework.tables.model import columns, generated_columns
from framework.tables.prepare import ADDED, RESERVED, prepared
from framework.tables.slices import among, follows_from_keys, lacks_key, touched
from framework.tables.sql import named
from framework.tables.table import Table
from framework.tables.write import OfTheTable, RightFor, Write, computed_once

EXAMPLES = 3
ROWS, NULLS, KEYS = (f"{RESERVED}{name}" for name in ("rows", "nulls", "keys"))
CHANGE, HERE, THERE, OLD = (f"{RESERVED}{name}" for name in ("change", "here", "there", "old_"))


@dataclass(frozen=True, slots=True)
class Merge(OfTheTable):
    """A merge by the table's keys, with or without deleting what the rows lack."""

    sequence_by: str | None = None
    delete_missing: bool = False

    @property
    def verb(self) -> str:
        """What it is called."""
        return "sync" if self.delete_missing else "upsert"

    @property
    def right_for(self) -> RightFor:
        """Any rows, since their keys say which they are; all of them, if what is missing is deleted."""
        return "all" if self.delete_missing else "any"

    def require(self, table: Table) -> None:
        """The table must have keys, and the sequence column."""
        subject = f"{self.verb}() into {table.name!r}"
        if not table.keys:
            raise DeclarationError(subject, "the table declares no keys. Add keys=(...) to it")
        if self.sequence_by and table.model and self.sequence_by not in columns(table.model):
            known = alternatives(self.sequence_by, columns(table.model))
            raise DeclarationError(subject, f"sequence_by={self.sequence_by!r} is not a column. {known}")
        if self.sequence_by in table.keys:
            raise DeclarationError(subject, f"sequence_by={self.sequence_by!r} is a key: rows of one key have one only")

    def commit(self, lake: Lake, table: Table, rows: DataFrame, transaction: Transaction) -> Loaded:
        """Merge the rows in one commit. Raises NullKeyError, SequenceError or DuplicateKeyError and writes nothing."""
        generated = generated_columns(table.model) if table.model else {}
        read = _require_sequence(rows, table, self.sequence_by) if self.sequence_by else None
        latest = _latest(rows, table, self.sequence_by) if self.sequence_by else rows
        with computed_once(latest) as held:
            kept, pruning = _examine(held, table, self)
            source = prepared(lake, table, held, transaction.notes)
            session = derive(lake.spark, transaction.confs)
            target = DeltaTable.forPath(session, lake.path(table.name))
            changes = _changes(source, target.toDF(), table, self, pruning)
            values: dict[str, str | Column] = {
                _quoted(name): _quoted("s", name) for name in source.columns if name not in generated
            }
            on = " AND ".join(
                [*(f"t.`{key}` = s.`{key}`" for key in table.keys), *([f"({pruning})"] if pruning else [])]
            )
            merge = target.alias("t").merge(changes.alias("s"), on)
            if self.delete_missing:
                merge = merge.whenMatchedDelete(condition=f"s.{CHANGE} = 'delete'")
            updated = {name: value for name, value in values.items() if name not in map(_quoted, table.keys)}
            if updated:
                merge = merge.whenMatchedUpdate(set=updated)
            merge.whenNotMatchedInsert(condition=f"s.{CHANGE} <> 'delete'", values=values).execute()
        return loaded(lake, table.name, transaction, partial(_counts, kept if read is None else read, kept))


def upsert(*, sequence_by: str | None = None) -> Write:
    """Update the rows whose key the table has, insert the others; rows that are equal already are not written.

        table        rows             table after
        id  city     id  city         id  city
        1   Oslo     2   Rome         1   Oslo
        2   Bonn     3   Lima         2   Rome
                                      3   Lima

    Several rows of one key are refused (DuplicateKeyError) unless `sequence_by` names the column that orders them: then
    the greatest wins, and a row that is older than the table's is left out. NULL in a key is refused (NullKeyError).
    """
    return Merge(sequence_by)


def sync(*, sequence_by: str | None = None) -> Write:
    """Make the table hold exactly these rows: an upsert that also deletes the rows whose key is not among them.

        table        rows             table after
        id  city     id  city         id  city
        1   Oslo     2   Rome         2   Rome
        2   Bonn

    The rows must be complete: an empty frame empties the table.
    """
    return Merge(sequence_by, delete_missing=True)


def _require_sequence(rows: DataFrame, table: Table, sequence_by: str) -> int:
    """Count the rows; raise SequenceError where one has no sequence."""
    found = rows.agg(F.count(F.lit(1)).alias("rows"), F.count(_quoted(sequence_by)).alias("ordered")).first()
    assert found is not None
    if found["rows"] != found["ordered"]:
        raise SequenceError(table.name, sequence_by, found["rows"] - found["ordered"])
    return int(found["rows"])


def _latest(rows: DataFrame, table: Table, sequence_by: str) -> DataFrame:
    """Keep the rows with the greatest sequence of each key; equal rows become one, so what is left is a conflict."""
    newest_first = Window.partitionBy(*map(_quoted, table.keys)).orderBy(_column(sequence_by).desc())
    ranked = rows.withColumn(CHANGE, F.rank().over(newest_first)).where(F.col(CHANGE) == 1).drop(CHANGE)
    fields = [field for field in rows.schema.fields if field.name not in ADDED]
    whole = F.struct(*(comparable(_column(field.name), field.dataType) for field in fields))
    return ranked.withColumn(CHANGE, whole).dropDuplicates([CHANGE]).drop(CHANGE)


def _examine(rows: DataFrame, table: Table, merge: Merge) -> tuple[int, str | None]:
    """Count the rows and refuse NULL and duplicate keys, in one pass; return the condition that prunes the target."""
    # A sync deletes in every partition, so it has to look at all of them.
    partitions = table.partition_by if follows_from_keys(table) and not merge.delete_missing else ()
    generated = generated_columns(table.model) if table.model else {}
    # The table computes its generated columns itself; what the rows have there is not looked at.
    slices = [F.expr(generated[name]).alias(name) if name in generated else _column(name) for name in partitions]
    per_partition = rows.groupBy(*slices).agg(
        F.count(F.lit(1)).alias(ROWS),
        F.count(F.expr(f"CASE WHEN {lacks_key(table, rows.schema)} THEN 1 END")).alias(NULLS),
        F.countDistinct(F.struct(*map(_quoted, table.keys))).alias(KEYS),
    )
    found = per_partition.agg(
        F.sum(ROWS).alias("rows"),
        F.sum(NULLS).alias("nulls"),
        F.sum(KEYS).alias("keys"),
        *(column for name in partitions for column in touched(name)),
    ).first()
    assert found is not None
    count = found["rows"] or 0
    if found["nulls"]:
        raise NullKeyError(table.name, table.keys, found["nulls"])
    if count != (found["keys"] or 0):
        counted = rows.groupBy(*map(_quoted, table.keys)).agg(F.count(F.lit(1)).alias(ROWS))
        doubled = counted.where(F.col(ROWS) > 1).limit(EXAMPLES).collect()
        examples = [", ".join(f"{key}={row[key]!r}" for key in table.keys) for row in doubled]
        raise DuplicateKeyError(table.name, table.keys, examples, sequenced=merge.sequence_by is not None)
    kinds = {field.name: field.dataType for field in rows.schema.fields}
    conditions = [among(name, kinds[name], found[f"values_{name}"], found[f"ends_{name}"]) for name in partitions]
    return count, " AND ".join(conditions) if count and conditions else None


def _changes(rows: DataFrame, target: DataFrame, table: Table, merge: Merge, pruning: str | None) -> DataFrame:
    """Return the rows that differ from the target's, with `CHANGE`; lazy, so that the MERGE reads the target."""
    generated = generated_columns(table.model) if table.model else {}
    # Where and when a row was read does not make it another row.
    left_out = {*generated, *ADDED} - {merge.sequence_by} | {*table.keys}
    compared = [name for name in rows.columns if name in target.columns and name not in left_out]
    kinds = {field.name: field.dataType for field in rows.schema.fields}
    there = target.alias("t")
    if pruning:
        there = there.where(pruning)
    there = there.select(
        *(_column("t", name).alias(OLD + name) for name in (*table.keys, *compared)),
        F.lit(True).alias(THERE),
    )
    same_key = [_column(key) == _column(OLD + key) for key in table.keys]
    both = rows.withColumn(HERE, F.lit(True)).join(there, same_key, "full" if merge.delete_missing else "left")
    change = F.when(F.col(THERE).isNull(), "insert").when(F.col(HERE).isNull(), "delete")
    if compared:
        differs = F.lit(False)
        for name in compared:
            differs = differs | ~comparable(_column(name), kinds[name]).eqNullSafe(
                comparable(_column(OLD + name), kinds[name])
            )
        if merge.sequence_by:
            ours, theirs = _column(merge.sequence_by), _column(OLD + merge.sequence_by)
            differs = differs & (theirs.isNull() | (ours >= theirs))
        change = change.when(differs, "update")
    keys = [F.coalesce(_column(key), _column(OLD + key)).alias(key) for key in table.keys]
    values = [_column(name) for name in rows.columns if name not in table.keys and name not in generated]
    return both.withColumn(CHANGE, change).where(F.col(CHANGE).isNotNull()).select(*keys, *values, CHANGE)


def _column(*path: str) -> Column:
    return F.col(named(path))


def _quoted(*path: str) -> str:
    return named(path)


def _counts(read: int, kept: int, metrics: Mapping[str, int]) -> Counts:
    inserted, updated = metrics.get("numTargetRowsInserted", 0), metrics.get("numTargetRowsUpdated", 0)
    return Counts(
        read=read,
        inserted=inserted,
        updated=updated,
        deleted=metrics.get("numTargetRowsDeleted", 0),
        unchanged=kept - inserted - updated,
        deduplicated=read - kept,
    )
