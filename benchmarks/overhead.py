"""What the framework adds: the job `flights` against the same work written by hand, in one process and in turn.

Both read the same files, make the same four tables in a fresh lake with the same checks (headers, malformed records,
the rules of the row models, NULL and duplicate keys, only changed rows merged), and call the same transforms. By hand
there is no wiring, no compile on empty frames, no plan, no transaction id and no report.

    python benchmarks/overhead.py [PAIRS]

It prints a line a pair and the median ratio framework / by hand; the target is at most 1.05.
"""

import csv
import gzip
import shutil
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from delta.tables import DeltaTable
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from framework.config import LandingSettings
from framework.config import load as load_settings
from framework.pipeline import run
from framework.session import create
from framework.tables import Lake
from jobs import flights as f

ADDED = "_source_file string, _ingested_at timestamp"


def by_framework(spark: SparkSession, landing: str, root: str) -> None:
    settings = load_settings("local").model_copy(update={"landing": LandingSettings(root=landing)})
    run(f.job, Lake(spark, root), settings, {}, clock=lambda: datetime.now(UTC))


def by_hand(spark: SparkSession, landing: str, root: str) -> None:
    now = datetime.now(UTC)
    kept: list[DataFrame] = []

    def rows_of(path: str, ddl: str, null: str = "") -> DataFrame:
        names = [column.split(" ")[0] for column in ddl.split(", ")]
        for file in sorted(Path(landing, path).glob("*")) if Path(landing, path).is_dir() else [Path(landing, path)]:
            with gzip.open(file, "rt") if file.suffix == ".gz" else file.open() as lines:
                if next(csv.reader(lines)) != names:
                    raise ValueError(f"{file} has another header")
        read = spark.read.schema(f"{ddl}, _malformed string").option("header", "true").option("nullValue", null)
        rows = read.option("columnNameOfCorruptRecord", "_malformed").csv(str(Path(landing, path)))
        source, clock = F.col("_metadata.file_path"), F.lit(now).cast("timestamp")
        rows = rows.select("*", source.alias("_source_file"), clock.alias("_ingested_at"))
        rows.persist(StorageLevel.MEMORY_AND_DISK)
        kept.append(rows)
        found = rows.agg(F.count(F.lit(1)), F.count("_malformed")).first()
        if found is None or found[1]:
            raise ValueError(f"{path} has malformed records")
        return rows.where("_malformed IS NULL").drop("_malformed")

    def checked(rows: DataFrame, rules: str) -> DataFrame:
        in_place = F.monotonically_increasing_id() >= 0
        broken = F.raise_error(F.lit("a rule is broken")).cast("boolean")
        return rows.where(F.when(F.expr(rules) & in_place, F.lit(True)).otherwise(broken))

    def made(table: str, ddl: str, month: bool = False) -> str:
        path = f"{root}/{table}"
        builder = DeltaTable.createIfNotExists(spark).location(path)
        for column in ddl.split(", "):
            name, kind, *null = column.split(" ")
            builder = builder.addColumn(name, kind, nullable=not null)
        if month:
            expression = "date_format(scheduled_at, 'yyyy-MM')"
            builder = builder.addColumn("month", "string", nullable=False, generatedAlwaysAs=expression)
            builder = builder.partitionedBy("month")
        builder.execute()
        return path

    raw = rows_of("flights", RAW)
    weather = checked(rows_of("weather.csv.gz", WEATHER, "NA"), WEATHER_RULES)
    airlines = checked(
        rows_of("airlines.csv", "carrier string, name string"), "carrier IS NOT NULL AND name IS NOT NULL"
    )
    planes = checked(rows_of("planes.csv", PLANE, "NA"), "tailnum IS NOT NULL")
    airports = checked(rows_of("airports.csv", AIRPORT, "NA"), AIRPORT_RULES)
    airports.persist(StorageLevel.MEMORY_AND_DISK)
    kept.append(airports)

    bronze = made("bronze/flights", f"{RAW}, {ADDED}")
    raw.write.format("delta").mode("overwrite").save(bronze)

    clean = checked(f.cleaned(raw, airports), FLIGHT_RULES)  # type: ignore[arg-type]
    clean.persist()
    kept.append(clean)
    keys = ["carrier", "flight", "origin", "scheduled_at"]
    per_month = clean.groupBy("month").agg(
        F.count(F.lit(1)).alias("rows"),
        F.count(F.expr(f"CASE WHEN {' OR '.join(f'{key} IS NULL' for key in keys)} THEN 1 END")).alias("nulls"),
        F.countDistinct(F.struct(*keys)).alias("keys"),
    )
    found = per_month.agg(F.sum("rows"), F.sum("nulls"), F.sum("keys"), F.collect_set("month")).first()
    if found is None or found[1] or found[0] != found[2]:
        raise ValueError("a key is NULL or doubled")
    silver = made("silver/flights", FLIGHT, month=True)
    months = f"t.month IN ({', '.join(repr(month) for month in sorted(found[3]))})"
    target = DeltaTable.forPath(spark, silver)
    others = [name for name in clean.columns if name not in keys and name != "month"]
    there = target.toDF().alias("t").where(months)
    there = there.select(*(F.col(name).alias(f"t_{name}") for name in [*keys, *others]), F.lit(True).alias("t_there"))
    both = clean.join(there, [F.col(key) == F.col(f"t_{key}") for key in keys], "left")
    differs = F.col("t_there").isNull()
    for name in others:
        differs = differs | ~F.col(name).eqNullSafe(F.col(f"t_{name}"))
    changed = both.where(differs).select(*keys, *others)
    values: dict[str, str | Column] = {name: f"s.{name}" for name in [*keys, *others]}
    on = " AND ".join([*(f"t.{key} = s.{key}" for key in keys), months])
    merge = target.alias("t").merge(changed.alias("s"), on)
    merge = merge.whenMatchedUpdate(set={name: values[name] for name in others})
    merge.whenNotMatchedInsert(values=values).execute()

    flights = spark.read.format("delta").load(silver)
    joined = checked(
        f.in_weather(flights, weather, airlines, planes, airports),  # type: ignore[arg-type]
        FLIGHT_RULES,
    )
    in_weather = made("silver/flights_in_weather", f"{FLIGHT}, {WEATHER_OF_FLIGHT}", month=True)
    joined.write.format("delta").mode("overwrite").option("partitionOverwriteMode", "dynamic").save(in_weather)

    days = flights.select("day").distinct()
    whole = flights.join(F.broadcast(days), "day", "left_semi")
    delays = checked(f.delays(whole), DELAY_RULES)  # type: ignore[arg-type]
    gold = made("gold/delays", DELAY)
    found_days = sorted(row[0] for row in delays.select(F.col("day").cast("string")).distinct().collect())
    named_days = ", ".join(f"DATE'{day}'" for day in found_days)
    condition = f"day IN ({named_days})"
    delays.write.format("delta").mode("overwrite").option("replaceWhere", condition).save(gold)
    for frame in kept:
        frame.unpersist()


