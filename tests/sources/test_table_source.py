import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame

from framework.batch import Pin
from framework.errors import DeclarationError, TableNotFoundError, UnknownSnapshotError
from framework.sources import Reading, table, written
from framework.tables import Counts, Lake, Loaded, RowModel, Table
from tests.delta import given

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


class Sale(RowModel):
    """One sale."""

    id: int
    month: str | None
    day: date | None


# Delta 4 reads no version that is older than this.
KEPT = {"delta.deletedFileRetentionDuration": "interval 36500 days"}
SALES = Table("silver.sales", Sale, keys="id", partition_by="month", properties=KEPT)
WHOLE = Table("silver.whole", Sale, keys="id")


def reading(lake: Lake, source: Table = SALES, *partitions: dict[str, str | None], version: int = 1) -> Reading:
    return Reading(lake, "nowhere", NOON, {source.name: Loaded(version, partitions, Counts())})


def ids(rows: DataFrame) -> list[Any]:
    return sorted(row["id"] for row in rows.collect())


def test_a_table_is_pinned_as_it_is_when_the_batch_is_planned(lake: Lake) -> None:
    given(lake, SALES, "(1, 'jan', NULL)")
    source = table(SALES)

    pin = source.pin(reading(lake))
    given(lake, SALES, "(2, 'jan', NULL)")

    assert pin == Pin(version=1, of="table('silver.sales')")
    assert ids(source.read(reading(lake), pin)) == [1]
    assert source.pin(reading(lake)) == Pin(version=2, of="table('silver.sales')")


def test_a_table_is_pinned_as_of_a_version_or_a_time(lake: Lake) -> None:
    given(lake, SALES, "(1, 'jan', NULL)")
    for version in (0, 1):
        at = datetime(2024, 1, 1 + version, tzinfo=UTC).timestamp()
        os.utime(Path(lake.path(SALES.name), "_delta_log", f"{version:020}.json"), (at, at))

    assert table(SALES, version=0).pin(reading(lake)) == Pin(version=0, of="table('silver.sales')")
    assert table(SALES, timestamp=datetime(2024, 1, 1, 23)).pin(reading(lake)) == Pin(
        version=0, of="table('silver.sales')"
    )
    assert table(SALES, timestamp=datetime(2024, 1, 2)).pin(reading(lake)) == Pin(version=1, of="table('silver.sales')")
    with pytest.raises(UnknownSnapshotError):
        table(SALES, version=2).pin(reading(lake))
    with pytest.raises(UnknownSnapshotError):
        table(SALES, timestamp=datetime(2023, 12, 31)).pin(reading(lake))


def test_a_table_that_is_not_there_cannot_be_pinned_and_its_columns_are_the_declared_ones(lake: Lake) -> None:
    with pytest.raises(TableNotFoundError):
        table(SALES).pin(reading(lake))

    for source in (table(SALES), written(SALES)):
        found = source.schema(reading(lake))
        assert found is not None
        assert found.names == ["id", "month", "day"]
        assert source.model is Sale
    assert table(Table("silver.sales")).schema(reading(lake)) is None
    given(lake, SALES, "(1, 'jan', NULL)")
    found = table(Table("silver.sales")).schema(reading(lake))
    assert found is not None
    assert found.names == ["id", "month", "day"]


def test_what_was_written_is_the_touched_partitions_as_the_load_left_them(lake: Lake) -> None:
    given(lake, SALES, "(1, 'jan', NULL), (2, 'feb', NULL), (3, NULL, NULL)")
    given(lake, SALES, "(4, 'jan', NULL)")

    def read(*partitions: dict[str, str | None]) -> list[Any]:
        return ids(written(SALES).read(reading(lake, SALES, *partitions), Pin()))

    assert read({"month": "jan"}, {"month": None}) == [1, 3]
    assert read({"month": "mar"}) == []
    assert read() == []
    assert written(SALES).pin(reading(lake)) == Pin()


def test_what_was_written_to_a_table_without_partitions_is_all_of_it_or_nothing(lake: Lake) -> None:
    given(lake, WHOLE, "(1, 'jan', NULL), (2, 'feb', NULL)")

    assert ids(written(WHOLE).read(reading(lake, WHOLE, {}), Pin())) == [1, 2]
    assert ids(written(WHOLE).read(reading(lake, WHOLE), Pin())) == []


def test_whole_rounds_what_was_written_out_to_all_rows_that_share_a_value(lake: Lake) -> None:
    first, second = "DATE '2024-01-31'", "DATE '2024-02-01'"
    given(
        lake,
        SALES,
        f"(1, 'jan', {first}), (2, 'feb', {first}), (3, 'feb', {second}), (4, 'jan', NULL), (5, 'mar', NULL)",
    )

    def read(*partitions: dict[str, str | None]) -> list[Any]:
        return ids(written(SALES, whole="day").read(reading(lake, SALES, *partitions), Pin()))

    assert read({"month": "jan"}) == [1, 2, 4, 5]
    assert read({"month": "feb"}) == [1, 2, 3]
    assert read() == []


def test_a_source_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(DeclarationError) as refused:
        table(SALES, version=1, timestamp=NOON)
    assert refused.value.subject == "table('silver.sales')"

    with pytest.raises(DeclarationError) as refused:
        written(SALES, whole="days")
    assert refused.value.subject == "written('silver.sales')"
