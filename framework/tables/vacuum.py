"""Vacuum: files that the table has no use for any more are removed, unless somebody has.

Delta keeps what a version needs for as long as the table's recovery window (`delta.deletedFileRetentionDuration`)
after a later version has done without. Who reads an older version than that holds it. A vacuum cannot be told to keep
it: from Delta 4.1 on it goes by the table's window alone, and of what left the table before that no list is kept. So it
is all or nothing: while a version is held of which it would take files, there is no vacuum.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from framework import fault
from framework.session import derive
from framework.tables.commit import commits_since, read_commit
from framework.tables.lake import Lake

A_FILE = r"/[^/=]*\.[^/=]*$"  # a folder's name has no dot, or is a partition's


@dataclass(frozen=True, slots=True)
class Hold:
    """A version of a table from which on everything has to stay, and who needs it."""

    version: int
    who: str


@dataclass(frozen=True, slots=True)
class Held:
    """A hold that stops a vacuum: of the version, which was made at a time, files would go."""

    hold: Hold
    made_at: datetime | None

    def __str__(self) -> str:
        """`version 4 of 2024-01-01 12:00:00 UTC is held by ...`."""
        made = f" of {self.made_at:%Y-%m-%d %H:%M:%S} UTC" if self.made_at else ""
        return f"version {self.hold.version}{made} is held by {self.hold.who}"


def recovery_window(lake: Lake, table: str) -> int:
    """Return for how many milliseconds the table keeps what it has no use for, as Delta reads its properties."""
    log: Any = getattr(lake.spark._jvm, "org.apache.spark.sql.delta.DeltaLog")
    return int(log.tombstoneRetentionMillis(lake.snapshot(table).metadata()))


def now(lake: Lake, table: str) -> int:
    """Return the time in milliseconds since 1970 UTC, by the clock of the JVM of Spark, which Delta goes by."""
    return int(lake.delta_log(table).clock().getTimeMillis())


def stopped_by(lake: Lake, table: str, holds: Sequence[Hold]) -> tuple[Held, ...]:
    """Return the holds of which a vacuum now would take files: one left the table behind them, before the window."""
    cut = now(lake, table) - recovery_window(lake, table)
    first = min((hold.version for hold in holds), default=0)
    behind = [(commit.version, commit.left_at) for commit in commits_since(lake, table, first)] if holds else []
    left = [version for version, at in behind if at is not None and at <= cut]
    return tuple(
        Held(hold, _made_at(lake, table, hold.version))
        for hold in holds
        if any(version > hold.version for version in left)
    )


def due(lake: Lake, table: str) -> int:
    """Return how many files a vacuum now would remove; for a folder that the last one has emptied none is needed."""
    found = _session(lake, {}).sql(f"VACUUM delta.`{lake.path(table)}` DRY RUN")
    return found.where(F.col("path").rlike(A_FILE)).count()


def vacuum(lake: Lake, table: str, notes: Mapping[str, Any]) -> None:
    """Remove what left the table before its recovery window; the log tells of it, in two commits without files."""
    told = {
        "spark.databricks.delta.commitInfo.userMetadata": json.dumps(dict(notes)),
        "spark.databricks.delta.vacuum.logging.enabled": "true",
    }
    fault.point(f"before vacuum {table}")
    _session(lake, told).sql(f"VACUUM delta.`{lake.path(table)}`")
    fault.point(f"after vacuum {table}")


def _session(lake: Lake, confs: Mapping[str, str]) -> SparkSession:
    # Delta lists with as many tasks as this says, 10,000 if nobody says it: minutes for a small table.
    tasks = str(4 * lake.spark.sparkContext.defaultParallelism)
    return derive(lake.spark, {**confs, "spark.sql.sources.parallelPartitionDiscovery.parallelism": tasks})


def _made_at(lake: Lake, table: str, version: int) -> datetime | None:
    commit = read_commit(lake, table, version, {})
    return datetime.fromtimestamp(commit.committed_at / 1000, UTC) if commit and commit.committed_at else None
