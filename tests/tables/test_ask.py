"""Questions to tables that remember, against a dict of days."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial, reduce
from random import Random
from typing import Any

import duckdb
import pytest
from deltalake import write_deltalake
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from framework.batch import Position
from framework.errors import FrameMismatchError, NoHistoryError, NoTimeError
from framework.sources import Reading
from framework.sources import as_of as source
from framework.tables import (
    Lake,
    RowModel,
    Table,
    append,
    as_of,
    belief_changes,
    bitemporal,
    history_of,
    load,
    scd2,
    sequenced_join,
)
from framework.tables.commit import Transaction
from framework.tables.history.ask import Periods, sliced
from framework.testing import NOON
from tests.naive import Naive, Said
from tests.planes import KEPT


class City(RowModel):
    """What a city is called, from day to day."""

    id: int
    name: str | None
    valid_from: date
    valid_to: date
    system_from: datetime
    system_to: datetime


class Told(RowModel):
    """A name that a city has."""

    id: int
    name: str | None
    valid_from: date
    valid_to: date
    does: str
    at: int


CITIES = Table("silver.cities", City, keys="id")
TELL = bitemporal(valid=("valid_from", "valid_to"), operation="does", sequence_by="at")
HOUR = timedelta(hours=1)


def test_where_and_when_a_belief_was_read_is_no_change_of_it(lake: Lake) -> None:
    at = [f"TIMESTAMPTZ '{day}'" for day in ("2024-01-01", "2024-01-02", "2024-01-03", "9999-12-31")]
    rows = duckdb.sql(
        "FROM (VALUES " + ", ".join(
            f"({id}::BIGINT, '{name}', DATE '2020-01-01', DATE '9999-12-31', {at[since]}, {at[until]}, '{file}')"
            for id, name, since, until, file in (
                (1, "oslo", 0, 1, "a.csv"), (1, "bonn", 1, 2, "b.csv"), (1, "oslo", 2, 3, "c.csv"),
                (2, "rome", 0, 2, "a.csv"), (2, "bari", 2, 3, "c.csv"), (3, "lund", 2, 3, "c.csv"),
            )
        ) + ") t(id, name, valid_from, valid_to, system_from, system_to, _source_file)"
    )  # fmt: skip
    assert rows
    write_deltalake(lake.path(CITIES.name), rows)
    lake.spark.sql(f"ALTER TABLE delta.`{lake.path(CITIES.name)}` SET TBLPROPERTIES ({KEPT})")
    found = belief_changes(lake, CITIES, datetime(2024, 1, 1, 12)).select("id", "before", "after").orderBy("id")
    assert [(id, before and tuple(before), tuple(after)) for id, before, after in found.collect()] == [
        (2, ("rome", "a.csv"), ("bari", "c.csv")),
        (3, None, ("lund", "c.csv")),
    ]


def day(number: int) -> date:
    return date(2024, 1, 1) + timedelta(number - 1)


def test_every_question_is_answered_as_by_a_dict_of_days(lake: Lake, rows: Callable[..., Any]) -> None:
    random, model, keys, days = Random(7), Naive(), 12, range(1, 9)
    for number in range(1, 4):
        said = []
        for at in range(30):
            start = random.randint(1, 7)
            end = random.randint(start + 1, 8)
            name = random.choice(["x", "y", None])
            said.append(Said(random.randrange(keys), random.choice(["put", "delete"]), start, end, (name,), None, at))
        model.commit(said)
        frame = rows(
            Told,
            *(
                {"id": s.key, "name": s.values[0], "does": s.operation, "at": s.sequence}
                | {"valid_from": day(s.start), "valid_to": day(s.end)}
                for s in said
            ),
        )
        hour = number
        clock = lambda hour=hour: NOON + hour * HOUR  # noqa: E731
        load(lake, CITIES, TELL, frame, Transaction("cities/load", Position(0, number), {}, clock))

    # as_of: all days of all commits, in one Spark job. A moment between two commits is the earlier one's.
    asked = [
        as_of(lake, CITIES, valid=day(d), system=NOON + (commit + 0.5) * HOUR).select(
            F.lit(commit).alias("commit"), F.lit(d).alias("day"), "id", "name"
        )
        for commit in range(4)
        for d in (1, 4, 7)
    ]
    answers = {tuple(row) for row in reduce(DataFrame.union, asked).collect()}
    assert answers == {
        (commit, d, key, *model.believed(key, commit)[d])
        for commit in range(4)
        for d in (1, 4, 7)
        for key in range(keys)
        if d in model.believed(key, commit)
    }
    now = [(r.id, r.name, r.valid_from, r.valid_to) for r in as_of(lake, CITIES).collect()]
    assert {(key, d): (name,) for key, name, start, end in now for d in days if start <= day(d) < end} == {
        (key, d): values for key in range(keys) for d, values in model.believed(key).items()
    }
    reading = Reading(lake, "", NOON)
    wanted = source(CITIES, valid=day(4), system=NOON + HOUR)
    read = wanted.read(reading, wanted.pin(reading)).select("id", "name").collect()
    assert {tuple(row) for row in read} == {(a[2], a[3]) for a in answers if a[:2] == (1, 4)}

    # belief_changes: exactly the days on which the two commits differ.
    for until, last in ((NOON + 2.5 * HOUR, 2), (None, 3)):
        found = belief_changes(lake, CITIES, NOON + HOUR, until).collect()
        told = {
            (r.id, d): (r.before and tuple(r.before), r.after and tuple(r.after))
            for r in found
            for d in days
            if r.valid_from <= day(d) < r.valid_to
        }
        assert told == {
            (key, d): (model.believed(key, 1).get(d), model.believed(key, last).get(d))
            for key in range(keys)
            for d in days
            if model.believed(key, 1).get(d) != model.believed(key, last).get(d)
        }

    some = now[0][0]
    one = history_of(lake, CITIES, some).collect()
    assert {row.id for row in one} == {some}
    assert [row.system_from for row in one] == sorted(row.system_from for row in one)
    assert one == history_of(lake, CITIES, {"id": some}).collect()
    with pytest.raises(FrameMismatchError, match="its keys are id"):
        history_of(lake, CITIES, {"name": "x"})
    with pytest.raises(FrameMismatchError, match="its keys are id, name: give a value of each"):
        history_of(lake, replace(CITIES, keys=("id", "name")), (some, "x"))
    assert history_of(lake, CITIES, str(some)).collect() == one
    with pytest.raises(FrameMismatchError, match="'id' is bigint, not 'two'"):
        history_of(lake, CITIES, "two")
    wrong: Any = "2024-03-01"
    with pytest.raises(NoTimeError, match=r"'2024-03-01' is no time\. Give a date"):
        as_of(lake, CITIES, valid=wrong)
    with pytest.raises(NoTimeError, match=r"'2024-03-01' is no time\. Give a date"):
        as_of(lake, CITIES, system=wrong)


def test_a_question_about_a_year_of_three_digits_is_answered(spark: SparkSession) -> None:
    forever = "TIMESTAMP'9999-12-31 00:00:00 UTC'"
    rows = spark.sql(
        f"SELECT DATE'0871-01-01' AS since, DATE'0899-10-26' AS until, TIMESTAMP'0871-01-01 00:00:00 UTC' AS first,"
        f" TIMESTAMP'0899-10-26 00:00:00 UTC' AS last, TIMESTAMP'0900-01-01 00:00:00 UTC' AS told, {forever} AS ended"
    )
    for valid in (("since", "until"), ("first", "last")):
        of = Periods("silver.kings", valid, ("told", "ended"))
        asked = [(date(899, 10, 25), True), (datetime(899, 10, 25, 23, 59), True), (date(899, 10, 26), False)]
        for at, ruled in asked:
            found = sliced(rows, of, valid=at, system=datetime(900, 1, 1))
            assert (found.count() == 1) is ruled, (valid, at)


@pytest.mark.parametrize(
    ("valid", "city"),
    [
        (date(2024, 3, 10), "oslo"),
        (datetime(2024, 3, 10, 23, 30), "oslo"),
        (datetime(2024, 3, 11, 4, 30, tzinfo=UTC), "bonn"),
        (datetime(2024, 3, 10, 23, 30, tzinfo=timezone(-5 * HOUR)), "bonn"),
        (datetime(2024, 3, 11, 0, 30, tzinfo=timezone(HOUR)), "oslo"),
    ],
)
def test_of_a_table_of_dates_a_time_means_the_day_that_it_is_in_utc(
    spark: SparkSession, valid: date, city: str
) -> None:
    days = "('oslo', DATE'2024-03-01', DATE'2024-03-11'), ('bonn', DATE'2024-03-11', DATE'9999-12-31')"
    rows = spark.sql(f"SELECT * FROM VALUES {days} AS t (city, since, until)")
    found = sliced(rows, Periods("t", ("since", "until"), None), valid=valid)
    assert [row.city for row in found.collect()] == [city]


def test_a_table_that_keeps_no_times_is_not_asked_for_them(lake: Lake, rows: Callable[..., Any]) -> None:
    plain = Table("silver.plain", Told, keys="id")
    row = {"id": 1, "valid_from": day(1), "valid_to": day(2), "does": "put", "at": 1}
    load(lake, plain, append(), rows(Told, row), Transaction("plain/load", Position(0, 1)))
    with pytest.raises(NoHistoryError, match="keeps no valid time"):
        as_of(lake, plain)


@pytest.mark.properties
def test_p13_a_slice_of_a_sequenced_join_is_the_join_of_the_slices(spark: SparkSession) -> None:
    random, times = Random(13), range(6)
    periods = [("vf", "vt"), ("sf", "st")]

    def some(name: str) -> list[tuple[Any, ...]]:
        made = []
        for key in range(6):
            for value in range(random.randint(0, 5)):
                v, s = (sorted(random.sample(range(7), 2)) for _ in range(2))
                made.append((key, f"{name}{value}", *v, *s))
        return made

    a, b = some("a"), some("b")
    ends = "vf int, vt int, sf int, st int"
    left, right = (
        spark.createDataFrame(a, f"k int, a string, {ends}"),
        spark.createDataFrame(b, f"k int, b string, {ends}"),
    )
    joined = [tuple(row) for row in sequenced_join(left, right, on=["k"], over=periods).collect()]

    def at(rows: list[tuple[Any, ...]], v: int, s: int) -> list[tuple[Any, ...]]:
        return [row[:-4] for row in rows if row[-4] <= v < row[-3] and row[-2] <= s < row[-1]]

    for v in times:
        for s in times:
            wanted = [(*x, y[1]) for x in at(a, v, s) for y in at(b, v, s) if x[0] == y[0]]
            assert sorted(at(joined, v, s)) == sorted(wanted)
    valid, other = left.drop("sf", "st"), right.drop("sf", "st")
    one = sequenced_join(valid, other, on="k", over=("vf", "vt"))
    assert sorted(one.collect()) == sorted(sequenced_join(valid, other, on=["k"], over=[("vf", "vt")]).collect())
    with pytest.raises(FrameMismatchError, match="both have 'a'"):
        sequenced_join(left, left, on=["k"], over=periods)
    with pytest.raises(FrameMismatchError, match="the right frame lacks 'sf'"):
        sequenced_join(left, other, on=["k"], over=periods)


class Hour(RowModel):
    """How many trips an hour had."""

    hour: datetime
    trips: int | None
    valid_from: date
    valid_to: date


def test_a_key_without_a_zone_is_a_time_in_utc(
    lake: Lake, rows: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = Table("silver.hours", Hour, keys="hour")
    said = rows(Hour, {"hour": NOON, "trips": 3, "valid_from": day(1), "valid_to": day(1)}).drop("valid_to")
    said = said.withColumnRenamed("valid_from", "since")
    load(lake, hours, scd2(valid_by="since"), said, Transaction("hours/load", Position(0, 1)))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        for key in (NOON, NOON.replace(tzinfo=None)):
            assert [row.trips for row in history_of(lake, hours, key).collect()] == [3]
    finally:
        monkeypatch.undo()
        time.tzset()


class Belief(RowModel):
    """A key that is called as a side of a change is."""

    before: int
    name: str
    valid_from: date
    valid_to: date
    system_from: datetime
    system_to: datetime


def test_a_key_may_be_called_as_a_side_of_a_change_is(lake: Lake, rows: Callable[..., Any]) -> None:
    table = Table("silver.beliefs", Belief, keys="before")
    write = bitemporal(valid=("valid_from", "valid_to"))
    for number, name in ((1, "oslo"), (2, "bonn")):
        said = {"before": 7, "name": name, "valid_from": day(number), "valid_to": day(3)}
        told = rows(Belief, {**said, "system_from": NOON, "system_to": NOON}).drop("system_from", "system_to")
        load(
            lake,
            table,
            write,
            told,
            Transaction("beliefs/load", Position(0, number), {}, partial(NOON.__add__, number * HOUR)),
        )
    found = belief_changes(lake, table, NOON + HOUR)
    assert found.columns == ["before", "valid_from", "valid_to", "_before", "after"]
    assert [tuple(row) for row in found.collect()] == [(7, day(2), day(3), ("oslo",), ("bonn",))]
