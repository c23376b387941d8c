"""Histories of versions on Delta: late rows, deletes, snapshots and feeds, and another writer in between."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from framework.batch import Position
from framework.errors import (
    ContradictionError,
    DeclarationError,
    FrameMismatchError,
    NoHistoryError,
    NullKeyError,
    SequenceError,
)
from framework.tables import (
    Counts,
    Lake,
    RowModel,
    Table,
    Write,
    apply_changes,
    as_of,
    belief_changes,
    conflict,
    generated,
    history_of,
    load,
    scd2,
)
from framework.tables.commit import Transaction
from framework.tables.difference import Asked
from framework.tables.migrate import migrate
from tests.delta import actions, compacted_and_vacuumed, rows_by_duckdb, rows_of, version_of


class Customer(RowModel):
    """Where a customer lives, from day to day."""

    shop: str
    id: int
    city: str | None
    note: str | None
    valid_from: date
    valid_to: date


class Since(RowModel):
    """Where a customer lives, from day to day."""

    shop: str
    id: int
    city: str | None
    note: str | None
    since: date
    until: date


class Yearly(Customer):
    """A customer with the year in which a version begins."""

    year: int = generated("year(valid_from)")


class Update(RowModel):
    """A customer as a source has it."""

    shop: str
    id: int | None
    city: str | None
    note: str | None
    updated_at: date | None
    op: str | None


module = import_module("framework.tables.history.scd2")
CUSTOMERS = Table("silver.customers", Customer, keys=("shop", "id"))
WRITE = scd2(track=["city"], valid_by="updated_at", delete_when="op = 'd'")
FEED = apply_changes(sequence_by="updated_at", delete_when="op = 'd'", ignore_when="op = 'r'", track=["city"])
T = datetime(2024, 1, 20, 12, tzinfo=UTC)


def batch(number: int, app: str = "customers/load") -> Transaction:
    return Transaction(app, Position(0, number), {}, lambda: T)


def day(number: int) -> date:
    return date(2024, 1, 1) + timedelta(number - 1)


def updates(rows: Callable[..., Any], *said: tuple[Any, ...]) -> DataFrame:
    """Rows of (id, city, day, op, note); of a shop other than a it is ((shop, id), city, …)."""
    names = ("id", "city", "updated_at", "op", "note")
    made = [dict(zip(names, values, strict=False)) for values in said]
    for row in made:
        if isinstance(row["id"], tuple):
            row["shop"], row["id"] = row["id"]
    for row in made:
        row["updated_at"] = None if row["updated_at"] is None else day(row["updated_at"])
    frame: DataFrame = rows(Update, *made, shop="a")
    return frame


def history(lake: Lake, table: Table = CUSTOMERS, wanted: str = "id, city") -> list[tuple[Any, ...]]:
    """The versions with their days of January, 0 for ever; traces are left out."""
    found = rows_by_duckdb(lake, table, f"{wanted}, valid_from, valid_to")
    days = [(*row[:-2], row[-2].day, 0 if row[-1].year == 9999 else row[-1].day) for row in found]
    return sorted((row for row in days if row[-2] != row[-1]), key=str)


def test_versions_are_asked_as_of_a_valid_time_only(lake: Lake, rows: Callable[..., Any]) -> None:
    said = updates(rows, (1, "oslo", 1, None), (1, "oslo", 2, None), (1, "rome", 4, None), (2, "bari", 2, None))
    load(lake, CUSTOMERS, WRITE, said, batch(1))
    asked = {at: as_of(lake, CUSTOMERS, valid=day(at)).select("id", "city").collect() for at in (1, 3, 4)}
    assert {at: sorted(map(tuple, found)) for at, found in asked.items()} == {
        1: [(1, "oslo")],
        3: [(1, "oslo"), (2, "bari")],
        4: [(1, "rome"), (2, "bari")],
    }
    assert (as_of(lake, CUSTOMERS).count(), rows_of(lake, CUSTOMERS, "count(*)")) == (3, [(4,)])
    assert [row["city"] for row in history_of(lake, CUSTOMERS, {"shop": "a", "id": 1}).collect()] == [
        "oslo",
        "oslo",
        "rome",
    ]
    for ask in (partial(as_of, system=T), partial(belief_changes, since=T)):
        with pytest.raises(NoHistoryError, match="keeps no system time"):
            ask(lake, CUSTOMERS)


def test_any_order_and_any_split_end_in_the_same_versions_which_say_what_was_said(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    random, said = Random(5), []
    keys = [(shop, id) for shop in "ab" for id in range(15)]  # each shop and each id is of more than one
    for key in keys:
        for at in random.sample(range(1, 13), random.randint(1, 8)):
            city = random.choice(["oslo", "rome", None])
            said.append((key, city, at, random.choice(["u", "u", "d"]), None))
    at_once, split = CUSTOMERS, Table("silver.split", Customer, keys=("shop", "id"))
    load(lake, at_once, WRITE, updates(rows, *said), batch(1))
    mixed = random.sample(said, len(said))
    for number in range(3):
        loaded = load(lake, split, WRITE, updates(rows, *mixed[number::3]), batch(number + 1))
        assert loaded.counts.read == loaded.counts.updated + loaded.counts.unchanged

    both = [history(lake, table, "shop, id, city") for table in (at_once, split)]
    assert both[0] == both[1]
    expected = {}
    for key in keys:
        latest: tuple[Any, ...] | None = None
        for d in range(1, 15):
            latest = next((s for s in said if s[0] == key and s[2] == d), latest)
            if latest and latest[3] != "d":
                expected[key, d] = latest[1]
    found = {((shop, id), d): city for shop, id, city, start, end in both[0] for d in range(start, end or 15)}
    assert found == expected

    again = load(lake, split, WRITE, updates(rows, *mixed), batch(4))
    assert again.counts == Counts(read=len(said), unchanged=len(said))
    assert actions(lake, split, "add") == actions(lake, split, "remove") == []

    there = rows_of(lake, split)
    compacted_and_vacuumed(lake, split)
    assert (rows_of(lake, split), history(lake, split, "shop, id, city")) == (there, both[1])


def test_a_key_that_looks_like_a_variable_of_spark_has_one_history(lake: Lake, rows: Callable[..., Any]) -> None:
    def said(city: str, at: int) -> DataFrame:
        key = {"shop": "${spark.app.name}", "id": 1}
        frame: DataFrame = rows(Update, {**key, "city": city, "note": None, "updated_at": day(at), "op": None})
        return frame

    load(lake, CUSTOMERS, WRITE, said("oslo", 1), batch(1))
    load(lake, CUSTOMERS, WRITE, said("rome", 5), batch(2))
    shop = "${spark.app.name}"
    assert history(lake, wanted="shop, city") == [(shop, "oslo", 1, 5), (shop, "rome", 5, 0)]


class Dimension(RowModel):
    """A row of the tables that others print, with two columns of which changes are kept."""

    pkey: str
    attr1: str | None
    attr2: str | None
    valid_from: date
    valid_to: date


class Upsert(RowModel):
    """A row that is upserted into one."""

    pkey: str
    attr1: str | None
    attr2: str | None
    since: date


DIMENSION = Table("silver.dimension", Dimension, keys="pkey")


def test_the_tables_that_mack_and_koheesio_print(lake: Lake, rows: Callable[..., Any]) -> None:
    # MrPowers/mack, tests/test_public_interface.py: test_upserts_with_single_attribute (a),
    # test_upserts_based_on_date_columns (the same), test_upserts_based_on_multiple_attributes, in its README too (m).
    # Nike-Inc/koheesio, tests/spark/writers/delta/test_scd.py: test_scd2_logic (key), and of test_scd2_custom_logic
    # what is not its own logic (id): a value, one from NULL, and unchanged ones.
    batches = [
        "a1 A - 2019-01-01, a2 B - 2019-01-01, a4 D - 2019-01-01, m1 A A 2019-01-01, m2 B B 2019-01-01,"
        "m4 D D 2019-01-01, key1 value1 - 2024-05-01, key2 value2 - 2024-04-01, id2 value-2 - 2024-02-01,"
        "id3 - - 2024-03-01, id4 value-4 - 2024-04-01",
        "a2 Z - 2020-01-01, a3 C - 2020-09-15, m2 Z - 2020-01-01, m3 C C 2020-09-15, key1 value1_updated - 2024-05-02,"
        "key3 value3 - 2024-05-03, id2 value-2-change - 2024-02-02, id3 value-3-change - 2024-03-02,"
        "id4 value-4 - 2024-04-01",
        "key1 value1_updated_again - 2024-05-15, key2 value2_updated - 2024-05-14, m2 Z Z 2020-02-01",
    ]
    for number, said in enumerate(batches, 1):
        upserts = []
        for pkey, *attributes, since in (row.split() for row in said.split(",")):
            attr1, attr2 = (None if value == "-" else value for value in attributes)
            upserts.append({"pkey": pkey, "attr1": attr1, "attr2": attr2, "since": date.fromisoformat(since)})
        load(lake, DIMENSION, scd2(valid_by="since"), rows(Upsert, *upserts), batch(number))
    found = [
        " ".join("-" if value is None or str(value) == "9999-12-31" else str(value) for value in row)
        for row in rows_of(lake, DIMENSION, "pkey, attr1, attr2, valid_from, valid_to")
        if row[3] != row[4]
    ]
    assert sorted(found) == [
        "a1 A - 2019-01-01 -",
        "a2 B - 2019-01-01 2020-01-01",
        "a2 Z - 2020-01-01 -",
        "a3 C - 2020-09-15 -",
        "a4 D - 2019-01-01 -",
        "id2 value-2 - 2024-02-01 2024-02-02",
        "id2 value-2-change - 2024-02-02 -",
        "id3 - - 2024-03-01 2024-03-02",
        "id3 value-3-change - 2024-03-02 -",
        "id4 value-4 - 2024-04-01 -",
        "key1 value1 - 2024-05-01 2024-05-02",
        "key1 value1_updated - 2024-05-02 2024-05-15",
        "key1 value1_updated_again - 2024-05-15 -",
        "key2 value2 - 2024-04-01 2024-05-14",
        "key2 value2_updated - 2024-05-14 -",
        "key3 value3 - 2024-05-03 -",
        "m1 A A 2019-01-01 -",
        "m2 B B 2019-01-01 2020-01-01",
        "m2 Z - 2020-01-01 2020-02-01",
        "m2 Z Z 2020-02-01 -",  # only from NULL to a value, which mack compares with <> and misses
        "m3 C C 2020-09-15 -",
        "m4 D D 2019-01-01 -",
    ]


def test_the_cases_that_others_test(lake: Lake, rows: Callable[..., Any]) -> None:
    # An insert, a changed attribute, an unchanged one, a new key beside an old one, all in one; from NULL and to NULL.
    first = updates(rows, (1, "oslo", 1), (2, None, 1), (3, "rome", 1), (4, "bari", 1, "u", "as before"))
    load(lake, CUSTOMERS, WRITE, first, batch(1))
    second = updates(
        rows,
        (1, "bonn", 5),
        (2, "lund", 5),
        (3, None, 5),
        (4, "bari", 5, "u", "another"),
        (5, "linz", 5),
        (5, "wien", 7),
        (5, "wien", 7),
        (9, "gone", 5, "d"),
    )
    loaded = load(lake, CUSTOMERS, WRITE, second, batch(2))
    assert loaded.counts.deduplicated == 1
    assert history(lake, wanted="id, city, note") == [
        (1, "bonn", None, 5, 0),
        (1, "oslo", None, 1, 5),
        (2, "lund", None, 5, 0),
        (2, None, None, 1, 5),
        (3, "rome", None, 1, 5),
        (3, None, None, 5, 0),
        (4, "bari", "as before", 1, 0),  # a note is not tracked
        (5, "linz", None, 5, 7),
        (5, "wien", None, 7, 0),
    ]
    # Late: before the same city again, before the key was gone; and a key that ends and comes back.
    load(
        lake,
        CUSTOMERS,
        WRITE,
        updates(rows, (4, "nice", 3), (9, "kiel", 2), (1, None, 8, "d"), (1, "oslo", 9)),
        batch(3),
    )
    assert [row for row in history(lake) if row[0] in (1, 4, 9)] == [
        (1, "bonn", 5, 8),
        (1, "oslo", 1, 5),
        (1, "oslo", 9, 0),
        (4, "bari", 1, 3),
        (4, "bari", 5, 0),
        (4, "nice", 3, 5),
        (9, "kiel", 2, 5),
    ]
    # A full snapshot: what is not in it is gone now; nothing is kept of what it says again.
    snapshot = scd2(valid_by="updated_at", track=["city"], absent="delete", in_order=True)
    load(lake, CUSTOMERS, snapshot, updates(rows, (2, "lund", 19), (6, "jena", 19)).drop("op"), batch(4))
    of_two = [row for row in rows_of(lake, CUSTOMERS, "id, city, valid_from, valid_to") if row[0] == 2]
    assert of_two == [(2, "lund", day(5), date(9999, 12, 31)), (2, None, day(1), day(5))]  # no trace of the 19th
    assert [row for row in history(lake) if row[-1] == 0] == [(2, "lund", 5, 0), (6, "jena", 19, 0)]
    assert (5, "wien", 7, 20) in history(lake)
    with pytest.raises(ContradictionError, match=r"the same updated_at say .* id=7: 2024-01-05"):
        load(lake, CUSTOMERS, WRITE, updates(rows, (7, "x", 5), (7, "y", 5)), batch(5))
    with pytest.raises(SequenceError):
        load(lake, CUSTOMERS, WRITE, updates(rows, (7, "x", None)), batch(5))
    with pytest.raises(NullKeyError, match="apply_changes\\(\\) takes by truncate_when= or ignore_when="):
        load(lake, CUSTOMERS, WRITE, updates(rows, (None, "x", 1)), batch(5))
    in_shops = replace(CUSTOMERS, partition_by=("shop",))
    with pytest.raises(NullKeyError):
        load(lake, in_shops, WRITE, updates(rows, (7, "x", 1)).withColumn("shop", F.lit("")), batch(5))
    assert version_of(lake, CUSTOMERS) == 4


SNAPSHOT = scd2(valid_by="updated_at", track=["city"], absent="delete")


def snapshot(lake: Lake, frame: DataFrame, number: int, today: int) -> Counts:
    """Load a full snapshot on a day of January."""
    clock = lambda: datetime(2024, 1, today, 12, tzinfo=UTC)  # noqa: E731
    return load(lake, CUSTOMERS, SNAPSHOT, frame.drop("op"), Transaction("all", Position(0, number), {}, clock)).counts


def test_a_key_that_a_snapshot_has_again_begins_again(lake: Lake, rows: Callable[..., Any]) -> None:
    whole, lacking = updates(rows, (1, "oslo", 5), (2, "rome", 5)), updates(rows, (2, "rome", 5))
    snapshot(lake, whole, 1, 8)
    snapshot(lake, lacking, 2, 10)
    assert history(lake) == [(1, "oslo", 5, 10), (2, "rome", 5, 0)]
    assert snapshot(lake, whole, 3, 12) == Counts(read=2, updated=1, unchanged=1, written=1)
    again = [(1, "oslo", 12, 0), (1, "oslo", 5, 10), (2, "rome", 5, 0)]
    assert history(lake) == again
    assert snapshot(lake, whole, 4, 14) == Counts(read=2, unchanged=2)
    assert (rows_of(lake, CUSTOMERS, "count(*)"), history(lake)) == ([(3,)], again)
    # Changed before it was seen to be back; and once after.
    snapshot(lake, updates(rows, (1, "bonn", 11), (2, "rome", 5)), 5, 16)
    assert [row for row in history(lake) if row[0] == 1 and row[-1] == 0] == [(1, "bonn", 16, 0)]
    snapshot(lake, updates(rows, (2, "rome", 5)), 6, 18)
    snapshot(lake, updates(rows, (1, "bonn", 19), (2, "rome", 5)), 7, 20)
    assert [row for row in history(lake) if row[0] == 1 and row[-1] == 0] == [(1, "bonn", 19, 0)]


def test_a_version_that_begins_later_and_is_not_in_a_snapshot_is_withdrawn(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    load(
        lake,
        CUSTOMERS,
        WRITE,
        updates(rows, (1, "oslo", 25), (2, "rome", 5), (2, "bari", 25), (3, "lima", 5)),
        batch(1),
    )
    other = updates(rows, (3, "lima", 5))
    snapshot(lake, other, 1, 20)
    assert history(lake) == [(2, "rome", 5, 20), (3, "lima", 5, 0)]
    there = rows_of(lake, CUSTOMERS)
    assert snapshot(lake, other, 2, 21) == Counts(read=1, unchanged=1)
    assert rows_of(lake, CUSTOMERS) == there
    assert actions(lake, CUSTOMERS, "add") == []


def test_a_feed_is_applied_in_any_order_and_what_it_is_to_ignore_is(lake: Lake, rows: Callable[..., Any]) -> None:
    feed = [(1, None, 7, "d"), (1, "rome", 4, "u"), (2, "bari", 4, "r"), (1, "oslo", 1, "c"), (1, "rome", 4, "u")]
    loaded = load(lake, CUSTOMERS, FEED, updates(rows, *feed), batch(1))
    assert loaded.counts.deduplicated == 1
    load(lake, CUSTOMERS, FEED, updates(rows, *feed[:2], (1, "bonn", 9, "u")), batch(2))
    assert history(lake) == [(1, "bonn", 9, 0), (1, "oslo", 1, 4), (1, "rome", 4, 7)]


def test_another_s_commit_before_the_merge_and_during_it_is_taken_into_account(
    lake: Lake,
    rows: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    load(lake, CUSTOMERS, WRITE, updates(rows, (1, "oslo", 1)), batch(1))
    lazily, path, times = module._planned, lake.path(CUSTOMERS.name), []

    def correct(does: str) -> str:
        """In the MERGE's own Spark task another writer ends the version, and begins one."""
        from deltalake import DeltaTable, QueryBuilder

        if not (tmp_path / "done").exists():
            (tmp_path / "done").touch()
            there = DeltaTable(path)
            kept = "shop, id, 'bonn' AS city, note, DATE '2024-01-10' AS valid_from, valid_to, false AS ends"
            anew = (
                f"SELECT *, true AS ends FROM t WHERE city = 'rome' UNION ALL SELECT {kept} FROM t WHERE city = 'rome'"
            )
            told = QueryBuilder().register("t", there).execute(anew).read_all()
            merge = there.merge(told, "s.ends AND t.city = 'rome'", source_alias="s", target_alias="t")
            merge = merge.when_matched_update({"valid_to": "DATE '2024-01-10'"})
            columns = ("shop", "id", "city", "note", "valid_from", "valid_to")
            merge.when_not_matched_insert({name: f"s.{name}" for name in columns}).execute()
        return does

    def meddled(*given: Any) -> DataFrame:
        source: DataFrame = lazily(*given)
        times.append(given)
        if len(times) == 1:  # all is read, and the MERGE not begun
            load(lake, CUSTOMERS, WRITE, updates(rows, (1, "rome", 5)), batch(1, "other/load"))
            return source.withColumn("_does", F.udf(correct, "string", useArrow=False)("_does"))
        return source

    monkeypatch.setattr(module, "_planned", meddled)
    monkeypatch.setattr(conflict, "LONGEST_PAUSE", 0.0)
    with caplog.at_level(logging.INFO, "lakegate"):
        load(lake, CUSTOMERS, WRITE, updates(rows, (1, "nice", 8)), batch(2))

    assert [record.fields["conflict"] for record in caplog.records] == ["ConcurrentAppendException"]  # type: ignore[attr-defined]
    assert history(lake) == [(1, "bonn", 10, 0), (1, "nice", 8, 10), (1, "oslo", 1, 5), (1, "rome", 5, 8)]


