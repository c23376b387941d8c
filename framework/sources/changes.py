"""Changes: the change feed of a Delta table as an incremental source."""

from dataclasses import dataclass

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import LongType, StringType, StructField, StructType, TimestampType

from framework.batch import Interval, Pin
from framework.errors import BackfillRefusedError, ChangesMissingError
from framework.sources.source import Bookmark, News, Reading, file_gone
from framework.tables import Lake, RowModel, Table
from framework.tables.commit import read_commit
from framework.tables.lake import first_line
from framework.tables.model import schema
from framework.tables.read import newest_version, read

CHANGE_TYPE, COMMIT_VERSION, COMMIT_TIMESTAMP = "_change_type", "_commit_version", "_commit_timestamp"
FEED = "delta.enableChangeDataFeed"
# What Delta says of versions that were made while a table kept no change feed.
UNRECORDED = "DELTA_MISSING_CHANGE_DATA"


@dataclass(frozen=True, slots=True)
class Changes:
    """What was inserted, updated and deleted in a table since the bookmark; made by `changes`."""

    table: Table

    keeps_malformed = False
    model: type[RowModel] | None = None

    def schema(self, reading: Reading) -> StructType | None:
        """Return the table's columns and those of the feed."""
        if self.table.model:
            declared: StructType | None = schema(self.table.model)
        else:
            lake = reading.lake
            declared = read(lake, self.table).schema if lake.exists(self.table.name) else None
        return None if declared is None else StructType([*declared.fields, *_feed_columns()])

    def pin(self, reading: Reading) -> Pin:
        """Pin a snapshot."""
        _require_feed(reading.lake, self.table)
        return Pin(version=newest_version(reading.lake, self.table), table_id=_id(reading.lake, self.table))

    def read(self, reading: Reading, pin: Pin) -> DataFrame:
        """Read the changes of the pinned versions, or the snapshot as inserts."""
        lake, table = reading.lake, self.table
        _require_same(lake, table, pin)
        if pin.after is None:
            commit = read_commit(lake, table.name, pin.version or 0, {})
            at = F.timestamp_millis(F.lit(commit.committed_at if commit else None).cast("bigint"))
            version = F.lit(pin.version).cast("bigint")
            return read(lake, table, version=pin.version).select(
                "*", F.lit("insert").alias(CHANGE_TYPE), version.alias(COMMIT_VERSION), at.alias(COMMIT_TIMESTAMP)
            )
        feed = lake.spark.read.format("delta").option("readChangeFeed", "true")
        feed = feed.option("startingVersion", pin.after + 1).option("endingVersion", pin.version or 0)
        try:
            rows = feed.load(lake.path(table.name))
            rows.schema  # noqa: B018  # Delta looks the versions up here
        except (AnalysisException, Py4JJavaError) as error:
            raise ChangesMissingError(table.name, first_line(error)) from None
        return rows

    def news(self, reading: Reading, bookmark: Bookmark) -> News:
        """Pin the versions behind the last batch's; a snapshot at first."""
        now, last = self.pin(reading), bookmark.last
        if last is None or last.version is None:
            return News(now, f"a snapshot, version {now.version}")
        _require_same(reading.lake, self.table, last)
        if now.version == last.version:
            return News(None, "nothing")
        pin = Pin(version=now.version, table_id=now.table_id, after=last.version)
        return News(pin, f"versions {last.version + 1} to {now.version}")

    def within(self, reading: Reading, interval: Interval) -> Pin | None:
        """Refuse: a change belongs to the version that made it, not to an interval of the data."""
        raise BackfillRefusedError("", f"changes({self.table.name}) are read by versions, not by an interval")

    def pin_again(self, reading: Reading, pin: Pin) -> Pin:
        """Keep the pin: nothing else holds what the loads that are in have read. Raises ChangesMissingError."""
        self.read(reading, pin)
        return pin

    def missing(self, error: Exception) -> ChangesMissingError | None:
        """Return what is to be said where a batch failed for want of changes; no other plan would find them."""
        if UNRECORDED in str(error):
            return ChangesMissingError(self.table.name, f"it has kept none for a while ({UNRECORDED})")
        gone = file_gone(error)
        if gone and f"/{self.table.name.replace('.', '/')}/" in str(error):
            return ChangesMissingError(self.table.name, f"a file of the versions to be read is gone ({gone})")
        return None

    def position(self, pin: Pin) -> str:
        """Say up to which version."""
        return f"version {pin.version}"


def changes(table: Table) -> Changes:
    """Read what has changed in a table since the job's last batch: a snapshot as inserts at first.

    To the table's columns are added `_change_type` (insert, update_preimage, update_postimage, delete),
    `_commit_version` (bigint) and `_commit_timestamp` (UTC). The table must keep a change feed:
    `properties={"delta.enableChangeDataFeed": "true"}`. Raises ChangesMissingError where it does not, or where the
    versions behind the bookmark are gone.
    """
    return Changes(table)


def _feed_columns() -> list[StructField]:
    return [
        StructField(CHANGE_TYPE, StringType()),
        StructField(COMMIT_VERSION, LongType()),
        StructField(COMMIT_TIMESTAMP, TimestampType()),
    ]


def _require_feed(lake: Lake, table: Table) -> None:
    newest_version(lake, table)
    if lake.properties(table.name).get(FEED) != "true":
        raise ChangesMissingError(table.name, "it keeps no change feed")


def _require_same(lake: Lake, table: Table, pin: Pin) -> None:
    newest = newest_version(lake, table)
    if pin.table_id != _id(lake, table) or (pin.version or 0) > newest:
        reason = f"it was made anew: it is at version {newest}, and the bookmark is at version {pin.version} of another"
        raise ChangesMissingError(table.name, reason)


def _id(lake: Lake, table: Table) -> str:
    return str(lake.snapshot(table.name).metadata().id())
