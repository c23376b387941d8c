"""Jobs to be killed, what arrives for them, and what is done with them, step by step."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from framework.config import Settings
from framework.pipeline import Job, Run, Stage, extract, load, maintain, run
from framework.pipeline.backfill import backfill, begin_backfill, find_backfill
from framework.pipeline.rollback import plan_rollback, rollback
from framework.pipeline.work import at_work
from framework.sources import changes, files, incremental, jdbc, table, written
from framework.state import History
from framework.tables import Frame, Lake, RowModel, Table, append, bitemporal, replace, scd2, upsert
from tests.delta import aged
from tests.postgres import USER

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """A lake and a landing folder; the lake may be a copy of one that was prepared."""

    folder: Path
    landing: Path

    @property
    def lake(self) -> Path:
        return self.folder / "lake"

    def state(self, kind: str) -> list[Path]:
        """Return the documents of a kind, of all jobs."""
        return sorted((self.lake / "_lakegate" / kind).glob("*/*.json"))

    def land(self, name: str, *lines: str) -> None:
        there = self.landing / "orders" / name
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text("\n".join(["id,city,price", *lines]))
        os.utime(there, (NOON.timestamp(), NOON.timestamp()))

    def point(self, name: str) -> str:
        """Return a point with the number of batches that are finished, and without the random part of a name."""
        return f"{len(self.state('published'))} {re.sub('@backfill-[^/]+', '@backfill', name)}"

    def clock(self, step: int) -> datetime:
        """Return a time that follows from what is finished; half a minute later while a batch is open.

        So a batch that is taken up has the times of one that was never interrupted, if they come from its plan.
        """
        finished = len(self.state("published"))
        planned, published = ({path.parts[-2:] for path in self.state(kind)} for kind in ("plans", "published"))
        return NOON + timedelta(hours=step, minutes=finished, seconds=30 if planned - published else 0)


Clock = Callable[[], datetime]


def sql(statements: str) -> None:
    """Run statements in the database; the tests put its own in the place of this."""
    raise NotImplementedError


Action = Callable[[Job, Lake, Settings, Clock, Place], object]


@dataclass(frozen=True)
class Step:
    """Something arrives, then the job is run, rolled back or backfilled; a calm step is not to be killed."""

    arrive: Callable[[Place], None]
    act: Action
    calm: bool = False


@dataclass(frozen=True)
class Scenario:
    """A job and its steps; once the last one is through, every table must be as if nothing had happened."""

    made: Job | Callable[[], Job]
    steps: tuple[Step, ...]

    @property
    def job(self) -> Job:
        """The job; one that reads a database is made where its address is known."""
        return self.made if isinstance(self.made, Job) else self.made()

    def play(self, number: int, spark: SparkSession, settings: Settings, place: Place) -> None:
        """Do a step; what arrives for it has arrived."""
        landing = settings.landing.model_copy(update={"root": str(place.landing)})
        here = settings.model_copy(update={"landing": landing})
        self.steps[number].act(self.job, Lake(spark, str(place.lake)), here, lambda: place.clock(number), place)


def once(job: Job, lake: Lake, settings: Settings, clock: Clock, place: Place) -> None:
    """Run the job."""
    run(job, lake, settings, {}, clock=clock)


def go_back(job: Job, lake: Lake, settings: Settings, clock: Clock, place: Place) -> None:
    """Roll back to the first run, and run again; once that is begun, a run is enough."""
    if not place.state("rollbacks"):
        with at_work(job, lake, settings, None, clock=clock) as work:
            first = History(lake, job.name).published.load("0000-0000000001")
            assert first
            rollback(work, plan_rollback(work, first.run_id)[0])
    once(job, lake, settings, clock, place)


def fill(job: Job, lake: Lake, settings: Settings, clock: Clock, place: Place) -> None:
    """Backfill two days, or take up the backfill that was begun."""
    with at_work(job, lake, settings, {}, clock=clock) as work:
        begun = place.state("backfills")
        if begun:
            asked = find_backfill(lake, job, begun[0].stem)
        else:
            asked = begin_backfill(work, datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 3, tzinfo=UTC), by="day")
        backfill(work, asked)


# -- files ------------------------------------------------------------------------------------------------------------


class Order(RowModel):
    id: int
    city: str
    price: float


class Total(RowModel):
    city: str
    orders: int
    price: float


BRONZE = Table("bronze.orders", Order)
SILVER = Table("silver.orders", Order, keys="id", partition_by="city")
GOLD = Table("gold.totals", Total)


def clean(raw: Frame[Order]) -> Frame[Order]:
    return Order.frame(raw.where("price > 0"))


def totals(orders: Frame[Order]) -> Frame[Total]:
    return Total.frame(orders.groupBy("city").agg(F.count("*").alias("orders"), F.sum("price").alias("price")))


def _orders(**how: Any) -> Any:
    return extract(raw=incremental(files("orders", Order, format="csv"), **how))


def _to_gold(raw: Any) -> list[Stage]:
    silver = [raw, clean, load(clean, into=SILVER, write=upsert())]
    return [*silver, extract(orders=written(SILVER)), totals, load(totals, into=GOLD, write=replace(by="city"))]


one_file = _orders(max_files_per_batch=1)
from_files = Job("orders", [*_to_gold(one_file), load(one_file, into=BRONZE, write=append())])


def two_files(place: Place) -> None:
    place.land("a.csv", "1,Oslo,10", "2,Bonn,20", "3,Oslo,5")
    place.land("b.csv", "2,Bonn,25", "x,Lima,30", "4,Lima,1")


def one_more(place: Place) -> None:
    place.land("0.csv", "1,Oslo,11", "5,Bonn,-1", "6,Rome,7")


# -- rows by their time -----------------------------------------------------------------------------------------------


class Reading(RowModel):
    id: int
    value: float
    updated_at: datetime


READINGS = Table("raw.readings", Reading)
LATEST = Table("silver.readings", Reading, keys="id")
HIGH = Table("gold.high", Reading, keys="id")


def high(readings: Frame[Reading]) -> Frame[Reading]:
    return Reading.frame(readings.where("value >= 10"))


by_time = extract(readings=incremental(table(READINGS), by="updated_at", lag="1h"))
from_rows = Job(
    "readings",
    [by_time, load(by_time, into=LATEST, write=upsert()), high, load(high, into=HIGH, write=upsert())],
)


def _append(place: Place, rows: str) -> None:
    found = duckdb.sql(
        "SELECT id::BIGINT id, value::DOUBLE AS value, time::TIMESTAMPTZ updated_at "
        f"FROM (VALUES {rows}) t(id, value, time)"
    )
    assert found
    feed = {"delta.enableChangeDataFeed": "true"}
    write_deltalake(str(place.lake / "raw" / "readings"), found, mode="append", configuration=feed)


def morning(place: Place) -> None:
    _append(place, "(1, 5, '2024-01-01 10:00Z'), (2, 20, '2024-01-01 10:30Z'), (3, 30, '2024-01-01 09:00Z')")


def late(place: Place) -> None:
    _append(place, "(1, 50, '2024-01-01 11:30Z'), (4, 10, '2024-01-01 11:45Z')")


# -- rows of a database -----------------------------------------------------------------------------------------------

DATABASE = "CRASH_DATABASE"  # its address, in the environment of each process


def from_database() -> Job:
    where = os.environ[DATABASE]
    source = jdbc(where, "readings", Reading, user=USER, password="database")
    new = extract(readings=incremental(source, by="updated_at", lag="1h"))
    return Job("database", [new, load(new, into=LATEST, write=upsert()), high, load(high, into=HIGH, write=upsert())])


def _insert(rows: str) -> None:
    sql("DELETE FROM readings WHERE id IN (SELECT id FROM (VALUES " + rows + ") t(id, value, time))")
    sql(f"INSERT INTO readings VALUES {rows}")


def at_first(place: Place) -> None:
    sql("DROP TABLE IF EXISTS readings")
    sql("CREATE TABLE readings (id int PRIMARY KEY, value float8 NOT NULL, updated_at timestamptz NOT NULL)")
    _insert("(1, 5, '2024-01-01 10:00Z'), (2, 20, '2024-01-01 10:30Z'), (3, 30, '2024-01-01 09:00Z')")


def in_the_database(place: Place) -> None:
    _insert("(1, 50, '2024-01-01 11:30Z'), (4, 10, '2024-01-01 11:45Z')")


# -- changes ----------------------------------------------------------------------------------------------------------

SEEN = Table("bronze.seen")
NOW = Table("silver.now", Reading, keys="id")


def seen(feed: DataFrame) -> DataFrame:
    return feed.select("id", "value", F.col("_change_type").alias("change"), F.col("_commit_version").alias("version"))


def now(feed: DataFrame) -> Frame[Reading]:
    return Reading.frame(
        feed.where("_change_type IN ('insert', 'update_postimage')").select("id", "value", "updated_at")
    )


feed = extract(feed=changes(READINGS))
from_changes = Job(
    "followed", [feed, seen, load(seen, into=SEEN, write=append()), now, load(now, into=NOW, write=upsert())]
)


def changed(place: Place) -> None:
    readings = DeltaTable(str(place.lake / "raw" / "readings"))
    readings.update(predicate="id = 2", updates={"value": "21"})
    readings.delete("id = 3")


# -- functions of one's own -------------------------------------------------------------------------------------------


class Priced(RowModel):
    id: int
    city: str
    price: float
    rate: float


PRICED = Table("silver.priced", Priced, keys="id")


def rates(spark: SparkSession) -> DataFrame:
    return spark.range(1).select(F.lit(2.0).alias("rate"))


def priced(raw: Frame[Order], rates: DataFrame) -> Frame[Priced]:
    return Priced.frame(raw.crossJoin(rates).select("id", "city", "price", "rate"))


def tell(rows: DataFrame, run: Run) -> None:
    """Write what a user's own load would send: which batch, and how many rows."""
    with open(os.environ["CRASH_TOLD"], "a") as told:
        told.write(f"{run.batch} {rows.count()}\n")


