"""Looking at the changes of a batch before they are planned: one pass that counts, refuses, and says where to look."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql.types import DataType

from framework.errors import ContradictionError, NullKeyError, OperationError, PeriodError, SequenceError
from framework.tables.history.shape import Shape
from framework.tables.model import generated_columns
from framework.tables.slices import among, follows_from_keys, lacks_key, literal, spelled, touched

OPERATIONS = ("put", "update", "delete")


def examine(shape: Shape, rows: DataFrame) -> tuple[int, int, str | None]:
    """Count the rows and those that differ, and refuse what cannot be told; return the condition that prunes too."""
    table = shape.table
    partitions = table.partition_by if follows_from_keys(table) else ()
    told = _by_key_and_sequence(shape, rows, partitions)
    kinds = {field.name: field.dataType for field in told.schema.fields}
    ends = [key for key in table.keys if key not in partitions and _is_ordered(kinds[key])]
    is_null = F.expr(lacks_key(table, rows.schema))
    clash = F.exists("_said", lambda a: F.exists("_said", lambda b: _clashes(a, b)))
    found = told.agg(
        F.coalesce(F.sum("_rows"), F.lit(0)).alias("rows"),
        F.coalesce(F.sum(F.size("_said")), F.lit(0)).alias("kept"),
        F.sum(F.when(is_null, F.col("_rows"))).alias("nulls"),
        F.sum(F.when(F.col("_sequence").isNull(), F.col("_rows"))).alias("unordered"),
        F.sum("_empty").alias("empty"),
        F.min("_period").alias("period"),
        F.min("_does").alias("does"),
        F.min("_sets").alias("sets"),
        F.min(F.when(clash, F.col("_about"))).alias("clash"),
        *(column for name in partitions for column in touched(name)),
        *(F.struct(*(spelled(end(key), kinds[key]) for end in (F.min, F.max))).alias(f"_ends_{key}") for key in ends),
    ).first()
    assert found is not None
    _refuse(shape, found)
    if not found["rows"]:
        return 0, 0, None
    conditions = [among(name, kinds[name], found[f"values_{name}"], found[f"ends_{name}"]) for name in partitions]
    for key in ends:
        low, high = (literal(end, kinds[key]) for end in found[f"_ends_{key}"])
        conditions.append(f"t.`{key}` BETWEEN {low} AND {high}")
    return found["rows"], found["kept"], " AND ".join(conditions) or None


def _by_key_and_sequence(shape: Shape, rows: DataFrame, partitions: Sequence[str]) -> DataFrame:
    """Return what is said of each key by each sequence, and what of it cannot be told."""
    table, row = shape.table, F.col("_row")
    generated = generated_columns(table.model) if table.model else {}
    slices = [F.expr(generated[name]).alias(name) if name in generated else F.col(name) for name in partitions]
    values = (shape.comparable(row, name).alias(f"c{n}") for n, name in enumerate(shape.payload))
    said = F.struct(
        *(row[name].alias(name) for name in ("start", "end", "operation", "sets")), F.struct(*values).alias("values")
    )
    is_empty = ~F.coalesce((row["start"] < row["end"]) & (row["end"] <= shape.forever), F.lit(False))
    times = F.concat_ws(", ", *(F.coalesce(F.col(name).cast("string"), F.lit("NULL")) for name in shape.times))
    at = F.concat(F.lit("["), times, F.lit(")")) if len(shape.times) == 2 else times
    flagged = rows.select(
        *slices,
        *(key for key in table.keys if key not in partitions),
        shape.row.alias("_row"),
        F.concat(_named(table.keys), F.lit(": "), at).alias("_about"),
        _unknown_operation(shape).alias("_does"),
        _unknown_columns(shape).alias("_sets"),
    )
    beside = (name for name in partitions if name not in table.keys)
    return flagged.groupBy(*table.keys, *beside, row["sequence"].alias("_sequence")).agg(
        F.count(F.lit(1)).alias("_rows"),
        F.count(F.when(is_empty, 1)).alias("_empty"),
        F.min(F.when(is_empty, F.col("_about"))).alias("_period"),
        F.min("_about").alias("_about"),
        F.min("_does").alias("_does"),
        F.min("_sets").alias("_sets"),
        F.array_distinct(F.collect_list(said)).alias("_said"),
    )


def _refuse(shape: Shape, found: Row) -> None:
    table, write = shape.table, shape.write
    if found["nulls"]:
        raise NullKeyError(table.name, table.keys, found["nulls"], of_changes=True)
    if found["unordered"]:
        raise SequenceError(table.name, str(write.sequence_by), found["unordered"])
    if found["does"]:
        raise OperationError(table.name, str(write.operation), [found["does"]], OPERATIONS)
    if found["sets"]:
        says = "which columns an update sets"
        raise OperationError(table.name, str(write.sets), [found["sets"]], shape.payload, says)
    if found["empty"]:
        raise PeriodError(f"Table {table.name!r}", found["empty"], [found["period"]])
    if found["clash"]:
        raise ContradictionError(f"Table {table.name!r}", [found["clash"]], write.sequence_by)


def _named(keys: Sequence[str]) -> Column:
    """Return a key in words."""
    return F.concat_ws(", ", *(F.concat(F.lit(f"{key}="), F.col(key).cast("string")) for key in keys))


def _unknown_operation(shape: Shape) -> Column:
    """Return what a row is to do that nobody knows, NULL if it is known."""
    is_known = F.coalesce(shape.operation.isin(*OPERATIONS), F.lit(False))
    return F.when(~is_known, F.coalesce(shape.operation, F.lit("NULL")))


def _unknown_columns(shape: Shape) -> Column:
    """Return which columns a row sets that the table does not have, NULL if it has all."""
    if shape.write.sets is None:
        return F.lit(None).cast("string")
    strange = F.array_except(F.col(shape.write.sets), F.array(*map(F.lit, shape.payload)).cast("array<string>"))
    return F.when(F.size(strange) > 0, F.array_join(strange, ", ", "NULL"))


def _clashes(a: Column, b: Column) -> Column:
    """Two changes say different things of a time that they have in common."""
    same = F.lit(True)
    for name in ("operation", "sets", "values"):
        same = same & a[name].eqNullSafe(b[name])
    return (a["start"] < b["end"]) & (b["start"] < a["end"]) & ~same


def _is_ordered(kind: DataType) -> bool:
    """Say whether files can be left out by the ends of a key of this type."""
    return kind.typeName() in ("byte", "short", "integer", "long", "string", "date", "timestamp")
