"""Restoring a table to an earlier version, in a commit that says so."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

from delta.tables import DeltaTable
from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException

from framework.batch import Position
from framework.session import derive
from framework.tables.commit import Transaction, commit_nothing, commits_since, read_commit
from framework.tables.erase import erasures_since
from framework.tables.history.truncated import forget_truncations
from framework.tables.lake import Lake, first_line

AT_ONCE = 16


def can_restore(lake: Lake, table: str, version: int) -> str:
    """Say why a version cannot be restored: it holds who was erased, or its log or a file is gone; else nothing."""
    path, spark = lake.path(table), lake.spark
    if versions := erasures_since(lake, table, version):
        return f"a person was erased from it since (version {versions[-1]}), who would be back"
    try:
        wanted = spark.read.format("delta").option("versionAsOf", version).load(path).inputFiles()
    except (AnalysisException, Py4JJavaError) as error:
        return f"version {version} is not in its log any more ({first_line(error)})"
    # What the table holds now is there; a vacuum can have taken only what it does not.
    missing = set(wanted) - set(spark.read.format("delta").load(path).inputFiles())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda file: lake.storage.stat(unquote(file)), missing)
        return "" if all(found) else f"files of version {version} are gone: they were vacuumed"


def fence(lake: Lake, table: str, app_id: str, position: Position, notes: Mapping[str, Any]) -> None:
    """Move an app's transaction to a position by a commit of no rows; Delta skips it where the app is there already.

    What a batch of the app told that is not in, the table forgets first.
    """
    forget_truncations(lake, table, notes)
    commit_nothing(lake.spark, lake.path(table), Transaction(app_id, position, notes).options)


def restore(lake: Lake, table: str, version: int, notes: Mapping[str, Any]) -> int:
    """Make the table what it was at a version, and return the new version; once, if its newest commit has the notes."""
    newest = int(lake.snapshot(table).version())
    last = read_commit(lake, table, newest, {})
    if last and last.operation == "RESTORE" and last.notes == dict(notes):
        return newest
    session = derive(lake.spark, {"spark.databricks.delta.commitInfo.userMetadata": json.dumps(dict(notes))})
    DeltaTable.forPath(session, lake.path(table)).restoreToVersion(version)
    return int(lake.snapshot(table).version())


def undone_loads(lake: Lake, table: str, version: int) -> list[str]:
    """Name the loads whose rows the table holds now and would not as of a version; what they read counts as read.

    A RESTORE brings back what the version held that it went to; one that names a time is taken to bring back nothing.
    """
    held, now = dict[int, frozenset[int]](), frozenset[int]()
    names: dict[int, str] = {}
    for commit in commits_since(lake, table, -1):
        if commit.operation == "RESTORE":
            now = held.get(-1 if commit.restored is None else commit.restored, frozenset())
        elif apps := commit.apps:
            now |= {commit.version}
            names[commit.version] = " and ".join(apps)
        held[commit.version] = now
    return [f"{names[load]} (version {load})" for load in sorted(now - held.get(version, frozenset()))]
