from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from framework.errors import (
    CycleError,
    DeclarationError,
    DuplicateFrameError,
    DuplicateLoadError,
    FunctionError,
    ParameterConflictError,
    UnknownFrameError,
    UnusedFrameError,
)
from framework.pipeline import Interval, Job, Run, Stage, extract, load, transform
from framework.sources import files, written
from framework.tables import Frame, RowModel, Table, append, replace, upsert


class Order(RowModel):
    id: int
    city: str


ORDERS = Table("silver.orders", Order, keys="id")
TOTALS = Table("gold.totals", Order, keys="id")


def orders() -> Any:
    return files("orders", Order, format="json")


def cleaned(raw_orders: Frame[Order], *, min_id: int = 1) -> Frame[Order]:
    return Order.frame(raw_orders.where(f"id >= {min_id}"))


def totals(cleaned: Frame[Order], raw_orders: Frame[Order]) -> Frame[Order]:
    return Order.frame(cleaned.union(raw_orders))


def archived(rows: DataFrame, run: Run, interval: Interval, spark: SparkSession, *, folder: str = "archive") -> None:
    rows.foreach(print)


raw = extract(raw_orders=orders())
common: list[Stage] = [raw, cleaned]


def _takes(job: Job) -> dict[str, dict[str, str]]:
    return {node.key: dict(node.takes) for node in job.nodes}


# -- wiring -----------------------------------------------------------------------------------------------------------


def test_a_frame_goes_to_the_parameter_of_its_name() -> None:
    job = Job("orders", [*common, totals, load(totals, into=TOTALS, write=upsert())])
    assert _takes(job) == {
        "raw_orders": {},
        "cleaned": {"raw_orders": "raw_orders"},
        "totals": {"cleaned": "cleaned", "raw_orders": "raw_orders"},
        "load gold.totals": {"rows": "totals"},
    }


def test_stages_run_in_the_order_in_which_they_can_whatever_the_order_in_which_they_are_written() -> None:
    written_down: list[Stage] = [load(totals, into=TOTALS, write=upsert()), totals, cleaned, raw]
    job = Job("orders", written_down)
    assert [node.key for node in job.nodes] == ["raw_orders", "cleaned", "totals", "load gold.totals"]
    assert job.stages == tuple(written_down)


def test_stages_of_several_jobs_are_composed_by_spreading_them() -> None:
    one = Job("one", [*common, load(cleaned, into=ORDERS, write=upsert())])
    two = Job("two", [*common, totals, load(totals, into=TOTALS, write=append())])
    assert [table.name for table in (*one.tables, *two.tables)] == ["silver.orders", "gold.totals"]


def test_one_function_is_used_twice_on_other_inputs_and_values() -> None:
    raw_eu = extract(raw_eu=orders())
    eu = transform(cleaned, name="cleaned_eu", raw_orders=raw_eu, min_id=7)
    job = Job(
        "orders",
        [
            *common,
            raw_eu,
            eu,
            load(cleaned, into=ORDERS, write=append()),
            load(eu, into=ORDERS, write=append(), name="eu"),
        ],
    )
    assert _takes(job) == {
        "raw_orders": {},
        "cleaned": {"raw_orders": "raw_orders"},
        "raw_eu": {},
        "cleaned_eu": {"raw_orders": "raw_eu"},
        "load silver.orders": {"rows": "cleaned"},
        "load eu": {"rows": "cleaned_eu"},
    }
    assert [node.constants for node in job.nodes if node.name == "cleaned_eu"] == [{"min_id": 7}]


def test_a_frame_is_bound_by_reference_to_a_function_an_extract_a_transform_or_its_name() -> None:
    first = transform(cleaned, name="first", raw_orders=raw)
    second = transform(cleaned, name="second", raw_orders=first)
    third = transform(cleaned, name="third", raw_orders=cleaned)
    fourth = transform(totals, name="fourth", cleaned="second", raw_orders=third)
    job = Job("orders", [raw, cleaned, first, second, third, fourth, load(fourth, into=TOTALS, write=upsert())])
    assert {key: takes for key, takes in _takes(job).items() if key in ("first", "second", "third", "fourth")} == {
        "first": {"raw_orders": "raw_orders"},
        "second": {"raw_orders": "first"},
        "third": {"raw_orders": "cleaned"},
        "fourth": {"cleaned": "second", "raw_orders": "third"},
    }


def test_a_function_refers_to_the_one_transform_or_extract_that_uses_it() -> None:
    def from_api(spark: SparkSession) -> Frame[Order]:
        raise NotImplementedError

    stages: list[Stage] = [
        extract(raw_orders=from_api),
        transform(cleaned, min_id=7),
        load(from_api, into=ORDERS, write=append()),
        load(cleaned, into=TOTALS, write=append()),
    ]
    assert _takes(Job("orders", stages))["load silver.orders"] == {"rows": "raw_orders"}
    assert _takes(Job("orders", stages))["load gold.totals"] == {"rows": "cleaned"}


