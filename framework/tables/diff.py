"""Diff: the rows in which two versions of a table differ."""

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import MapType

from framework.tables.compare import comparable, holds
from framework.tables.lake import Lake
from framework.tables.read import read
from framework.tables.sql import named
from framework.tables.table import Table

TIMES = "_times"


def diff(lake: Lake, table: Table, old: int, new: int) -> DataFrame:
    """Return each row that one version has more often than the other, and how much more often the new one has it.

    old   city    new   city    difference   city   _times
          Oslo          Oslo                 Rome   -1
          Rome          Bonn                 Bonn   2
                        Bonn                 NULL   1
                        NULL

    NULL is a value like others. A column that a version does not have is NULL in it. Raises UnknownSnapshotError.
    """
    versions = [read(lake, table, version=version) for version in (old, new)]
    names = list(dict.fromkeys(name for rows in versions for name in rows.columns))
    counted = [rows.withColumn(TIMES, F.lit(sign)) for rows, sign in zip(versions, (-1, 1), strict=True)]
    both = reduce(lambda left, right: left.unionByName(right, allowMissingColumns=True), counted)
    maps = {name: f"_map_{n}" for n, name in enumerate(names) if holds(both.schema[name].dataType, MapType)}
    kept = (F.first(F.col(named((name,)))).alias(whole) for name, whole in maps.items())
    grouped = both.groupBy(*_comparable(both, names)).agg(F.sum(TIMES).alias(TIMES), *kept).where(f"{TIMES} <> 0")
    return grouped.select(*(F.col(maps.get(name, named((name,)))).alias(name) for name in names), TIMES)


def ordered(difference: DataFrame) -> DataFrame:
    """Return a difference in the order of its columns."""
    return difference.orderBy(*_comparable(difference, difference.columns))


def _comparable(rows: DataFrame, names: Sequence[str]) -> list[Column]:
    return [comparable(F.col(named((name,))), rows.schema[name].dataType).alias(name) for name in names]
