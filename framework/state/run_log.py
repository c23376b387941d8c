"""The run log: a row for each attempt of each batch, in the table `_lakegate.runs_<job>` of its job.

The row of a batch that is done carries the batch as its transaction, so it is there once, however often the batch was
taken up. An attempt that failed has a row of its own; one that was killed has none, and is known by its document. A run
that was refused before its batch was begun has a row of attempt 0.
"""

from datetime import UTC, datetime
from typing import Any

from pydantic import Field
from pyspark.sql import functions as F

from framework import fault
from framework.batch import Position
from framework.tables import Lake, RowModel, Table, read
from framework.tables.collect import collected
from framework.tables.commit import Transaction
from framework.tables.model import schema
from framework.tables.prepare import prepared

LOGGED_AT_MOST = 1_000


class LoggedLoad(RowModel):
    """What one load of a batch did."""

    name: str
    target: str | None = Field(description="the table; NULL for a function of the user's")
    outcome: str
    version: int | None = Field(description="the table's version that it committed")
    rows_in: int | None
    inserted: int | None
    updated: int | None
    deleted: int | None
    unchanged: int | None
    skipped: int | None = Field(description="rows that a later row of the same key superseded")
    seconds: float


class LoggedRun(RowModel):
    """One attempt of one batch."""

    run_id: str
    attempt: int = Field(description="counted from 1; 0 is a run that was refused before the batch was begun")
    epoch: int
    batch: int = Field(description="of a refused run the batch that it was about: the open one, or else the next")
    backfill: str | None = Field(description="the backfill that the batch belongs to")
    plan: str = Field(description="fingerprint of what the batch reads and of its parameters")
    parameters: str = Field(description="JSON")
    code_version: str
    environment: str
    started_at: datetime = Field(description="UTC")
    finished_at: datetime = Field(description="UTC")
    outcome: str = Field(description="done or failed")
    error: str | None
    loads: list[LoggedLoad]

    @property
    def position(self) -> Position:
        """Return which batch it is of."""
        return Position(self.epoch, self.batch)


def run_log(job: str) -> Table:
    """Return the table of a job's run log."""
    return Table(
        f"_lakegate.runs_{job}",
        LoggedRun,
        properties={"delta.checkpointInterval": "100"},
        on_schema_change="add_columns",
    )


def record(lake: Lake, job: str, row: LoggedRun) -> None:
    """Add a row; that of a batch which is done is added once."""
    table = run_log(job)
    # A row that comes from Python takes Spark three times as long to write.
    text = F.lit(row.model_dump_json())
    parsed = F.from_json(text, schema(LoggedRun), {"mode": "FAILFAST"})
    rows = prepared(lake, table, lake.spark.range(0, 1, 1, 1).select(parsed.alias("row")).select("row.*"))
    name = f"{job}@{row.backfill}" if row.backfill else job
    transaction = Transaction(f"{name}/_runs", row.position)
    options = transaction.options if row.outcome == "done" else {}
    fault.point("before run log")
    rows.write.format("delta").options(**options).mode("append").save(lake.path(table.name))
    fault.point("after run log")


def logged(lake: Lake, job: str) -> list[LoggedRun]:
    """Return the newest rows, newest first."""
    table = run_log(job)
    if not lake.exists(table.name):
        return []
    newest_first = read(lake, table).orderBy("started_at", "epoch", "batch", "attempt", ascending=False)
    return [_row(found.asDict(recursive=True)) for found in collected(newest_first.limit(LOGGED_AT_MOST))]


def _row(values: dict[str, Any]) -> LoggedRun:
    """Return a row whose times say that they are UTC."""
    times = {name: values[name].replace(tzinfo=UTC) for name in ("started_at", "finished_at")}
    return LoggedRun(**{**values, **times})