def test_what_a_load_wrote_is_read_after_that_load() -> None:
    job = Job(
        "orders",
        [
            extract(cleaned=written(ORDERS)),
            totals,
            load(totals, into=TOTALS, write=replace(by="city")),
            raw,
            load(raw, into=ORDERS, write=upsert()),
        ],
    )
    keys = [node.key for node in job.nodes]
    assert keys.index("load silver.orders") < keys.index("cleaned") < keys.index("totals")


def test_a_load_by_a_function_takes_the_frame_whatever_its_parameter_is_called() -> None:
    job = Job("orders", [*common, load(cleaned, into=archived)])
    assert _takes(job)["load archived"] == {"rows": "cleaned"}
    assert job.tables == ()


def test_a_frame_taken_twice_is_counted_twice() -> None:
    job = Job("orders", [*common, totals, load(totals, into=TOTALS, write=upsert())])
    assert [job.consumers(frame) for frame in ("raw_orders", "cleaned", "totals")] == [2, 1, 1]
    both = transform(totals, cleaned=raw, raw_orders=raw)
    assert Job("orders", [raw, both, load(both, into=TOTALS, write=upsert())]).consumers("raw_orders") == 2


# -- run parameters ---------------------------------------------------------------------------------------------------


def test_the_run_parameters_are_those_of_all_functions_that_are_not_bound() -> None:
    def from_api(*, page: int) -> DataFrame:
        raise NotImplementedError

    other = transform(cleaned, name="other", min_id=7)
    job = Job(
        "orders",
        [
            extract(raw_orders=from_api),
            cleaned,
            other,
            load(cleaned, into=ORDERS, write=append()),
            load(other, into=archived),
        ],
    )
    assert {name: str(parameter) for name, parameter in job.parameters.items()} == {
        "page": "int",
        "min_id": "int = 1",
        "folder": "str = 'archive'",
    }


def _text(cleaned: DataFrame, *, min_id: str = "1") -> DataFrame:
    return cleaned


def _other_default(cleaned: DataFrame, *, min_id: int = 2) -> DataFrame:
    return cleaned


def _no_default(cleaned: DataFrame, *, min_id: int) -> DataFrame:
    return cleaned


@pytest.mark.parametrize("function", [_text, _other_default, _no_default])
def test_run_parameters_of_one_name_must_agree(function: Any) -> None:
    with pytest.raises(ParameterConflictError) as caught:
        Job("orders", [*common, function, load(function, into=ORDERS, write=append())])
    assert (caught.value.job, caught.value.parameter) == ("orders", "min_id")


@pytest.mark.parametrize("function", [_text, _other_default, _no_default])
def test_a_bound_parameter_does_not_conflict(function: Any) -> None:
    bound = transform(function, min_id=5)
    job = Job("orders", [*common, bound, load(bound, into=ORDERS, write=append())])
    assert {name: p.default for name, p in job.parameters.items()} == {"min_id": 1}


# -- what is refused --------------------------------------------------------------------------------------------------


def test_a_misspelt_upstream_is_refused_with_what_was_probably_meant() -> None:
    def totals(claened: DataFrame) -> DataFrame:
        return claened

    with pytest.raises(UnknownFrameError, match=r"Did you mean 'cleaned'\?") as caught:
        Job("orders", [*common, totals, load(totals, into=TOTALS, write=append())])
    assert (caught.value.job, caught.value.stage, caught.value.frame) == ("orders", "totals", "claened")
    assert set(caught.value.known) == {"raw_orders", "cleaned", "totals"}


def test_a_misspelt_name_in_a_load_is_refused() -> None:
    with pytest.raises(UnknownFrameError) as caught:
        Job("orders", [*common, load("claened", into=ORDERS, write=append())])
    assert (caught.value.stage, caught.value.frame) == ("silver.orders", "claened")


def test_a_reference_to_a_function_that_is_no_stage_is_refused() -> None:
    with pytest.raises(UnknownFrameError) as caught:
        Job("orders", [raw, load(raw, into=ORDERS, write=append()), load(totals, into=TOTALS, write=append())])
    assert (caught.value.stage, caught.value.frame) == ("gold.totals", "totals")


def test_a_reference_to_a_function_that_several_stages_use_is_refused() -> None:
    one, two = transform(cleaned, name="one"), transform(cleaned, name="two")
    with pytest.raises(UnknownFrameError) as caught:
        Job("orders", [raw, one, two, load(cleaned, into=ORDERS, write=append())])
    assert (caught.value.frame, caught.value.known) == ("cleaned", ("raw_orders", "one", "two"))