each_file = _orders(max_files_per_batch=1)
with_own = Job(
    "own",
    [
        each_file,
        extract(rates=rates),
        load(each_file, into=BRONZE, write=append()),
        load(each_file, into=tell),
        priced,
        load(priced, into=PRICED, write=upsert()),
    ],
)

# -- the past ---------------------------------------------------------------------------------------------------------

dated = Job("dated", _to_gold(_orders(dated="{yyyy}-{MM}-{dd}")))


def days(place: Place) -> None:
    place.land("2024-01-01.csv", "1,Oslo,10", "2,Bonn,20")
    place.land("2024-01-02.csv", "3,Oslo,5", "4,Lima,1")


def damage(place: Place) -> None:
    """Somebody removes rows by hand, which a backfill brings back."""
    DeltaTable(str(place.lake / "silver" / "orders")).delete("id in (1, 3)")


def nothing(place: Place) -> None:
    """Nothing arrives."""


def first_file(place: Place) -> None:
    place.land("a.csv", "1,Oslo,10", "2,Bonn,20", "x,Lima,30")


def second_file(place: Place) -> None:
    place.land("b.csv", "2,Bonn,25", "4,Lima,1", "y,Lima,30")


# -- tables that remember ---------------------------------------------------------------------------------------------


class Believed(RowModel):
    id: int
    city: str
    price: float
    valid_from: date
    valid_to: date
    system_from: datetime
    system_to: datetime


