"""Diff: the rows in which two versions of a table differ."""

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from framework.tables.lake import Lake
from framework.tables.read import read
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
    return both.groupBy(*(F.col(f"`{name}`") for name in names)).agg(F.sum(TIMES).alias(TIMES)).where(f"{TIMES} <> 0")
