import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import DataFrame

from framework.errors import TableNotFoundError, UnknownSnapshotError
from framework.session import derive
from framework.tables import Lake, RowModel, Table, read
from framework.tables.read import newest_version, version_at
from tests.delta import given


class City(RowModel):
    """One city."""

    id: int


# Delta 4 reads no version that is older than this.
CITIES = Table("silver.cities", City, properties={"delta.deletedFileRetentionDuration": "interval 36500 days"})


@pytest.fixture
def history(lake: Lake) -> Lake:
    """Versions 0 to 2, made at noon of the first three days of 2024: none, one and two cities."""
    given(lake, CITIES, "(1)")
    given(lake, CITIES, "(2)")
    for version in range(3):
        noon = datetime(2024, 1, 1 + version, 12, tzinfo=UTC).timestamp()
        os.utime(Path(lake.path("silver.cities"), "_delta_log", f"{version:020}.json"), (noon, noon))
    return lake


def ids(rows: DataFrame) -> list[int]:
    return sorted(row["id"] for row in rows.collect())


def test_a_table_is_read_as_it_is_now_or_was_at_a_version_or_time(history: Lake) -> None:
    assert ids(read(history, CITIES)) == [1, 2]
    assert ids(read(history, CITIES, version=1)) == [1]
    assert ids(read(history, CITIES, timestamp=datetime(2024, 1, 3, 11, 59, 59, 999_999, UTC))) == [1]
    assert newest_version(history, CITIES) == 2


def test_a_time_without_a_zone_is_utc_whatever_the_zone_of_the_session(history: Lake) -> None:
    tokyo = Lake(derive(history.spark, {"spark.sql.session.timeZone": "Asia/Tokyo"}), history.root)

    for lake in (history, tokyo):
        assert version_at(lake, CITIES, datetime(2024, 1, 2, 12)) == 1
        assert version_at(lake, CITIES, datetime(2024, 1, 2, 11, 59)) == 0
        assert version_at(lake, CITIES, datetime.fromisoformat("2024-01-02T13:00:00+01:00")) == 1


def test_a_version_or_time_outside_the_history_is_refused(history: Lake) -> None:
    for version in (3, -1):
        with pytest.raises(UnknownSnapshotError) as refused:
            read(history, CITIES, version=version)
        assert (refused.value.table, refused.value.asked) == ("silver.cities", f"version {version}")

    with pytest.raises(UnknownSnapshotError) as refused:
        read(history, CITIES, timestamp=datetime(2024, 1, 1, 11, 59))
    assert (refused.value.table, refused.value.asked) == ("silver.cities", "2024-01-01 11:59:00 UTC")


def test_a_table_that_is_not_there_is_not_found(lake: Lake) -> None:
    with pytest.raises(TableNotFoundError) as refused:
        read(lake, CITIES)

    assert (refused.value.table, refused.value.path) == ("silver.cities", lake.path("silver.cities"))
    with pytest.raises(TableNotFoundError):
        version_at(lake, CITIES, datetime(2024, 1, 1, tzinfo=UTC))
