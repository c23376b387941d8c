"""Times of tables that remember: open ends, literals, and the system time of the next commit."""

from datetime import UTC, date, datetime, time, timedelta

from pyspark.sql import functions as F

from framework.tables.commit import newest_commit
from framework.tables.lake import Lake
from framework.tables.table import Table

FOREVER = date(9999, 12, 31)
SYSTEM_TIME = "system_time"
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
DAY = 86_400_000_000
# As INT96, which is Spark's own way, a time after 2262 is another one to readers that count nanoseconds.
FAR_TIMES = {"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS"}


def timestamp(at: datetime) -> str:
    """Write a time as a SQL literal, whatever the session's zone."""
    # Not by strftime, which writes a year of three digits as such.
    return f"TIMESTAMP_LTZ'{at.astimezone(UTC).replace(tzinfo=None).isoformat(' ')} UTC'"


FOREVER_AT = timestamp(datetime.combine(FOREVER, time(), UTC))


def next_system_time(lake: Lake, table: Table, system: tuple[str, ...], clock: datetime) -> datetime:
    """Return the system time of the next commit: the clock's, or just after the table's last one if that is later."""
    # A batch that said nothing new has a time too, so that a row of such batches is not read back each time.
    newest = newest_commit(lake, table.name, lambda commit: SYSTEM_TIME in commit.notes or commit.changes_data)
    noted = newest.notes.get(SYSTEM_TIME) if newest else None
    if noted is not None:
        return max(clock, datetime.fromisoformat(noted) + MICROSECOND)
    # Another's commit, or one that was cleaned out of the log: files are read that reach beyond the clock.
    since, until = system
    rows = lake.spark.read.format("delta").load(lake.path(table.name))
    told = rows.where(
        f"`{since}` >= {timestamp(clock)} OR (`{until}` >= {timestamp(clock)} AND `{until}` < {FOREVER_AT})"
    )
    ends = F.greatest(F.max(since), F.max(F.when(F.expr(f"`{until}` < {FOREVER_AT}"), F.col(until))))
    latest = told.agg(F.unix_micros(ends)).first()
    return clock if latest is None or latest[0] is None else EPOCH + (latest[0] + 1) * MICROSECOND
