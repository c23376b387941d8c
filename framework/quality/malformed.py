"""Malformed records: the text of a record that is not of its row model is kept aside, never dropped in silence.

They go to `_lakegate.malformed_<job>`, one table a job, when the loads of their batch are in: record, frame, the source
file, and the batch's clock. A record of a file is kept once, however often the file is read.
"""

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from framework.tables import Lake, Loaded, Table, append, load, read
from framework.tables.commit import Transaction
from framework.tables.person import Person, mentions
from framework.tables.prepare import INGESTED_AT, MALFORMED, SOURCE_FILE

EXAMPLES = 3
TOLD_BY = ("frame", SOURCE_FILE, "record")


def malformed_table(job: str) -> Table:
    """Return the table of a job's malformed records."""
    return Table(f"_lakegate.malformed_{job}", comment="Records that are not of their row model.")


def well_formed(rows: DataFrame, erased: Sequence[Person] = ()) -> tuple[DataFrame, int, int, int]:
    """Return the well-formed rows, the number of records, of those malformed, and of these that mention the erased."""
    counted = rows.agg(
        F.count(F.lit(1)).alias("all"),
        F.count(MALFORMED).alias("malformed"),
        F.count_if(mentions(F.col(MALFORMED), erased)).alias("mentions"),
    ).first()
    assert counted is not None
    kept = rows.where(F.col(MALFORMED).isNull()).drop(MALFORMED)
    return kept, counted["all"], counted["malformed"], counted["mentions"]


def malformed_examples(rows: DataFrame, erased: Sequence[Person] = ()) -> list[str]:
    """Quote a few malformed records with their files, none that mentions persons who were erased."""
    said = rows.where(F.col(MALFORMED).isNotNull() & ~mentions(F.col(MALFORMED), erased))
    few = said.select(SOURCE_FILE, MALFORMED).orderBy(SOURCE_FILE, MALFORMED).limit(EXAMPLES).collect()
    return [f"{record!r} in {file}" for file, record in few]


def keep_malformed(
    lake: Lake, job: str, frame: str, rows: DataFrame, transaction: Transaction, erased: Sequence[Person] = ()
) -> Loaded:
    """Write the malformed records of a frame that are not kept yet, and do not mention persons who were erased."""
    table = malformed_table(job)
    kept = rows.where(F.col(MALFORMED).isNotNull() & ~mentions(F.col(MALFORMED), erased)).select(
        F.col(MALFORMED).alias("record"), F.lit(frame).alias("frame"), SOURCE_FILE, INGESTED_AT
    )
    if lake.exists(table.name):
        known = read(lake, table).select(*(F.col(name).alias(f"_{name}") for name in TOLD_BY))
        same = [F.col(name).eqNullSafe(F.col(f"_{name}")) for name in TOLD_BY]
        kept = kept.join(known, same, "left_anti")
    return load(lake, table, append(), kept, transaction)
