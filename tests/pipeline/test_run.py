import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pydantic import Field
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from framework.errors import (
    CheckFailedError,
    ExpectationFailedError,
    HeaderMismatchError,
    LakeNotWritableError,
    LandingError,
    NullKeyError,
    ParameterValueError,
    StageFailedError,
    TableMismatchError,
)
from framework.pipeline import BatchReport, Interval, Job, Run, RunReport, Stage, extract, load, transform
from framework.sources import files, written
from framework.tables import Frame, Lake, RowModel, Table, append, overwrite, replace, upsert
from framework.testing import NOON, RunJob
from tests.delta import actions, rows_of, version_of
from tests.runs import run_in


class RawOrder(RowModel):
    id: int | None
    city: str | None
    price: float | None


class Order(RowModel):
    id: int = Field(ge=1)
    city: str
    price: float = Field(gt=0, le=100)


class Total(RowModel):
    city: str
    orders: int
    price: float


RAW = Table("bronze.orders", RawOrder)
ORDERS = Table("silver.orders", Order, keys="id", partition_by="city")
TOTALS = Table("gold.totals", Total)


def cleaned(raw: Frame[RawOrder], *, min_price: float = 0) -> Frame[Order]:
    return Order.frame(raw.where(F.col("price") >= min_price))


def totals(orders: Frame[Order]) -> Frame[Total]:
    return Total.frame(orders.groupBy("city").agg(F.count("*").alias("orders"), F.sum("price").alias("price")))


raw = extract(raw=files("orders", RawOrder, format="csv"))
to_silver: list[Stage] = [raw, cleaned, load(cleaned, into=ORDERS, write=upsert())]
whole = Job(
    "whole",
    [
        *to_silver,
        load(raw, into=RAW, write=overwrite()),
        extract(orders=written(ORDERS)),
        totals,
        load(totals, into=TOTALS, write=replace(by="city")),
    ],
)
silver = Job("silver", to_silver)


def _landing(folder: Path, *lines: str, header: str = "id,city,price") -> Path:
    (folder / "orders").mkdir(parents=True, exist_ok=True)
    (folder / "orders" / "day.csv").write_text("\n".join([header, *lines]))
    return folder


