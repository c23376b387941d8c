"""Commits: the transaction that every load carries, and reading back what a commit did.

The transaction id is the bookmark: Delta keeps, for each app id, the highest version that was committed, in the same
commit as the rows. A second commit of the same version is skipped, so a load that is run again changes nothing.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from pyspark.sql import SparkSession

from framework.batch import Position
from framework.tables.lake import Lake, partition_columns

# They change no row, and no column.
MAINTENANCE = ("OPTIMIZE", "REORG", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES", "CLUSTER BY")
# In the notes of a commit: how it has altered the table; whom it has erased, as a digest.
SCHEMA_CHANGE, ERASURE = "schema_change", "erasure"


def utc_now() -> datetime:
    """Return the time of now, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Transaction:
    """What one load of one batch writes into its commit: `app_id` for life, the position, and notes for readers.

    `clock` is asked at the commit, by tables that keep when they were told something. `started_at` is the batch's own
    clock, which stands still however often the batch is tried; a load of no plan has none.
    """

    app_id: str
    position: Position
    notes: Mapping[str, Any] = field(default_factory=dict)
    clock: Callable[[], datetime] = field(default=utc_now, compare=False)
    started_at: datetime | None = None

    @property
    def options(self) -> dict[str, str]:
        """The transaction as options of a DataFrame write."""
        version = str(self.position.txn_version)
        return {"txnAppId": self.app_id, "txnVersion": version, "userMetadata": json.dumps(self.notes, default=str)}

    @property
    def confs(self) -> dict[str, str]:
        """The transaction as session confs, which is the only way that a MERGE takes it."""
        return {
            "spark.databricks.delta.write.txnAppId": self.app_id,
            "spark.databricks.delta.write.txnVersion": str(self.position.txn_version),
            "spark.databricks.delta.commitInfo.userMetadata": json.dumps(self.notes, default=str),
        }


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of one load: `read` = inserted + updated + unchanged + deduplicated.

    `deleted` were the table's; whole files that go (an overwrite, a replaced partition) are not counted in rows. Where
    a load's rows are changes of a history, `updated` are those that had an effect, and of the table's own rows it has
    `closed` and `written` so many.
    """

    read: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    deduplicated: int = 0
    closed: int = 0
    written: int = 0


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load left: the version it committed, the partitions it touched, its rows, and whether it was in before.

    Where its commit is not `in_log`, the version is the table's newest.
    """

    version: int
    partitions: tuple[Mapping[str, str | None], ...]
    counts: Counts
    already_applied: bool = False
    in_log: bool = field(default=True, compare=False)


