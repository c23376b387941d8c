import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from chispa import assert_df_equality
from deltalake import DeltaTable, QueryBuilder
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from framework.pipeline import RunReport
from framework.tables import Frame, Lake
from framework.testing import Rows
from jobs.flights import (
    Airline,
    Airport,
    Delay,
    Flight,
    FlightInWeather,
    Plane,
    RawFlight,
    Weather,
    cleaned,
    delays,
    in_weather,
    job,
    known,
    minutes,
    next_clock_time,
    one_per,
)
from tests.runs import run_in

DATA = Path(__file__).parent.parent.parent / "data" / "nycflights13"
CODEGEN = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
Row = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def compiled(spark: SparkSession) -> Iterator[None]:
    """Compile plans as in production: of a year of flights they are too slow to interpret, as other tests do."""
    was = {name: str(spark.conf.get(name)) for name in CODEGEN}
    for name, value in CODEGEN.items():
        spark.conf.set(name, value)
    yield
    for name, value in was.items():
        spark.conf.set(name, value)


def utc(text: str) -> datetime:
    """`2013-01-01 10:15`, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _same(actual: DataFrame, expected: DataFrame) -> None:
    assert_df_equality(actual, expected, ignore_nullable=True, ignore_row_order=True, ignore_metadata=True)


# -- cleaned ----------------------------------------------------------------------------------------------------------

# UA 1545, the first line of the files.
RAW: Row = {
    "year": "2013",
    "month": "1",
    "day": "1",
    "dep_time": "517",
    "sched_dep_time": "515",
    "dep_delay": "2",
    "arr_time": "830",
    "sched_arr_time": "819",
    "arr_delay": "11",
    "carrier": "UA",
    "flight": "1545",
    "tailnum": "N14228",
    "origin": "EWR",
    "dest": "IAH",
    "air_time": "227",
    "distance": "1400",
    "hour": "5",
    "minute": "15",
    "time_hour": "2013-01-01T10:00:00Z",
}
AIRPORTS: list[Row] = [
    {"faa": "IAH", "tzone": "America/Chicago"},
    {"faa": "HNL", "tzone": "Pacific/Honolulu"},
    {"faa": "NUL", "tzone": None},
]


def _cleaned(rows: Rows, *flights: Row) -> Frame[Flight]:
    airports = rows(Airport, *AIRPORTS, name="somewhere", lat=1.5, lon=2.5, alt=3)
    return cleaned(rows(RawFlight, *flights, **RAW), airports)


def test_a_flight_is_typed_and_its_clock_times_become_utc(rows: Rows) -> None:
    expected = rows(
        Flight,
        {
            "flight_id": "UA-1545-EWR-20130101T1015Z",
            "carrier": "UA",
            "flight": 1545,
            "origin": "EWR",
            "dest": "IAH",
            "tailnum": "N14228",
            "scheduled_at": utc("2013-01-01 10:15"),
            "departed_at": utc("2013-01-01 10:17"),
            "scheduled_arrival_at": utc("2013-01-01 14:19"),
            "arrived_at": utc("2013-01-01 14:30"),
            "dep_delay": 2,
            "arr_delay": 11,
            "cancelled": False,
            "air_time": 227,
            "distance": 1400,
            "dep_time": 517,
            "sched_dep_time": 515,
            "arr_time": 830,
            "sched_arr_time": 819,
            "day": date(2013, 1, 1),
            "month": "2013-01",
        },
    )
    _same(_cleaned(rows, {}), expected)


def test_a_cancelled_flight_stays_with_null_for_what_did_not_happen(rows: Rows, spark: SparkSession) -> None:
    unknown = dict.fromkeys(("dep_time", "dep_delay", "arr_time", "arr_delay", "tailnum", "air_time"), "NA")
    names = (
        "flight_id",
        "cancelled",
        "tailnum",
        "departed_at",
        "scheduled_arrival_at",
        "arrived_at",
        "dep_delay",
        "air_time",
    )
    expected = spark.createDataFrame(
        [("UA-1545-EWR-20130101T1015Z", True, None, None, utc("2013-01-01 14:19"), None, None, None)],
        "flight_id string, cancelled boolean, tailnum string, departed_at timestamp, scheduled_arrival_at timestamp, "
        "arrived_at timestamp, dep_delay bigint, air_time bigint",
    )
    _same(_cleaned(rows, unknown).select(*names), expected)


def test_the_month_is_utc_s_and_the_day_the_origin_s(rows: Rows, spark: SparkSession) -> None:
    late = {"month": "1", "day": "31", "minute": "30", "time_hour": "2013-02-01T04:00:00Z"}
    expected = spark.createDataFrame([("2013-02", date(2013, 1, 31))], "month string, day date")
    _same(_cleaned(rows, late).select("month", "day"), expected)


def test_an_arrival_is_the_first_such_clock_time_at_the_destination(rows: Rows, spark: SparkSession) -> None:
    ten = {"minute": "0", "time_hour": "2013-01-01T15:00:00Z"}
    four = {"minute": "0", "time_hour": "2013-01-02T09:00:00Z"}
    found = _cleaned(
        rows,
        {"flight": "1", **ten, "sched_arr_time": "1259", "arr_time": "2400"},  # 2400 is 0000 of the next day
        {"flight": "2", **ten, "sched_arr_time": "200", "arr_time": "2355", "dep_delay": "-5"},  # overnight, or not
        {"flight": "3", **ten, "sched_arr_time": "1540", "arr_time": "455", "dest": "HNL"},  # the day after
        {"flight": "4", **four, "sched_arr_time": "2359", "arr_time": "14", "dest": "HNL"},  # where it is yesterday
        {"flight": "5", **ten, "dest": "BQN"},  # not among the airports
        {"flight": "6", **ten, "dest": "NUL"},  # an airport without a time zone
    )
    expected = spark.createDataFrame(
        [
            (1, utc("2013-01-01 18:59"), utc("2013-01-02 06:00")),
            (2, utc("2013-01-02 08:00"), utc("2013-01-02 05:55")),
            (3, utc("2013-01-02 01:40"), utc("2013-01-02 14:55")),
            (4, utc("2013-01-02 09:59"), utc("2013-01-02 10:14")),
            (5, None, None),
            (6, None, None),
        ],
        "flight bigint, scheduled_arrival_at timestamp, arrived_at timestamp",
    )
    _same(found.select("flight", "scheduled_arrival_at", "arrived_at"), expected)


def test_an_airport_that_is_listed_twice_does_not_double_its_flights(rows: Rows, spark: SparkSession) -> None:
    twice = rows(Airport, AIRPORTS[0], AIRPORTS[0], name="somewhere", lat=1.5, lon=2.5, alt=3)
    expected = spark.createDataFrame([(1545, utc("2013-01-01 14:30"))], "flight bigint, arrived_at timestamp")
    _same(cleaned(rows(RawFlight, {}, **RAW), twice).select("flight", "arrived_at"), expected)


# -- clock times ------------------------------------------------------------------------------------------------------

NEW_YORK, CHICAGO, HONOLULU = "America/New_York", "America/Chicago", "Pacific/Honolulu"


def _assert_next(spark: SparkSession, *cases: tuple[int | None, str | None, str | None, str | None]) -> None:
    """Each case: a clock time, the moment after which it is looked for, the zone, and the moment that is expected."""
    made = [(clock, after and utc(after), zone, expected and utc(expected)) for clock, after, zone, expected in cases]
    given = spark.createDataFrame(made, "clock bigint, after timestamp, zone string, expected timestamp")
    shown = given.withColumn("found", next_clock_time("clock", after="after", zone="zone"))
    _same(shown.select("clock", "after", "found"), given.select("clock", "after", F.col("expected").alias("found")))


def test_a_clock_time_is_today_s_if_it_is_still_to_come_and_tomorrow_s_if_not(spark: SparkSession) -> None:
    _assert_next(
        spark,
        (801, "2013-01-15 13:00", NEW_YORK, "2013-01-15 13:01"),
        (800, "2013-01-15 13:00", NEW_YORK, "2013-01-16 13:00"),
        (759, "2013-01-15 13:00", NEW_YORK, "2013-01-16 12:59"),
    )


def test_today_is_the_zone_s_day_not_utc_s(spark: SparkSession) -> None:
    _assert_next(
        spark,
        (2330, "2013-01-16 03:00", NEW_YORK, "2013-01-16 04:30"),
        (2330, "2013-01-16 03:00", HONOLULU, "2013-01-16 09:30"),
        (30, "2013-01-16 03:00", NEW_YORK, "2013-01-16 05:30"),
    )


def test_2400_is_midnight(spark: SparkSession) -> None:
    _assert_next(
        spark,
        (2400, "2013-01-15 13:00", NEW_YORK, "2013-01-16 05:00"),
        (0, "2013-01-15 13:00", NEW_YORK, "2013-01-16 05:00"),
        (2400, "2013-01-16 05:00", NEW_YORK, "2013-01-17 05:00"),
    )


def test_a_time_that_clocks_leave_out_in_spring_is_not_shown_that_day(spark: SparkSession) -> None:
    # On 2013-03-10 in New York 01:59 EST, 06:59 UTC, was followed by 03:00 EDT.
    _assert_next(
        spark,
        (230, "2013-03-10 06:00", NEW_YORK, "2013-03-11 06:30"),
        (330, "2013-03-10 06:00", NEW_YORK, "2013-03-10 07:30"),
        (300, "2013-03-10 06:00", NEW_YORK, "2013-03-10 07:00"),
        (130, "2013-03-10 06:00", NEW_YORK, "2013-03-10 06:30"),
        (230, "2013-03-10 07:30", CHICAGO, "2013-03-11 07:30"),
    )


def test_a_time_that_clocks_show_twice_in_autumn_is_the_first_after_departure(spark: SparkSession) -> None:
    # On 2013-11-03 in New York 01:59 EDT, 05:59 UTC, was followed by 01:00 EST.
    _assert_next(
        spark,
        (130, "2013-11-03 04:00", NEW_YORK, "2013-11-03 05:30"),
        (130, "2013-11-03 05:45", NEW_YORK, "2013-11-03 06:30"),
        (130, "2013-11-03 06:45", NEW_YORK, "2013-11-04 06:30"),
        (230, "2013-11-03 05:45", NEW_YORK, "2013-11-03 07:30"),
        (100, "2013-11-03 05:30", NEW_YORK, "2013-11-03 06:00"),
    )


def test_a_clock_time_of_something_unknown_is_unknown(spark: SparkSession) -> None:
    _assert_next(
        spark,
        (None, "2013-01-15 13:00", NEW_YORK, None),
        (800, None, NEW_YORK, None),
        (800, "2013-01-15 13:00", None, None),
    )


# -- helpers ----------------------------------------------------------------------------------------------------------


def test_na_is_null_and_any_other_text_is_itself(spark: SparkSession) -> None:
    given = spark.createDataFrame([("NA",), ("N14228",), ("",), (None,)], "tailnum string")
    expected = spark.createDataFrame([(None,), ("N14228",), ("",), (None,)], "tailnum string")
    _same(given.select(known("tailnum").alias("tailnum")), expected)


def test_minutes_are_added_taken_away_and_unknown(spark: SparkSession) -> None:
    at = utc("2013-01-01 23:50")
    given = spark.createDataFrame([(at, 15), (at, -60), (at, 1500), (at, None)], "at timestamp, late int")
    moments = ["2013-01-02 00:05", "2013-01-01 22:50", "2013-01-03 00:50", None]
    expected = spark.createDataFrame([(text and utc(text),) for text in moments], "at timestamp")
    _same(given.select((F.col("at") + minutes(F.col("late"))).alias("at")), expected)


def test_one_row_a_key_is_kept_always_the_same_one(spark: SparkSession) -> None:
    columns = "origin string, hour int, temp double, visib double"
    rows = [("EWR", 1, 7.0, 1.0), ("EWR", 1, 5.0, 9.0), ("EWR", 2, None, 3.0), ("JFK", 1, 2.0, None)]
    expected = spark.createDataFrame([rows[1], rows[2], rows[3]], columns)
    for given in (rows, rows[::-1]):
        _same(one_per(spark.createDataFrame(given, columns), "origin", "hour"), expected)


# -- in_weather -------------------------------------------------------------------------------------------------------

FLIGHT: Row = {
    "flight_id": "UA-1545-EWR-20130101T1015Z",
    "carrier": "UA",
    "flight": 1545,
    "origin": "EWR",
    "dest": "IAH",
    "tailnum": "N14228",
    "scheduled_at": utc("2013-01-01 10:15"),
    "cancelled": False,
    "distance": 1400,
    "sched_dep_time": 515,
    "day": date(2013, 1, 1),
}
HOUR: Row = {"origin": "EWR", "year": 2013, "month": 1, "day": 1, "hour": 5, "time_hour": utc("2013-01-01 10:00")}
JOINED: Row = {
    "airline": "United",
    "plane_year": 1999,
    "plane_manufacturer": "BOEING",
    "plane_model": "737",
    "plane_seats": 149,
    "dest_name": "Bush",
    "dest_lat": 29.9,
    "dest_lon": -95.3,
    "temp": 39.0,
    "wind_dir": 270,
}


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_a_flight_gets_what_is_known_about_it_and_stays_one_row(rows: Rows, times: int) -> None:
    joined = in_weather(
        rows(Flight, FLIGHT, {**FLIGHT, "flight": 7, "origin": "JFK", "carrier": "??", "tailnum": "N0", "dest": "BQN"}),
        rows(
            Weather, *times * [{**HOUR, "temp": 39.0, "wind_dir": 270}], {**HOUR, "time_hour": utc("2013-01-01 11:00")}
        ),
        rows(Airline, *times * [{"carrier": "UA", "name": "United"}]),
        rows(
            Plane,
            *times * [{"tailnum": "N14228", "year": 1999, "manufacturer": "BOEING", "model": "737", "seats": 149}],
        ),
        rows(Airport, *times * [{"faa": "IAH", "name": "Bush", "lat": 29.9, "lon": -95.3, "alt": 97}]),
    )
    unknown = {**FLIGHT, "flight": 7, "origin": "JFK", "carrier": "??", "tailnum": "N0", "dest": "BQN"}
    _same(joined, rows(FlightInWeather, {**FLIGHT, **JOINED}, unknown))


def test_a_flight_without_a_tail_number_has_no_plane(rows: Rows, spark: SparkSession) -> None:
    joined = in_weather(
        rows(Flight, {**FLIGHT, "tailnum": None}),
        rows(Weather, HOUR),
        rows(Airline, {"carrier": "UA", "name": "United"}),
        rows(Plane, {"tailnum": "N14228", "year": 1999}),
        rows(Airport, {"faa": "IAH", "name": "Bush", "lat": 29.9, "lon": -95.3, "alt": 97}),
    )
    expected = spark.createDataFrame([("United", None)], "airline string, plane_year bigint")
    _same(joined.select("airline", "plane_year"), expected)


# -- delays -----------------------------------------------------------------------------------------------------------


def _departures(rows: Rows, *delays: int | None, **common: Any) -> Frame[Flight]:
    made: Frame[Flight] = rows(
        Flight, *({"dep_delay": d, "cancelled": d is None} for d in delays), **{**FLIGHT, **common}
    )
    return made


DAY: Row = {"day": date(2013, 1, 1), "carrier": "UA", "origin": "EWR"}


def test_delays_are_summed_up_with_the_interpolated_90th_percentile(rows: Rows) -> None:
    found = delays(_departures(rows, 20, 60, 0, None, 40, 10, 20))
    expected = {**DAY, "flights": 7, "cancelled": 1, "mean_dep_delay": 25.0, "p90_dep_delay": 50.0}
    _same(found, rows(Delay, expected))


def test_a_day_on_which_all_were_cancelled_has_no_delay(rows: Rows) -> None:
    _same(delays(_departures(rows, None, None)), rows(Delay, {**DAY, "flights": 2, "cancelled": 2}))


def test_delays_are_those_of_one_day_one_airline_and_one_airport(rows: Rows) -> None:
    others: list[Row] = [{}, {"day": date(2013, 1, 2)}, {"carrier": "DL"}, {"origin": "JFK"}]
    first, *rest = (_departures(rows, n, **other) for n, other in enumerate(others))
    for frame in rest:
        first = Flight.frame(first.union(frame))
    expected = [{**other, "mean_dep_delay": float(n), "p90_dep_delay": float(n)} for n, other in enumerate(others)]
    _same(delays(first), rows(Delay, *expected, **DAY, flights=1, cancelled=0))


# -- the whole job on all flights -------------------------------------------------------------------------------------

TABLES = ("bronze.flights", "silver.flights", "silver.flights_in_weather", "gold.delays")

# What duckdb makes of the files, by code that shares nothing with the job's.
FILES = f"""
create table files as select * from read_csv('{DATA}/flights/*.csv.gz', all_varchar = true, filename = true);
create table typed as from read_csv('{DATA}/flights/*.csv.gz', nullstr = 'NA', types = {{'tailnum': 'varchar'}});
create table weather as from read_csv('{DATA}/weather.csv.gz', nullstr = 'NA');
create table airlines as from read_csv('{DATA}/airlines.csv');
create table planes as from read_csv('{DATA}/planes.csv', nullstr = 'NA');
create table airports as from read_csv('{DATA}/airports.csv', nullstr = 'NA');
"""


class Sql:
    """Tables of a lake in duckdb, as Arrow from deltalake: neither knows Spark."""

    def __init__(self, lake: Lake, *tables: str) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("set timezone = 'UTC'")
        for name in tables:
            query = QueryBuilder().register("rows", DeltaTable(lake.path(name)))
            self._connection.register("arrow", query.execute("select * from rows").read_all())
            self._connection.execute(f"create table {name.replace('.', '_')} as from arrow")

    def __call__(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query).fetchall()

    def differences(self, one: str, other: str) -> int:
        """Count the rows that one query has and the other has not, or not as often."""
        ((count,),) = self(
            f"with one as ({one}), other as ({other}), lacks as (from one except all from other), "
            "more as (from other except all from one) select (select count(*) from lacks) + (select count(*) from more)"
        )
        return int(count)


@pytest.fixture(scope="module")
def lake_of_flights(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The lake after one run of the job on all flights."""
    lake = Lake(spark, str(tmp_path_factory.mktemp("flights") / "lake"))
    run_in(lake, job, DATA)
    return lake


