"""Erasure: the rows of a person leave a table, in a commit that tells who by a digest."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from framework import fault
from framework.session import derive
from framework.tables.commit import ERASURE, Commit, commit_nothing, commits_since, newest_commit
from framework.tables.conflict import outlast
from framework.tables.lake import Lake
from framework.tables.person import Person, mentions

VECTORS = "delta.feature.deletionVectors"  # also of a table that makes no new ones
EXAMPLES = 20
SKIPS_EMPTY = "spark.databricks.delta.skipRecordingEmptyCommits"


@dataclass(frozen=True, slots=True)
class Where:
    """Where in a table a person is: in its rows; or in the words of one of its columns, a text.

    What has a text loses its rows, or where something is said `instead` the text.
    """

    table: str
    text: str | None = None
    instead: str | None = None

    def holds(self, person: Person, columns: StructType) -> Column:
        """Return whether a row of these columns has to do with the person."""
        return person.is_in(columns) if self.text is None else mentions(F.col(self.text), [person])


def count(lake: Lake, where: Where, person: Person) -> int:
    """Count the rows of a table that have to do with a person. Raises UnreadableTableError."""
    with lake.readable(where.table):
        rows = lake.spark.read.format("delta").load(lake.path(where.table))
        return rows.where(where.holds(person, rows.schema)).count()


def examples(lake: Lake, where: Where, person: Person) -> list[str]:
    """Quote a few of the texts that have to do with a person; nothing of rows."""
    if where.text is None:
        return []
    rows = lake.spark.read.format("delta").load(lake.path(where.table))
    found = rows.where(where.holds(person, rows.schema)).select(where.text).distinct().orderBy(where.text)
    return [str(text) for (text,) in found.limit(EXAMPLES).collect()]


def erase(lake: Lake, where: Where, person: Person) -> int:
    """Remove what has to do with a person in one commit, of all times that the table keeps; return how many rows.

    The commit tells the digest, and no value. A table whose rows are about persons has one though there are none to
    remove: an older version may hold what it has lost since, and is not to be gone back to. In a table with deletion
    vectors, also of earlier, the files that still hold such rows are written anew, in a second commit. Drafts of
    commits that were never made are removed from the log's folder. Where another writer comes between, what it wrote is
    looked at too. Raises UnreadableTableError, and ConflictError where other writers leave no room.
    """
    rows = outlast(where.table, partial(_attempt, lake, where, person))
    # Of a writer that was killed in its commit: they tell the least and the greatest values of its files.
    lake.storage.delete_begun(f"{lake.path(where.table)}/_delta_log")
    if VECTORS in lake.properties(where.table):  # it tells the digest too: the old files are in the table until then
        purge = f"REORG TABLE delta.`{lake.path(where.table)}` APPLY (PURGE)"
        outlast(where.table, lambda: _session(lake, person).sql(purge))
    return rows


def _attempt(lake: Lake, where: Where, person: Person) -> int:
    table = where.table
    rows = count(lake, where, person)
    if rows:
        fault.point(f"before erasure {table}")
        there = DeltaTable.forPath(_session(lake, person), lake.path(table))
        theirs = where.holds(person, there.toDF().schema)
        if where.text is None or where.instead is None:
            there.delete(theirs)
        else:
            there.update(theirs, {where.text: F.lit(where.instead)})
        fault.point(f"after erasure {table}")
    elif where.text is None and not _is_told(lake, table, person):
        commit_nothing(_session(lake, person), lake.path(table), {})
    return rows


def removed_since(lake: Lake, table: str, version: int, person: Person) -> int:
    """Return how many rows were removed, or lost their text, for a person after a version."""
    told = [commit.metrics for commit in commits_since(lake, table, version) if _tells(commit, person)]
    return sum(metrics.get(name, 0) for metrics in told for name in ("numDeletedRows", "numUpdatedRows"))


def erasures_since(lake: Lake, table: str, version: int) -> list[int]:
    """Return the versions after this one that erased somebody, who would come back with it."""
    return [commit.version for commit in commits_since(lake, table, version) if ERASURE in commit.notes]


def gone_from(lake: Lake, table: str, person: Person) -> tuple[datetime, datetime] | None:
    """Return from when on a vacuum takes the files in which a person was, and Delta's log may forget them; UTC.

    None where nothing tells that somebody was erased from the table. Delta cleans its log as it writes a checkpoint.
    """
    commit = newest_commit(lake, table, lambda each: _tells(each, person))
    if commit is None or commit.committed_at is None:
        return None
    name = "org.apache.spark.sql.delta.DeltaConfigs$"
    configs: Any = getattr(getattr(lake.spark._jvm, name), "MODULE$")
    metadata, at = lake.snapshot(table).metadata(), commit.committed_at
    kept = (configs.TOMBSTONE_RETENTION(), configs.LOG_RETENTION())
    files, log = (at + int(configs.getMilliSeconds(each.fromMetaData(metadata))) for each in kept)
    return datetime.fromtimestamp(files / 1000, UTC), datetime.fromtimestamp(log / 1000, UTC)


def _is_told(lake: Lake, table: str, person: Person) -> bool:
    """Say whether a commit tells of the person's erasure, and none since is by a hand that can have undone it."""
    newest = newest_commit(lake, table, lambda each: _tells(each, person) or (each.changes_data and _by_hand(each)))
    return newest is not None and _tells(newest, person)


def _tells(commit: Commit, person: Person) -> bool:
    return commit.notes.get(ERASURE) == person.digest


def _by_hand(commit: Commit) -> bool:
    return ERASURE not in commit.notes and "job" not in commit.notes


def _session(lake: Lake, person: Person) -> SparkSession:
    told = json.dumps({ERASURE: person.digest})
    confs = {"spark.databricks.delta.commitInfo.userMetadata": told, SKIPS_EMPTY: "false"}
    return derive(lake.spark, confs)