@dataclass(frozen=True)
class Commit:
    """One commit of a table's log, read back."""

    version: int
    actions: tuple[Mapping[str, Any], ...]
    partitioned_by: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def metrics(self) -> dict[str, int]:
        """Delta's own counts, such as numTargetRowsInserted; what is not a number is left out."""
        found = self._info.get("operationMetrics", {})
        return {name: int(value) for name, value in found.items() if str(value).lstrip("-").isdigit()}

    @cached_property
    def partitions(self) -> tuple[Mapping[str, str | None], ...]:
        """The distinct partition values of the files that it added and removed; one empty mapping if unpartitioned."""
        touched = [a.get("add") or a["remove"] for a in self.actions if "add" in a or "remove" in a]
        # Delta leaves a NULL out of what it removes, so the columns are not read from there.
        found = [file.get("partitionValues") or {} for file in touched]
        distinct = dict.fromkeys(tuple(values.get(kept) for kept in self.partitioned_by.values()) for values in found)
        return tuple(dict(zip(self.partitioned_by, values, strict=True)) for values in distinct)

    @cached_property
    def operation(self) -> str:
        """What made it, in Delta's words: WRITE, MERGE, RESTORE, OPTIMIZE, ..."""
        return str(self._info.get("operation", ""))

    @property
    def restored(self) -> int | None:
        """The version that a RESTORE went back to, None where it named a time, and of what is none."""
        version = self._info.get("operationParameters", {}).get("version")
        return None if version is None else int(version)

    @cached_property
    def notes(self) -> Mapping[str, Any]:
        """What its writer noted in it; empty where that is not one of ours."""
        try:
            found = json.loads(self._info.get("userMetadata") or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def changes_data(self) -> bool:
        """Whether it added or removed rows; a compaction does neither."""
        return any((a.get("add") or a.get("remove") or {}).get("dataChange") for a in self.actions)

    @property
    def left_at(self) -> int | None:
        """When it left a file to the next vacuum, in milliseconds since 1970 UTC; None where it left none.

        That is a file that it removed from the table, and one of its change feed.
        """
        gone = [a["remove"].get("deletionTimestamp") or 0 for a in self.actions if "remove" in a]
        if any("cdc" in a for a in self.actions):
            gone.append(self.committed_at or 0)
        return min(gone, default=None)

    @property
    def committed_at(self) -> int | None:
        """When its writer made it, in milliseconds since 1970 UTC, by the writer's clock."""
        return self._info.get("timestamp")

    @property
    def _info(self) -> Mapping[str, Any]:
        return next((a["commitInfo"] for a in self.actions if "commitInfo" in a), {})

    @property
    def apps(self) -> tuple[str, ...]:
        """Whose transactions it carries, if it changes data."""
        return tuple(a["txn"]["appId"] for a in self.actions if "txn" in a) if self.changes_data else ()

    def carries(self, transaction: Transaction) -> bool:
        """Say whether this is the commit of that transaction."""
        txns = [a["txn"] for a in self.actions if "txn" in a]
        return any(t["appId"] == transaction.app_id and t["version"] == transaction.position.txn_version for t in txns)


def commit_nothing(spark: SparkSession, path: str, options: Mapping[str, str]) -> None:
    """Commit no rows to a table, for what the commit itself says: its transaction in the options, its notes."""
    rows = spark.read.format("delta").load(path).limit(0)
    rows.write.format("delta").options(**options).mode("append").save(path)


def position_of(lake: Lake, table: str, app_id: str) -> Position | None:
    """Return the last position that `app_id` committed to the table, None if it never did."""
    found = lake.snapshot(table).transactions().get(app_id)
    return Position.of(int(found.get())) if found.isDefined() else None


def newest_commit(lake: Lake, table: str, wanted: Callable[[Commit], bool]) -> Commit | None:
    """Return the newest commit that is wanted: the newest are read, back to where the log was cleaned up."""
    snapshot = lake.snapshot(table)
    partitioned_by = partition_columns(snapshot)
    for version in range(int(snapshot.version()), -1, -1):
        commit = read_commit(lake, table, version, partitioned_by)
        if commit is None or wanted(commit):
            return commit
    return None


def newest_note(lake: Lake, table: str, note: str) -> Any | None:
    """Return what the newest commit that has this note says in it, of those that no RESTORE has undone."""
    version = int(lake.snapshot(table).version())
    while version >= 0 and (commit := read_commit(lake, table, version, {})):
        if note in commit.notes:
            return commit.notes[note]
        version = version - 1 if commit.restored is None else commit.restored
    return None


def find_commit(lake: Lake, table: str, transaction: Transaction) -> Commit | None:
    """Return the commit of a transaction, if the log still tells of it."""
    return newest_commit(lake, table, lambda commit: commit.carries(transaction))


def loaded(lake: Lake, table: str, transaction: Transaction, count: Callable[[Mapping[str, int]], Counts]) -> Loaded:
    """Return what the commit of a transaction left; `count` makes rows of Delta's metrics."""
    commit = find_commit(lake, table, transaction)
    if commit is None:  # cleaned out of the log: the table holds it, and any of its partitions may be touched
        return Loaded(int(lake.snapshot(table).version()), ({},), count({}), in_log=False)
    return Loaded(commit.version, commit.partitions, count(commit.metrics))


def commits_since(lake: Lake, table: str, version: int) -> Iterator[Commit]:
    """Read the commits after a version, oldest first; those that Delta's log cleanup has removed are left out."""
    snapshot = lake.snapshot(table)
    partitioned_by = partition_columns(snapshot)
    for number in range(version + 1, int(snapshot.version()) + 1):
        if commit := read_commit(lake, table, number, partitioned_by):
            yield commit


def alterations_since(lake: Lake, table: str, version: int) -> tuple[str, ...]:
    """Return how the table's columns and properties were altered after a version; going back undoes that too."""
    commits = commits_since(lake, table, version)
    return tuple(str(commit.notes[SCHEMA_CHANGE]) for commit in commits if SCHEMA_CHANGE in commit.notes)


def same_rows(lake: Lake, table: str, version: int) -> int:
    """Return the last version with the rows of a version, nothing but maintenance and erasures having come between.

    The files of the version itself may be compacted away and vacuumed, and nobody goes back to before an erasure.
    """
    for commit in commits_since(lake, table, version):
        kept = commit.operation in MAINTENANCE and SCHEMA_CHANGE not in commit.notes
        if commit.version > version + 1 or not (kept or ERASURE in commit.notes):
            break
        version = commit.version
    return version


def read_commit(lake: Lake, table: str, version: int, partitioned_by: Mapping[str, str]) -> Commit | None:
    """Return one commit, or None if Delta's log cleanup has removed it."""
    text = lake.storage.read(f"{lake.path(table)}/_delta_log/{version:020}.json")
    if text is None:
        return None
    return Commit(version, tuple(json.loads(line) for line in text.split("\n") if line), partitioned_by)
