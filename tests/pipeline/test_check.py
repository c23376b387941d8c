import inspect
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from framework.errors import ActionError, CheckFailedError, FrameMismatchError, FunctionError
from framework.pipeline import Checked, Interval, Job, Run, Stage, check, extract, load, transform
from framework.pipeline.check import Fault
from framework.sources import Reading, files, table, written
from framework.tables import Frame, Lake, RowModel, Table, append, replace, upsert

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
HERE = "tests/pipeline/test_check.py"


class Order(RowModel):
    id: int
    city: str


ORDERS = Table("silver.orders", Order, keys="id")
UNTYPED = Table("silver.untyped")

raw = extract(orders=files("orders", Order, format="csv"))


def copied(orders: Frame[Order]) -> Frame[Order]:
    return Order.frame(orders)


def _check(lake: Lake, job: Job, **parameters: Any) -> Checked:
    run = Run(job.name, "a run", 0, NOON, "test")
    return check(job, Reading(lake, "no/such/folder", NOON), run, parameters)


def _fault(lake: Lake, function: Callable[..., Any], into: Table = UNTYPED) -> Fault:
    """Check a job whose one transform is the function, and return the one fault there is."""
    found = _check(lake, Job("orders", [raw, function, load(function, into=into, write=append())]))
    (fault,) = found.faults
    return fault


def _where(fault: Fault) -> tuple[str, str, str, int]:
    return fault.stage, fault.function, fault.file, fault.line


def _line(function: Callable[..., Any], text: str) -> int:
    """Return the line of the function that holds a text."""
    lines, first = inspect.getsourcelines(function)
    return next(first + n for n, line in enumerate(lines) if text in line)


# -- what compiles ----------------------------------------------------------------------------------------------------


def test_a_job_is_compiled_without_its_data_and_leaves_no_trace(lake: Lake) -> None:
    job = Job("orders", [raw, copied, load(copied, into=ORDERS, write=upsert())])
    assert _check(lake, job) == Checked((), ())
    assert not Path(lake.root).exists()


def test_an_empty_frame_has_the_columns_that_the_source_adds(lake: Lake) -> None:
    def by_file(orders: DataFrame) -> DataFrame:
        return orders.groupBy("_source_file").agg(F.max("_ingested_at").alias("at"))

    job = Job("orders", [raw, by_file, load(by_file, into=UNTYPED, write=append())])
    assert _check(lake, job).faults == ()


def test_functions_get_what_they_are_given_in_a_run(lake: Lake) -> None:
    seen: list[Any] = []

    def curious(orders: DataFrame, spark: SparkSession, run: Run, interval: Interval, *, gap: int) -> DataFrame:
        seen.extend([orders.columns, spark is lake.spark, run.run_id, interval, gap])
        return orders

    _check(lake, Job("orders", [raw, curious, load(curious, into=UNTYPED, write=append())]), gap=7)
    assert seen == [["id", "city", "_source_file", "_ingested_at"], True, "a run", Interval(), 7]


def test_a_bound_value_comes_before_a_run_parameter(lake: Lake) -> None:
    seen = []

    def curious(orders: DataFrame, *, gap: int = 1) -> DataFrame:
        seen.append(gap)
        return orders

    bound = transform(curious, gap=9)
    _check(lake, Job("orders", [raw, bound, load(bound, into=UNTYPED, write=append())]))
    assert seen == [9]


def test_rows_written_out_in_a_transform_are_no_data_that_is_read(lake: Lake) -> None:
    def named(orders: DataFrame, spark: SparkSession) -> DataFrame:
        names = spark.createDataFrame([("Oslo", "NO"), ("Bonn", "DE")], "city string, country string")
        return orders.join(F.broadcast(names), "city").groupBy("country").pivot("id", [1, 2]).count()

    assert _check(lake, Job("orders", [raw, named, load(named, into=UNTYPED, write=append())])).faults == ()


# -- faults -----------------------------------------------------------------------------------------------------------


def test_a_misspelt_column_is_reported_with_stage_function_and_line(lake: Lake) -> None:
    def in_capitals(orders: DataFrame) -> DataFrame:
        big = F.upper("ctiy")
        return orders.select(big)

    fault = _fault(lake, in_capitals)
    assert _where(fault) == ("in_capitals", "in_capitals", HERE, _line(in_capitals, "orders.select"))
    assert isinstance(fault.error, AnalysisException)
    assert "UNRESOLVED_COLUMN" in str(fault.error)