@pytest.fixture(scope="module")
def sql(lake_of_flights: Lake) -> Sql:
    """All tables of the lake, and the files beside them."""
    sql = Sql(lake_of_flights, *TABLES)
    sql(FILES)
    return sql


@pytest.mark.parametrize(
    ("answer", "query"),
    [
        (336_776, "select count(*) from bronze_flights"),
        (336_776, "select count(*) from silver_flights"),
        (336_776, "select count(distinct (carrier, flight, origin, scheduled_at)) from silver_flights"),
        (336_776, "select count(distinct flight_id) from silver_flights"),
        (336_776, "select count(distinct flight_id) from silver_flights_in_weather"),
        (336_776, "select count(*) from silver_flights_in_weather"),
        (336_776, "select sum(flights) from gold_delays"),
        (8_255, "select count(*) from silver_flights where departed_at is null"),
        (8_255, "select sum(cancelled) from gold_delays"),
        (9_430, "select count(*) from silver_flights where arr_delay is null"),
        (16, "select count(distinct carrier) from silver_flights"),
        (16, "select count(distinct airline) from silver_flights_in_weather"),
        (12.6391, "select round(avg(dep_delay), 4) from silver_flights"),
        (50_094, "select count(tailnum) - count(plane_manufacturer) from silver_flights_in_weather"),
        (7_602, "select count(*) from silver_flights_in_weather where dest_name is null"),
        (7_602, "select count(*) from silver_flights where scheduled_arrival_at is null"),
        (1_556, "select count(*) from silver_flights_in_weather where coalesce(temp, pressure, visib, precip) is null"),
    ],
)
def test_the_known_answers(sql: Sql, answer: float, query: str) -> None:
    assert sql(query) == [(answer,)]


