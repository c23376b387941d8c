from datetime import datetime

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    LongType,
    StringType,
    TimestampType,
)

from framework.session import derive
from framework.tables import RowModel, Table, generated
from framework.tables.slices import any_of, follows_from_keys, in_partitions, literal, spelled, values_of


class Event(RowModel):
    """One event."""

    place: str
    at: datetime
    day: str = generated("date_format(At, 'yyyy-MM-dd kind')")
    year: int = generated("CAST(year(at) AS BIGINT)")
    kind: str
    first: str = generated("substr(kind, 1, 1)")
    both: str = generated('concat(place, "kind\'s", `kind`)')


def test_a_value_becomes_a_literal_of_its_type(spark: SparkSession) -> None:
    literals = [
        literal("O'Hare \\ 1", StringType()),
        literal("\\${spark.app.name}$", StringType()),
        literal("-7", LongType()),
        literal("1.5E10", DoubleType()),
        literal("2.50", DecimalType(5, 2)),
        literal("true", BooleanType()),
        literal("2024-02-29", DateType()),
        literal("2024-02-29 12:00:00.000001", TimestampType()),
        literal("2024-02-29T12:00:00.000001Z", TimestampType()),
        literal(None, StringType()),
    ]

    found = spark.sql(" UNION ALL ".join(f"SELECT typeof({one}), string({one})" for one in literals)).collect()

    assert [tuple(row) for row in found] == [
        ("string", "O'Hare \\ 1"),
        ("string", "\\${spark.app.name}$"),
        ("int", "-7"),
        ("double", "1.5E10"),
        ("decimal(5,2)", "2.50"),
        ("boolean", "true"),
        ("date", "2024-02-29"),
        ("timestamp", "2024-02-29 12:00:00.000001"),
        ("timestamp", "2024-02-29 12:00:00.000001"),
        ("void", None),
    ]


def test_a_time_is_spelled_so_that_it_is_read_as_the_same_in_every_zone(spark: SparkSession) -> None:
    there = derive(spark, {"spark.sql.session.timeZone": "America/New_York"})
    # Clocks show the first two alike, and none shows the third; before 1883 New York was at -04:56:02.
    times = ["2024-11-03 05:30:00", "2024-11-03 06:30:00", "2024-03-10 07:00:00.000001", "0900-01-01 00:00:00"]
    rows = there.sql(" UNION ALL ".join(f"SELECT TIMESTAMP'{each} UTC' AS at" for each in times))
    (kind,) = (field.dataType for field in rows.schema.fields)
    spelled_so = [row[0] for row in rows.select(spelled(F.col("at"), kind)).collect()]
    assert spelled_so == [f"{each} UTC" for each in times]
    literals = ", ".join(literal(each, kind) for each in spelled_so)
    assert rows.where(f"at IN ({literals})").count() == 4
    assert sorted(each for each in values_of(rows, "at") if each) == sorted(spelled_so)


def test_a_condition_names_each_value_and_null_apart() -> None:
    assert any_of("t.day", StringType(), ["b", None, "a"]) == "(t.day IN ('a', 'b') OR t.day IS NULL)"
    assert any_of("t.day", LongType(), ["10", "9"]) == "(t.day IN (10, 9))"
    assert any_of("t.day", LongType(), [None]) == "(t.day IS NULL)"
    assert any_of("t.day", LongType(), []) == "(false)"


def test_the_rows_of_some_partitions_are_those_with_their_values_null_included(spark: SparkSession) -> None:
    rows = spark.sql("SELECT * FROM VALUES (1, 'a', 1.5D), (2, 'a', NULL), (3, NULL, NULL), (4, 'b', 1.5D) t(id, p, q)")

    def ids(*partitions: dict[str, str | None]) -> list[int]:
        return [row["id"] for row in in_partitions(rows, partitions).collect()]

    assert ids({"p": "a"}, {"p": None}) == [1, 2, 3]
    assert ids({"p": "a", "q": None}, {"p": "b", "q": "1.5"}) == [2, 4]
    assert ids({}) == [1, 2, 3, 4]
    assert ids() == []


@pytest.mark.parametrize(
    ("partition_by", "follows"),
    [
        ("place", True),
        ("day", True),  # the column is found in any case, not in a string
        ("year", True),  # the function year is not the column year
        (("place", "day"), True),
        ("kind", False),
        ("first", False),
        ("both", False),
        (("place", "kind"), False),
        ((), False),
    ],
)
def test_a_partition_follows_from_the_key_if_it_is_a_key_or_computed_from_keys(
    partition_by: str | tuple[str, ...], follows: bool
) -> None:
    assert follows_from_keys(Table("silver.events", Event, ("place", "at"), partition_by)) is follows


def test_a_partition_that_is_computed_from_no_key_does_not_follow_from_it() -> None:
    assert not follows_from_keys(Table("silver.events", Event, "place", "day"))
    assert not follows_from_keys(Table("silver.events", keys="place", partition_by="day"))
    assert follows_from_keys(Table("silver.events", keys="place", partition_by="place"))
