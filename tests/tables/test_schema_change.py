"""Tables that a load alters as far as their declaration allows; everything else of them is refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest
from deltalake import DeltaTable
from pydantic import Field

from framework.batch import Position
from framework.errors import ConstraintBrokenError, FrameMismatchError, TableMismatchError
from framework.session import lane
from framework.tables import (
    Lake,
    RowModel,
    Table,
    Write,
    append,
    apply_changes,
    bitemporal,
    load,
    overwrite,
    prepare,
    scd2,
    sync,
    upsert,
)
from framework.tables import replace as load_slices
from framework.tables.alter import alter
from framework.tables.commit import Transaction
from framework.tables.layout import declared_checks
from tests.delta import actions, given, rows_in_files, rows_of, version_of

DELTA = lane().delta
MAIN = not DELTA.startswith("3.")


class Place(RowModel):
    """A place."""

    id: int
    name: str


class Town(RowModel):
    """A place."""

    id: int
    area: float | None = Field(None, description="km²")
    name: str


PLACES, TOWNS = Table("silver.places", Place, "id"), Table("silver.places", Town, "id", on_schema_change="add_columns")


def loads(lake: Lake, table: Table, write: Write, rows: Any, batch: int = 1, **notes: Any) -> Any:
    clock = partial(datetime, 2024, 2, 1, tzinfo=UTC)
    return load(lake, table, write, rows, Transaction("places/load", Position(0, batch), notes, clock))


def columns_of(lake: Lake, name: str) -> list[str]:
    return lake.spark.read.format("delta").load(lake.path(name)).columns


@pytest.mark.parametrize(
    ("write", "left"),
    [
        (append(), [(1, None, "Oslo"), (2, 9.5, "Rome"), (2, None, "Bonn")]),
        (overwrite(), [(2, 9.5, "Rome")]),
        (load_slices(by="id"), [(1, None, "Oslo"), (2, 9.5, "Rome")]),
        (upsert(), [(1, None, "Oslo"), (2, 9.5, "Rome")]),
        (sync(), [(2, 9.5, "Rome")]),
    ],
    ids=lambda value: getattr(value, "verb", ""),
)
def test_each_write_adds_the_columns_that_the_table_lacks_and_old_rows_have_null(
    lake: Lake, rows: Callable[..., Any], write: Write, left: list[Any]
) -> None:
    given(lake, PLACES, "(1, 'Oslo'), (2, 'Bonn')")
    loads(lake, TOWNS, write, rows(Town, {"id": 2, "area": 9.5, "name": "Rome"}), job="towns")
    assert rows_of(lake, TOWNS) == left
    assert columns_of(lake, TOWNS.name) == ["id", "area", "name"]
    (said,) = actions(lake, TOWNS, "commitInfo", version_of(lake, PLACES) - 1)
    assert "add column 'area' double" in said["userMetadata"]
    assert '"by": {"job": "towns"}' in said["userMetadata"]


def test_a_slice_of_a_partitioned_table_is_replaced_by_one_with_a_new_column(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    given(lake, replace(PLACES, partition_by="name"), "(1, 'Oslo'), (2, 'Bonn')")
    table = replace(TOWNS, partition_by="name")
    loads(lake, table, load_slices(by="name"), rows(Town, {"id": 3, "area": 9.5, "name": "Bonn"}))
    assert rows_of(lake, table, "id, area, name") == [(1, None, "Oslo"), (3, 9.5, "Bonn")]


class Period(RowModel):
    """Where somebody lives in a period."""

    id: int
    city: str
    valid_from: date
    valid_to: date


class Told(RowModel):
    """Where somebody lives in a period, and by which post code."""

    id: int
    city: str
    zip: str | None
    valid_from: date
    valid_to: date


class Moved(RowModel):
    """Where somebody lives from a day on."""

    id: int
    city: str
    zip: str | None
    at: date


class Believed(Told):
    """What was believed of it when."""

    system_from: datetime
    system_to: datetime


class BelievedBefore(Period):
    """What was believed of it when."""

    system_from: datetime
    system_to: datetime


JANUARY, MARCH, FOREVER = date(2024, 1, 1), date(2024, 3, 1), date(9999, 12, 31)


@pytest.mark.parametrize("write", [scd2(valid_by="at"), apply_changes(sequence_by="at")], ids=["scd2", "apply_changes"])
def test_a_history_gets_a_column_and_a_value_in_place_of_its_null_begins_a_version(
    lake: Lake, rows: Callable[..., Any], write: Write
) -> None:
    given(lake, Table("silver.homes", Period), "(1, 'Oslo', DATE '2024-01-01', DATE '9999-12-31')")
    homes = Table("silver.homes", Told, "id", on_schema_change="add_columns")
    loads(lake, homes, write, rows(Moved, {"id": 1, "city": "Oslo", "zip": "0150", "at": MARCH}))
    assert rows_of(lake, homes) == [(1, "Oslo", "0150", MARCH, FOREVER), (1, "Oslo", None, JANUARY, MARCH)]


def test_a_bitemporal_table_gets_a_column_and_what_it_believed_stays_as_it_was(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    given(
        lake,
        Table("silver.homes", BelievedBefore),
        "(1, 'Oslo', DATE '2024-01-01', DATE '9999-12-31', TIMESTAMPTZ '2024-01-10 00:00:00+00', "
        "TIMESTAMPTZ '9999-12-31 00:00:00+00')",
    )
    homes = Table("silver.homes", Believed, "id", on_schema_change="add_columns")
    told = rows(Told, {"id": 1, "city": "Oslo", "zip": "0150", "valid_from": MARCH, "valid_to": FOREVER})
    loads(lake, homes, bitemporal(valid=("valid_from", "valid_to")), told)
    wanted = "zip, valid_from, valid_to, year(system_to)".replace("year(system_to)", "date_part('year', system_to)")
    assert rows_of(lake, homes, wanted) == [
        ("0150", MARCH, FOREVER, 9999),
        (None, JANUARY, MARCH, 9999),
        (None, JANUARY, FOREVER, 2024),
    ]


class Stop(RowModel):
    """Where a trip stops."""

    zip: str | None = Field(description="post code")
    town: str | None


class Trip(RowModel):
    """One trip."""

    id: int
    start: Stop | None
    stops: list[Stop] | None
    fees: dict[str, Stop] | None


TRIPS = Table("silver.trips", Trip, "id", on_schema_change="add_columns")


@pytest.mark.parametrize("write", [append(), upsert()], ids=lambda write: write.verb)
def test_columns_within_columns_are_added_and_rows_written_by_their_names(
    lake: Lake, rows: Callable[..., Any], write: Write
) -> None:
    where = f"delta.`{lake.path(TRIPS.name)}`"
    inner = "STRUCT<town: STRING>"
    lake.spark.sql(
        f"CREATE TABLE {where} (id BIGINT NOT NULL, start {inner}, stops ARRAY<{inner}>, fees MAP<STRING, {inner}>) "
        "USING delta"
    )
    stop = {"town": "Oslo", "zip": "0150"}
    loads(lake, TRIPS, write, rows(Trip, {"id": 1, "start": stop, "stops": [stop], "fees": {"toll": stop}}))
    wanted = "start['town'], start['zip'], stops[1]['zip'], id"
    assert rows_of(lake, TRIPS, wanted) == [("Oslo", "0150", "0150", 1)]
    made = version_of(lake, TRIPS)
    loads(lake, TRIPS, write, rows(Trip, {"id": 1, "start": stop}), 2)
    assert version_of(lake, TRIPS) == made + 1  # nothing is altered twice, not a comment within a column either


def test_a_table_that_was_just_made_is_as_declared_down_to_the_comments_within_its_columns(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    for _ in range(2):
        prepare.prepared(lake, TRIPS, rows(Trip, {"id": 1}))
    assert version_of(lake, TRIPS) == 0


def test_a_type_is_widened_by_a_load_where_delta_widens_it_and_else_refused(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    where = f"delta.`{lake.path(PLACES.name)}`"
    lake.spark.sql(f"CREATE TABLE {where} (id INT NOT NULL, name STRING NOT NULL) USING delta COMMENT 'A place.'")
    lake.spark.sql(f"INSERT INTO {where} VALUES (1, 'Oslo')")
    table, big = replace(PLACES, on_schema_change="widen"), rows(Place, {"id": 2**40, "name": "Rome"})
    if MAIN:
        loads(lake, table, append(), big)
        assert rows_in_files(lake, table) == [(1, "Oslo"), (2**40, "Rome")]
        loads(lake, table, upsert(), rows(Place, {"id": 1, "name": "Bari"}), 2)
        assert rows_in_files(lake, table) == [(1, "Bari"), (2**40, "Rome")]
        return
    with pytest.raises(TableMismatchError) as refused:
        loads(lake, table, append(), big)
    assert "'id' is int and should be bigint: Delta 3.3 does not widen that" in str(refused.value)
    assert version_of(lake, table) == 1


def test_a_table_without_a_model_follows_its_frames_as_far_as_it_is_allowed_to(lake: Lake) -> None:
    spark, open_to = lake.spark, Table("bronze.raw", on_schema_change="widen")
    first = spark.sql("SELECT CAST(1 AS TINYINT) AS id, 'a' AS note")
    wide = spark.sql("SELECT 300 AS id, 'b' AS note, 'Oslo' AS city")
    loads(lake, open_to, append(), first)
    with pytest.raises(FrameMismatchError) as refused:
        loads(lake, Table("bronze.raw"), append(), wide, 2)
    assert 'on_schema_change="add_columns" would add it' in str(refused.value)
    for lacking in (wide.drop("note"), wide.selectExpr("'one' AS id", "note", "city")):
        with pytest.raises(FrameMismatchError):
            loads(lake, open_to, append(), lacking, 2)
    assert version_of(lake, open_to) == 1
    loads(lake, open_to, append(), wide, 2)
    assert rows_in_files(lake, open_to) == [(1, "a", None), (300, "b", "Oslo")]
    with pytest.raises(FrameMismatchError):  # what comes without a column later is not filled up in silence
        loads(lake, open_to, append(), first, 3)


def test_a_load_writes_nothing_into_a_table_that_is_otherwise(lake: Lake, rows: Callable[..., Any]) -> None:
    given(lake, PLACES, "(1, 'Oslo')")
    for table in (replace(TOWNS, on_schema_change="refuse"), replace(TOWNS, cluster_by="id")):
        with pytest.raises(TableMismatchError) as refused:
            loads(lake, table, append(), rows(Town, {"id": 2, "name": "Rome"}))
        assert "`lakegate migrate silver.places`" in str(refused.value)
    assert rows_of(lake, PLACES) == [(1, "Oslo")]
    assert version_of(lake, PLACES) == 1


def test_two_loads_that_add_the_same_column_at_once_both_go_on(
    lake: Lake, rows: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given(lake, PLACES, "(1, 'Oslo')")
    alter = prepare.alter  # type: ignore[attr-defined]

    def after_another(*arguments: Any) -> None:
        alter(*arguments)
        alter(*arguments)

    monkeypatch.setattr(prepare, "alter", after_another)
    loads(lake, TOWNS, append(), rows(Town, {"id": 2, "area": 9.5, "name": "Rome"}))
    assert rows_of(lake, TOWNS) == [(1, None, "Oslo"), (2, 9.5, "Rome")]


class Ride(RowModel):
    """One ride."""

    id: int = Field(ge=1)
    km: float | None = Field(gt=0)


def test_a_table_enforces_its_checks_and_not_null_and_is_clustered_as_declared(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    rides = Table("silver.rides", Ride, "id", cluster_by=("id", "km"), checks=True)
    loads(lake, rides, append(), rows(Ride, {"id": 1, "km": None}, {"id": 2, "km": 3.0}))
    for write, row, said in (
        (append(), {"id": 3, "km": -1.0}, "km : -1"),
        (upsert(), {"id": 1, "km": -1.0}, "km : -1"),
    ):
        with pytest.raises(ConstraintBrokenError) as refused:
            loads(lake, rides, write, rows(Ride, row), 2)
        assert said in str(refused.value)
    nothing = rows(Ride, {"id": 3}).selectExpr("CAST(NULL AS BIGINT) AS id", "km")
    with pytest.raises(ConstraintBrokenError, match="id"):
        loads(lake, rides, append(), nothing, 2)
    assert version_of(lake, rides) == 1
    assert sorted(rows_of(lake, rides)) == [(1, None), (2, 3.0)]
    (clustering,) = actions(lake, rides, "domainMetadata", 0)
    assert clustering["configuration"].count('["') == 2
    assert (
        sum(
            name.startswith("delta.constraints.") for name in DeltaTable(lake.path(rides.name)).metadata().configuration
        )
        == 2
    )
    loads(lake, rides, append(), rows(Ride, {"id": 3, "km": 1.0}), 2)
    assert version_of(lake, rides) == 2


def test_a_load_adds_checks_that_the_rows_keep_and_is_refused_where_some_break_them(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    given(lake, Table("silver.rides", Ride, "id"), "(1, CAST(NULL AS DOUBLE)), (2, 3.0)")
    rides = Table("silver.rides", Ride, "id", checks=True, on_schema_change="add_columns")
    with pytest.raises(TableMismatchError, match=r'lacks the check .*on_schema_change="add_columns"'):
        loads(lake, replace(rides, on_schema_change="refuse"), append(), rows(Ride, {"id": 3}))
    loads(lake, rides, append(), rows(Ride, {"id": 3, "km": 1.0}))
    with pytest.raises(ConstraintBrokenError):
        loads(lake, rides, append(), rows(Ride, {"id": 4, "km": -1.0}), 2)
    checked, altered = DeltaTable(lake.path(rides.name)).metadata().configuration, version_of(lake, rides)
    assert sum(name.startswith("delta.constraints.") for name in checked) == 2
    stricter = replace(rides, model=FarRide)
    with pytest.raises(TableMismatchError, match="it has the check"):  # what is declared no more is for migrate
        loads(lake, stricter, append(), rows(FarRide, {"id": 4, "km": 9.0}), 2)
    assert version_of(lake, rides) == altered
    given(lake, Table("silver.far", Ride, "id"), "(1, 3.0)")
    with pytest.raises(TableMismatchError, match=r"1 row breaks .*`km` > 5.*Mend them first"):
        loads(lake, replace(stricter, name="silver.far"), append(), rows(FarRide, {"id": 2, "km": 9.0}))
    assert version_of(lake, Table("silver.far")) == 1


class FarRide(RowModel):
    """One long ride."""

    id: int = Field(ge=1)
    km: float | None = Field(gt=5)


@pytest.mark.skipif(not MAIN, reason="Delta 3.3 does not widen an int to a bigint")
@pytest.mark.parametrize("stopped_after", [None, 1, 2, 3])
def test_a_column_with_a_check_is_widened_and_checked_again_also_by_who_finds_it_half_done(
    lake: Lake, rows: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, stopped_after: int | None
) -> None:
    rides = Table("silver.rides", Ride, "id", checks=True, on_schema_change="widen")
    where = f"delta.`{lake.path(rides.name)}`"
    lake.spark.sql(f"CREATE TABLE {where} (id INT NOT NULL, km DOUBLE) USING delta COMMENT 'One ride.'")
    lake.spark.sql(f"INSERT INTO {where} VALUES (1, 2.0)")
    for name, condition in declared_checks(rides).items():
        lake.spark.sql(f"ALTER TABLE {where} ADD CONSTRAINT {name} CHECK ({condition})")
    big = rows(Ride, {"id": 2**40, "km": 3.0})
    if stopped_after:
        with monkeypatch.context() as stopping:
            stopping.setattr(prepare, "alter", partial(_stopped, alter, stopped_after))
            with pytest.raises(InterruptedError):
                loads(lake, rides, append(), big)
    loads(lake, rides, append(), big)
    assert rows_in_files(lake, rides) == [(1, 2.0), (2**40, 3.0)]
    with pytest.raises(ConstraintBrokenError):
        loads(lake, rides, append(), rows(Ride, {"id": 0, "km": 1.0}), 2)


def _stopped(altering: Callable[..., None], after: int, lake: Lake, table: str, changes: Any, by: Any) -> None:
    altering(lake, table, changes[:after], by)
    raise InterruptedError
