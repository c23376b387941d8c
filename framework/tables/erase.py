"""Erasure: the rows of a person leave a table, and none of them is loaded again.

A person is known by a digest of the columns that say whom a row is about: what is kept of somebody who was erased is
that digest, of a salt and the values, from which the values cannot be read.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from framework import fault
from framework.session import derive
from framework.tables.commit import ERASURE, commits_since, newest_commit
from framework.tables.lake import Lake

VECTORS = "delta.enableDeletionVectors"


@dataclass(frozen=True, slots=True)
class Person:
    """Whom rows are about: the columns that say so, in their order, and the digest of a salt and their values."""

    subject: tuple[str, ...]
    salt: str
    digest: str

    def is_in(self) -> Column:
        """Return whether a row is about this person; a row with a NULL in these columns is about nobody."""
        return digest([F.col(f"`{name}`") for name in self.subject], self.salt) == self.digest


def digest(values: Sequence[Column], salt: str) -> Column:
    """Return the SHA-256 of a salt and of values as text, so that 17 and '17' are one; NULL where one of them is."""
    texts = F.array(*(value.cast("string") for value in values))
    whole = F.concat(F.lit(salt), F.to_json(texts))
    return F.when(~F.exists(texts, lambda text: text.isNull()), F.sha2(whole, 256))


def without(rows: DataFrame, subject: Sequence[str], erased: Sequence[Person]) -> DataFrame:
    """Leave out the rows that are about persons who were erased.

    subject=("id",)    id  city    rows without 2    id  city
                       1   oslo                      1   oslo
                       2   bonn                      NULL  rome
                       NULL  rome
    """
    names = tuple(sorted(subject))
    for salt in dict.fromkeys(person.salt for person in erased if person.subject == names):
        of_this = [person.digest for person in erased if person.subject == names and person.salt == salt]
        found = digest([F.col(f"`{name}`") for name in names], salt).isin(of_this)
        rows = rows.where(~F.coalesce(found, F.lit(False)))
    return rows


def count(lake: Lake, table: str, person: Person) -> int:
    """Count the rows of a table that are about a person."""
    return lake.spark.read.format("delta").load(lake.path(table)).where(person.is_in()).count()


def erase(lake: Lake, table: str, person: Person) -> int:
    """Remove the rows about a person in one commit, of all times that the table keeps; return how many those were.

    Where there are none nothing is committed. The commit tells only the digest. In a table with deletion vectors the
    files that still hold such rows are written anew.
    """
    rows = count(lake, table, person)
    if rows:
        fault.point(f"before erasure {table}")
        DeltaTable.forPath(_session(lake, person), lake.path(table)).delete(person.is_in())
        fault.point(f"after erasure {table}")
    properties = lake.snapshot(table).getProperties()
    if properties.contains(VECTORS) and properties.apply(VECTORS) == "true":
        lake.spark.sql(f"REORG TABLE delta.`{lake.path(table)}` APPLY (PURGE)")
    return rows


def erasures_since(lake: Lake, table: str, version: int) -> list[int]:
    """Return the versions after this one that erased somebody, who would come back with it."""
    return [commit.version for commit in commits_since(lake, table, version) if ERASURE in commit.notes]


def gone_from(lake: Lake, table: str, person: Person) -> tuple[datetime, datetime] | None:
    """Return from when on a vacuum takes the files in which a person was, and from when on the log forgets them; UTC.

    None where nothing tells that somebody was erased from the table.
    """
    commit = newest_commit(lake, table, lambda each: each.notes.get(ERASURE) == person.digest)
    if commit is None or commit.committed_at is None:
        return None
    name = "org.apache.spark.sql.delta.DeltaConfigs$"
    configs: Any = getattr(getattr(lake.spark._jvm, name), "MODULE$")
    metadata, at = lake.snapshot(table).metadata(), commit.committed_at
    kept = (configs.TOMBSTONE_RETENTION(), configs.LOG_RETENTION())
    files, log = (at + int(configs.getMilliSeconds(each.fromMetaData(metadata))) for each in kept)
    return datetime.fromtimestamp(files / 1000, UTC), datetime.fromtimestamp(log / 1000, UTC)


def scrub(
    lake: Lake, table: str, column: str, person: Person, words: Sequence[str], instead: str | None = None
) -> None:
    """Remove the rows in whose text all the words of a person are, or put another text in its place.

    The words reach the commit as rows of a MERGE: of a condition Delta's log would keep them.
    """
    known = [rf"(?<![\p{{L}}\p{{N}}]){re.escape(word)}(?![\p{{L}}\p{{N}}])" for word in words]
    source = lake.spark.createDataFrame([(known,)], "words array<string>")
    on = f"forall(s.words, word -> t.`{column}` RLIKE word)"
    there = lake.spark.read.format("delta").load(lake.path(table)).alias("t")
    if there.join(source.alias("s"), F.expr(on)).isEmpty():
        return
    merge = DeltaTable.forPath(_session(lake, person), lake.path(table)).alias("t").merge(source.alias("s"), on)
    done = merge.whenMatchedDelete() if instead is None else merge.whenMatchedUpdate(set={column: F.lit(instead)})
    done.execute()


def _session(lake: Lake, person: Person) -> SparkSession:
    told = json.dumps({ERASURE: person.digest})
    return derive(lake.spark, {"spark.databricks.delta.commitInfo.userMetadata": told})
