"""Flights: every departure from New York in 2013, cleaned, joined to the weather, and summed up by day."""

from datetime import date, datetime
from typing import Literal

from pydantic import Field
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from framework.pipeline import Job, extract, load
from framework.sources import files, incremental, written
from framework.tables import Frame, RowModel, Table, append, generated, replace, upsert

MINUTES_OF_A_DAY = 24 * 60
CLOCK_TIMES = ("dep_time", "sched_dep_time", "arr_time", "sched_arr_time")
NUMBERS = ("flight", "dep_delay", "arr_delay", "air_time", "distance", *CLOCK_TIMES)


class RawFlight(RowModel):
    """One line of a flights file, as text."""

    year: str | None
    month: str | None
    day: str | None
    dep_time: str | None
    sched_dep_time: str | None
    dep_delay: str | None
    arr_time: str | None
    sched_arr_time: str | None
    arr_delay: str | None
    carrier: str | None
    flight: str | None
    tailnum: str | None
    origin: str | None
    dest: str | None
    air_time: str | None
    distance: str | None
    hour: str | None
    minute: str | None
    time_hour: str | None


class Weather(RowModel):
    """The weather at a New York airport in one hour."""

    origin: str
    year: int
    month: int
    day: int
    hour: int
    temp: float | None = Field(description="temperature, Fahrenheit")
    dewp: float | None = Field(description="dew point, Fahrenheit")
    humid: float | None = Field(description="relative humidity, percent")
    wind_dir: int | None = Field(description="wind direction, degrees")
    wind_speed: float | None = Field(description="wind speed, miles per hour")
    wind_gust: float | None = Field(description="gust speed, miles per hour")
    precip: float | None = Field(description="precipitation, inches")
    pressure: float | None = Field(description="sea level pressure, millibars")
    visib: float | None = Field(description="visibility, miles")
    time_hour: datetime = Field(description="the hour's beginning, UTC")


class Airline(RowModel):
    """An airline and its two-letter code."""

    carrier: str
    name: str


class Plane(RowModel):
    """An aeroplane in the registry of the Federal Aviation Administration."""

    tailnum: str
    year: int | None = Field(description="year of manufacture")
    type: str | None
    manufacturer: str | None
    model: str | None
    engines: int | None
    seats: int | None
    speed: int | None = Field(description="cruising speed, miles per hour")
    engine: str | None


class Airport(RowModel):
    """An airport of the United States."""

    faa: str
    name: str
    lat: float
    lon: float
    alt: int = Field(description="altitude, feet")
    tz: int | None = Field(description="hours from UTC")
    dst: str | None
    tzone: str | None = Field(description="IANA time zone")


class Flight(RowModel):
    """One scheduled departure from a New York airport."""

    flight_id: str = Field(description="carrier, flight, origin and scheduled departure, readable and unique")
    carrier: str
    flight: int = Field(ge=1, description="the airline's flight number")
    origin: Literal["EWR", "JFK", "LGA"]
    dest: str
    tailnum: str | None
    scheduled_at: datetime = Field(description="scheduled departure, UTC")
    departed_at: datetime | None = Field(description="actual departure, UTC")
    scheduled_arrival_at: datetime | None = Field(description="UTC; NULL where the destination's zone is unknown")
    arrived_at: datetime | None = Field(description="UTC; NULL where the destination's zone is unknown")
    dep_delay: int | None = Field(ge=-120, description="minutes; negative is early")
    arr_delay: int | None = Field(ge=-240, description="minutes; negative is early")
    cancelled: bool = Field(description="it never departed")
    air_time: int | None = Field(gt=0, description="minutes in the air")
    distance: int = Field(gt=0, description="miles between the airports")
    dep_time: int | None = Field(ge=0, le=2400, description="departure by the origin's clock, HHMM")
    sched_dep_time: int = Field(ge=0, le=2400, description="scheduled departure by the origin's clock, HHMM")
    arr_time: int | None = Field(ge=0, le=2400, description="arrival by the destination's clock, HHMM")
    sched_arr_time: int | None = Field(ge=0, le=2400, description="scheduled arrival by the destination's clock, HHMM")
    day: date = Field(description="scheduled day of departure, by the origin's clock")
    month: str = generated("date_format(scheduled_at, 'yyyy-MM')", description="month of scheduled_at, UTC")


