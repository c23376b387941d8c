import pytest
from pyspark.sql import DataFrame, SparkSession

from framework.pipeline import Job, extract, load, transform
from framework.report import describe
from framework.sources import files, table, written
from framework.tables import RowModel, Table, append, overwrite, replace, sync, upsert


class Order(RowModel):
    id: int
    day: str


ORDERS = Table("silver.orders", Order, keys=("id", "day"))
LATEST = Table("silver.latest", Order, keys="id")


def rates(spark: SparkSession) -> DataFrame:
    """Ask the bank.

    It answers slowly.
    """
    return spark.range(1)


def undocumented(raw: DataFrame, rates: DataFrame, old: DataFrame, new: DataFrame, days: DataFrame) -> DataFrame:
    return raw


def mailed(rows: DataFrame) -> None:
    """Send a mail."""


job = Job(
    "all",
    stages=[
        extract(raw=files("orders", Order, format="json"), rates=rates, old=table(Table("bronze.old"))),
        load("raw", into=ORDERS, write=upsert()),
        load("raw", into=LATEST, write=upsert(sequence_by="day"), name="late_orders"),
        load("raw", into=Table("a.b", keys="id"), write=sync()),
        load("raw", into=Table("a.c"), write=append()),
        load("raw", into=Table("a.d"), write=overwrite()),
        load("raw", into=Table("a.e", Order), write=replace(by="day")),
        extract(new=written(Table("a.c")), days=written(Table("a.e", Order), whole="day")),
        undocumented,
        transform(undocumented, name="again"),
        load("undocumented", into=mailed),
        load("again", into=mailed, name="mailed_again"),
    ],
)


@pytest.mark.parametrize(
    "line",
    [
        "extract raw: json files orders",
        "extract rates: Ask the bank.",
        "extract old: table bronze.old",
        "extract new: written to a.c by this batch",
        "extract days: written to a.e by this batch, whole day",
        "transform undocumented",
        "transform again",
        "load silver.orders: upsert() by id, day",
        "load late_orders: into silver.latest, upsert(sequence_by='day') by id",
        "load a.b: sync() by id",
        "load a.c: append()",
        "load a.d: overwrite()",
        "load a.e: replace(by='day')",
        "load mailed: a function of your own, at least once",
        "load mailed_again: a function of your own, at least once",
    ],
)
def test_a_stage_is_told_in_one_line(line: str) -> None:
    assert line in [describe(node) for node in job.nodes]


def test_no_stage_is_left_out() -> None:
    assert len(job.nodes) == 15