def test_bronze_holds_the_text_of_every_line_and_its_file(sql: Sql) -> None:
    names = ", ".join(RawFlight.model_fields)
    files = f"select {names}, parse_filename(filename) from files"
    assert sql.differences(files, f"select {names}, parse_filename(_source_file) from bronze_flights") == 0


def test_every_flight_is_typed_as_duckdb_types_it(sql: Sql) -> None:
    names = (
        "carrier, flight, origin, dest, tailnum, dep_delay, arr_delay, air_time, distance, dep_time, sched_dep_time, "
        "arr_time, sched_arr_time"
    )
    computed = f"""
        select {names}, make_date(year, month, day) as day, dep_time is null as cancelled,
            time_hour + to_minutes(minute) as scheduled_at, scheduled_at + to_minutes(dep_delay) as departed_at,
            strftime(scheduled_at, '%Y-%m') as month,
            format('{{}}-{{}}-{{}}-{{}}Z', carrier, flight, origin, strftime(scheduled_at, '%Y%m%dT%H%M')) as flight_id
        from (select * replace (minute::int as minute, dep_delay::int as dep_delay) from typed)
    """
    held = f"select {names}, day, cancelled, scheduled_at, departed_at, month, flight_id from silver_flights"
    assert sql.differences(computed, held) == 0


