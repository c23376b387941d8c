from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError
from pydantic import BaseModel, Field
from pyspark.errors import PySparkException
from pyspark.sql import Row
from pyspark.sql import functions as F
from pyspark.sql.types import LongType, StringType

from framework.batch import Position
from framework.errors import (
    DataRefusedError,
    DeclarationError,
    DuplicateKeyError,
    FrameMismatchError,
    NullKeyError,
    SequenceError,
)
from framework.session import derive
from framework.tables import Counts, Lake, RowModel, Table, Write, append, generated, load, sync, upsert
from framework.tables.commit import Transaction
from framework.tables.merge import CHANGE, Merge, _changes
from framework.tables.slices import among
from tests.delta import actions, given, rows_of, version_of


class Place(BaseModel):
    labels: dict[str, str]
    seen_at: datetime | None


class City(RowModel):
    """One city."""

    country: str
    id: int
    name: str | None
    tags: list[str] | None
    seats: dict[str, dict[str, int]] | None
    place: Place | None


class Fare(RowModel):
    """One fare."""

    id: int | None
    seq: int | None
    zone: str | None


class Event(RowModel):
    """One event."""

    at: datetime
    kind: str | None
    day: str = generated("date_format(at, 'yyyy-MM-dd')")


class Text(RowModel):
    """One text, and what it is as a number."""

    text: str
    at: datetime = Field(default=datetime(2024, 1, 1, tzinfo=UTC))
    number: int | None = generated("CAST(text AS BIGINT)")
    local_hour: str | None = generated("date_format(at, 'HH')")


CITIES = Table("silver.cities", City, keys=("country", "id"), partition_by="country")
FARES = Table("silver.fares", Fare, keys="id", partition_by="zone")
EVENTS = Table("silver.events", Event, keys="at", partition_by="day")
TEXTS = Table("silver.texts", Text, keys="text")

# The same map of maps, each in the other order.
TURNED = """map_from_entries(reverse(transform(map_entries(seats), entry ->
    struct(entry.key, map_from_entries(reverse(map_entries(entry.value)))))))"""


def batch(number: int) -> Transaction:
    return Transaction("cities/load", Position(0, number))


def on(lake: Lake, table: Table) -> str:
    """The condition of the newest MERGE."""
    return str(actions(lake, table, "commitInfo")[0]["operationParameters"]["predicate"])