def test_an_extract_that_is_no_stage_is_refused() -> None:
    elsewhere = extract(raw_orders=orders())
    with pytest.raises(UnknownFrameError):
        Job("orders", [*common, load(elsewhere, into=ORDERS, write=append())])


def test_an_extract_of_several_frames_is_loaded_by_the_name_of_one() -> None:
    several = extract(raw_orders=orders(), late_orders=orders())
    with pytest.raises(UnknownFrameError) as caught:
        Job("orders", [several, load(several, into=ORDERS, write=append())])
    assert caught.value.frame == "extract(raw_orders, late_orders)"
    assert caught.value.known == ("raw_orders", "late_orders")
    Job("orders", [several, *(load(n, into=ORDERS, write=append(), name=n) for n in ("raw_orders", "late_orders"))])


@pytest.mark.parametrize("again", [extract(cleaned=orders()), transform(totals, name="cleaned"), cleaned])
def test_two_makers_of_one_frame_are_refused(again: Any) -> None:
    with pytest.raises(DuplicateFrameError) as caught:
        Job("orders", [*common, again, load(cleaned, into=ORDERS, write=append())])
    assert (caught.value.job, caught.value.frame) == ("orders", "cleaned")


def test_frames_that_nobody_takes_are_refused_all_at_once() -> None:
    with pytest.raises(UnusedFrameError) as caught:
        Job("orders", [*common, totals, extract(weather=orders()), load(cleaned, into=ORDERS, write=append())])
    assert caught.value.unused == ("totals", "weather")


def test_a_lambda_is_refused() -> None:
    stage = lambda raw_orders: raw_orders  # noqa: E731
    with pytest.raises(FunctionError) as caught:
        Job("orders", [raw, stage, load(stage, into=ORDERS, write=append())])
    assert caught.value.function == "<lambda>"


def test_stages_that_wait_for_each_other_are_refused() -> None:
    def hen(raw_orders: DataFrame, egg: DataFrame) -> DataFrame:
        return egg

    def egg(hen: DataFrame) -> DataFrame:
        return hen

    with pytest.raises(CycleError) as caught:
        Job("orders", [raw, hen, egg, load(egg, into=ORDERS, write=append())])
    assert caught.value.stages == ("hen", "egg", "hen")


def test_a_stage_that_waits_for_itself_is_refused() -> None:
    def hen(hen: DataFrame) -> DataFrame:
        return hen

    with pytest.raises(CycleError) as caught:
        Job("orders", [hen, load(hen, into=ORDERS, write=append())])
    assert caught.value.stages == ("hen", "hen")


def test_a_load_of_what_it_writes_itself_is_refused() -> None:
    with pytest.raises(CycleError) as caught:
        Job("orders", [extract(raw_orders=written(ORDERS)), cleaned, load(cleaned, into=ORDERS, write=upsert())])
    assert caught.value.stages == ("raw_orders", "silver.orders", "cleaned", "raw_orders")


def test_two_loads_of_one_name_are_refused() -> None:
    with pytest.raises(DuplicateLoadError) as caught:
        Job("orders", [*common, *(load(frame, into=ORDERS, write=append()) for frame in (raw, cleaned))])
    assert (caught.value.job, caught.value.load) == ("orders", "silver.orders")


def test_reading_what_no_load_of_the_job_writes_is_refused() -> None:
    with pytest.raises(UnknownFrameError) as caught:
        Job("orders", [*common, load(cleaned, into=ORDERS, write=append()), extract(done=written(TOTALS))])
    assert (caught.value.stage, caught.value.frame) == ("done", "written(gold.totals)")
    assert caught.value.known == ("silver.orders",)


def test_reading_what_two_loads_write_is_refused() -> None:
    loads = [load(name, into=ORDERS, write=append(), name=f"of {name}") for name in ("raw_orders", "cleaned")]
    with pytest.raises(UnknownFrameError):
        Job("orders", [*common, *loads, extract(done=written(ORDERS)), load("done", into=TOTALS, write=append())])


@pytest.mark.parametrize("stage", ["cleaned", ORDERS, common, orders()], ids=["name", "table", "list", "source"])
def test_what_is_no_stage_is_refused(stage: Any) -> None:
    with pytest.raises(DeclarationError):
        Job("orders", [raw, stage, load(raw, into=ORDERS, write=append())])


@pytest.mark.parametrize("name", ["", "my orders", "orders/eu", "2013", "Orders"])
def test_a_job_is_named_as_files_and_tables_can_be(name: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        Job(name, [raw, load(raw, into=ORDERS, write=append())])
    assert caught.value.subject == f"Job {name!r}"