@pytest.mark.parametrize(
    ("moment", "clock", "after"),
    [("arrived_at", "arr_time", "departed_at"), ("scheduled_arrival_at", "sched_arr_time", "scheduled_at")],
)
def test_every_arrival_is_the_first_such_clock_time_after_departure(
    sql: Sql, moment: str, clock: str, after: str
) -> None:
    flights = f"""
        select {moment} as moment, {after} as after, {clock} % 2400 as clock, tzone
        from silver_flights left join airports on dest = faa
    """
    shows = "extract(hour from {0}) * 100 + extract(minute from {0})"
    wrong = f"(moment <= after or {shows.format('timezone(tzone, moment)')} <> clock)"
    # Clocks show a time again after a day, an hour more or less, or an hour where they were set back.
    earlier = " or ".join(
        f"(moment - interval {hours} hour > after and "
        f"{shows.format(f'timezone(tzone, moment - interval {hours} hour)')} = clock)"
        for hours in (1, 23, 24, 25)
    )
    null = "(moment is null) <> (clock is null or after is null or tzone is null)"
    assert sql(
        f"select count(*) > 300000, count_if({wrong}), count_if({earlier}), count_if({null}) from ({flights})"
    ) == [(True, 0, 0, 0)]


def test_every_flight_is_joined_as_duckdb_joins_it(sql: Sql) -> None:
    names = (
        "flight_id, airline, plane_year, plane_manufacturer, plane_model, plane_seats, dest_name, dest_lat, dest_lon, "
        "temp, dewp, humid, wind_dir, wind_speed, wind_gust, precip, pressure, visib"
    )
    joined = """
        select f.flight_id, l.name, p.year, p.manufacturer, p.model, p.seats, a.name, a.lat, a.lon,
            w.temp, w.dewp, w.humid, w.wind_dir, w.wind_speed, w.wind_gust, w.precip, w.pressure, w.visib
        from silver_flights f left join airlines l using (carrier) left join planes p using (tailnum)
        left join airports a on f.dest = a.faa
        left join weather w on f.origin = w.origin and date_trunc('hour', f.scheduled_at) = w.time_hour
    """
    assert sql.differences(joined, f"select {names} from silver_flights_in_weather") == 0