def test_a_fault_in_a_helper_is_reported_where_it_is(lake: Lake) -> None:
    def helper(rows: DataFrame) -> DataFrame:
        return rows.drop("id").select("id")

    def in_capitals(orders: DataFrame) -> DataFrame:
        return helper(orders)

    assert _where(_fault(lake, in_capitals)) == ("in_capitals", "helper", HERE, _line(helper, "rows.drop"))


def test_a_fault_inside_a_library_is_reported_where_the_user_calls_it(lake: Lake) -> None:
    def configured(orders: DataFrame) -> DataFrame:
        json.loads("{")
        return orders

    assert _where(_fault(lake, configured)) == ("configured", "configured", HERE, _line(configured, "json.loads"))


def test_a_column_that_the_row_model_has_and_the_frame_lacks_is_reported(lake: Lake) -> None:
    def cityless(orders: DataFrame) -> Frame[Order]:
        return Order.frame(orders.drop("city"))

    fault = _fault(lake, cityless)
    assert _where(fault) == ("cityless", "cityless", HERE, _line(cityless, "orders.drop"))
    assert isinstance(fault.error, FrameMismatchError)
    assert fault.error.differences == ("it lacks 'city'",)


def test_a_column_of_another_type_than_the_row_model_s_is_reported(lake: Lake) -> None:
    def texts(orders: DataFrame) -> Frame[Order]:
        return Order.frame(orders.withColumn("id", F.col("id").cast("string")))

    fault = _fault(lake, texts)
    assert _where(fault)[:3] == ("texts", "texts", HERE)
    assert isinstance(fault.error, FrameMismatchError)
    assert fault.error.differences == ("'id' is string and should be bigint",)


def test_a_frame_that_is_not_its_table_s_is_reported_at_the_function_that_makes_it(lake: Lake) -> None:
    def widened(orders: DataFrame) -> DataFrame:
        return orders.select("id", F.lit(1.5).alias("price"))

    fault = _fault(lake, widened, into=ORDERS)
    assert _where(fault) == ("load silver.orders", "widened", HERE, _line(widened, "def widened"))
    assert isinstance(fault.error, FrameMismatchError)
    assert fault.error.differences == ("it lacks 'city'", "'price' is not declared")


def test_a_forgotten_return_is_reported(lake: Lake) -> None:
    def forgetful(orders: DataFrame) -> DataFrame:  # type: ignore[return]
        orders.select("id")

    fault = _fault(lake, forgetful)
    assert _where(fault) == ("forgetful", "forgetful", HERE, _line(forgetful, "def forgetful"))
    assert isinstance(fault.error, FunctionError)


def test_all_faults_are_found_at_once_and_none_because_of_another(lake: Lake) -> None:
    def first(orders: DataFrame) -> DataFrame:
        return orders.select("ctiy")

    def second(orders: DataFrame) -> Frame[Order]:
        return Order.frame(orders.select("id"))

    def of_first(first: DataFrame) -> DataFrame:
        return first.select("also_unknown")

    def of_second(second: Frame[Order]) -> DataFrame:
        return second.select(F.col("city").alias("unknown_to_the_table"))

    ends = [load(f, into=ORDERS, write=append(), name=f.__name__) for f in (of_first, of_second)]
    job = Job("orders", [raw, first, second, of_first, of_second, *ends])
    found = _check(lake, job)
    assert [fault.stage for fault in found.faults] == ["first", "second", "load of_second"]
    with pytest.raises(CheckFailedError) as caught:
        found.require(job)
    assert (caught.value.job, caught.value.faults) == ("orders", found.faults)


# -- actions ----------------------------------------------------------------------------------------------------------

