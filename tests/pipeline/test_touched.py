"""What is derived from `written` changes in the slices that a batch has touched: all of each, and no others."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from framework.errors import UntouchedSliceError
from framework.pipeline import Job, RunReport, Stage, extract, load
from framework.sources import files, incremental, written
from framework.tables import Frame, Lake, RowModel, Table, replace, upsert
from framework.testing import NOON
from tests.delta import rows_of, version_of
from tests.runs import run_in


class Order(RowModel):
    id: int
    city: str
    price: float


class Total(RowModel):
    city: str
    price: float


GOLD = Table("gold.totals", Total)
TakeIn = Callable[..., RunReport]


def totals(orders: Frame[Order]) -> Frame[Total]:
    return Total.frame(orders.where("price > 0").groupBy("city").agg(F.sum("price").alias("price")))


def moved(orders: Frame[Order]) -> Frame[Total]:
    return Total.frame(orders.select(F.concat(F.lit("New "), "city").alias("city"), "price"))


def job(silver: Table, transform: Callable[..., Frame[Total]] = totals) -> Job:
    raw = extract(raw=incremental(files("orders", Order, format="csv")))
    stages: list[Stage] = [raw, load(raw, into=silver, write=upsert()), extract(orders=written(silver)), transform]
    return Job("orders", [*stages, load(transform, into=GOLD, write=replace(by="city"))])


class Dated(Order):
    day: int


BY_DAY = Table("silver.orders", Dated, keys="id", partition_by="day")
new = extract(new=incremental(files("orders", Dated, format="csv")))
rounded = extract(orders=written(BY_DAY, whole="city"))
loads = (load(new, into=BY_DAY, write=upsert()), load(totals, into=GOLD, write=replace(by="city")))
DATED = Job("orders", [new, loads[0], rounded, totals, loads[1]])


@pytest.fixture
def take_in(lake: Lake, tmp_path: Path) -> TakeIn:
    """Let a file land, and run the job."""
    landing = tmp_path / "landing"
    (landing / "orders").mkdir(parents=True)

    def run(job: Job, *lines: str) -> RunReport:
        number = len(list((landing / "orders").iterdir())) + 1
        (landing / "orders" / f"{number}.csv").write_text("\n".join(["id,city,price", *lines]))
        return run_in(lake, job, landing, NOON + timedelta(hours=number))

    return run


@pytest.mark.parametrize("partition_by", [("city",), ()], ids=["partitioned", "unpartitioned"])
def test_a_slice_that_has_lost_its_last_row_goes(lake: Lake, take_in: TakeIn, partition_by: tuple[str, ...]) -> None:
    orders = job(Table("silver.orders", Order, keys="id", partition_by=partition_by))
    take_in(orders, "1,Oslo,10", "2,Bonn,5", "3,Rome,7")

    take_in(orders, "1,Bonn,10")

    assert rows_of(lake, GOLD) == [("Bonn", 15.0), ("Rome", 7.0)]


def test_a_slice_that_has_lost_its_last_row_goes_also_where_it_is_rounded_out(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "orders"
    folder.mkdir(parents=True)
    (folder / "0.csv").write_text("id,city,price,day\n1,Oslo,10,1\n2,Bonn,5,1\n3,Bonn,1,2\n4,Rome,7,2\n")
    run_in(lake, DATED, folder.parent, NOON)
    (folder / "1.csv").write_text("id,city,price,day\n1,Bonn,20,1\n")
    run_in(lake, DATED, folder.parent, NOON + timedelta(hours=1))

    assert rows_of(lake, GOLD) == [("Bonn", 26.0), ("Rome", 7.0)]


def test_a_slice_that_a_partition_has_lost_keeps_its_rows_of_the_others(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "orders"
    folder.mkdir(parents=True)
    for number, lines in enumerate(["1,Oslo,10,1\n2,Bonn,5,1\n3,Oslo,7,2\n", "1,Bonn,10,1\n"]):
        (folder / f"{number}.csv").write_text(f"id,city,price,day\n{lines}")
        run_in(lake, DATED, folder.parent, NOON + timedelta(hours=number))

    assert rows_of(lake, GOLD) == [("Bonn", 15.0), ("Oslo", 7.0)]


def test_a_slice_of_which_the_transform_leaves_nothing_goes(lake: Lake, take_in: TakeIn) -> None:
    orders = job(Table("silver.orders", Order, keys="id", partition_by="city"))
    take_in(orders, "1,Oslo,10", "2,Bonn,5")

    take_in(orders, "1,Oslo,0")

    assert rows_of(lake, GOLD) == [("Bonn", 5.0)]


def test_a_batch_that_changes_nothing_leaves_each_slice(lake: Lake, take_in: TakeIn) -> None:
    orders = job(Table("silver.orders", Order, keys="id", partition_by="city"))
    take_in(orders, "1,Oslo,10", "2,Bonn,5")

    take_in(orders, "1,Oslo,10")

    assert rows_of(lake, GOLD) == [("Bonn", 5.0), ("Oslo", 10.0)]


def test_rows_of_a_slice_that_was_not_touched_are_refused(lake: Lake, take_in: TakeIn) -> None:
    orders = job(Table("silver.orders", Order, keys="id", partition_by="city"), moved)

    with pytest.raises(UntouchedSliceError) as refused:
        take_in(orders, "1,York,10")

    assert (refused.value.table, refused.value.by) == ("gold.totals", "city")
    assert version_of(lake, GOLD) == 0  # it was made, and nothing written