def test_what_a_flight_was_it_stays_when_it_is_joined(sql: Sql) -> None:
    names = ", ".join(Flight.model_fields)
    held = f"select {names} from silver_flights_in_weather"
    assert sql.differences(f"select {names} from silver_flights", held) == 0


def test_every_delay_is_as_duckdb_sums_it_up(sql: Sql) -> None:
    computed = """
        select make_date(year, month, day) as day, carrier, origin, count(*) as flights,
            count_if(dep_time is null) as cancelled, avg(dep_delay) as mean, quantile_cont(dep_delay, 0.9) as p90
        from typed group by all
    """
    compared = f"""
        select count(*), count(c.day), count(d.day),
            count_if(c.flights = d.flights and c.cancelled = d.cancelled),
            count_if((c.mean is null) <> (d.mean_dep_delay is null) or (c.p90 is null) <> (d.p90_dep_delay is null)),
            max(abs(c.mean - d.mean_dep_delay)) < 1e-9, max(abs(c.p90 - d.p90_dep_delay)) < 1e-9
        from ({computed}) c full join gold_delays d using (day, carrier, origin)
    """
    ((rows, *counts, unlike, mean, p90),) = sql(compared)
    assert counts == [rows, rows, rows]
    assert (unlike, mean, p90) == (0, True, True)


