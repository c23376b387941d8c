"""Slices of a table as SQL: the values that a condition names, so that files outside them are left alone."""

import re
from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DateType, NumericType, StringType, StructType, TimestampNTZType, TimestampType

from framework.errors import DataRefusedError
from framework.tables.compare import in_utc
from framework.tables.model import generated_columns
from framework.tables.sql import named, text
from framework.tables.table import Table

MOST_SLICES, MOST_LITERALS = 10_000, 1_000


def literal(value: str | None, kind: DataType) -> str:
    """Write a value, given as `spelled` or as Spark casts it to a string, as a SQL literal of its type."""
    if value is None:
        return "NULL"
    quoted = text(value)
    if isinstance(kind, StringType):
        return quoted
    if isinstance(kind, DateType):
        return f"DATE{quoted}"
    if isinstance(kind, TimestampType | TimestampNTZType):
        return f"{kind.typeName().upper()}{quoted}"
    if isinstance(kind, NumericType) and re.fullmatch(r"-?\d+", value):
        return value
    return f"CAST({quoted} AS {kind.simpleString()})"


def spelled(value: Column, kind: DataType) -> Column:
    """Return a value as a string; a timestamp in UTC, for as a local time an hour may be there twice."""
    if isinstance(kind, TimestampType):
        return F.concat(in_utc(value).cast("string"), F.lit(" UTC"))
    return value.cast("string")


def any_of(column: str, kind: DataType, values: Sequence[str | None]) -> str:
    """Return the condition that a column has one of the values, NULL among them."""
    listed = ", ".join(literal(value, kind) for value in sorted(v for v in values if v is not None))
    conditions = [f"{column} IN ({listed})"] if listed else []
    if None in values:
        conditions.append(f"{column} IS NULL")
    return "(" + " OR ".join(conditions or ["false"]) + ")"


def lacks_key(table: Table, columns: StructType) -> str:
    """Return the condition that a row has no key: NULL, or where it is a partition's '', which Delta keeps as NULL."""
    texts = [key for key in table.keys if key in table.partition_by and isinstance(columns[key].dataType, StringType)]
    return " OR ".join(
        [*(f"{named((key,))} IS NULL" for key in table.keys), *(f"{named((key,))} = ''" for key in texts)]
    )


def touched(name: str) -> tuple[Column, Column]:
    """Return a partition column's distinct values (one more than may be named), and its ends and whether it is NULL."""
    values = F.slice(F.sort_array(F.collect_set(F.col(name).cast("string"))), 1, MOST_LITERALS + 1)
    ends = F.struct(
        F.min(name).cast("string").alias("low"),
        F.max(name).cast("string").alias("high"),
        F.max(F.isnull(name)).alias("null"),
    )
    return values.alias(f"values_{name}"), ends.alias(f"ends_{name}")


def among(name: str, kind: DataType, values: Sequence[str], ends: Row) -> str:
    """Return the condition that a column of `t` has one of the values, or lies between their ends if they are many."""
    if len(values) <= MOST_LITERALS:
        return any_of(f"t.`{name}`", kind, [*values, None] if ends["null"] else values)
    between = f"t.`{name}` BETWEEN {literal(ends['low'], kind)} AND {literal(ends['high'], kind)}"
    return f"({between} OR t.`{name}` IS NULL)" if ends["null"] else f"({between})"


def values_of(rows: DataFrame, column: str) -> list[str | None]:
    """Return the values that a column has, `spelled`. Raises DataRefusedError for too many."""
    kind = rows.select(column).schema[0].dataType
    found = rows.select(spelled(F.col(column), kind)).distinct().limit(MOST_SLICES + 1).collect()
    if len(found) > MOST_SLICES:
        raise DataRefusedError(
            f"The rows fall into more than {MOST_SLICES} values of {column!r}, and each of them would be replaced. "
            "Replace by a coarser column, or partition the table by this one."
        )
    return [row[0] for row in found]


def in_partitions(rows: DataFrame, partitions: Sequence[Mapping[str, str | None]]) -> DataFrame:
    """Keep the rows in the partitions, given as a Delta commit names them; none keeps nothing."""
    if not partitions:
        return rows.where(F.lit(False))
    if not partitions[0]:
        return rows
    return rows.where(any_partition(rows.schema, partitions))


def any_partition(columns: StructType, partitions: Sequence[Mapping[str, str | None]]) -> str:
    """Return the condition that a row is in one of the partitions, given as a Delta commit names them."""
    if len(partitions[0]) == 1:
        (name,) = partitions[0]
        return any_of(f"`{name}`", columns[name].dataType, [p[name] for p in partitions])
    each = [
        " AND ".join(f"`{n}` <=> {literal(v, columns[n].dataType)}" for n, v in values.items()) for values in partitions
    ]
    return " OR ".join(f"({one})" for one in each)


def partitions_of(rows: DataFrame, table: Table) -> tuple[Mapping[str, str | None], ...]:
    """Return the partitions that rows fall into, as a Delta commit names them; one of no column if unpartitioned."""
    generated = generated_columns(table.model) if table.model else {}
    made = {name: F.expr(generated[name]) if name in generated else F.col(name) for name in table.partition_by}
    if not made:
        return ({},)
    found = rows.select(*(column.cast("string").alias(name) for name, column in made.items())).distinct()
    return tuple(row.asDict() for row in found.collect())


def follows_from_keys(table: Table) -> bool:
    """Say whether a row's partition follows from its key, so that a merge may look in the touched partitions only.

    Otherwise a row may have moved: its old version would be missed in another partition, and the row doubled.
    """
    generated = generated_columns(table.model) if table.model else {}
    return bool(table.partition_by) and all(
        name in table.keys or (name in generated and _columns_of(generated[name], table) <= set(table.keys))
        for name in table.partition_by
    )


def _columns_of(expression: str, table: Table) -> set[str]:
    """Return the columns that an expression names; what is followed by a bracket is a function."""
    assert table.model is not None
    words = re.findall(r"[^\W\d]\w*\b(?!\s*\()", re.sub(r"'(?:[^'\\]|\\.)*'", "", expression).lower())
    return {name for name in table.model.model_fields if name.lower() in words}
