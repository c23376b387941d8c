from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from framework.errors import JobError, UnsafeLoadError
from framework.pipeline import Job, Stage, extract, load
from framework.pipeline.guarantee import AT_LEAST_ONCE, EXACTLY_ONCE, Guarantee, guarantee
from framework.sources import changes, files, incremental, jdbc, table, written
from framework.tables import (
    RowModel,
    Table,
    Write,
    append,
    apply_changes,
    bitemporal,
    overwrite,
    replace,
    scd2,
    sync,
    upsert,
)


class Order(RowModel):
    id: int
    day: str
    updated_at: datetime


class Remembered(Order):
    """An order with the times that histories keep."""

    valid_from: datetime
    valid_to: datetime
    system_from: datetime
    system_to: datetime


BRONZE, SILVER = (Table(name, Order, keys="id") for name in ("bronze.orders", "silver.orders"))
GOLD = Table("gold.orders", Remembered, keys="id")
WRITES: dict[str, Write] = {
    "append": append(),
    "overwrite": overwrite(),
    "replace": replace(by="day"),
    "upsert": upsert(),
    "sync": sync(),
    "scd2": scd2(valid_by="updated_at"),
    "scd2 of a snapshot": scd2(valid_by="updated_at", absent="delete"),
    "bitemporal": bitemporal(valid=("valid_from", "valid_to")),
    "apply_changes": apply_changes(sequence_by="updated_at"),
}
SOURCES: dict[str, Callable[[], Any]] = {
    "files": lambda: files("orders", Order, format="json"),
    "table": lambda: table(BRONZE),
    "new files": lambda: incremental(files("orders", Order, format="json")),
    "snapshots": lambda: incremental(files("orders", Order, format="json"), dated="{yyyy}-{MM}", snapshots=True),
    "new rows": lambda: incremental(table(BRONZE), by="updated_at"),
    "new rows with lag": lambda: incremental(table(BRONZE), by="updated_at", lag="1h"),
    "changes": lambda: changes(BRONZE),
    "database": lambda: jdbc("jdbc:postgresql://host/shop", "orders", Order),
    "new rows of a database": lambda: incremental(SOURCES["database"](), by="updated_at"),
}


def passed_on(rows: DataFrame) -> DataFrame:
    return rows


def joined(passed_on: DataFrame, more: DataFrame) -> DataFrame:
    return passed_on


def fetched(spark: SparkSession) -> DataFrame:
    return spark.range(1)


def mailed(rows: DataFrame) -> None:
    """Send a mail."""


def _through(*sources: Stage, into: Table = GOLD, write: Write) -> Job:
    """A load whose rows come from the frame `rows` by way of two transforms."""
    return Job("orders", [*sources, passed_on, joined, load(joined, into=into, write=write)])


MORE = extract(more=files("more", Order, format="json"))


# -- what is refused --------------------------------------------------------------------------------------------------