# -- the job, again and again ------------------------------------------------------------------------------------------

RowsOf = dict[str, list[tuple[Any, ...]]]
# The flights of the evening before a month ends are in the next month's partition by UTC, and in this month's file.
HEADER = ",".join(RawFlight.model_fields) + "\n"
DAYS = {"2013-01": ("2013,1,31,",), "2013-02": ("2013,2,1,", "2013,2,28,"), "2013-03": ("2013,3,1,",)}


@dataclass(frozen=True)
class Arriving:
    """An empty lake, and a landing folder with all but flights."""

    lake: Lake
    landing: Path

    def land(self, name: str, lines: Sequence[str]) -> None:
        (self.landing / "flights").mkdir(exist_ok=True)
        (self.landing / "flights" / name).write_text("".join([HEADER, *lines]))

    def run(self) -> RunReport:
        return run_in(self.lake, job, self.landing)

    def rows(self) -> RowsOf:
        """Return the rows of each table in words; of bronze what the lines said, whichever file they came in."""
        sql = Sql(self.lake, *TABLES)
        lines = sql(f"select {', '.join(RawFlight.model_fields)} from bronze_flights order by all")
        others = {
            name: sql(f"select columns(*)::varchar from {name.replace('.', '_')} order by all") for name in TABLES[1:]
        }
        return {TABLES[0]: lines, **others}


