from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from framework.batch import Interval, Pin
from framework.errors import BookmarkSourceError, DeclarationError
from framework.pipeline import Job, extract, load
from framework.session import derive
from framework.sources import Reading, incremental, jdbc, table
from framework.sources.incremental import IncrementalRows
from framework.sources.source import Bookmark, News
from framework.tables import Lake, RowModel, Table, append
from tests.delta import given, rows_of
from tests.runs import run_in


class Order(RowModel):
    id: int
    updated_at: datetime | None
    day: date | None


ORDERS = Table("bronze.orders", Order)
OF = "table('bronze.orders') by 'updated_at'"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def utc(text: str) -> datetime:
    """`2024-01-01 12:00`, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOON = utc("2024-01-01 12:00")


def _orders(lake: Lake, *times: str | None, begin: int = 1) -> None:
    """Add an order for each time (UTC); their ids go on from `begin`."""
    moments = ("NULL" if at is None else f"'{utc(at).isoformat()}'" for at in times)
    rows = (f"({begin + n}, {moment}::TIMESTAMPTZ, NULL::DATE)" for n, moment in enumerate(moments))
    given(lake, ORDERS, ", ".join(rows))


def _source(by: str = "updated_at", **more: Any) -> IncrementalRows:
    made = incremental(table(ORDERS), by=by, **more)
    assert isinstance(made, IncrementalRows)
    return made


def _news(lake: Lake, at: datetime, last: Pin | None = None, source: IncrementalRows | None = None) -> News:
    return (source or _source()).news(Reading(lake, "nowhere", at), Bookmark(last))


def _ids(lake: Lake, pin: Pin | None) -> list[int]:
    assert pin
    return sorted(row["id"] for row in _source().read(Reading(lake, "nowhere", NOON), pin).collect())


def _up_to(end: datetime) -> Pin:
    """What the last batch read."""
    return Pin(version=1, interval=Interval(None, end))


def test_at_first_all_rows_before_now_are_new_and_then_those_since(lake: Lake) -> None:
    _orders(lake, "1999-01-01 00:00", "2024-01-01 11:59:59.999999", "2024-01-01 12:00", "2024-01-01 12:30")
    first = _news(lake, NOON)
    assert first.pin == Pin(version=1, interval=Interval(None, NOON), of=OF)
    assert first.notes == ()
    assert _ids(lake, first.pin) == [1, 2]

    second = _news(lake, NOON + 30 * MINUTE, first.pin)
    assert second.pin == Pin(version=1, interval=Interval(NOON, NOON + 30 * MINUTE), of=OF)
    assert _ids(lake, second.pin) == [3]

    third = _news(lake, NOON + 30 * MINUTE + timedelta(microseconds=1), second.pin)
    assert _ids(lake, third.pin) == [4]
    assert _news(lake, NOON + HOUR, third.pin) == News(None, "nothing")


def test_an_hour_in_the_future_is_read_when_it_has_come(lake: Lake) -> None:
    _orders(lake, "2024-01-01 13:00")
    assert _news(lake, NOON) == News(None, "nothing")
    assert _news(lake, NOON + HOUR, _up_to(NOON)) == News(None, "nothing")
    found = _news(lake, NOON + HOUR + MINUTE, _up_to(NOON))
    assert _ids(lake, found.pin) == [1]


def test_no_interval_ends_later_than_the_run_began(lake: Lake) -> None:
    _orders(lake, "2024-01-01 11:00", "2024-01-01 12:10")
    reading = Reading(lake, "nowhere", NOON + HOUR, until=NOON)
    found = _source().news(reading, Bookmark())
    assert found.pin == Pin(version=1, interval=Interval(None, NOON), of=OF)
    assert _source().news(reading, Bookmark(found.pin)) == News(None, "nothing")


def test_a_row_that_is_late_by_less_than_the_lag_is_read_and_those_before_it_again(lake: Lake) -> None:
    _orders(lake, "2023-12-31 23:50", "2023-12-31 23:56", "2024-01-01 00:05")
    source, midnight = _source(lag="15m"), utc("2024-01-01 00:00")
    first = _news(lake, midnight + 10 * MINUTE, source=source)
    assert _ids(lake, first.pin) == [1, 2, 3]
    # Over midnight, 15 minutes before where the last batch ended.
    _orders(lake, "2023-12-31 23:54:59", "2023-12-31 23:55", begin=4)
    second = _news(lake, midnight + 20 * MINUTE, first.pin, source)
    assert second.pin == Pin(version=2, interval=Interval(utc("2023-12-31 23:55"), midnight + 20 * MINUTE), of=OF)
    assert _ids(lake, second.pin) == [2, 3, 5]
    assert _news(lake, midnight + 20 * MINUTE, second.pin, source) == News(None, "nothing")


@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Australia/Lord_Howe"])
def test_when_clocks_are_set_back_no_row_is_read_twice_or_left_out(lake: Lake, zone: str) -> None:
    # On 2024-11-03 in New York 01:59 EDT, 05:59 UTC, was followed by 01:00 EST: the first two show the same time.
    _orders(lake, "2024-11-03 05:30", "2024-11-03 06:30", "2024-11-03 06:00", "2024-11-03 07:00")
    there = replace(lake, spark=derive(lake.spark, {"spark.sql.session.timeZone": zone}))
    hours = [utc(f"2024-11-03 0{hour}:00") for hour in (5, 6, 7, 8)]
    intervals = [Interval(start, end) for start, end in pairwise(hours)]
    found = [_source().read(Reading(there, "", NOON), Pin(version=1, interval=each)).collect() for each in intervals]
    assert [sorted(row["id"] for row in rows) for rows in found] == [[1], [2, 3], [4]]


@pytest.mark.parametrize("zone", ["America/New_York", "UTC"])
def test_a_lag_is_an_hour_by_the_clock_that_is_never_set(lake: Lake, zone: str) -> None:
    # On 2024-03-10 in New York 01:59 EST, 06:59 UTC, was followed by 03:00 EDT.
    _orders(lake, "2024-03-10 06:29", "2024-03-10 06:30", "2024-03-10 07:15")
    there = replace(lake, spark=derive(lake.spark, {"spark.sql.session.timeZone": zone}))
    found = _news(there, utc("2024-03-10 08:00"), _up_to(utc("2024-03-10 07:30")), _source(lag="1h"))
    assert found.pin
    assert found.pin.interval == Interval(utc("2024-03-10 06:30"), utc("2024-03-10 08:00"))
    assert _ids(there, found.pin) == [2, 3]


def test_a_clock_that_was_set_back_reads_nothing_and_says_so(lake: Lake) -> None:
    _orders(lake, "2024-01-01 11:00")
    found = _news(lake, NOON - HOUR, _up_to(NOON))
    assert found.pin is None
    (note,) = found.notes
    assert "2024-01-01 11:00:00 UTC" in note
    assert _news(lake, NOON, _up_to(NOON)) == News(None, "nothing")
    assert _news(lake, NOON - HOUR, _up_to(NOON), _source(lag="1d")).pin is None


def test_rows_without_a_time_are_not_read_and_are_counted(lake: Lake) -> None:
    _orders(lake, None, "2024-01-01 11:00", None)
    found = _news(lake, NOON)
    assert _ids(lake, found.pin) == [2]
    (note,) = found.notes
    assert note.startswith("2 rows without 'updated_at'")


def test_of_a_day_that_is_not_over_no_row_is_read(lake: Lake) -> None:
    days = [f"({day}, NULL::TIMESTAMPTZ, DATE '2024-01-0{day}')" for day in (1, 2, 3)]
    given(lake, ORDERS, ", ".join(days))
    source = _source("day")
    first = _news(lake, utc("2024-01-02 15:00"), source=source)
    assert first.pin == Pin(
        version=1, interval=Interval(None, utc("2024-01-02 00:00")), of="table('bronze.orders') by 'day'"
    )
    reading = Reading(lake, "nowhere", NOON)
    assert [row["id"] for row in source.read(reading, first.pin).collect()] == [1]
    assert _news(lake, utc("2024-01-02 23:59"), first.pin, source) == News(None, "nothing")
    second = _news(lake, utc("2024-01-03 00:00"), first.pin, source)
    assert second.pin
    assert [row["id"] for row in source.read(reading, second.pin).collect()] == [2]


def test_the_rows_of_a_past_interval_and_of_a_pin_that_is_gone(lake: Lake) -> None:
    _orders(lake, "2024-01-01 10:00", "2024-01-01 11:00", "2024-01-01 12:00")
    interval, reading = Interval(NOON - HOUR, NOON), Reading(lake, "nowhere", NOON)
    past = _source().within(reading, interval)
    assert past == Pin(version=1, interval=interval, of=OF)
    assert _ids(lake, past) == [2]
    _orders(lake, "2024-01-01 11:30", begin=4)
    again = _source().pin_again(reading, past)
    assert again == Pin(version=2, interval=interval, of=OF)
    assert _ids(lake, again) == [2, 4]
    assert _source().position(again) == "before updated_at 2024-01-01 12:00:00 UTC"


@pytest.mark.parametrize("column", ["id", "nothing"])
def test_a_column_that_tells_no_time_is_refused(lake: Lake, column: str) -> None:
    _orders(lake, "2024-01-01 10:00")
    undeclared = incremental(table(Table("bronze.orders")), by=column)
    with pytest.raises(DeclarationError) as refused:
        undeclared.news(Reading(lake, "nowhere", NOON), Bookmark())
    assert refused.value.subject == f"incremental(..., by='{column}')"


class Event(RowModel):
    id: int
    at: datetime
    seen_at: datetime


FIRST, SECOND, OUT = Table("raw.first", Event), Table("raw.second", Event), Table("bronze.events", Event)


def _events(source: Table, by: str = "at", name: str = "events") -> Job:
    raw = extract(raw=incremental(table(source), by=by))
    return Job(name, [raw, load(raw, into=OUT, write=append())])


def test_a_bookmark_of_another_table_or_column_is_refused_and_a_job_of_a_new_name_reads_all(
    lake: Lake, tmp_path: Path
) -> None:
    long_ago, lately = "TIMESTAMPTZ '2023-01-01 00:00:00+00'", "TIMESTAMPTZ '2023-12-01 00:00:00+00'"
    given(lake, FIRST, f"(1, {long_ago}, {lately}), (2, {lately}, {lately})")
    given(lake, SECOND, f"(3, {long_ago}, {lately}), (4, {lately}, {lately})")
    run_in(lake, _events(FIRST), tmp_path)

    for other, ours in (
        (_events(SECOND), "table('raw.second') by 'at'"),
        (_events(FIRST, by="seen_at"), "table('raw.first') by 'seen_at'"),
    ):
        with pytest.raises(BookmarkSourceError) as refused:
            run_in(lake, other, tmp_path, NOON + HOUR)
        assert (refused.value.theirs, refused.value.ours) == ("table('raw.first') by 'at'", ours)
    assert rows_of(lake, OUT, "id") == [(1,), (2,)]

    given(lake, FIRST, "(5, TIMESTAMPTZ '2024-01-01 12:30:00+00', TIMESTAMPTZ '2024-01-01 12:30:00+00')")
    run_in(lake, _events(FIRST), tmp_path, NOON + HOUR)
    run_in(lake, _events(SECOND, name="more"), tmp_path, NOON + HOUR)
    assert rows_of(lake, OUT, "id") == [(1,), (2,), (3,), (4,), (5,)]


def test_a_pin_of_another_table_is_neither_read_nor_pinned_again_and_one_of_before_it_was_kept_is(lake: Lake) -> None:
    _orders(lake, "2024-01-01 10:00")
    reading = Reading(lake, "nowhere", NOON)
    foreign = replace(_up_to(NOON), of="table('bronze.others') by 'updated_at'")
    for act in (_source().read, _source().pin_again):
        with pytest.raises(BookmarkSourceError):
            act(reading, foreign)
    assert _ids(lake, _up_to(NOON)) == [1]
    assert _source().pin_again(reading, _up_to(NOON)) == Pin(version=1, interval=Interval(None, NOON), of=OF)


@pytest.mark.parametrize(
    ("of", "known_as"),
    [
        ("sales.orders", "jdbc('sales.orders')"),
        ("(SELECT * FROM sales.orders WHERE total > (1)) AS dear_orders", "jdbc('dear_orders')"),
        ("(SELECT *\nFROM sales.orders) dear ", "jdbc('dear')"),
        ("(SELECT * FROM sales.orders)", "jdbc('(SELECT * FROM sales.orders)')"),
    ],
)
def test_the_bookmark_of_a_database_says_the_table_or_the_alias_of_the_query(of: str, known_as: str) -> None:
    assert jdbc("jdbc:postgresql://shop.example/shop", of, Event, user="etl").known_as == known_as
