"""Bitemporal tables on Delta: what the pure planning promises, in commits that other readers can read."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from framework.batch import Position
from framework.errors import (
    ContradictionError,
    DataRefusedError,
    DeclarationError,
    FrameMismatchError,
    NullKeyError,
    OperationError,
    PeriodError,
    SequenceError,
)
from framework.session import derive
from framework.tables import Counts, Lake, RowModel, Table, Write, bitemporal, conflict, generated, load
from framework.tables.commit import Transaction
from tests.delta import actions, compacted_and_vacuumed, rows_by_duckdb, rows_of, version_of
from tests.naive import Naive, Row, Said, slice_of
from tests.properties.histories import drawn, histories


class Plane(RowModel):
    """What a plane is, from day to day."""

    tail: str
    seats: int | None
    owner: str | None
    price: Decimal | None = Field(max_digits=10, decimal_places=2)
    tags: dict[str, int] | None
    seen_at: datetime | None
    valid_from: date
    valid_to: date
    system_from: datetime
    system_to: datetime


class Told(RowModel):
    """What is said of a plane."""

    tail: str | None
    seats: int | None
    owner: str | None
    price: Decimal | None = Field(max_digits=10, decimal_places=2)
    tags: dict[str, int] | None
    seen_at: datetime | None
    valid_from: date | None
    valid_to: date | None
    does: str | None
    sets: list[str] | None
    at: int | None


class Part(RowModel):
    """What a part of a plane was doing, to the microsecond; the key decides the partition."""

    plane: str
    part: int
    state: str
    fleet: str = generated("substring(plane, 1, 1)")
    valid_from: datetime
    valid_to: datetime
    system_from: datetime
    system_to: datetime


class Seen(RowModel):
    """A state that a part was seen in."""

    plane: str
    part: int
    state: str
    valid_from: datetime
    valid_to: datetime | None


class Sight(RowModel):
    """Who was seen at a time."""

    at: datetime
    who: str
    valid_from: date
    valid_to: date
    system_from: datetime
    system_to: datetime


module = import_module("framework.tables.history.bitemporal")
PLANES = Table("silver.planes", Plane, keys="tail")
PARTS = Table("silver.parts", Part, keys=("plane", "part"), partition_by="fleet")
SIGHTS = Table("silver.sights", Sight, keys="at")
TIMES = ("valid_from", "valid_to")
TELL = bitemporal(valid=TIMES, operation="does", sets="sets", sequence_by="at")
T, OPEN = datetime(2024, 1, 1, 12, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def batch(number: int, hours: int = 0) -> Transaction:
    return Transaction("planes/load", Position(0, number), {"job": "planes"}, lambda: T + timedelta(hours=hours))


def day(number: int) -> date:
    return date(2024, 1, 1) + timedelta(number - 1)


def told(rows: Callable[..., Any], *said: tuple[Any, ...], **more: Any) -> DataFrame:
    """Rows of (tail, does, from, to, seats, owner, sets), in the order that they were said in."""
    names = ("tail", "does", "valid_from", "valid_to", "seats", "owner", "sets")
    made = []
    for at, values in enumerate(said):
        row = {"at": at} | dict(zip(names, values, strict=False))
        row |= {name: day(row[name]) for name in TIMES if row[name] is not None}
        made.append(row)
    frame: DataFrame = rows(Told, *made, **more)
    return frame


def beliefs(lake: Lake, table: Table = PLANES, wanted: str = "tail, seats, owner") -> list[tuple[Any, ...]]:
    """What is believed now: each row with its valid days of January, 0 for ever."""
    found = rows_by_duckdb(lake, table, f"{wanted}, valid_from, valid_to, system_to")
    days = [(*row[:-3], row[-3].day, 0 if row[-2].year == 9999 else row[-2].day) for row in found if row[-1] == OPEN]
    return sorted(days, key=str)


# -- against a dict of days -------------------------------------------------------------------------------------------


def as_frame(rows: Callable[..., Any], batch: list[Said]) -> DataFrame:
    names = ("owner", "seats")
    return told(
        rows,
        *(
            (
                str(said.key),
                said.operation,
                said.start,
                said.end,
                *reversed(said.values),
                None if said.sets is None else [names[place] for place in said.sets],
            )
            for said in sorted(batch, key=lambda said: said.sequence)
        ),
        price=Decimal("1.50"),
        tags={"a": 1},
        seen_at=T,
    )


@pytest.mark.properties
def test_p1_to_p5_p8_p12_p14_and_p16_hold_on_delta(lake: Lake, rows: Callable[..., Any]) -> None:
    of_keys, model = drawn(histories(3, at_least=3)), Naive()
    versions: list[list[tuple[Any, ...]]] = [[]]
    keys, days = len(of_keys), range(1, 14)
    for number in range(3):
        said = [
            change._replace(key=key, start=change.start + 1, end=change.end + 1, sequence=100 * key + change.sequence)
            for key, history in enumerate(of_keys)
            for change in history[number]
        ]
        model.commit(said)
        loaded = load(lake, PLANES, TELL, as_frame(rows, said), batch(number + 1))
        assert loaded.counts.read == loaded.counts.updated + loaded.counts.unchanged + loaded.counts.deduplicated
        versions.append(rows_by_duckdb(lake, PLANES, ", ".join(COLUMNS)))

    # P3 and P4: each row of a version is in the next one, the same or closed at its time; the others are told then.
    for number, (was, new) in enumerate(pairwise(versions)):
        at = T + number * MICROSECOND
        for row in was:
            assert row in new or (row[-1] == OPEN and (*row[:-1], at) in new)
            new = [other for other in new if other[:-1] != row[:-1]]
        assert {row[-2:] for row in new} == {(at, OPEN)}

    def history() -> list[Row]:
        columns = "tail, owner, seats, valid_from, valid_to, system_from, system_to"
        found = rows_by_duckdb(lake, PLANES, columns)
        times = sorted({row[5] for row in found})
        assert times == [T, T + MICROSECOND, T + 2 * MICROSECOND]  # P12, of one clock that stands still
        number = {time: n for n, time in enumerate(times, 1)} | {OPEN: None}
        return [Row(int(r[0]), r[1:3], r[3].day, r[4].day, number[r[5]] or 0, number[r[6]]) for r in found]

    before = history()
    for row in before:
        assert row.valid_from < row.valid_to
        assert row.system_to is None or row.system_from < row.system_to
    for commit in range(4):
        for key in range(keys):
            assert slice_of(before, key, commit, days) == model.believed(key, commit)
    now = sorted((row.key, row.valid_from, row.valid_to) for row in before if row.system_to is None)
    assert all(one[0] != other[0] or one[2] <= other[1] for one, other in pairwise(now))  # P14

    again = load(lake, PLANES, TELL, as_frame(rows, said), batch(4))
    assert (again.counts.closed, again.counts.written) == (0, 0)
    assert actions(lake, PLANES, "add") == actions(lake, PLANES, "remove") == []

    compacted_and_vacuumed(lake, PLANES, by="tail")
    assert sorted(history(), key=str) == sorted(before, key=str)


# -- one thing at a time ----------------------------------------------------------------------------------------------


def test_values_of_any_type_stay_what_they_are_and_an_update_sets_only_what_it_names(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    # In London the clock is put back in that hour: as local times these two are the same.
    hour = datetime(2024, 10, 27, 0, 30, 0, 1, tzinfo=UTC)
    first = {"price": Decimal("12345678.90"), "tags": {"a": 1, "b": 2}, "seen_at": hour}
    frame = told(rows, ("a", "put", 1, None, 3, "x"), **first).withColumn("_source_file", F.lit("one.csv"))
    load(lake, PLANES, TELL, frame, batch(1))
    then = {"price": Decimal("0.01"), "tags": {"b": 2, "a": 1}, "seen_at": hour.replace(hour=1)}
    frame = told(
        rows,
        ("a", "update", 5, 9, 7, None, ["seen_at", "owner", "tags"]),
        ("a", "update", 7, 8, 9, None, ["seats", "price"]),
        ("a", "update", 20, 21, 3, "x", ["owner"]),
        **then,
    ).withColumn("_source_file", F.lit("two.csv"))

    loaded = load(lake, PLANES, TELL, frame, batch(2, hours=1))

    assert loaded.counts == Counts(read=3, updated=2, unchanged=1, closed=1, written=5)
    wanted = "seats, owner, price, tags['b'], seen_at, _source_file"
    assert beliefs(lake, wanted=wanted) == [
        (3, "x", Decimal("12345678.90"), 2, hour, "one.csv", 1, 5),
        (3, "x", Decimal("12345678.90"), 2, hour, "one.csv", 9, 0),
        (3, None, Decimal("12345678.90"), 2, then["seen_at"], "two.csv", 5, 7),
        (3, None, Decimal("12345678.90"), 2, then["seen_at"], "two.csv", 8, 9),
        (9, None, Decimal("0.01"), 2, then["seen_at"], "two.csv", 7, 8),
    ]
    assert actions(lake, PLANES, "commitInfo")[0]["userMetadata"] == (
        '{"job": "planes", "system_time": "2024-01-01T13:00:00+00:00"}'
    )


def test_a_batch_looks_only_where_its_keys_are_and_a_rerun_commits_nothing(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    write = bitemporal(valid=TIMES, coalesce=True)
    seen = [{"plane": p, "part": n, "state": "ok", "valid_from": T} for p in ("ab", "ac", "b") for n in (1, 2)]
    load(lake, PARTS, write, rows(Seen, *seen), batch(1))
    later = T + timedelta(seconds=1, microseconds=7)
    broken = {"plane": "ac", "part": 2, "state": "broken", "valid_from": later, "valid_to": None}

    loaded = load(lake, PARTS, write, rows(Seen, broken, broken, {**seen[1], "valid_from": later}), batch(2))

    assert loaded.counts == Counts(read=3, updated=1, unchanged=1, deduplicated=1, closed=1, written=2)
    assert loaded.partitions == ({"fleet": "a"},)
    on = actions(lake, PARTS, "commitInfo")[0]["operationParameters"]["predicate"]
    assert "fleet" in on
    assert rows_of(lake, PARTS, "plane, part, state, fleet, valid_from, valid_to, system_to")[3:6] == [
        ("ac", 2, "broken", "a", later, OPEN, OPEN),
        ("ac", 2, "ok", "a", T, later, OPEN),
        ("ac", 2, "ok", "a", T, OPEN, T + MICROSECOND),
    ]

    again = load(lake, PARTS, write, rows(Seen, {**broken, "state": "gone"}), batch(2))
    assert (again.already_applied, again.version, version_of(lake, PARTS)) == (True, 2, 2)

    # Back again: the periods that adjoin become one, through rows that are closed and a new one.
    load(lake, PARTS, write, rows(Seen, {**broken, "state": "ok"}), batch(3))
    now = [r for r in rows_of(lake, PARTS, "plane, part, state, valid_from, system_to") if r[:2] == ("ac", 2)]
    assert [r[2:] for r in now if r[-1] == OPEN] == [("ok", T, OPEN)]


@pytest.mark.parametrize(
    ("said", "error", "data"),
    [
        ((None, "put", 1, 2), NullKeyError, {"rows": 1, "keys": ("tail",)}),
        (("a", "put", 5, 5), PeriodError, {"rows": 1, "examples": ("tail=a: [2024-01-05, 2024-01-05)",)}),
        (("a", "delete", 5, 4), PeriodError, {"rows": 1}),
        (("a", "put", None, 4), PeriodError, {"rows": 1, "examples": ("tail=a: [NULL, 2024-01-04)",)}),
        (("a", "upsert", 1, 2), OperationError, {"column": "does", "found": ("upsert",)}),
        (("a", None, 1, 2), OperationError, {"column": "does", "found": ("NULL",)}),
        (("a", "update", 1, 2, 1, "x", ["owner", "ownr"]), OperationError, {"column": "sets", "found": ("ownr",)}),
        (("a", "update", 1, 2, 1, "x", ["ownr"]), OperationError, {"says": "which columns an update sets"}),
    ],
)
def test_a_row_that_cannot_be_told_is_refused_and_no_table_is_made(
    lake: Lake, rows: Callable[..., Any], said: tuple[Any, ...], error: type[DataRefusedError], data: dict[str, Any]
) -> None:
    frame = told(rows, ("b", "put", 1, 2, 3, "x"), said)

    with pytest.raises(error) as refused:
        load(lake, PLANES, TELL, frame, batch(1))

    assert {name: getattr(refused.value, name) for name in data} == data
    assert version_of(lake, PLANES) == -1


def test_rows_of_one_sequence_that_say_different_things_of_one_time_are_refused(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    same = told(rows, ("a", "put", 1, 5, 3, "x"), ("a", "put", 4, 9, 4, "x")).withColumn("at", F.lit(1))
    unsequenced = bitemporal(valid=TIMES, operation="does", sets="sets")
    for write, said in ((TELL, "changes of the same at say"), (unsequenced, "Order them with sequence_by=")):
        with pytest.raises(ContradictionError, match=said) as refused:
            load(lake, PLANES, write, same.drop("at") if write != TELL else same, batch(1))
        assert refused.value.examples == ("tail=a: [2024-01-01, 2024-01-05)",)
    unordered = told(rows, ("a", "put", 1, 5, 3, "x")).withColumn("at", F.lit(None).cast("bigint"))
    with pytest.raises(SequenceError):
        load(lake, PLANES, TELL, unordered, batch(1))
    assert version_of(lake, PLANES) == -1
    # What they say of different times, or the same of one, is no contradiction.
    beside = told(rows, ("a", "put", 1, 5, 3, "x"), ("a", "put", 4, 9, 3, "x"), ("a", "put", 9, 10, 4, "x"))
    load(lake, PLANES, TELL, beside.withColumn("at", F.lit(1)), batch(1))
    assert beliefs(lake) == [("a", 3, "x", 1, 4), ("a", 3, "x", 4, 9), ("a", 4, "x", 9, 10)]


def test_a_frame_of_other_columns_is_refused_before_anything_is_read(lake: Lake, rows: Callable[..., Any]) -> None:
    frame = told(rows, ("a", "put", 1, 2)).drop("seats", "at").withColumn("owner", F.lit(1))
    with pytest.raises(FrameMismatchError, match=r"lacks 'seats'.*'owner' is int and should be string.*lacks 'at'"):
        load(lake, PLANES, TELL, frame, batch(1))
    unlike_in_python = told(rows, ("a", "put", 1, 2)).withColumn("at", F.struct(F.lit(1), F.lit(None).cast("double")))
    with pytest.raises(
        FrameMismatchError, match=r"'at' is struct<.*>, and rows are ordered by numbers, times or strings"
    ):
        load(lake, PLANES, TELL, unlike_in_python, batch(1))


class Wrong(RowModel):
    tail: str
    valid_from: date
    valid_to: datetime
    until: date | None
    system_from: datetime
    system_to: datetime


@pytest.mark.parametrize(
    ("table", "write", "reason"),
    [
        (Table("silver.x"), bitemporal(valid=TIMES), "no row model"),
        (Table("silver.x", Plane), bitemporal(valid=TIMES), "declares no keys"),
        (Table("silver.x", Plane, keys="tail"), bitemporal(valid=("valid_from", "valid_too")), "no column 'valid_too'"),
        (Table("silver.x", Wrong, keys="tail"), bitemporal(valid=TIMES), "must both be date, or both be datetime"),
        (Table("silver.x", Wrong, keys="tail"), bitemporal(valid=("valid_from", "until")), "'until' must be neither"),
        (Table("silver.x", Plane, keys=("tail", "valid_from")), bitemporal(valid=TIMES), "nor a key"),
        (
            Table("silver.x", Plane, keys="tail"),
            bitemporal(valid=TIMES, system=("valid_from", "valid_to")),
            "valid_from and valid_to must be datetime",
        ),
    ],
)
def test_a_table_that_lacks_a_key_or_a_time_is_refused_when_it_is_declared(
    table: Table, write: Write, reason: str
) -> None:
    with pytest.raises(DeclarationError, match=reason):
        write.require(table)


def test_a_key_may_be_a_time_that_clocks_show_twice(lake: Lake) -> None:
    # In New York 2024-11-03 06:30 UTC shows as 01:30, as an hour before.
    there = replace(lake, spark=derive(lake.spark, {"spark.sql.session.timeZone": "America/New_York"}))
    first = there.spark.sql(
        "SELECT TIMESTAMP'2024-11-03 06:30:00 UTC' AS at, 'ann' AS who,"
        " DATE'2024-01-01' AS valid_from, CAST(NULL AS DATE) AS valid_to"
    )
    for number, rows in enumerate((first, first.withColumn("who", F.lit("bob"))), 1):
        load(there, SIGHTS, bitemporal(valid=TIMES), rows, batch(number, hours=number))
    ended = T + timedelta(hours=2)
    assert rows_of(lake, SIGHTS, "who, system_to") == [("ann", ended), ("bob", OPEN)]


def test_times_of_other_centuries_are_kept_as_they_are(lake: Lake) -> None:
    row = lake.spark.sql(
        "SELECT TIMESTAMP'1850-01-01 00:00:00.000001 UTC' AS at, 'ann' AS who,"
        " DATE'0871-01-01' AS valid_from, DATE'1582-10-10' AS valid_to"
    )
    load(lake, SIGHTS, bitemporal(valid=TIMES), row, batch(1))
    first = datetime(1850, 1, 1, microsecond=1, tzinfo=UTC)
    assert rows_of(lake, SIGHTS, "at, valid_from, valid_to") == [(first, date(871, 1, 1), date(1582, 10, 10))]


def test_what_is_no_number_is_the_greatest_sequence_as_in_spark(lake: Lake) -> None:
    rows = lake.spark.sql(
        "SELECT TIMESTAMP'2024-01-01' AS at, who, DATE'2024-01-01' AS valid_from, CAST(NULL AS DATE) AS valid_to, place"
        " FROM VALUES ('nan', double('NaN')), ('one', 1D), ('two', 2D), ('zero', 0D) AS said(who, place)"
    )
    load(lake, SIGHTS, bitemporal(valid=TIMES, sequence_by="place"), rows, batch(1))
    assert rows_of(lake, SIGHTS, "who") == [("nan",)]


# -- system time and other writers ------------------------------------------------------------------------------------


def test_system_time_goes_on_from_what_is_there_if_the_clock_is_behind(lake: Lake, rows: Callable[..., Any]) -> None:
    load(lake, PLANES, TELL, told(rows, ("a", "put", 1, None, 1, "x")), batch(1, hours=5))
    load(lake, PLANES, TELL, told(rows, ("b", "delete", 1, None), ("a", "delete", 1, None)), batch(2))
    assert rows_of(lake, PLANES, "system_to") == [(T + timedelta(hours=5) + MICROSECOND,)]
    # A batch that only ends what was believed is a time too.
    load(lake, PLANES, TELL, told(rows, ("a", "put", 1, None, 2, "x")), batch(3))
    assert rows_of(lake, PLANES, "max(system_from)") == [(T + timedelta(hours=5) + 2 * MICROSECOND,)]
    # Another's commit says no time; what is in its rows counts.
    there = f"delta.`{lake.path(PLANES.name)}`"
    ahead = "system_from + INTERVAL 4 HOURS, TIMESTAMP'2024-01-01 22:00:00'"
    lake.spark.sql(f"INSERT INTO {there} SELECT {', '.join(COLUMNS[:-2])}, {ahead} FROM {there} LIMIT 1")
    load(lake, PLANES, TELL, told(rows, ("c", "put", 1, None, 2, "x")), batch(4))
    assert rows_of(lake, PLANES, "max(system_from)") == [(T + timedelta(hours=10) + MICROSECOND,)]


ROME = ("a", "put", 1, 20, 2, "rome")
BONN = ("a", "put", 10, 30, 3, "bonn")


def test_another_s_commit_between_the_reading_and_the_merge_is_taken_into_account(
    lake: Lake, rows: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    load(lake, PLANES, TELL, told(rows, ("a", "put", 1, None, 1, "oslo")), batch(1))
    lazily, times = module.planned, []

    def meddled(*given: Any) -> DataFrame:
        """Once everything is read and the MERGE not begun, another job commits to the same key."""
        source: DataFrame = lazily(*given)
        times.append(given[3])
        if len(times) == 1:
            other = Transaction("other/load", Position(0, 1), {}, lambda: T)
            load(lake, PLANES, TELL, told(rows, ROME, ("b", "put", 1, 2, 1, "bari")), other)
        return source

    monkeypatch.setattr(module, "planned", meddled)
    loaded = load(lake, PLANES, TELL, told(rows, BONN), batch(2))

    # The clock stands still: the other was told at the very time that was meant for this batch, so it takes a later.
    assert times == [T + MICROSECOND, T + MICROSECOND, T + 2 * MICROSECOND]
    assert beliefs(lake) == [
        ("a", 1, "oslo", 30, 0),
        ("a", 2, "rome", 1, 10),
        ("a", 3, "bonn", 10, 30),
        ("b", 1, "bari", 1, 2),
    ]
    assert loaded.version == 3
    ends = rows_of(lake, PLANES, "owner, valid_from, system_from, system_to")
    assert ("oslo", day(20), T + MICROSECOND, T + 2 * MICROSECOND) in ends


def test_another_s_commit_during_the_merge_makes_it_plan_again(
    lake: Lake,
    rows: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    load(lake, PLANES, TELL, told(rows, ("a", "put", 1, None, 1, "oslo")), batch(1))
    lazily, path, at = module.planned, lake.path(PLANES.name), T + MICROSECOND

    def correct(does: str) -> str:
        """In the MERGE's own Spark task, another writer closes the row, and tells a part of it anew."""
        from deltalake import DeltaTable as Other
        from deltalake import QueryBuilder

        if not (tmp_path / "done").exists():
            (tmp_path / "done").touch()
            there = Other(path)
            anew = f"SELECT *, true AS closes FROM t UNION ALL {ROME_ROW} FROM t UNION ALL {OSLO_ROW} FROM t"
            told_anew = QueryBuilder().register("t", there).execute(anew).read_all()
            merge = there.merge(told_anew, "s.closes AND t.tail = s.tail", source_alias="s", target_alias="t")
            merge = merge.when_matched_update({"system_to": AT})
            merge.when_not_matched_insert({name: f"s.{name}" for name in COLUMNS} | {"system_from": AT}).execute()
        return does

    def meddled(*given: Any) -> DataFrame:
        source: DataFrame = lazily(*given)
        return source.withColumn("_does", F.udf(correct, "string", useArrow=False)("_does"))

    monkeypatch.setattr(module, "planned", meddled)
    monkeypatch.setattr(conflict, "LONGEST_PAUSE", 0.0)
    with caplog.at_level(logging.INFO, "lakegate"):
        load(lake, PLANES, TELL, told(rows, BONN), batch(2))

    assert [record.fields["conflict"] for record in caplog.records] == ["ConcurrentAppendException"]  # type: ignore[attr-defined]
    assert beliefs(lake) == [("a", 1, "oslo", 30, 0), ("a", 1, "rome", 1, 10), ("a", 3, "bonn", 10, 30)]
    assert max(rows_of(lake, PLANES, "system_from")) == (at + MICROSECOND,)


AT = "arrow_cast('2024-01-01T12:00:00.000001Z', 'Timestamp(Microsecond, Some(\"UTC\"))')"
COLUMNS = ("tail", "seats", "owner", "price", "tags", "seen_at", "valid_from", "valid_to", "system_from", "system_to")
ROME_ROW = f"SELECT {', '.join(COLUMNS)}, false".replace("owner", "'rome'").replace("valid_to", "DATE '2024-01-20'")
OSLO_ROW = f"SELECT {', '.join(COLUMNS)}, false".replace("valid_from", "DATE '2024-01-20'")