class FlightInWeather(Flight):
    """A flight with the weather at its hour and origin, its airline, its plane and its destination."""

    airline: str | None
    plane_year: int | None
    plane_manufacturer: str | None
    plane_model: str | None
    plane_seats: int | None
    dest_name: str | None
    dest_lat: float | None
    dest_lon: float | None
    temp: float | None
    dewp: float | None
    humid: float | None
    wind_dir: int | None
    wind_speed: float | None
    wind_gust: float | None
    precip: float | None
    pressure: float | None
    visib: float | None


class Delay(RowModel):
    """The departures of one airline from one airport on one day."""

    day: date = Field(description="by the origin's clock")
    carrier: str
    origin: str
    flights: int = Field(ge=1)
    cancelled: int = Field(ge=0)
    mean_dep_delay: float | None = Field(description="minutes; NULL where all were cancelled")
    p90_dep_delay: float | None = Field(description="minutes; exact 90th percentile, linear interpolation")


RAW_FLIGHTS = Table("bronze.flights", RawFlight)
FLIGHTS = Table("silver.flights", Flight, keys=("carrier", "flight", "origin", "scheduled_at"), partition_by="month")
FLIGHTS_IN_WEATHER = Table("silver.flights_in_weather", FlightInWeather, keys=("flight_id",), partition_by="month")
DELAYS = Table("gold.delays", Delay, keys=("day", "carrier", "origin"))


def cleaned(raw_flights: Frame[RawFlight], airports: Frame[Airport]) -> Frame[Flight]:
    """Type the flights; `NA` is NULL, and local clock times become UTC by the destination's time zone."""
    zones = one_per(airports, "faa").select(F.col("faa").alias("dest"), F.col("tzone").alias("dest_zone"))
    typed = raw_flights.select(
        *(known(name).alias(name) for name in ("carrier", "origin", "dest", "tailnum")),
        *(known(name).cast("bigint").alias(name) for name in NUMBERS),
        known("time_hour").cast("timestamp").alias("hour_at"),
        known("minute").cast("int").alias("minute"),
        F.make_date(known("year").cast("int"), known("month").cast("int"), known("day").cast("int")).alias("day"),
    )
    timed = (
        typed.join(F.broadcast(zones), "dest", "left")
        .withColumn("scheduled_at", F.col("hour_at") + minutes(F.col("minute")))
        .withColumn("departed_at", F.col("scheduled_at") + minutes(F.col("dep_delay")))
        .withColumn("scheduled_arrival_at", next_clock_time("sched_arr_time", after="scheduled_at", zone="dest_zone"))
        .withColumn("arrived_at", next_clock_time("arr_time", after="departed_at", zone="dest_zone"))
        .withColumn("cancelled", F.col("dep_time").isNull())
    )
    name = F.concat("carrier", F.lit("-"), "flight", F.lit("-"), "origin", F.lit("-"))
    at = F.date_format("scheduled_at", "yyyyMMdd'T'HHmm'Z'")
    return Flight.frame(timed.withColumn("flight_id", F.concat(name, at)))


