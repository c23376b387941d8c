"""What 10,000 changes cost in tables that remember, of growing size: seconds, and files rewritten.

The table is clustered by key and the changes are of neighbouring keys. `python benchmarks/history.py 250000 1000000`.
"""

import sys
import tempfile
import time
from datetime import UTC, date, datetime

from pyspark.sql import functions as F

from framework.batch import Position
from framework.config import load as load_settings
from framework.session import create
from framework.tables import Lake, RowModel, Table, Write, bitemporal, load, scd2
from framework.tables.commit import Transaction, read_commit

CHANGES, ROWS_A_FILE = 10_000, 62_500


class Version(RowModel):
    """One version of a key."""

    key: int
    value: str
    amount: float
    valid_from: date
    valid_to: date


class Belief(Version):
    """The same, and when it was believed."""

    system_from: datetime
    system_to: datetime


WRITES: dict[str, tuple[type[RowModel], Write]] = {
    "bitemporal": (Belief, bitemporal(valid=("valid_from", "valid_to"))),
    "scd2": (Version, scd2(valid_by="since")),
}


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or [250_000, 1_000_000, 4_000_000]
    spark = create(load_settings("local"), "benchmark")
    print(f"{'write':<12}{'rows':>12}{'seconds':>10}{'no effect':>11}{'files':>7}{'rewritten':>11}")
    with tempfile.TemporaryDirectory() as folder:
        for kind in WRITES:
            measure(Lake(spark, f"{folder}/warm"), kind, sizes[0])
        for size in sizes:
            for kind in WRITES:
                print(measure(Lake(spark, f"{folder}/{size}"), kind, size), flush=True)


def measure(lake: Lake, kind: str, size: int) -> str:
    """Fill a table, change it, and say the same again; return the line of the printed table."""
    model, write = WRITES[kind]
    table = Table(f"bench.{kind}", model, keys="key")
    said = lake.spark.range(CHANGES).select(
        (F.col("id") + size // 2).alias("key"),
        F.lit("new").alias("value"),
        F.rand(7).alias("amount"),
        F.lit(date(2024, 6, 1)).alias("valid_from" if kind == "bitemporal" else "since"),
        *([F.lit(date(9999, 12, 31)).alias("valid_to")] if kind == "bitemporal" else []),
    )
    load(lake, table, write, said.where("false"), batch(1))
    fill(lake, table, size)
    files = int(lake.snapshot(table.name).numOfFiles())
    seconds, rewritten = [], []
    for number in (2, 3):
        began = time.monotonic()
        loaded = load(lake, table, write, said, batch(number))
        seconds.append(time.monotonic() - began)
        commit = read_commit(lake, table.name, loaded.version, {})
        assert commit
        rewritten.append(commit.metrics.get("numTargetFilesRemoved", 0))
    return f"{kind:<12}{size:>12,}{seconds[0]:>10.1f}{seconds[1]:>11.1f}{files:>7}{rewritten[0]:>11}"


def batch(number: int) -> Transaction:
    return Transaction("bench/load", Position(0, number))


def fill(lake: Lake, table: Table, size: int) -> None:
    """Write a row for each key, in files of neighbouring keys."""
    rows = lake.spark.range(0, size, 1, max(size // ROWS_A_FILE, 1)).select(
        F.col("id").alias("key"),
        F.concat(F.lit("value "), F.col("id").cast("string")).alias("value"),
        F.rand(3).alias("amount"),
        F.lit(date(2024, 1, 1)).alias("valid_from"),
        F.lit(date(9999, 12, 31)).alias("valid_to"),
        F.lit(datetime(2024, 1, 1, tzinfo=UTC)).alias("system_from"),
        F.expr("TIMESTAMP_LTZ'9999-12-31 00:00:00 UTC'").alias("system_to"),
    )
    assert table.model
    rows.select(*table.model.model_fields).write.format("delta").mode("append").save(lake.path(table.name))


if __name__ == "__main__":
    main()
