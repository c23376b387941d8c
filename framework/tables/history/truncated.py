"""Truncations of a feed: that at some sequence all that is older is gone, also what of it arrives later.

A truncation is of no key, so it has no row: the table remembers it as a property, with the transaction that told it.
That is set before the commit which deletes, so that no row is deleted that would come back, and counts once that commit
is in: a batch that is killed between the two says it again, and one that is refused has said nothing. It is read before
the MERGE, where a row would be read inside of it: a load that is under way when another sets it conflicts,
and one that is about to begin its MERGE does not. So those who load such a table take turns, as the loads of jobs do,
each of which holds its table's lease.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType

from framework.errors import SequenceError
from framework.session import derive
from framework.tables.commit import Counts, Transaction, position_of
from framework.tables.lake import Lake
from framework.tables.sql import text
from framework.tables.table import Table

TRUNCATED = "lakegate.truncated"


@dataclass(frozen=True, slots=True)
class Truncations:
    """Sequences of truncations as strings, in their order: `told` by this batch in so many `rows`, and `known` now.

    `kept` is what the table is to remember: by sequences the transactions that told them, as app ids and numbers.
    """

    known: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    rows: int = 0
    news: bool = False
    kept: Mapping[str, tuple[str, int]] | None = None

    def of(self, table: Table) -> Table:
        """Return the table with what is kept among its properties."""
        if self.kept is None:
            return table
        return replace(table, properties={**table.properties, TRUNCATED: json.dumps(self.kept)})

    def newest(self, before: "Truncations") -> "Truncations":
        """Return the same for a table of which the newest truncation has deleted all that the others did.

        The one `before` is remembered too, for as long as the transaction of this one is not in.
        """
        last, known = before.known[-1:], self.known[-1:]
        kept = {at: self.kept[at] for at in (*last, *known)} if self.kept and known != last else before.kept
        return replace(self, known=known, news=known != last, kept=kept)

    def counted(self, counts: Counts) -> Counts:
        """Count these rows too: as updated where they are news, else as unchanged."""
        updated = counts.updated + (self.rows if self.news else 0)
        unchanged = counts.unchanged + (0 if self.news else self.rows)
        return replace(counts, read=counts.read + self.rows, updated=updated, unchanged=unchanged)


def holds(condition: str | None) -> Column:
    """Return whether a SQL condition holds for a row; NULL is no, and so is no condition."""
    return F.lit(False) if condition is None else F.coalesce(F.expr(condition), F.lit(False))


def known_truncations(lake: Lake, table: Table) -> Truncations:
    """Return the truncations that the table remembers, without those whose transactions are not in."""
    found = _remembered(lake, table.name)
    kept = _that_are_in(lake, table.name, found)
    return Truncations(tuple(kept), kept=kept if found else None)


def forget_truncations(lake: Lake, table: str, notes: Mapping[str, Any]) -> None:
    """Let a table forget the truncations whose transactions are not in, before a fence makes them look as if they were.

    The commit has the notes; where there is nothing to forget there is none.
    """
    found = _remembered(lake, table)
    kept = _that_are_in(lake, table, found)
    if kept != found:
        session = derive(lake.spark, {"spark.databricks.delta.commitInfo.userMetadata": json.dumps(dict(notes))})
        where, pair = f"delta.`{lake.path(table)}`", f"{text(TRUNCATED)} = {text(json.dumps(kept))}"
        session.sql(f"ALTER TABLE {where} SET TBLPROPERTIES ({pair})")


def _remembered(lake: Lake, table: str) -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = json.loads(lake.properties(table).get(TRUNCATED) or "{}")
    return found


def _that_are_in(lake: Lake, table: str, found: Mapping[str, tuple[str, int]]) -> dict[str, tuple[str, int]]:
    places = {app_id: position_of(lake, table, app_id) for app_id, _ in found.values()}
    return {at: by for at, by in found.items() if (place := places[by[0]]) and place.txn_version >= by[1]}


def with_those_of(
    before: Truncations, rows: DataFrame, sequence: Column, transaction: Transaction, *, error: tuple[str, str]
) -> Truncations:
    """Return the truncations with those that rows of a transaction are, each at its `sequence`.

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
    known_before, by = before.kept or {}, (transaction.app_id, transaction.position.txn_version)
    kept = {at: known_before.get(at, by) for at in found["known"]} if found["rows"] else before.kept
    news = len(found["known"]) > len(before.known)
    return Truncations(tuple(found["known"]), tuple(found["told"]), found["rows"], news, kept)
