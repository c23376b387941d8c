"""Reading a table: its rows now, or as of an earlier version or time."""

from datetime import UTC, datetime

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from framework.errors import TableNotFoundError, UnknownSnapshotError
from framework.tables.lake import Lake, first_line
from framework.tables.table import Table


def read(lake: Lake, table: Table, *, version: int | None = None, timestamp: datetime | None = None) -> DataFrame:
    """Return the table's rows now, or as of a version or a time (UTC if it has no zone).

    Raises TableNotFoundError, UnreadableTableError, or UnknownSnapshotError where the version or time is not in the
    table's history.
    """
    _require(lake, table)
    if timestamp is not None:
        version = version_at(lake, table, timestamp)
    reader = lake.spark.read.format("delta")
    if version is not None:
        reader = reader.option("versionAsOf", version)
    try:
        rows = reader.load(lake.path(table.name))
        rows.schema  # noqa: B018  # Delta looks the snapshot up here
    except (PySparkException, Py4JJavaError) as error:
        raise UnknownSnapshotError(table.name, f"version {version}", first_line(error)) from None
    return rows


def newest_version(lake: Lake, table: Table) -> int:
    """Return the version that a read now would see. Raises TableNotFoundError."""
    _require(lake, table)
    return int(lake.snapshot(table.name).version())


def version_at(lake: Lake, table: Table, timestamp: datetime) -> int:
    """Return the version that was the newest at a time. Raises TableNotFoundError or UnknownSnapshotError."""
    _require(lake, table)
    at = (timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)).astimezone(UTC)
    history = lake.spark.sql(f"DESCRIBE HISTORY delta.`{lake.path(table.name)}`")
    newest = history.where(F.col("timestamp") <= F.lit(at)).agg(F.max("version")).first()
    if newest is None or newest[0] is None:
        raise UnknownSnapshotError(table.name, f"{at:%Y-%m-%d %H:%M:%S} UTC", "its history begins later")
    return int(newest[0])


def _require(lake: Lake, table: Table) -> None:
    if not lake.exists(table.name):
        raise TableNotFoundError(table.name, lake.path(table.name))
