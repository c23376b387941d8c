"""Truncations of a feed: that at some sequence all that is older is gone, also what of it arrives later.

A truncation is of no key, so it has no row: the table remembers it as a property. That is set before the commit which
deletes, so that a batch that is killed between the two says it again, and no row is deleted that would come back. It is
read before the MERGE, where a row would be read inside of it: a load that is under way when another sets it conflicts,
and one that is about to begin its MERGE does not. So those who load such a table take turns, as the loads of jobs do,
each of which holds its table's lease.
"""

import json
from dataclasses import dataclass, replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType

from framework.errors import SequenceError
from framework.tables.commit import Counts
from framework.tables.lake import Lake
from framework.tables.table import Table

TRUNCATED = "lakegate.truncated"


@dataclass(frozen=True, slots=True)
class Truncations:
    """Sequences of truncations as strings, in their order: `told` by this batch in so many `rows`, and `known` now."""

    known: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    rows: int = 0
    news: bool = False

    def of(self, table: Table) -> Table:
        """Return the table with what is known among its properties."""
        if not self.known:
            return table
        return replace(table, properties={**table.properties, TRUNCATED: json.dumps(self.known)})

    def counted(self, counts: Counts) -> Counts:
        """Count these rows too: as updated where they are news, else as unchanged."""
        updated = counts.updated + (self.rows if self.news else 0)
        unchanged = counts.unchanged + (0 if self.news else self.rows)
        return replace(counts, read=counts.read + self.rows, updated=updated, unchanged=unchanged)


def holds(condition: str | None) -> Column:
    """Return whether a SQL condition holds for a row; NULL is no, and so is no condition."""
    return F.lit(False) if condition is None else F.coalesce(F.expr(condition), F.lit(False))


def known_truncations(lake: Lake, table: Table) -> Truncations:
    """Return the truncations that the table remembers."""
    return Truncations(tuple(json.loads(lake.properties(table.name).get(TRUNCATED, "[]"))))


def with_those_of(before: Truncations, rows: DataFrame, sequence: Column, *, error: tuple[str, str]) -> Truncations:
    """Return the truncations with those that rows are, each at its `sequence`.

    Raises SequenceError, of the table and column in `error`, where a row has none.
    """
    kind = ArrayType(rows.select(sequence).schema[0].dataType)
    told, known = F.collect_set(sequence), F.array(*map(F.lit, before.known)).cast(kind)
    texts = ArrayType(StringType())  # sorted before as what they are
    found = rows.agg(
        F.count(F.lit(1)).alias("rows"),
        F.count(sequence).alias("ordered"),
        F.sort_array(told).cast(texts).alias("told"),
        F.sort_array(F.array_union(told, known)).cast(texts).alias("known"),
    ).first()
    assert found is not None
    if found["rows"] != found["ordered"]:
        raise SequenceError(*error, found["rows"] - found["ordered"])
    return Truncations(
        tuple(found["known"]), tuple(found["told"]), found["rows"], len(found["known"]) > len(before.known)
    )