ACTIONS: dict[str, Callable[[DataFrame], Any]] = {
    "approxQuantile()": lambda rows: rows.stat.approxQuantile("id", [0.5], 0.1),
    "collect()": lambda rows: rows.collect(),
    "count()": lambda rows: rows.count(),
    "first()": lambda rows: rows.first(),
    "foreach()": lambda rows: rows.foreach(print),
    "head()": lambda rows: rows.head(),
    "isEmpty()": lambda rows: rows.isEmpty(),
    "localCheckpoint()": lambda rows: rows.localCheckpoint(),
    "pivot() without values": lambda rows: rows.groupBy("id").pivot("city").count(),
    "rdd": lambda rows: rows.rdd,
    "show()": lambda rows: rows.show(),
    "take()": lambda rows: rows.take(1),
    "toLocalIterator()": lambda rows: next(rows.toLocalIterator()),
    "toPandas()": lambda rows: rows.toPandas(),
    "write": lambda rows: rows.write.parquet("somewhere"),
    "writeTo()": lambda rows: rows.writeTo("somewhere").append(),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_in_a_transform_is_reported(lake: Lake, action: str) -> None:
    def impure(orders: DataFrame) -> DataFrame:
        ACTIONS[action](orders.where("id > 1"))
        return orders

    fault = _fault(lake, impure)
    assert isinstance(fault.error, ActionError)
    assert fault.error.action == action
    assert (fault.stage, fault.function, fault.file) == ("impure", "<lambda>", HERE)


def test_a_count_by_group_is_no_action(lake: Lake) -> None:
    def counted(orders: DataFrame) -> DataFrame:
        return orders.groupBy("city").count()

    assert _check(lake, Job("orders", [raw, counted, load(counted, into=UNTYPED, write=append())])).faults == ()


def test_actions_work_again_after_a_check(lake: Lake, spark: SparkSession) -> None:
    def impure(orders: DataFrame) -> DataFrame:
        return orders.limit(orders.count())

    def wrong(orders: DataFrame) -> DataFrame:
        raise ValueError

    kinds = (type(spark.range(1)), type(spark.range(1).groupBy()))
    before = [dict(vars(kind)) for kind in kinds]
    for function in (impure, wrong):
        _fault(lake, function)
    assert [dict(vars(kind)) for kind in kinds] == before
    assert spark.range(3).count() == 3


# -- notes ------------------------------------------------------------------------------------------------------------


def test_what_is_made_with_python_udfs_is_noted(lake: Lake) -> None:
    def cubed(orders: DataFrame) -> DataFrame:
        return orders.select(F.udf(lambda number: number**3, "bigint")("id").alias("id"))

    def summed(cubed: DataFrame) -> DataFrame:
        return cubed.agg(F.sum("id"))

    job = Job("orders", [raw, copied, cubed, summed, *(_into(f) for f in (copied, summed))])
    (note,) = _check(lake, job).notes
    assert note.startswith("'cubed', 'summed': ")


def _into(frame: Any) -> Any:
    return load(frame, into=UNTYPED, write=append(), name=f"of {frame.__name__}")


def test_an_own_extract_is_not_called_and_noted_unless_it_says_its_row_model(lake: Lake) -> None:
    def from_api(spark: SparkSession) -> DataFrame:
        raise AssertionError

    def from_typed_api(spark: SparkSession) -> Frame[Order]:
        raise AssertionError

    def in_capitals(orders: DataFrame) -> DataFrame:
        return orders.select("ctiy")

    end: list[Stage] = [in_capitals, load(in_capitals, into=UNTYPED, write=append())]
    untyped = _check(lake, Job("orders", [extract(orders=from_api), *end]))
    assert untyped.faults == ()
    assert [note.split(" is not checked")[0] for note in untyped.notes] == [
        "'orders'",
        "'in_capitals'",
        "'load silver.untyped'",
    ]
    typed = _check(lake, Job("orders", [extract(orders=from_typed_api), *end]))
    assert ([fault.stage for fault in typed.faults], len(typed.notes)) == (["in_capitals"], 1)


def test_an_own_load_is_not_called_and_noted(lake: Lake) -> None:
    def archived(rows: DataFrame) -> None:
        raise AssertionError

    found = _check(lake, Job("orders", [raw, load(raw, into=archived)]))
    assert found.faults == ()
    assert [note.split(" is not checked")[0] for note in found.notes] == ["'load archived'"]


def test_a_table_that_neither_a_row_model_nor_the_lake_describes_is_noted(lake: Lake) -> None:
    job = Job(
        "orders",
        [
            raw,
            load(raw, into=UNTYPED, write=append()),
            extract(done=written(UNTYPED)),
            load("done", into=ORDERS, write=replace(by="id")),
        ],
    )
    found = _check(lake, job)
    assert found.faults == ()
    assert [note.split(" is not checked")[0] for note in found.notes] == ["'done'", "'load silver.orders'"]


def test_a_table_with_a_row_model_is_checked_before_it_exists(lake: Lake) -> None:
    def in_capitals(orders: DataFrame) -> DataFrame:
        return orders.select("ctiy")

    source = extract(orders=table(ORDERS))
    found = _check(lake, Job("orders", [source, in_capitals, load(in_capitals, into=UNTYPED, write=append())]))
    assert [fault.stage for fault in found.faults] == ["in_capitals"]