def test_an_upsert_updates_what_differs_inserts_what_is_new_and_leaves_the_rest(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    instant, later = datetime(2024, 1, 1, 0, 0, 0, 1, UTC), datetime(2024, 1, 1, 0, 0, 0, 2, UTC)
    seats = {"x": {"p": 1, "q": 2}, "y": {"p": 3}}
    place, elsewhere = {"labels": {"k": "v"}, "seen_at": instant}, {"labels": {"k": "v"}, "seen_at": later}
    oslo = {"country": "NO", "id": 1, "tags": ["a"], "seats": seats, "place": place}
    bergen, lund, umea = {"country": "NO", "id": 2}, {"country": "SE", "id": 1}, {"country": "SE", "id": 2}
    turku, ribe = {"country": "FI", "id": 1, "name": "Turku"}, {"country": "DK", "id": 1, "name": "Ribe"}
    before = [oslo, bergen | {"name": "Bergen"}, lund | {"place": place}, umea | {"tags": ["a", "b"]}, turku]
    after = [oslo, bergen, lund | {"place": elsewhere}, umea | {"tags": ["b", "a"], "seats": seats}, ribe]
    load(lake, CITIES, append(), rows(City, *before), batch(1))
    frame = rows(City, *after).withColumn("seats", F.expr(TURNED))

    loaded = load(lake, CITIES, upsert(), frame, batch(2))

    assert loaded.counts == Counts(read=5, inserted=1, updated=3, unchanged=1)
    assert (loaded.version, version_of(lake, CITIES)) == (2, 2)
    assert rows_of(lake, CITIES, "country, id, name, tags[1], seats['x']['q'], place['seen_at']") == [
        ("DK", 1, "Ribe", None, None, None),
        ("FI", 1, "Turku", None, None, None),
        ("NO", 1, None, "a", 2, instant),
        ("NO", 2, None, None, None, None),
        ("SE", 1, None, None, None, later),
        ("SE", 2, None, "b", 2, None),
    ]

    loaded = load(lake, CITIES, upsert(), rows(City, *after), batch(3))

    # Equal rows write no file, in whatever order their maps are; the commit is there for its transaction.
    assert loaded.counts == Counts(read=5, unchanged=5)
    assert (loaded.version, loaded.partitions) == (3, ())
    assert actions(lake, CITIES, "add") + actions(lake, CITIES, "remove") == []
    assert actions(lake, CITIES, "txn")[0]["version"] == 3


def test_with_a_sequence_the_greatest_wins_and_what_is_older_than_the_table_is_left_out(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    given(lake, FARES, "(1, 5, 'a'), (2, 5, 'a'), (3, 5, 'a'), (4, NULL, 'a')")
    frame = rows(
        Fare,
        {"id": 1, "seq": 6, "zone": "b"},
        {"id": 1, "seq": 7, "zone": "c"},
        {"id": 1, "seq": 7, "zone": "c"},
        {"id": 2, "seq": 4, "zone": "b"},
        {"id": 3, "seq": 5, "zone": "b"},
        {"id": 4, "seq": 1, "zone": "b"},
        {"id": 5, "seq": 1, "zone": None},
    )
    # Equal rows of two files are equal.
    frame = frame.withColumn("_source_file", F.concat(F.monotonically_increasing_id(), F.lit(".csv")))

    loaded = load(lake, FARES, upsert(sequence_by="seq"), frame, batch(1))

    assert rows_of(lake, FARES) == [(1, 7, "c"), (2, 5, "a"), (3, 5, "b"), (4, 1, "b"), (5, 1, None)]
    assert loaded.counts == Counts(read=7, inserted=1, updated=3, unchanged=1, deduplicated=2)


class Shop(RowModel):
    name: str | None
    seats: int | None


def test_an_empty_string_is_no_key_where_it_says_the_partition(lake: Lake, rows: Callable[..., Any]) -> None:
    shops = Table("silver.shops", Shop, keys="name", partition_by="name")
    with pytest.raises(
        NullKeyError, match="or '' in one that it is partitioned by, which Delta keeps as NULL"
    ) as refused:
        load(lake, shops, upsert(), rows(Shop, {"name": "", "seats": 1}, {"name": "a", "seats": 2}), batch(1))
    assert (refused.value.rows, version_of(lake, shops)) == (1, -1)
    elsewhere = Table("silver.elsewhere", Shop, keys="name")
    for seats in (1, 2):
        load(lake, elsewhere, upsert(), rows(Shop, {"name": "", "seats": seats}), batch(seats))
    assert rows_of(lake, elsewhere) == [("", 2)]


@pytest.mark.parametrize(
    ("there", "write", "given_rows", "error", "data"),
    [
        (False, upsert(), [(1, 1), (None, 1), (None, 2)], NullKeyError, {"keys": ("id",), "rows": 2}),
        (True, sync(), [(1, 1), (1, 1)], DuplicateKeyError, {"keys": ("id",), "examples": ("id=1",)}),
        (
            True,
            upsert(sequence_by="seq"),
            [(2, 7), (2, 7)],
            DuplicateKeyError,
            {"keys": ("id",), "examples": ("id=2",)},
        ),
        (False, upsert(sequence_by="seq"), [(1, 1), (2, None)], SequenceError, {"column": "seq", "rows": 1}),
    ],
    ids=["a key that is NULL", "a key twice", "a sequence twice with other values", "a sequence that is NULL"],
)
def test_rows_without_one_key_and_one_order_are_refused_and_nothing_is_written_or_made(
    lake: Lake,
    rows: Callable[..., Any],
    there: bool,
    write: Write,
    given_rows: list[tuple[int | None, int | None]],
    error: type[DataRefusedError],
    data: dict[str, Any],
) -> None:
    if there:
        given(lake, FARES, "(9, 9, 'a')")
    frame = rows(Fare, *({"id": key, "seq": seq, "zone": str(n)} for n, (key, seq) in enumerate(given_rows)))

    with pytest.raises(error) as refused:
        load(lake, FARES, write, frame, batch(1))

    assert {name: getattr(refused.value, name) for name in ("table", *data)} == {"table": "silver.fares", **data}
    assert version_of(lake, FARES) == (1 if there else -1)


def test_a_row_that_moves_to_another_partition_is_found_once_and_loaded_once(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    given(lake, FARES, "(1, 1, 'a'), (2, 1, 'a')")
    frame = rows(Fare, {"id": 1, "seq": 1, "zone": "b"}).persist()

    loaded = load(lake, FARES, upsert(), frame, batch(1))

    assert rows_of(lake, FARES) == [(1, 1, "b"), (2, 1, "a")]
    assert "zone" not in on(lake, FARES)  # the partition does not follow from the key, so all are looked at
    assert sorted(partition["zone"] or "" for partition in loaded.partitions) == ["a", "b"]
    assert loaded.counts == Counts(read=1, updated=1)

    # A MERGE that is in is not repeated. In memory stays what was there before, and nothing else.
    other = rows(Fare, {"id": 9, "seq": 9})
    again = load(lake, FARES, upsert(), other, batch(1))
    assert (again.version, again.partitions, version_of(lake, FARES)) == (2, loaded.partitions, 2)
    assert (frame.storageLevel.useMemory, other.storageLevel.useMemory) == (True, False)
    frame.unpersist()


def test_an_upsert_looks_only_into_the_partitions_that_follow_from_its_keys(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    first, second = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)
    frame = rows(Event, {"at": first, "kind": "a"}, {"at": first.replace(hour=1), "kind": "a"}, {"at": second})
    load(lake, EVENTS, append(), frame.withColumn("_source_file", F.lit("old.csv")), batch(1))
    frame = rows(Event, {"at": first, "kind": "b"}, {"at": first.replace(hour=1), "kind": "a"})
    # The frame's own idea of a generated column does not count.
    frame = frame.withColumns({"day": F.lit("1999-01-01"), "_source_file": F.lit("new.csv")})

    loaded = load(lake, EVENTS, upsert(), frame, batch(2))

    assert rows_of(lake, EVENTS, "day, kind, _source_file") == [
        ("2024-01-01", "a", "old.csv"),  # where a row was read does not make it another row
        ("2024-01-01", "b", "new.csv"),
        ("2024-01-02", None, "old.csv"),
    ]
    assert loaded.counts == Counts(read=2, updated=1, unchanged=1)
    assert "2024-01-01" in on(lake, EVENTS)
    assert "1999" not in on(lake, EVENTS)
    assert loaded.partitions == ({"day": "2024-01-01"},)


def test_a_sync_makes_the_table_hold_exactly_its_rows(lake: Lake, rows: Callable[..., Any]) -> None:
    given(
        lake,
        CITIES,
        "('NO', 1, 'Oslo', NULL, NULL, NULL), ('NO', 2, 'Bergen', NULL, NULL, NULL), ('SE', 1, NULL, NULL, NULL, NULL)",
    )
    frame = rows(
        City,
        {"country": "NO", "id": 1, "name": "Oslo"},
        {"country": "NO", "id": 2, "name": "Bodø"},
        {"country": "DK", "id": 1, "name": "Ribe"},
    )

    loaded = load(lake, CITIES, sync(), frame, batch(1))

    assert rows_of(lake, CITIES, "country, id, name") == [("DK", 1, "Ribe"), ("NO", 1, "Oslo"), ("NO", 2, "Bodø")]
    assert loaded.counts == Counts(read=3, inserted=1, updated=1, deleted=1, unchanged=1)
    assert sorted(p["country"] or "" for p in loaded.partitions) == ["DK", "NO", "SE"]
    assert "SE" not in on(lake, CITIES)
    assert "DK" not in on(lake, CITIES)  # it deletes in every partition, so it looks at all of them

    loaded = load(lake, CITIES, sync(), frame.where("false"), batch(2))

    assert rows_of(lake, CITIES) == []
    assert loaded.counts == Counts(deleted=3)


def test_a_merge_runs_in_its_sessions_zone_and_mode_and_leaves_its_transaction_nowhere(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    words = rows(Text, {"text": "x", "number": None, "local_hour": None}, at=datetime(2024, 1, 1, 20, tzinfo=UTC))

    with pytest.raises((PySparkException, Py4JJavaError)):
        load(lake, TEXTS, upsert(), words, batch(1))

    # After a MERGE that failed, a write of the same session is one of its own.
    assert version_of(lake, TEXTS) == 0
    for version in (1, 2):
        words.selectExpr("'7' AS text", "at").write.format("delta").mode("append").save(lake.path("silver.texts"))
        assert actions(lake, TEXTS, "txn") == []
        assert version_of(lake, TEXTS) == version

    confs = {"spark.sql.ansi.enabled": "false", "spark.sql.session.timeZone": "Asia/Tokyo"}
    load(replace(lake, spark=derive(lake.spark, confs)), TEXTS, upsert(), words, batch(1))
    assert rows_of(lake, TEXTS, "text, number, local_hour") == [("7", 7, "20"), ("7", 7, "20"), ("x", None, "05")]


def test_a_sequence_may_be_a_column_that_is_generated_or_added(lake: Lake) -> None:
    rows = lake.spark.sql("SELECT 1 AS at, 'new' AS kind, '2024-01-02' AS day, 3 AS _ingested_at")
    held = lake.spark.sql("SELECT 1 AS at, 'old' AS kind, '2024-01-01' AS day, 4 AS _ingested_at")

    def changes(sequence_by: str) -> list[str]:
        return [row[CHANGE] for row in _changes(rows, held, EVENTS, Merge(sequence_by), None).collect()]

    assert (changes("day"), changes("_ingested_at")) == (["update"], [])


def test_up_to_a_thousand_partitions_are_named_and_more_are_a_range() -> None:
    few, many = [str(n) for n in range(1_000)], [str(n) for n in range(1_001)]

    named = among("p", LongType(), few, Row(low="0", high="999", null=True))
    assert named.startswith("(t.`p` IN (0, 1, 10, ")
    assert named.endswith(") OR t.`p` IS NULL)")
    assert named.count(",") == 999
    assert among("p", LongType(), many, Row(low="0", high="1000", null=False)) == "(t.`p` BETWEEN 0 AND 1000)"
    assert among("p", StringType(), many, Row(low="a'", high="b", null=True)) == (
        "(t.`p` BETWEEN 'a\\'' AND 'b' OR t.`p` IS NULL)"
    )


@pytest.mark.parametrize("write", [upsert(), upsert(sequence_by="at.seq"), sync()], ids=["upsert", "latest", "sync"])
def test_a_column_may_have_a_dot_in_its_name(lake: Lake, write: Write) -> None:
    table, columns = Table("silver.dotted", keys="of.id"), "`of.id` bigint, `a.b` string, `at.seq` bigint"
    for number, rows in enumerate(([(1, "oslo", 1), (2, "rome", 1)], [(1, "oslo", 1), (2, "bari", 2)]), 1):
        loaded = load(lake, table, write, lake.spark.createDataFrame(rows, columns), batch(number))
    assert loaded.counts == Counts(read=2, updated=1, unchanged=1)
    assert sorted(map(tuple, lake.spark.read.format("delta").load(lake.path(table.name)).collect())) == [
        (1, "oslo", 1),
        (2, "bari", 2),
    ]


def test_columns_may_be_called_as_any_but_those_that_lakegate_makes_for_itself(lake: Lake) -> None:
    table = Table("silver.named", keys="count")
    named = "1 AS count, {} AS _change, 3 AS _there, 4 AS _here, 5 AS _t_count, 6 AS _rows"
    for number, value in enumerate((2, 7), 1):
        load(lake, table, upsert(), lake.spark.sql(f"SELECT {named.format(value)}"), batch(number))
    assert rows_of(lake, table) == [(1, 7, 3, 4, 5, 6)]
    twice = lake.spark.sql(f"SELECT {named.format(8)} UNION ALL SELECT {named.format(9)}")
    with pytest.raises(DuplicateKeyError):
        load(lake, table, upsert(), twice, batch(3))
    with pytest.raises(FrameMismatchError, match="'_Lakegate_x' begins with '_lakegate_'"):
        load(lake, table, upsert(), lake.spark.sql("SELECT 1 AS count, 2 AS _Lakegate_x"), batch(3))
    with pytest.raises(DeclarationError, match="is a key"):
        upsert(sequence_by="count").require(table)