@pytest.mark.parametrize(
    ("table", "write", "reason"),
    [
        (Table("silver.x"), WRITE, "no row model"),
        (Table("silver.x", Customer), WRITE, "declares no keys"),
        (Table("silver.x", Update, keys="id"), WRITE, "no column 'valid_from'"),
        (Table("silver.x", Customer, keys="id"), scd2(valid_by="at", track=["town"]), "no column 'town'"),
        (Table("silver.x", Customer, keys="id"), scd2(valid_by="at", track=["id"]), "track= names 'id', .* a key"),
        (Table("silver.x", Yearly, keys="id"), scd2(valid_by="at", track=["city", "year"]), "'year', .* is generated"),
        (
            Table("silver.x", Customer, keys="id"),
            scd2(valid_by="at", track=["valid_to"]),
            "'valid_to', .* of its period",
        ),
        (Table("silver.x", Customer, keys="id"), scd2(valid_by="at", track=[]), "names no column"),
        (Table("silver.x", Customer, keys="id"), scd2(valid_by="id"), "'id', which is a key"),
        (Table("silver.x", Customer, keys="id"), scd2(valid_by="note"), "'note' must have the type of 'valid_from'"),
    ],
)
def test_a_table_that_lacks_a_key_or_a_time_is_refused_when_it_is_declared(
    table: Table, write: Write, reason: str
) -> None:
    with pytest.raises(DeclarationError, match=reason):
        write.require(table)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("op = 'd", r"UNRECOGNIZED_TOKEN|PARSE_SYNTAX_ERROR|UNCLOSED"),
        ("opp = 'd'", "opp"),
        ("op", "BOOLEAN|boolean"),
        ("count(*) > 1", "[Aa]ggregate|WHERE"),
    ],
)
def test_a_condition_that_is_none_of_the_frame_is_refused_before_anything_is_read(
    lake: Lake, rows: Callable[..., Any], condition: str, said: str
) -> None:
    frame = updates(rows, (1, "oslo", 1))
    for write in (
        scd2(valid_by="updated_at", delete_when=condition),
        apply_changes(sequence_by="updated_at", truncate_when=condition),
    ):
        with pytest.raises(FrameMismatchError, match=f"_when=.*is no condition on its rows: .*({said})") as refused:
            load(lake, CUSTOMERS, write, frame, batch(1))
        assert repr(condition) in str(refused.value)
    assert version_of(lake, CUSTOMERS) == -1


