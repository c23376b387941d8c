import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from framework.errors import DeclarationError, FunctionError
from framework.pipeline import Interval, Run, compose, extract, load, transform
from framework.pipeline.stage import signature
from framework.sources import files
from framework.tables import Frame, RowModel, Table, append, sync, upsert

ROOT = Path(__file__).parent.parent.parent


class Order(RowModel):
    id: int
    city: str


ORDERS = Table("silver.orders", Order, keys="id")
KEYLESS = Table("silver.orders", Order)


def cleaned(orders: Frame[Order], *, min_id: int = 1) -> Frame[Order]:
    return Order.frame(orders.where(F.col("id") >= min_id))


def archived(rows: DataFrame) -> None:
    rows.foreach(print)


# -- what a function takes and makes ----------------------------------------------------------------------------------


def test_the_annotation_says_what_a_parameter_is() -> None:
    def enriched(
        orders: Frame[Order],
        customers: DataFrame,
        spark: SparkSession,
        interval: Interval,
        run: Run,
        *,
        since: datetime,
        gap: int = 1,
    ) -> Frame[Order]:
        raise NotImplementedError

    taken = signature(enriched)
    assert taken.frames == {"orders": Order, "customers": None}
    assert taken.given == {"spark": SparkSession, "interval": Interval, "run": Run}
    assert [(p.name, p.type, p.required) for p in taken.parameters] == [("since", datetime, True), ("gap", int, False)]
    assert [str(p) for p in taken.parameters] == ["datetime", "int = 1"]
    assert taken.makes is Order


def _positional(orders: DataFrame, gap: int) -> DataFrame: ...  # type: ignore[empty-body]
def _unannotated(orders) -> DataFrame: ...  # type: ignore[no-untyped-def, empty-body]
def _many(*orders: DataFrame) -> DataFrame: ...  # type: ignore[empty-body]
def _open(orders: DataFrame, **options: str) -> DataFrame: ...  # type: ignore[empty-body]
def _nameless(orders: DataFrame, /) -> DataFrame: ...  # type: ignore[empty-body]
def _unreadable(orders: "Misspelt") -> DataFrame: ...  # type: ignore[empty-body, name-defined]  # noqa: F821


class _Callable:
    def __call__(self, orders: DataFrame) -> DataFrame: ...  # type: ignore[empty-body]


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (_positional, "_positional"),
        (_unannotated, "_unannotated"),
        (_many, "_many"),
        (_open, "_open"),
        (_nameless, "_nameless"),
        (_unreadable, "_unreadable"),
        (lambda orders: orders, "<lambda>"),
        (len, "len"),
    ],
)
def test_a_function_that_does_not_say_what_it_takes_is_refused(function: Callable[..., Any], named: str) -> None:
    with pytest.raises(FunctionError) as caught:
        signature(function)
    assert caught.value.function == named


def test_an_object_that_can_be_called_is_no_function() -> None:
    with pytest.raises(FunctionError):
        signature(_Callable())


# -- extract ----------------------------------------------------------------------------------------------------------


def test_an_extract_keeps_its_sources_in_order() -> None:
    first, second = files("a", Order, format="json"), files("b", Order, format="json")
    assert extract(b=second, a=first).sources == (("b", second), ("a", first))


def test_an_extract_of_nothing_is_refused() -> None:
    with pytest.raises(DeclarationError):
        extract()


def test_an_extract_from_what_is_no_source_is_refused() -> None:
    with pytest.raises(DeclarationError) as caught:
        extract(orders="landing/orders")  # type: ignore[arg-type]
    assert caught.value.subject == "extract(orders=...)"


def test_an_extract_function_that_takes_frames_is_refused() -> None:
    with pytest.raises(FunctionError):
        extract(orders=cleaned)


def test_a_lambda_as_a_source_is_refused() -> None:
    with pytest.raises(FunctionError):
        extract(orders=lambda spark: spark.range(1))


# -- transform --------------------------------------------------------------------------------------------------------


def test_a_transform_keeps_the_function_s_name_unless_it_is_given_one() -> None:
    assert transform(cleaned).name == "cleaned"
    assert transform(cleaned, name="cleaned_eu").name == "cleaned_eu"


def test_binding_what_the_function_does_not_take_is_refused() -> None:
    with pytest.raises(FunctionError):
        transform(cleaned, ordrs="raw_eu")