def in_weather(
    flights: Frame[Flight],
    weather: Frame[Weather],
    airlines: Frame[Airline],
    planes: Frame[Plane],
    airports: Frame[Airport],
) -> Frame[FlightInWeather]:
    """Join each flight to what is known about it; a flight stays one row, whatever is unknown."""
    measures = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
    at_hour = one_per(weather, "origin", "time_hour").select("origin", F.col("time_hour").alias("hour_at"), *measures)
    airline = one_per(airlines, "carrier").select("carrier", F.col("name").alias("airline"))
    described = ("year", "manufacturer", "model", "seats")
    plane = one_per(planes, "tailnum").select("tailnum", *(F.col(c).alias(f"plane_{c}") for c in described))
    dest = one_per(airports, "faa").select(
        F.col("faa").alias("dest"), *(F.col(c).alias(f"dest_{c}") for c in ("name", "lat", "lon"))
    )
    return FlightInWeather.frame(
        flights.withColumn("hour_at", F.date_trunc("hour", "scheduled_at"))
        .join(F.broadcast(at_hour), ["origin", "hour_at"], "left")
        .join(F.broadcast(airline), "carrier", "left")
        .join(F.broadcast(plane), "tailnum", "left")
        .join(F.broadcast(dest), "dest", "left")
    )


def delays(flights_of_whole_days: Frame[Flight]) -> Frame[Delay]:
    """Sum up the departures by day, airline and airport."""
    return Delay.frame(
        flights_of_whole_days.groupBy("day", "carrier", "origin").agg(
            F.count("*").alias("flights"),
            F.count_if("cancelled").alias("cancelled"),
            F.mean("dep_delay").alias("mean_dep_delay"),
            F.percentile("dep_delay", 0.9).alias("p90_dep_delay"),
        )
    )


def known(name: str) -> Column:
    """Return a text column with NULL where the source says `NA`."""
    return F.when(F.col(name) != "NA", F.col(name))


def minutes(number: Column) -> Column:
    """Return an interval of so many minutes."""
    return F.make_dt_interval(mins=number)


def next_clock_time(clock: str, *, after: str, zone: str) -> Column:
    """Return the first moment after `after` (UTC) at which clocks in `zone` show `clock`, an HHMM number; 2400 is 0000.

    The days that can be meant are tried in turn, and where clocks are set back an hour, both times that they show it; a
    time that clocks leave out in spring is not shown that day.
    """
    past_midnight = (F.floor(F.col(clock) / 100) * 60 + F.col(clock) % 100) % MINUTES_OF_A_DAY
    local_day = F.from_utc_timestamp(after, F.col(zone)).cast("date")
    candidates = []
    for days in (0, 1, 2):
        shown = F.date_add(local_day, days).cast("timestamp") + minutes(past_midnight)
        first = F.to_utc_timestamp(shown, F.col(zone))
        for moment in (first, first + minutes(F.lit(60))):
            is_shown = F.from_utc_timestamp(moment, F.col(zone)) == shown
            candidates.append(F.when(is_shown & (moment > F.col(after)), moment))
    return F.coalesce(*candidates)


def one_per(rows: DataFrame, *keys: str) -> DataFrame:
    """Keep one row for each key, always the same one, so that a join to it cannot multiply."""
    others = [name for name in rows.columns if name not in keys]
    return rows.groupBy(*keys).agg(F.min(F.struct(*others)).alias("row")).select(*keys, "row.*")


raw = extract(raw_flights=incremental(files("flights", RawFlight, format="csv"), dated="flights-{yyyy}-{MM}"))

job = Job(
    "flights",
    stages=[
        raw,
        extract(
            weather=files("weather.csv.gz", Weather, format="csv", nullValue="NA"),
            airlines=files("airlines.csv", Airline, format="csv"),
            planes=files("planes.csv", Plane, format="csv", nullValue="NA"),
            airports=files("airports.csv", Airport, format="csv", nullValue="NA"),
        ),
        load(raw, into=RAW_FLIGHTS, write=append()),
        cleaned,
        load(cleaned, into=FLIGHTS, write=upsert()),
        extract(flights=written(FLIGHTS), flights_of_whole_days=written(FLIGHTS, whole="day")),
        in_weather,
        load(in_weather, into=FLIGHTS_IN_WEATHER, write=replace(by="month")),
        delays,
        load(delays, into=DELAYS, write=replace(by="day")),
    ],
)
