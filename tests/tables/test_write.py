from collections.abc import Callable
from dataclasses import replace as changed
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import Field
from pyspark.sql import functions as F

from framework.batch import Position
from framework.errors import DataRefusedError, FrameMismatchError
from framework.session import derive
from framework.tables import Counts, Lake, RowModel, Table, append, generated, load, overwrite, replace
from framework.tables.commit import Transaction
from tests.delta import actions, given, rows_of, version_of


class Sale(RowModel):
    """One sale."""

    id: int
    shop: str | None
    price: int | None = Field(ge=0)


class Visit(RowModel):
    """One visit."""

    id: int
    at: datetime | None
    month: str | None = generated("date_format(at, 'yyyy-MM')")


SALES = Table("silver.sales", Sale, keys="id", partition_by="shop")
VISITS = Table("silver.visits", Visit, keys="id", partition_by="month")
JANUARY, MAY = datetime(2024, 1, 31, 12, tzinfo=UTC), datetime(2024, 5, 1, tzinfo=UTC)


def batch(number: int) -> Transaction:
    return Transaction("sales/load", Position(0, number))


def test_an_append_adds_all_rows_and_leaves_generated_columns_to_the_table(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    frame = rows(Visit, {"id": 1, "at": JANUARY}, {"id": 1, "at": JANUARY}, {"id": 2})

    loaded = load(lake, VISITS, append(), frame.withColumn("month", F.lit("never")), batch(1))

    assert rows_of(lake, VISITS, "id, month") == [(1, "2024-01"), (1, "2024-01"), (2, None)]
    assert loaded.counts == Counts(read=3, inserted=3)
    assert loaded.version == version_of(lake, VISITS) == 1
    assert sorted(loaded.partitions, key=str) == [{"month": "2024-01"}, {"month": None}]


def test_a_replace_puts_the_rows_in_the_place_of_their_slices_and_leaves_the_others(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    load(lake, VISITS, append(), rows(Visit, {"id": 1, "at": JANUARY}, {"id": 2, "at": MAY}, {"id": 3}), batch(1))

    loaded = load(lake, VISITS, replace(by="month"), rows(Visit, {"id": 4, "at": MAY}, {"id": 5}), batch(2))

    assert rows_of(lake, VISITS, "id, month") == [(1, "2024-01"), (4, "2024-05"), (5, None)]
    assert loaded.counts == Counts(read=2, inserted=2)
    assert sorted(loaded.partitions, key=str) == [{"month": "2024-05"}, {"month": None}]

    loaded = load(lake, VISITS, replace(by="month"), rows(Visit, {"id": 6}).where("false"), batch(3))

    assert loaded == changed(loaded, version=3, partitions=(), counts=Counts())
    assert actions(lake, VISITS, "add") + actions(lake, VISITS, "remove") == []
    assert actions(lake, VISITS, "txn")[0]["version"] == 3


def test_a_replace_by_a_column_that_is_no_partition_leaves_the_other_rows_of_a_file(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    given(lake, SALES, "(1, 'Oslo', 10), (2, 'Oslo', 20), (3, 'Bonn', NULL)")
    given(lake, SALES, "(4, 'O''Hare', NULL)")

    loaded = load(
        lake, SALES, replace(by="price"), rows(Sale, {"id": 5, "shop": "O'Hare"}, {"id": 6, "price": 10}), batch(1)
    )

    assert rows_of(lake, SALES) == [(2, "Oslo", 20), (5, "O'Hare", None), (6, None, 10)]
    assert loaded.counts == Counts(read=2, inserted=2, deleted=3)
    touched = [partition["shop"] for partition in loaded.partitions]
    assert sorted(touched, key=str) == ["Bonn", None, "O'Hare", "Oslo"]


def test_an_overwrite_leaves_only_its_rows_even_in_a_session_that_overwrites_single_partitions(lake: Lake) -> None:
    given(lake, SALES, "(1, 'Oslo', 10), (2, 'Bonn', 20), (3, NULL, 30)")
    dynamic = changed(lake, spark=derive(lake.spark, {"spark.sql.sources.partitionOverwriteMode": "dynamic"}))
    frame = dynamic.spark.sql("SELECT 4L AS id, 'Oslo' AS shop, CAST(NULL AS BIGINT) AS price")

    loaded = load(dynamic, SALES, overwrite(), frame, batch(1))

    assert rows_of(lake, SALES) == [(4, "Oslo", None)]
    assert loaded.counts == Counts(read=1, inserted=1)
    assert sorted(loaded.partitions, key=str) == [{"shop": "Bonn"}, {"shop": "Oslo"}, {"shop": None}]


def test_a_replace_of_too_many_slices_is_refused_before_the_table_is_made(lake: Lake) -> None:
    many = lake.spark.range(10_001).selectExpr("id", "CAST(NULL AS STRING) AS shop", "id AS price")

    with pytest.raises(DataRefusedError):
        load(lake, SALES, replace(by="price"), many, batch(1))

    assert version_of(lake, SALES) == -1


@pytest.mark.parametrize("change", ["drop", "type", "add"])
def test_rows_that_do_not_have_the_tables_columns_are_refused_before_it_is_made(
    lake: Lake, rows: Callable[..., Any], change: str
) -> None:
    frame = rows(Sale, {"id": 1})
    wrong = {"drop": frame.drop("price"), "type": frame.withColumn("price", F.lit("1"))}

    with pytest.raises(FrameMismatchError) as refused:
        load(lake, SALES, append(), wrong.get(change, frame.withColumn("tax", F.lit(1))), batch(1))

    assert refused.value.subject == "Table 'silver.sales'"
    assert [said.split("'")[1] for said in refused.value.differences] == ["tax" if change == "add" else "price"]
    assert version_of(lake, SALES) == -1