@pytest.mark.parametrize("value", [7, None, load(cleaned, into=ORDERS, write=append())])
def test_binding_a_frame_to_what_makes_none_is_refused(value: Any) -> None:
    with pytest.raises(FunctionError):
        transform(cleaned, orders=value)


# -- load -------------------------------------------------------------------------------------------------------------


def test_a_load_is_named_after_its_table_or_function_unless_it_is_given_a_name() -> None:
    assert load(cleaned, into=ORDERS, write=append()).name == "silver.orders"
    assert load(cleaned, into=archived).name == "archived"
    assert load(cleaned, into=ORDERS, write=append(), name="late orders").name == "late orders"


@pytest.mark.parametrize("write", [None, append, upsert, "append"])
def test_a_write_that_is_not_called_is_refused(write: Any) -> None:
    with pytest.raises(DeclarationError) as caught:
        load(cleaned, into=ORDERS, write=write)
    assert caught.value.subject == "load(..., into='silver.orders')"


@pytest.mark.parametrize("write", [upsert(), sync()], ids=["upsert", "sync"])
def test_a_merge_into_a_table_without_keys_is_refused(write: Any) -> None:
    with pytest.raises(DeclarationError):
        load(cleaned, into=KEYLESS, write=write)


def test_a_load_by_a_function_writes_in_its_own_way() -> None:
    with pytest.raises(DeclarationError) as caught:
        load(cleaned, into=archived, write=append())
    assert caught.value.subject == "load(..., into=archived)"


def _two_frames(first: DataFrame, second: DataFrame) -> None: ...
def _no_frame(spark: SparkSession) -> None: ...


@pytest.mark.parametrize("into", [_two_frames, _no_frame, lambda rows: None])
def test_a_load_by_a_function_takes_exactly_one_frame(into: Any) -> None:
    with pytest.raises(FunctionError):
        load(cleaned, into=into)


def test_a_load_into_what_is_neither_table_nor_function_is_refused() -> None:
    with pytest.raises(DeclarationError):
        load(cleaned, into="silver.orders", write=append())  # type: ignore[arg-type]


# -- compose ----------------------------------------------------------------------------------------------------------


def test_composed_functions_are_applied_from_left_to_right(spark: SparkSession) -> None:
    def doubled(rows: DataFrame) -> DataFrame:
        return rows.select((F.col("id") * 2).alias("id"))

    def next_one(rows: DataFrame) -> DataFrame:
        return rows.select((F.col("id") + 1).alias("id"))

    assert [row.id for row in compose(doubled, next_one, doubled)(spark.range(2)).collect()] == [2, 6]
    assert [row.id for row in compose()(spark.range(2)).collect()] == [0, 1]


# -- typed frames -----------------------------------------------------------------------------------------------------

SWAPPED = """
from framework.tables import Frame, RowModel

class Order(RowModel):
    customer: int

class Customer(RowModel):
    id: int

def joined(orders: Frame[Order], customers: Frame[Customer]) -> Frame[Order]:
    return Order.frame(orders.join(customers, orders["customer"] == customers["id"]))

def right(orders: Frame[Order], customers: Frame[Customer]) -> Frame[Order]:
    return joined(orders, customers)

def swapped(orders: Frame[Order], customers: Frame[Customer]) -> Frame[Order]:
    return joined(customers, orders)

def untyped(orders: Frame[Order]) -> Frame[Order]:
    return orders.limit(1)
"""


def test_swapped_join_inputs_do_not_type_check(tmp_path: Path) -> None:
    (tmp_path / "swapped.py").write_text(SWAPPED)
    line = {text: number for number, text in enumerate(SWAPPED.splitlines(), start=1)}
    # A cache beside the one of `make check`, one a lane, so that neither is thrown away for the other.
    cache = ROOT / ".mypy_cache" / f"tests-spark-{version('pyspark')}"
    options = ["--config-file", "pyproject.toml", "--cache-dir", str(cache), "--no-error-summary"]
    command = [sys.executable, "-m", "mypy", *options, str(tmp_path / "swapped.py")]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()
    refused = [(int(text.split(":")[1]), text.rsplit("[", 1)[1].rstrip("]")) for text in said]
    swapped, untyped = line["    return joined(customers, orders)"], line["    return orders.limit(1)"]
    assert refused == [(swapped, "arg-type"), (swapped, "arg-type"), (untyped, "return-value")]