def main(pairs: int) -> None:
    spark = create(load_settings("local"), "overhead")
    landing = str(Path(__file__).parent.parent / "data" / "nycflights13")
    ratios = []
    for pair in range(-1, pairs):  # the first is a warm-up and does not count
        seconds = {}
        # Which goes first changes, so that neither always finds the files and the code warm.
        for work in (by_framework, by_hand) if pair % 2 else (by_hand, by_framework):
            root = tempfile.mkdtemp(prefix="overhead-")
            began = time.perf_counter()
            work(spark, landing, f"{root}/lake")
            seconds[work.__name__] = time.perf_counter() - began
            shutil.rmtree(root)
        ours, theirs = seconds["by_framework"], seconds["by_hand"]
        label = f"pair {pair + 1}" if pair >= 0 else "warm-up"
        print(f"{label:8} framework {ours:6.1f} s   by hand {theirs:6.1f} s   ratio {ours / theirs:.3f}", flush=True)
        if pair >= 0:
            ratios.append(ours / theirs)
    spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
    print(f"median ratio {statistics.median(ratios):.3f} over {len(ratios)} pairs ({spread})")
    spark.stop()


RAW = ", ".join(f"{name} string" for name in f.RawFlight.model_fields)
WEATHER = (
    "origin string, year bigint, month bigint, day bigint, hour bigint, temp double, dewp double, humid double, "
    "wind_dir bigint, wind_speed double, wind_gust double, precip double, pressure double, visib double, "
    "time_hour timestamp"
)
WEATHER_RULES = (
    "origin IS NOT NULL AND year IS NOT NULL AND month IS NOT NULL AND day IS NOT NULL AND hour IS NOT NULL "
    "AND time_hour IS NOT NULL"
)
PLANE = (
    "tailnum string, year bigint, type string, manufacturer string, model string, engines bigint, seats bigint, "
    "speed bigint, engine string"
)
AIRPORT = "faa string, name string, lat double, lon double, alt bigint, tz bigint, dst string, tzone string"
AIRPORT_RULES = "faa IS NOT NULL AND name IS NOT NULL AND lat IS NOT NULL AND lon IS NOT NULL AND alt IS NOT NULL"
FLIGHT = (
    "flight_id string NOT, carrier string NOT, flight bigint NOT, origin string NOT, dest string NOT, tailnum string, "
    "scheduled_at timestamp NOT, departed_at timestamp, scheduled_arrival_at timestamp, arrived_at timestamp, "
    "dep_delay bigint, arr_delay bigint, cancelled boolean NOT, air_time bigint, distance bigint NOT, dep_time bigint, "
    "sched_dep_time bigint NOT, arr_time bigint, sched_arr_time bigint, day date NOT"
)
FLIGHT_RULES = (
    "flight_id IS NOT NULL AND carrier IS NOT NULL AND flight IS NOT NULL AND flight >= 1 AND origin IS NOT NULL "
    "AND origin IN ('EWR', 'JFK', 'LGA') AND dest IS NOT NULL AND scheduled_at IS NOT NULL AND cancelled IS NOT NULL "
    "AND coalesce(dep_delay >= -120, true) AND coalesce(arr_delay >= -240, true) AND coalesce(air_time > 0, true) "
    "AND distance IS NOT NULL AND distance > 0 AND coalesce(dep_time >= 0, true) AND coalesce(dep_time <= 2400, true) "
    "AND sched_dep_time IS NOT NULL AND sched_dep_time >= 0 AND sched_dep_time <= 2400 "
    "AND coalesce(arr_time >= 0, true) AND coalesce(arr_time <= 2400, true) AND coalesce(sched_arr_time >= 0, true) "
    "AND coalesce(sched_arr_time <= 2400, true) AND day IS NOT NULL AND month IS NOT NULL"
)
WEATHER_OF_FLIGHT = (
    "airline string, plane_year bigint, plane_manufacturer string, plane_model string, plane_seats bigint, "
    "dest_name string, dest_lat double, dest_lon double, temp double, dewp double, humid double, wind_dir bigint, "
    "wind_speed double, wind_gust double, precip double, pressure double, visib double"
)
DELAY = (
    "day date NOT, carrier string NOT, origin string NOT, flights bigint NOT, cancelled bigint NOT, "
    "mean_dep_delay double, p90_dep_delay double"
)
DELAY_RULES = (
    "day IS NOT NULL AND carrier IS NOT NULL AND origin IS NOT NULL AND flights IS NOT NULL AND flights >= 1 "
    "AND cancelled IS NOT NULL AND cancelled >= 0"
)

if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
