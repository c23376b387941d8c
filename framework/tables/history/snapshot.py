"""Full snapshots that say of which time they are: a batch is of one time, and none comes after a later one.

The commit that loads a snapshot notes its time. Where the log tells of none, the table must hold nothing that began or
ended later.
"""

from datetime import date, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from framework.counted import counted
from framework.errors import SnapshotError
from framework.tables.commit import newest_note
from framework.tables.history.shape import Shape
from framework.tables.history.times import EPOCH, MICROSECOND
from framework.tables.lake import Lake

SNAPSHOT_AT = "snapshot_at"


def time_of_snapshot(shape: Shape, rows: DataFrame, column: str) -> int:
    """Return the one time that a column has, as a number. Raises SnapshotError where it is not one."""
    at = shape.number(F.col(column))
    found = rows.agg(F.min(at), F.max(at), F.count_if(at.isNull()), F.count(F.lit(1))).first()
    assert found is not None
    first, last, without, read = found
    subject = f"The batch for table {shape.table.name!r}"
    if not read:
        raise SnapshotError.of_no_time(subject, "no time, for it has no rows")
    if without:
        raise SnapshotError.of_no_time(subject, f"no one time: {column!r} is NULL in {counted(without, 'row')}")
    if first != last:
        days = f"{written(shape, first)} to {written(shape, last)}"
        raise SnapshotError.of_no_time(subject, f"no one time: {column!r} is {days}")
    return int(first)


def require_latest(lake: Lake, shape: Shape, at: int) -> None:
    """Raise SnapshotError where the table has a snapshot of a later time; one of the same is loaded in its place."""
    noted = newest_note(lake, shape.table.name, SNAPSHOT_AT)
    last = _latest_in(lake, shape) if noted is None else _read(shape, noted)
    if last is not None and at < last:
        raise SnapshotError.late(f"The batch for table {shape.table.name!r}", written(shape, at), written(shape, last))


def written(shape: Shape, number: int) -> str:
    """Write a valid time that is a number: 2024-01-31, or 2024-01-31T12:00:00+00:00."""
    if shape.by_date:
        return (EPOCH.date() + timedelta(days=number)).isoformat()
    return (EPOCH + number * MICROSECOND).isoformat()


def _read(shape: Shape, text: str) -> int:
    if shape.by_date:
        return (date.fromisoformat(text) - EPOCH.date()).days
    return (datetime.fromisoformat(text) - EPOCH) // MICROSECOND


def _latest_in(lake: Lake, shape: Shape) -> int | None:
    """Return the last time at which a row of the table begins or has ended."""
    if not lake.exists(shape.table.name):
        return None
    rows = lake.spark.read.format("delta").load(lake.path(shape.table.name))
    start, end = (shape.number(F.col(name)) for name in shape.write.valid)
    found = rows.agg(F.greatest(F.max(start), F.max(F.when(end < shape.forever, end)))).first()
    return None if found is None or found[0] is None else int(found[0])