class Version(RowModel):
    id: int
    city: str
    price: float
    valid_from: date
    valid_to: date


BELIEFS, VERSIONS = Table("silver.beliefs", Believed, keys="id"), Table("silver.versions", Version, keys="id")
a_file = _orders(max_files_per_batch=1)


def told(raw: Frame[Order]) -> DataFrame:
    since = F.expr("date_add(DATE'2024-01-01', CAST(price AS INT))")
    return raw.where("price > 0").select(*Order.frame(raw).columns, since.alias("since"))


def put(told: DataFrame) -> DataFrame:
    return told.withColumnRenamed("since", "valid_from").withColumn("valid_to", F.lit(None).cast("date"))


remembering = Job(
    "remembering",
    [
        a_file,
        told,
        put,
        load(put, into=BELIEFS, write=bitemporal(valid=("valid_from", "valid_to"))),
        load(told, into=VERSIONS, write=scd2(valid_by="since")),
    ],
)

a_day = _orders(dated="{yyyy}-{MM}-{dd}", snapshots=True)


def listed(raw: Frame[Order]) -> DataFrame:
    day = F.regexp_extract("_source_file", r"orders/(\d{4}-\d{2}-\d{2})", 1).cast("date")
    return raw.select("id", "city", "price", day.alias("seen_on"))


daily = scd2(valid_by="seen_on", absent="delete", snapshot_at="seen_on")
listing = Job("listing", [a_day, listed, load(listed, into=VERSIONS, write=daily)])


def one_day_more(place: Place) -> None:
    place.land("2024-01-04.csv", "1,Oslo,11", "3,Oslo,5")


# -- maintenance ------------------------------------------------------------------------------------------------------

old: Any = {"small_files": 2, "retired": "orders"}
upkeep = Job("upkeep", [maintain(SILVER, recovery_days=6, **old), maintain(GOLD, **old)])


def fill_and_age(job: Job, lake: Lake, settings: Settings, clock: Clock, place: Place) -> None:
    """Let the job of these tables take its files in, damage one by hand and make all of it a week older."""
    run(from_files, lake, settings, {}, clock=clock)
    for each in (SILVER, GOLD):
        there = DeltaTable(lake.path(each.name))
        there.delete("city = 'Oslo'")
        there.restore(there.version() - 1)
        aged(lake, each, 8)


# A source more is an entry more.
SCENARIOS = {
    "files": Scenario(from_files, (Step(two_files, once), Step(one_more, once))),
    "short": Scenario(from_files, (Step(two_files, once),)),
    "interval": Scenario(from_rows, (Step(morning, once), Step(late, once))),
    "database": Scenario(from_database, (Step(at_first, once), Step(in_the_database, once))),
    "changes": Scenario(from_changes, (Step(morning, once), Step(changed, once))),
    "own": Scenario(with_own, (Step(two_files, once),)),
    "rollback": Scenario(
        from_files, (Step(first_file, once, calm=True), Step(second_file, once, calm=True), Step(nothing, go_back))
    ),
    "beliefs": Scenario(remembering, (Step(two_files, once),)),
    "snapshots": Scenario(listing, (Step(days, once), Step(one_day_more, once))),
    "upkeep": Scenario(upkeep, (Step(two_files, fill_and_age, calm=True), Step(nothing, once))),
    "backfill": Scenario(dated, (Step(days, once, calm=True), Step(damage, fill))),
}