def test_a_period_that_a_migration_renames_is_asked_before_the_next_load(lake: Lake, rows: Callable[..., Any]) -> None:
    load(lake, CUSTOMERS, WRITE, updates(rows, (1, "oslo", 1), (1, "rome", 4)), batch(1))
    since = Table(CUSTOMERS.name, Since, keys=CUSTOMERS.keys)
    migrate(lake, since, Asked({"valid_from": "since", "valid_to": "until"}), {})
    assert [row["city"] for row in as_of(lake, since, valid=day(2)).collect()] == ["oslo"]
    write = scd2(track=["city"], valid_by="updated_at", valid=("since", "until"))
    load(lake, since, write, updates(rows, (1, "bari", 6)).drop("op"), batch(2))
    assert [row["city"] for row in as_of(lake, since, valid=day(7)).collect()] == ["bari"]


def test_a_frame_of_other_columns_is_refused_before_anything_is_read(lake: Lake, rows: Callable[..., Any]) -> None:
    frame = (
        updates(rows, (1, "oslo", 1)).drop("city").withColumnRenamed("updated_at", "at").withColumn("more", F.lit(1))
    )
    with pytest.raises(
        FrameMismatchError, match=r"lacks 'city'.*'at' is not declared.*'more' is not declared.*lacks 'upd"
    ):
        load(lake, CUSTOMERS, WRITE, frame, batch(1))