def _all(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of each table of the whole job, without what the framework adds to them."""
    models: dict[Table, type[RowModel]] = {RAW: RawOrder, ORDERS: Order, TOTALS: Total}
    return {table.name: rows_of(lake, table, ", ".join(model.model_fields)) for table, model in models.items()}


def _versions(lake: Lake) -> dict[str, int]:
    """Return the version of each table but for the framework's own."""
    tables = (path.parent for path in Path(lake.root).glob("[!_]*/*/_delta_log"))
    return {f"{path.parent.name}.{path.name}": DeltaTable(str(path)).version() for path in tables}


def _logged(lake: Lake, job: str, columns: str) -> list[tuple[Any, ...]]:
    return rows_of(lake, Table(f"_lakegate.runs_{job}"), columns)


# -- a whole job ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Twice:
    """What two runs of one job on one landing folder left."""

    lake: Lake
    landing: Path
    reports: tuple[BatchReport, BatchReport]
    observed: list[tuple[str, str]]
    first_rows: dict[str, list[tuple[Any, ...]]]
    kept: int


def _kept(spark: SparkSession) -> int:
    """Count the frames that Spark keeps, but for Delta's own, one for each table that was looked into."""
    kept = spark.sparkContext._jsc.getPersistentRDDs()
    return sum(not (kept[number].name() or "").startswith("Delta Table State") for number in kept)


@pytest.fixture(scope="module")
def twice(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Twice:
    folder = tmp_path_factory.mktemp("twice")
    landing = _landing(folder / "landing", "1,Oslo,10", "2,Bonn,20", "x,Lima,30", "3,Oslo,5")
    lake, observed, before = Lake(spark, str(folder / "lake")), list[tuple[str, str]](), _kept(spark)

    def once(hours: int) -> BatchReport:
        return run_in(
            lake,
            whole,
            landing,
            NOON + timedelta(hours=hours),
            observe=lambda report: observed.append((report.name, report.outcome)),
        ).last

    first = once(0)
    rows = _all(lake)
    return Twice(lake, landing, (first, once(1)), observed, rows, _kept(spark) - before)


def test_a_job_reads_transforms_and_loads(twice: Twice) -> None:
    assert twice.first_rows == {
        "bronze.orders": [(1, "Oslo", 10.0), (2, "Bonn", 20.0), (3, "Oslo", 5.0)],
        "silver.orders": [(1, "Oslo", 10.0), (2, "Bonn", 20.0), (3, "Oslo", 5.0)],
        "gold.totals": [("Bonn", 1, 20.0), ("Oslo", 2, 15.0)],
    }


def test_a_second_run_leaves_the_same_rows(twice: Twice) -> None:
    assert _all(twice.lake) == twice.first_rows


def test_a_run_reports_what_each_stage_read_and_wrote(twice: Twice) -> None:
    first, second = ({stage.name: stage for stage in report.stages} for report in twice.reports)
    assert list(first) == ["raw", "cleaned", "silver.orders", "bronze.orders", "orders", "totals", "gold.totals"]
    assert {stage.outcome for stage in first.values()} == {"done"}
    assert first["raw"].reads == "1 file, 4 rows"
    found = [(s.counts.read, s.counts.inserted, s.counts.unchanged) for s in first.values() if s.counts]
    assert found == [(3, 3, 0), (3, 3, 0), (2, 2, 0)]
    found = [(s.counts.read, s.counts.inserted, s.counts.unchanged) for s in second.values() if s.counts]
    assert found == [(3, 0, 3), (3, 3, 0), (0, 0, 0)]


def test_a_run_reports_the_version_of_each_table(twice: Twice) -> None:
    reported = {stage.name: stage.version for stage in twice.reports[1].stages if stage.kind == "load"}
    assert reported == {table.name: version_of(twice.lake, table) for table in (RAW, ORDERS, TOTALS)}


def test_runs_are_numbered_batches_with_their_own_clock(twice: Twice) -> None:
    plans = [report.plan for report in twice.reports]
    assert [(plan.position.epoch, plan.position.batch) for plan in plans] == [(0, 1), (0, 2)]
    assert [plan.started_at for plan in plans] == [NOON, NOON + timedelta(hours=1)]
    assert [report.resumed for report in twice.reports] == [False, False]


def test_every_commit_says_which_run_made_it(twice: Twice) -> None:
    infos = [actions(twice.lake, ORDERS, "commitInfo", version)[0] for version in (1, 2)]
    notes = [json.loads(info["userMetadata"]) for info in infos]
    assert [(note["job"], note["load"], note["run"], note["batch"]) for note in notes] == [
        ("whole", "silver.orders", report.plan.run_id, report.plan.position.batch) for report in twice.reports
    ]


def test_rows_keep_their_file_and_the_batch_s_clock(twice: Twice) -> None:
    kept = {(Path(file).name, at) for file, at in rows_of(twice.lake, RAW, "_source_file, _ingested_at")}
    assert kept == {("day.csv", NOON + timedelta(hours=1))}


def test_a_malformed_record_is_kept_aside_and_reported(twice: Twice) -> None:
    (stage, *_) = twice.reports[0].stages
    assert stage.note.startswith("1 malformed")
    kept = rows_of(twice.lake, Table("_lakegate.malformed_whole"), "record, frame, _ingested_at")
    assert kept == [("x,Lima,30", "raw", NOON)]  # once, though both runs have read its file


def test_each_batch_that_is_done_has_a_row_in_the_run_log(twice: Twice) -> None:
    columns = "run_id, attempt, epoch, batch, backfill, environment, outcome, error, started_at"
    assert _logged(twice.lake, "whole", columns) == [
        (report.plan.run_id, 1, 0, batch, None, "test", "done", None, NOON + timedelta(hours=batch - 1))
        for batch, report in enumerate(twice.reports, 1)
    ]
    ((loads,),) = rows_of(twice.lake, Table("_lakegate.runs_whole"), "CASE WHEN batch = 2 THEN loads END")[1:]
    counts = ("name", "target", "outcome", "rows_in", "inserted", "updated", "unchanged", "skipped")
    assert [tuple(load[name] for name in counts) for load in loads] == [
        ("silver.orders", "silver.orders", "done", 3, 0, 0, 3, 0),
        ("bronze.orders", "bronze.orders", "done", 3, 3, 0, 0, 0),
        ("gold.totals", "gold.totals", "done", 0, 0, 0, 0, 0),
    ]
    assert [load["version"] for load in loads] == [version_of(twice.lake, table) for table in (ORDERS, RAW, TOTALS)]


def test_a_run_is_observed_stage_by_stage(twice: Twice) -> None:
    stages = [stage.name for stage in twice.reports[0].stages]
    assert twice.observed[: 2 * len(stages)] == [(n, outcome) for n in stages for outcome in ("running", "done")]


def test_the_memory_of_kept_frames_is_given_back(twice: Twice) -> None:
    assert twice.kept == 0


# -- functions of one's own -------------------------------------------------------------------------------------------


def numbers(spark: SparkSession) -> DataFrame:
    return spark.range(3)


def test_functions_get_parameters_and_what_they_are_given(run_job: RunJob, lake: Lake) -> None:
    seen: dict[str, Any] = {}

    def from_api(spark: SparkSession, run: Run, *, size: int) -> DataFrame:
        seen["extract"] = (size, run.started_at)
        return spark.range(size)

    def tripled(api: DataFrame, run: Run, interval: Interval, *, by: int = 3) -> DataFrame:
        seen["transform"] = (by, run.batch, interval)
        return api.select((F.col("id") * by).alias("id"))

    def given_away(rows: DataFrame, run: Run, *, to: str = "nobody") -> None:
        seen["load"] = (to, run.environment, sorted(row.id for row in rows.collect()))

    job = Job("own", [extract(api=from_api), transform(tripled, name="more"), load("more", into=given_away)])
    report = run_job(job, size="4", to="a friend").last
    assert seen == {
        "extract": (4, NOON),
        "transform": (3, report.plan.position.batch, Interval()),
        "load": ("a friend", "test", [0, 3, 6, 9]),
    }


def test_own_extracts_and_loads_are_told_to_be_at_least_once(run_job: RunJob) -> None:
    taken: list[int] = []

    def given_away(rows: DataFrame) -> None:
        taken.append(rows.count())

    job = Job("own", [extract(numbers=numbers), load("numbers", into=given_away)])
    reports = [run_job(job).last, run_job(job).last]
    assert taken == [3, 3]
    for report in reports:
        notes = {stage.name: stage.note for stage in report.stages}
        assert notes["numbers"].startswith("not pinned")
        assert notes["given_away"].startswith("at least once")


# -- once -------------------------------------------------------------------------------------------------------------


def _counting(spark: SparkSession) -> tuple[Callable[..., DataFrame], Any]:
    """Return a transform that counts the rows that it computes, and its count."""
    computed: Any = spark.sparkContext.accumulator(0)

    def counted(numbers: DataFrame) -> DataFrame:
        return numbers.select(F.udf(lambda number: computed.add(1) or number, "bigint")("id").alias("id"))

    return counted, computed


def both(one: DataFrame, other: DataFrame) -> DataFrame:
    return one.union(other)


def test_a_frame_that_several_stages_take_is_computed_once(spark: SparkSession, run_job: RunJob, lake: Lake) -> None:
    counted, computed = _counting(spark)
    twice = transform(both, name="twice", one=counted, other=counted)
    loads = [
        load(counted, into=Table("silver.once"), write=append()),
        load(twice, into=Table("silver.twice"), write=append()),
    ]
    run_job(Job("once", [extract(numbers=numbers), counted, twice, *loads]))
    assert computed.value == 3
    assert rows_of(lake, Table("silver.twice")) == [(0,), (0,), (1,), (1,), (2,), (2,)]


def test_a_frame_that_one_stage_takes_twice_is_computed_once(spark: SparkSession, run_job: RunJob) -> None:
    counted, computed = _counting(spark)
    twice = transform(both, name="twice", one=counted, other=counted)
    stages: list[Stage] = [
        extract(numbers=numbers),
        counted,
        twice,
        load(twice, into=Table("silver.twice"), write=append()),
    ]
    run_job(Job("once", stages))
    assert computed.value == 3


# -- what is refused --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filled:
    """A lake that an earlier run has filled."""

    lake: Lake
    folder: Path

    def run(self, job: Job, landing: Path, **given: Any) -> RunReport:
        return run_in(self.lake, job, landing, given=given)


@pytest.fixture(scope="module")
def filled(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    folder = tmp_path_factory.mktemp("filled")
    filled = Filled(Lake(spark, str(folder / "lake")), _landing(folder, "1,Oslo,10"))
    filled.run(silver, folder)
    return filled


@pytest.fixture
def unchanged(filled: Filled) -> Iterator[Filled]:
    """The filled lake, which a test must leave as it was."""
    before = _versions(filled.lake)
    assert before["silver.orders"] > 0
    yield filled
    assert _versions(filled.lake) == before


def test_a_run_whose_records_are_all_well_formed_keeps_none_aside(filled: Filled) -> None:
    assert version_of(filled.lake, Table("_lakegate.malformed_silver")) == -1


def test_a_missing_landing_folder_is_refused(unchanged: Filled, tmp_path: Path) -> None:
    with pytest.raises(LandingError) as caught:
        unchanged.run(silver, tmp_path)
    assert caught.value.path == f"{tmp_path}/orders"


def test_an_empty_landing_folder_is_refused(unchanged: Filled, tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    with pytest.raises(LandingError):
        unchanged.run(silver, tmp_path)


def test_a_file_with_another_header_is_refused(unchanged: Filled, tmp_path: Path) -> None:
    landing = _landing(tmp_path, "1,Oslo,10", header="id,town,price")
    with pytest.raises(HeaderMismatchError) as caught:
        unchanged.run(silver, landing)
    assert caught.value.expected == ("id", "city", "price")
    assert [list(columns) for columns in caught.value.found.values()] == [["id", "town", "price"]]


def test_a_table_that_is_not_as_declared_is_refused(unchanged: Filled, tmp_path: Path) -> None:
    other = Table("silver.orders", Total, partition_by="city")
    stages: list[Stage] = [raw, transform(totals, orders=raw), load(totals, into=other, write=append())]
    with pytest.raises(TableMismatchError) as caught:
        unchanged.run(Job("silver", stages), _landing(tmp_path, "2,Bonn,5"))
    assert caught.value.table == "silver.orders"
    assert set(caught.value.differences) == {
        "it lacks 'orders' bigint NOT NULL, and the rows that are there have no value for it. Declare it nullable "
        "(`| None`), or load into a table of another name",
        "'id' bigint NOT NULL is not declared. Declare it; or if it has another name now, "
        "`lakegate migrate silver.orders --rename id=orders`; or `lakegate migrate silver.orders --drop id`",
    }


def test_a_job_that_does_not_compile_is_refused(unchanged: Filled, tmp_path: Path) -> None:
    def cleaned(raw: DataFrame) -> Frame[Order]:
        return Order.frame(raw.where("ctiy = 'Oslo'"))

    job = Job("misspelt", [raw, cleaned, load(cleaned, into=ORDERS, write=upsert())])
    with pytest.raises(CheckFailedError):
        unchanged.run(job, _landing(tmp_path, "2,Bonn,5"))
    assert not Path(unchanged.lake.root, "_lakegate", "plans", "misspelt").exists()


def test_a_parameter_of_another_type_is_refused(unchanged: Filled, tmp_path: Path) -> None:
    with pytest.raises(ParameterValueError):
        unchanged.run(silver, _landing(tmp_path, "2,Bonn,5"), min_price="cheap")


def test_rows_that_break_rules_are_refused_with_a_count_for_each_rule(unchanged: Filled, tmp_path: Path) -> None:
    landing = _landing(tmp_path, "0,Oslo,5", "2,,5", "3,Bonn,0", "-1,Rome,500", "9,Lima,9")
    with pytest.raises(ExpectationFailedError) as caught:
        unchanged.run(silver, landing)
    assert caught.value.frame == "cleaned"
    failed = [error for outcome, error in _logged(unchanged.lake, "silver", "outcome, error") if outcome == "failed"]
    assert [error for error in failed if error.startswith("ExpectationFailedError: ")]
    assert caught.value.broken == {"id >= 1": 2, "city is not NULL": 1, "price > 0": 1, "price <= 100": 1}
    assert len(caught.value.examples) == 3


def test_a_null_key_is_refused(unchanged: Filled, tmp_path: Path) -> None:
    keyed = Table("silver.raw", RawOrder, keys=("id", "city"))
    job = Job("keyed", [raw, load(raw, into=keyed, write=upsert())])
    with pytest.raises(NullKeyError) as caught:
        unchanged.run(job, _landing(tmp_path, ",Oslo,5", "2,,5", "3,Bonn,5"))
    assert (caught.value.table, caught.value.keys, caught.value.rows) == ("silver.raw", ("id", "city"), 2)


def test_an_exception_in_a_load_of_one_s_own_is_told_with_its_place(unchanged: Filled, tmp_path: Path) -> None:
    def given_away(rows: DataFrame) -> None:
        raise ConnectionError("nobody there")

    with pytest.raises(StageFailedError) as caught:
        unchanged.run(Job("own", [extract(numbers=numbers), load("numbers", into=given_away)]), tmp_path)
    assert (caught.value.job, caught.value.stage) == ("own", "given_away")
    line = given_away.__code__.co_firstlineno + 1
    assert caught.value.where == f" at {__file__}:{line}"
    assert isinstance(caught.value.__cause__, ConnectionError)


def test_an_exception_in_a_python_udf_fails_the_load_that_meets_it(unchanged: Filled, tmp_path: Path) -> None:
    def broken(numbers: DataFrame) -> DataFrame:
        nothing = F.udf(lambda number: 1 // (number - number), "bigint")
        return numbers.select(nothing("id").alias("id"), F.lit("Oslo").alias("city"), F.lit(1.5).alias("price"))

    stages: list[Stage] = [extract(numbers=numbers), broken, load(broken, into=ORDERS, write=append(), name="udf")]
    with pytest.raises(StageFailedError) as caught:
        unchanged.run(Job("own", stages), tmp_path)
    assert caught.value.stage == "udf"
    assert "ZeroDivisionError" in str(caught.value.__cause__)


def test_a_lake_that_cannot_be_written_to_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")
    root = str(tmp_path / "a file" / "lake")
    with pytest.raises(LakeNotWritableError) as caught:
        run_in(Lake(spark, root), silver, tmp_path)
    assert caught.value.root == root


def test_the_memory_of_kept_frames_is_given_back_when_a_run_fails(
    spark: SparkSession, unchanged: Filled, tmp_path: Path
) -> None:
    before = _kept(spark)
    with pytest.raises(ExpectationFailedError):
        unchanged.run(whole, _landing(tmp_path, "0,Oslo,5"))
    assert _kept(spark) == before
