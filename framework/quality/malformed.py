"""Malformed records: the text of a record that is not of its row model is kept aside, never dropped in silence.

They go to `_lakegate.malformed_<job>`, one table a job, before any load of the batch: record, frame, the source file,
and the batch's clock. The commit carries a transaction of its own, so a batch that is taken up keeps them once.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from framework.tables import Lake, Table, append, load
from framework.tables.commit import Transaction
from framework.tables.load import is_applied
from framework.tables.prepare import INGESTED_AT, MALFORMED, SOURCE_FILE


def set_aside(
    lake: Lake, job: str, frame: str, rows: DataFrame, transaction: Transaction
) -> tuple[DataFrame, int, int]:
    """Return the well-formed rows, the number of records, and how many are malformed; those are written first."""
    counted = rows.agg(F.count(F.lit(1)).alias("all"), F.count(MALFORMED).alias("malformed")).first()
    assert counted is not None
    well_formed = rows.where(F.col(MALFORMED).isNull()).drop(MALFORMED)
    table = Table(f"_lakegate.malformed_{job}", comment="Records that are not of their row model.")
    if counted["malformed"] and not is_applied(lake, table, transaction):
        kept = rows.where(F.col(MALFORMED).isNotNull()).select(
            F.col(MALFORMED).alias("record"), F.lit(frame).alias("frame"), SOURCE_FILE, INGESTED_AT
        )
        load(lake, table, append(), kept, transaction)
    return well_formed, counted["all"], counted["malformed"]
