"""What 10,000 changes cost in tables that remember, of growing size: seconds, and files rewritten.

The files of a table are of neighbouring keys, and so are the changes. The sizes take turns.

    python benchmarks/history.py [ROWS...]

It prints a line a batch, what the same batch costs when it has no effect, and how many data files that adds; and the
ratio largest / smallest table, of which the target is at most 1.5.
"""

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from framework.batch import Position
from framework.config import load as load_settings
from framework.session import create
from framework.tables import Lake, RowModel, Table, Write, bitemporal, load, scd2
from framework.tables.commit import Transaction, read_commit

CHANGES, ROWS_A_FILE, ROUNDS = 10_000, 62_500, 3


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


WRITES: dict[str, tuple[Table, Write]] = {
    "bitemporal": (Table("bench.bitemporal", Belief, keys="key"), bitemporal(valid=("valid_from", "valid_to"))),
    "scd2": (Table("bench.scd2", Version, keys="key"), scd2(valid_by="since")),
}


def main() -> None:
    sizes = sorted(int(word) for word in sys.argv[1:]) or [250_000, 1_000_000, 4_000_000]
    spark = create(load_settings("local"), "benchmark")
    with tempfile.TemporaryDirectory() as folder:
        for kind in WRITES:
            warm = Lake(spark, f"{folder}/warm")
            fill(warm, kind, sizes[0])
            change(warm, kind, sizes[0], 1)
        lakes = {size: Lake(spark, f"{folder}/{size}") for size in sizes}
        for kind in WRITES:
            for size, lake in lakes.items():
                fill(lake, kind, size)
        print(f"{'write':<12}{'rows':>12}{'files':>7}{'changes':>10}{'rewritten':>11}{'no effect':>11}{'added':>7}")
        for kind in WRITES:
            taken: dict[int, list[float]] = {size: [] for size in sizes}
            for number in range(1, ROUNDS + 1):  # the sizes in turn, so that all have the same hour of the machine
                for size, lake in lakes.items():
                    measured = change(lake, kind, size, number)
                    taken[size].append(measured.seconds)
                    print(f"{kind:<12}{size:>12,}{measured}", flush=True)
            few, many = sizes[0], sizes[-1]
            ratio = statistics.median(taken[many]) / statistics.median(taken[few])
            print(f"{kind}: {many:,} rows against {few:,}: {ratio:.2f} of the time, the median of {ROUNDS}\n")


@dataclass(frozen=True, slots=True)
class Measured:
    """A batch of changes, and the same again: seconds, and how many data files the table had, lost and then gained."""

    files: int
    seconds: float
    rewritten: int
    seconds_again: float
    added_again: int

    def __str__(self) -> str:
        changes = f"{self.files:>7}{self.seconds:>8.1f} s{self.rewritten:>11}"
        return f"{changes}{self.seconds_again:>9.1f} s{self.added_again:>7}"


def change(lake: Lake, kind: str, size: int, number: int) -> Measured:
    """Change neighbouring keys in the middle of a table, and say the same again."""
    table, write = WRITES[kind]
    said = changes(lake, kind, size // 2, number)
    files = int(lake.snapshot(table.name).numOfFiles())
    seconds, rewritten = loaded(lake, table, write, said, 2 * number, "numTargetFilesRemoved")
    return Measured(files, seconds, rewritten, *loaded(lake, table, write, said, 2 * number + 1, "numTargetFilesAdded"))


def changes(lake: Lake, kind: str, first: int, number: int) -> DataFrame:
    """Return what a batch says of the keys from `first` on: other values from a day of June on."""
    return lake.spark.range(first, first + CHANGES).select(
        F.col("id").alias("key"),
        F.lit(f"new {number}").alias("value"),
        F.rand(7).alias("amount"),
        F.lit(date(2024, 6, number)).alias("valid_from" if kind == "bitemporal" else "since"),
        *([F.lit(date(9999, 12, 31)).alias("valid_to")] if kind == "bitemporal" else []),
    )


def loaded(lake: Lake, table: Table, write: Write, said: DataFrame, number: int, metric: str) -> tuple[float, int]:
    """Load a batch, and return its seconds and a metric of its commit."""
    began = time.monotonic()
    version = load(lake, table, write, said, batch(number)).version
    seconds = time.monotonic() - began
    commit = read_commit(lake, table.name, version, {})
    assert commit
    return seconds, commit.metrics[metric]


def batch(number: int) -> Transaction:
    return Transaction("bench/load", Position(0, number))


def fill(lake: Lake, kind: str, size: int) -> None:
    """Make a table, and write a row for each key, in files of neighbouring keys."""
    table, write = WRITES[kind]
    load(lake, table, write, changes(lake, kind, 0, 1).where("false"), batch(1))
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