def _lines(month: str) -> list[str]:
    """Return the lines of a month's file that are of the chosen days."""
    with gzip.open(DATA / "flights" / f"flights-{month}.csv.gz", "rt") as file:
        return [line for line in file if line.startswith(DAYS[month])]


def _arriving(spark: SparkSession, folder: Path) -> Arriving:
    (folder / "landing").mkdir()
    for name in ("airlines.csv", "airports.csv", "planes.csv", "weather.csv.gz"):
        (folder / "landing" / name).symlink_to(DATA / name)
    return Arriving(Lake(spark, str(folder / "lake")), folder / "landing")


@pytest.fixture
def arriving(spark: SparkSession, tmp_path: Path) -> Arriving:
    return _arriving(spark, tmp_path)


@pytest.fixture(scope="module")
def at_once(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> RowsOf:
    """The rows of each table after one run on the chosen days of all months."""
    arriving = _arriving(spark, tmp_path_factory.mktemp("at_once"))
    for month in DAYS:
        arriving.land(f"flights-{month}.csv", _lines(month))
    assert len(arriving.run().batches) == 1
    return arriving.rows()


def test_flights_of_the_last_evening_of_a_month_are_in_two_months(at_once: RowsOf) -> None:
    columns = list(Flight.model_fields)
    day, month = columns.index("day"), columns.index("month")
    found = {(row[day], row[month]) for row in at_once["silver.flights"]}
    assert found == {
        ("2013-01-31", "2013-01"),
        ("2013-01-31", "2013-02"),
        ("2013-02-01", "2013-02"),
        ("2013-02-28", "2013-02"),
        ("2013-02-28", "2013-03"),
        ("2013-03-01", "2013-03"),
    }


# Of the file of February each half has some flights of both of its days.
ARRIVALS = [
    [["2013-03"], ["2013-02 even"], ["2013-01", "2013-02 odd"]],
    [["2013-02 odd", "2013-01"], ["2013-03", "2013-02 even"]],
]


@pytest.mark.parametrize("arrivals", ARRIVALS, ids=lambda runs: "; ".join(map(", ".join, runs)))
def test_in_whatever_order_files_arrive_the_rows_are_those_of_one_run(
    arriving: Arriving, at_once: RowsOf, arrivals: list[list[str]]
) -> None:
    for files in arrivals:
        for file in files:
            month, _, half = file.partition(" ")
            begin, step = {"": (0, 1), "even": (0, 2), "odd": (1, 2)}[half]
            arriving.land(f"flights-{month}{half}.csv", _lines(month)[begin::step])
        (batch,) = arriving.run().batches
        assert len(batch.plan.pins["raw_flights"].files) == len(files)
    found = arriving.rows()
    assert {name for name in TABLES if found[name] != at_once[name]} == set()


def test_a_second_run_finds_nothing_new_and_a_later_file_corrects_a_flight(arriving: Arriving) -> None:
    lines = _lines("2013-01")
    arriving.land("flights-2013-01.csv", lines)
    arriving.run()
    before, versions = arriving.rows(), {name: DeltaTable(arriving.lake.path(name)).version() for name in TABLES}
    assert [len(before[name]) for name in TABLES[:3]] == [len(lines)] * 3

    again = arriving.run()
    assert again.batches == ()
    assert {name: DeltaTable(arriving.lake.path(name)).version() for name in TABLES} == versions

    # In the evening of 31 January it is February by UTC: the day is in two partitions of silver.flights.
    (late,) = (line for line in lines if ",B6,739," in line and "2013-02-01T04" in line)
    assert ",2359,5," in late
    arriving.land("flights-2013-01-corrected.csv", [late.replace(",2359,5,", ",2359,500,")])
    arriving.run()
    changed = {name: {*rows} ^ {*before[name]} for name, rows in arriving.rows().items()}
    assert {name: len(rows) for name, rows in changed.items()} == {TABLES[0]: 1, **dict.fromkeys(TABLES[1:], 2)}