ANYWHERE = {"upsert", "scd2", "bitemporal", "apply_changes"}
WHOLE = ANYWHERE | {"append", "overwrite", "replace", "sync", "scd2 of a snapshot"}
SAFE = {
    "files": WHOLE,
    "table": WHOLE,
    "new files": ANYWHERE | {"append"},
    "snapshots": WHOLE,
    "new rows": ANYWHERE | {"append"},
    "new rows with lag": ANYWHERE,
    "changes": ANYWHERE | {"append"},
    "database": WHOLE,
    "new rows of a database": ANYWHERE | {"append"},
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("source", SOURCES)
def test_a_write_that_would_lose_or_double_the_rows_of_a_source_is_refused(source: str, write: str) -> None:
    rows = extract(rows=SOURCES[source]())
    if write in SAFE[source]:
        assert _through(rows, MORE, write=WRITES[write]).loads
        return
    with pytest.raises(UnsafeLoadError) as refused:
        _through(rows, MORE, write=WRITES[write])
    assert (refused.value.job, refused.value.load) == ("orders", "gold.orders")
    assert f"{WRITES[write].verb}()" in str(refused.value)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("whole", [None, "day"])
def test_what_a_load_wrote_is_neither_added_again_nor_put_in_the_place_of_all(write: str, whole: str | None) -> None:
    stages: list[Stage] = [extract(raw=SOURCES["files"]()), load("raw", into=SILVER, write=upsert())]
    rows = extract(rows=written(SILVER, whole=whole))
    if write in ANYWHERE | {"replace"}:
        assert len(_through(*stages, rows, MORE, write=WRITES[write]).loads) == 2
        return
    with pytest.raises(UnsafeLoadError) as refused:
        _through(*stages, rows, MORE, write=WRITES[write])
    assert (refused.value.job, refused.value.load) == ("orders", "gold.orders")
    assert "written(silver.orders)" in str(refused.value)


def test_the_second_source_of_a_join_counts_too() -> None:
    rows, more = extract(rows=SOURCES["files"]()), extract(more=SOURCES["new files"]())
    with pytest.raises(UnsafeLoadError):
        _through(rows, more, write=overwrite())


def test_a_source_that_the_load_is_not_made_from_does_not_count() -> None:
    stages: list[Stage] = [
        extract(rows=SOURCES["files"](), new=SOURCES["new files"]()),
        load("rows", into=GOLD, write=overwrite()),
        load("new", into=SILVER, write=append()),
    ]
    assert len(Job("orders", stages).loads) == 2


def _daily(partition_by: tuple[str, ...], whole: str | None = None, model: type[RowModel] = Order) -> Job:
    """A job that replaces by day what is made of what it has written."""
    silver = Table("silver.orders", model, keys="id", partition_by=partition_by)
    stages: list[Stage] = [extract(raw=SOURCES["new files"]()), load("raw", into=silver, write=upsert())]
    return _through(*stages, extract(rows=written(silver, whole=whole)), MORE, write=replace(by="day"))


@pytest.mark.parametrize(
    ("partition_by", "whole"), [((), None), (("day",), None), (("updated_at",), "day"), (("day", "updated_at"), "day")]
)
def test_a_replace_of_slices_that_are_read_whole_is_accepted(partition_by: tuple[str, ...], whole: str | None) -> None:
    assert len(_daily(partition_by, whole).loads) == 2


@pytest.mark.parametrize("partition_by", [("updated_at",), ("day", "updated_at")])
def test_a_replace_of_slices_that_are_read_in_part_is_refused(partition_by: tuple[str, ...]) -> None:
    with pytest.raises(UnsafeLoadError, match=r"whole='day'") as refused:
        _daily(partition_by)
    assert refused.value.load == "gold.orders"


def test_a_replace_by_a_column_that_what_was_written_lacks_is_refused() -> None:
    class Undated(RowModel):
        id: int

    with pytest.raises(UnsafeLoadError, match="no column 'day'"):
        _daily((), model=Undated)


def test_a_replace_of_slices_from_two_tables_that_were_written_is_refused() -> None:
    more = Table("silver.more", Order, keys="id")
    stages: list[Stage] = [extract(raw=SOURCES["new files"]())]
    stages += [load("raw", into=table, write=upsert()) for table in (SILVER, more)]
    with pytest.raises(UnsafeLoadError, match=r"silver\.more, silver\.orders"):
        _through(*stages, extract(rows=written(SILVER), more=written(more)), write=replace(by="day"))


def test_an_append_of_what_each_batch_reads_whole_is_refused() -> None:
    stages: list[Stage] = [extract(new=SOURCES["new files"]()), load("new", into=SILVER, write=append())]
    with pytest.raises(UnsafeLoadError, match="'rows'") as refused:
        Job("orders", [*stages, extract(rows=SOURCES["files"]()), load("rows", into=GOLD, write=append())])
    assert refused.value.load == "gold.orders"


def test_of_an_append_of_what_each_run_reads_whole_it_is_said() -> None:
    promised = _promised(extract(rows=SOURCES["files"]()), load("rows", into=GOLD, write=append()))
    assert str(promised["gold.orders"]) == "exactly-once: each run adds all rows of 'rows'"


def test_a_job_has_one_incremental_source_at_most() -> None:
    with pytest.raises(UnsafeLoadError) as refused:
        _through(extract(rows=SOURCES["new files"](), more=SOURCES["new rows"]()), write=upsert())
    assert refused.value.job == "orders"
    assert "'rows'" in refused.value.load
    assert "'more'" in refused.value.load


def test_a_table_whose_changes_are_read_is_not_loaded_by_the_same_job() -> None:
    with pytest.raises(UnsafeLoadError) as refused:
        _through(extract(rows=changes(GOLD)), MORE, write=upsert())
    assert refused.value.load == "gold.orders"


def test_a_function_of_one_s_own_may_be_given_anything() -> None:
    stages: list[Stage] = [
        extract(new=SOURCES["new rows with lag"]()),
        load("new", into=SILVER, write=upsert()),
        extract(rows=written(SILVER)),
        load("rows", into=mailed),
        load("new", into=mailed, name="mailed_too"),
    ]
    assert len(Job("orders", stages).loads) == 3


def test_what_is_refused_is_a_mistake_in_how_the_job_is_written() -> None:
    assert issubclass(UnsafeLoadError, JobError)
    assert UnsafeLoadError.exit_code == 2


# -- what is promised -------------------------------------------------------------------------------------------------


def _promised(*stages: Stage) -> dict[str, Guarantee]:
    job = Job("orders", stages)
    return {node.name: guarantee(job.nodes, node) for node in job.loads}


def test_a_load_of_a_database_is_at_least_once_and_of_an_interval_of_it_exactly_once_with_a_remark() -> None:
    whole = _promised(extract(rows=SOURCES["database"]()), load("rows", into=GOLD, write=upsert()))["gold.orders"]
    new = _promised(extract(rows=SOURCES["new rows of a database"]()), load("rows", into=GOLD, write=upsert()))
    assert (whole.promise, len(whole.reasons)) == (AT_LEAST_ONCE, 1)
    assert (new["gold.orders"].promise, len(new["gold.orders"].reasons)) == (EXACTLY_ONCE, 1)
    assert all("'rows'" in found.reasons[0] for found in (whole, new["gold.orders"]))


@pytest.mark.parametrize("source", [name for name in SOURCES if "database" not in name])
def test_a_load_into_a_table_of_what_is_pinned_is_exactly_once(source: str) -> None:
    job = _through(extract(rows=SOURCES[source]()), MORE, write=upsert())
    found = guarantee(job.nodes, job.loads[0])
    assert found == Guarantee(EXACTLY_ONCE)
    assert str(found) == "exactly-once"


def test_a_load_of_what_is_read_anew_is_at_least_once_and_says_from_where() -> None:
    promised = _promised(
        extract(rows=SOURCES["files"](), more=fetched),
        load("rows", into=SILVER, write=upsert()),
        passed_on,
        joined,
        load(joined, into=GOLD, write=upsert()),
    )
    assert promised["silver.orders"].promise == EXACTLY_ONCE
    assert promised["gold.orders"].promise == AT_LEAST_ONCE
    (reason,) = promised["gold.orders"].reasons
    assert "'more'" in reason
    assert str(promised["gold.orders"]) == f"at-least-once: {reason}"


def test_a_load_by_a_function_of_one_s_own_is_at_least_once_with_all_reasons() -> None:
    promised = _promised(
        extract(rows=SOURCES["files"](), own=fetched), load("rows", into=mailed), load("own", into=passed)
    )
    assert [found.promise for found in promised.values()] == [AT_LEAST_ONCE] * 2
    assert [len(found.reasons) for found in promised.values()] == [1, 2]
    assert str(promised["passed"]).count("; ") == 1


def passed(rows: DataFrame) -> None:
    """Pass on."""


def test_what_is_read_back_from_a_table_is_pinned_by_its_commit() -> None:
    promised = _promised(
        extract(own=fetched),
        load("own", into=SILVER, write=upsert()),
        extract(rows=written(SILVER)),
        load("rows", into=GOLD, write=upsert()),
    )
    assert [found.promise for found in promised.values()] == [AT_LEAST_ONCE, EXACTLY_ONCE]
