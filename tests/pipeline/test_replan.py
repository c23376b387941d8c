"""A batch that was interrupted between its loads, by a job that was changed meanwhile: nothing is lost or doubled."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from framework import fault
from framework.errors import PlanChangedError
from framework.pipeline import Job, RunReport, extract, load
from framework.sources import files, incremental
from framework.tables import Frame, Lake, RowModel, Table, append
from framework.testing import NOON
from tests.delta import rows_of
from tests.runs import run_in


class Order(RowModel):
    id: int


ONE, TWO, THREE = (Table(f"bronze.{name}", Order) for name in ("one", "two", "three"))


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


def marked(raw: Frame[Order], *, add: int = 0) -> Frame[Order]:
    return Order.frame(raw.selectExpr(f"id + {add} AS id"))


def job(frame: str = "raw", *, second: str = "second", third: bool = False) -> Job:
    raw = extract(**{frame: incremental(files("orders", Order, format="csv"))})
    loads = [load(frame, into=ONE, write=append(), name="first"), load(frame, into=TWO, write=append(), name=second)]
    more = [load(frame, into=THREE, write=append(), name="third")] if third else []
    return Job("orders", [raw, *loads, *more])


@pytest.fixture
def take_in(lake: Lake, tmp_path: Path) -> Callable[..., RunReport]:
    """Let a file land where its number is given, and run the job; it may be killed at a point."""
    landing = tmp_path / "landing"
    (landing / "orders").mkdir(parents=True)
    hours = iter(range(100))

    def run(job: Job, number: int = 0, *, kill: str = "", **how: Any) -> RunReport:
        def die(point: str) -> None:
            if point == kill:
                raise Killed

        if number:
            (landing / "orders" / f"{number}.csv").write_text(f"id\n{number}\n")
        fault.reached = die
        try:
            return run_in(lake, job, landing, NOON + timedelta(hours=next(hours)), **how)
        finally:
            fault.reached = None

    return run


@pytest.fixture
def half_done(take_in: Callable[..., RunReport]) -> Callable[..., RunReport]:
    """After a batch of which the first load is in and the second is not."""
    with pytest.raises(Killed):
        take_in(job(), 1, kill="before commit orders/second")
    return take_in


def test_a_source_that_has_another_name_is_planned_anew_and_what_it_has_read_is_not_read_again(
    lake: Lake, half_done: Callable[..., RunReport]
) -> None:
    with pytest.raises(PlanChangedError, match="'raw_orders' is read now and was not planned"):
        half_done(job("raw_orders"))

    half_done(job("raw_orders"), replan=True)
    report = half_done(job("raw_orders"))

    assert not report.batches
    assert rows_of(lake, ONE, "id") == rows_of(lake, TWO, "id") == [(1,)]


def test_a_load_that_was_planned_and_has_another_name_is_refused_and_the_new_one_joins_at_the_next_batch(
    lake: Lake, half_done: Callable[..., RunReport]
) -> None:
    renamed = job(second="other")
    with pytest.raises(PlanChangedError, match="the load 'second' was planned and is not there now"):
        half_done(renamed)

    half_done(renamed, replan=True)
    half_done(renamed, 2)

    assert rows_of(lake, ONE, "id") == [(1,), (2,)]
    assert rows_of(lake, TWO, "id") == [(2,)]


def test_a_load_that_is_added_while_a_batch_is_open_takes_part_in_it(
    lake: Lake, half_done: Callable[..., RunReport]
) -> None:
    report = half_done(job(third=True), 2)

    assert [batch.resumed for batch in report.batches] == [True, False]
    assert rows_of(lake, TWO, "id") == [(1,), (2,)]
    assert rows_of(lake, THREE, "id") == [(1,), (2,)]


def test_a_batch_that_is_planned_anew_has_the_parameters_that_it_is_planned_with(
    lake: Lake, take_in: Callable[..., RunReport]
) -> None:
    raw = extract(raw=incremental(files("orders", Order, format="csv")))
    loads = [load(marked, into=table, write=append()) for table in (ONE, TWO, THREE)]
    adding = Job("orders", [raw, marked, *loads])
    with pytest.raises(Killed):
        take_in(adding, 1, kill="before commit orders/bronze.two", given={"add": "10"})
    with pytest.raises(Killed):
        take_in(adding, kill="before commit orders/bronze.three", given={"add": "20"}, replan=True)

    with pytest.raises(PlanChangedError, match="add"):
        take_in(adding, given={"add": "10"})
    take_in(adding, given={"add": "20"})

    assert [rows_of(lake, table, "id") for table in (ONE, TWO, THREE)] == [[(11,)], [(21,)], [(21,)]]
