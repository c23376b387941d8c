"""Erasure: the rows of a person leave a table, in a commit that tells who by a digest."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from framework import fault
from framework.session import derive
from framework.tables.commit import ERASURE, commits_since, newest_commit
from framework.tables.lake import Lake
from framework.tables.person import Person, mentions

VECTORS = "delta.enableDeletionVectors"


@dataclass(frozen=True, slots=True)
class Where:
    """Where in a table a person is: in its rows; or in the words of one of its columns, a text.

    What has a text loses its rows, or where something is said `instead` the text.
    """

    table: str
    text: str | None = None
    instead: str | None = None

    def holds(self, person: Person) -> Column:
        """Return whether a row has to do with the person."""
        return person.is_in() if self.text is None else mentions(F.col(self.text), [person])


def count(lake: Lake, where: Where, person: Person) -> int:
    """Count the rows of a table that have to do with a person. Raises UnreadableTableError."""
    with lake.readable(where.table):
        return lake.spark.read.format("delta").load(lake.path(where.table)).where(where.holds(person)).count()


def erase(lake: Lake, where: Where, person: Person) -> int:
    """Remove what has to do with a person in one commit, of all times that the table keeps; return how many rows.

    Where there are none nothing is committed. The commit tells the digest and its salt, and no value. In a table with
    deletion vectors the files that still hold such rows are written anew.
    """
    table = where.table
    rows = count(lake, where, person)
    if rows:
        fault.point(f"before erasure {table}")
        there = DeltaTable.forPath(_session(lake, person), lake.path(table))
        if where.text is None or where.instead is None:
            there.delete(where.holds(person))
        else:
            there.update(where.holds(person), {where.text: F.lit(where.instead)})
        fault.point(f"after erasure {table}")
    if lake.properties(table).get(VECTORS) == "true":
        lake.spark.sql(f"REORG TABLE delta.`{lake.path(table)}` APPLY (PURGE)")
    return rows


def erasures_since(lake: Lake, table: str, version: int) -> list[int]:
    """Return the versions after this one that erased somebody, who would come back with it."""
    return [commit.version for commit in commits_since(lake, table, version) if ERASURE in commit.notes]


def gone_from(lake: Lake, table: str, person: Person) -> tuple[datetime, datetime] | None:
    """Return from when on a vacuum takes the files in which a person was, and Delta's log may forget them; UTC.

    None where nothing tells that somebody was erased from the table. Delta cleans its log as it writes a checkpoint.
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


def _session(lake: Lake, person: Person) -> SparkSession:
    told = json.dumps({ERASURE: person.digest})
    return derive(lake.spark, {"spark.databricks.delta.commitInfo.userMetadata": told})
