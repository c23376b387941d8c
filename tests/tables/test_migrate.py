from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from deltalake import DeltaTable
from pydantic import Field
from pyspark.sql import functions as F

from framework.batch import Position
from framework.errors import ConstraintBrokenError, MigrationRefusedError, MigrationStoppedError, TableNotFoundError
from framework.tables import Lake, RowModel, Table, append, load, upsert
from framework.tables.alter import alter
from framework.tables.commit import Transaction
from framework.tables.difference import Asked
from framework.tables.migrate import migrate, plan_migration
from tests.delta import actions, given, rows_of, version_of


class Trip(RowModel):
    """One trip."""

    id: int
    miles: float | None
    driver: str
    old: int | None


class Ride(RowModel):
    """One ride."""

    id: int = Field(description="ours")
    km: float | None = Field(gt=0)
    tip: float | None
    driver: str | None


TRIPS = Table("silver.trips", Trip, "id")
RIDES = Table("silver.trips", Ride, "id", cluster_by="id", checks=True, properties={"team": "us"})
ASKED = Asked({"miles": "km"}, ("old",))


def test_a_table_is_made_what_it_is_declared_to_be_and_each_commit_says_what_was_done(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    given(lake, TRIPS, "(1, 2.5, 'Ann', 7), (2, NULL, 'Bob', 8)")
    before = version_of(lake, TRIPS)

    changes = migrate(lake, RIDES, ASKED, {"job": "rides"})

    assert rows_of(lake, RIDES) == [(1, 2.5, None, "Ann"), (2, None, None, "Bob")]
    said = [
        actions(lake, RIDES, "commitInfo", n)[0]["userMetadata"] for n in range(before + 1, version_of(lake, RIDES) + 1)
    ]
    assert all(change.does in told.replace("\\", "") for change, told in zip(changes, said, strict=True))
    assert all('"by": {"job": "rides"}' in told for told in said)
    assert [each.split()[0] for each in (change.does for change in changes)] == [
        "set", "rename", "add", "let", "cluster", "drop", "describe", "set", "describe", "check",
    ]  # fmt: skip
    there = DeltaTable(lake.path(RIDES.name))
    assert [(f.name, f.nullable, f.metadata.get("comment")) for f in there.schema().fields] == [
        ("id", False, "ours"), ("km", True, None), ("tip", True, None), ("driver", True, None),
    ]  # fmt: skip
    assert (there.metadata().description, there.metadata().configuration["team"]) == ("One ride.", "us")
    assert plan_migration(lake, RIDES, Asked()) == ()

    now = rows(Ride, {"id": 1, "km": 4.0, "tip": 1.0, "driver": None})
    load(lake, RIDES, upsert(), now, Transaction("rides/load", Position(0, 1)))
    assert rows_of(lake, RIDES) == [(1, 4.0, 1.0, None), (2, None, None, "Bob")]


@pytest.mark.parametrize("done", [1, 2, 5, 9])  # of 10
def test_a_migration_that_was_stopped_after_any_change_is_finished_by_the_same_one(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    given(lake, TRIPS, "(1, 2.5, 'Ann', 7), (2, NULL, 'Bob', 8)")
    before = version_of(lake, TRIPS)
    left = iter(range(done))

    def stopping(*arguments: Any) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        alter(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("framework.tables.migrate.alter", stopping)
        with pytest.raises(KeyboardInterrupt):
            migrate(lake, RIDES, ASKED, {})
    assert version_of(lake, RIDES) == before + done
    migrate(lake, RIDES, ASKED, {})
    assert version_of(lake, RIDES) == before + 10
    assert rows_of(lake, RIDES) == [(1, 2.5, None, "Ann"), (2, None, None, "Bob")]
    assert plan_migration(lake, RIDES, Asked()) == ()


@pytest.mark.parametrize(
    ("table", "asked", "said"),
    [
        (RIDES, Asked({"miles": "km"}), "'old' bigint is not declared"),
        (RIDES, Asked({"mile": "km"}, ("old",)), "Did you mean 'miles'?"),
        (RIDES, ASKED, "1 row breaks coalesce(`km` > 0, true). Mend them first"),
        (replace(RIDES, cluster_by=(), partition_by="driver"), ASKED, "it is partitioned by ()"),
        (Table("silver.trips"), Asked(), "it declares no row model"),
    ],
    ids=["undeclared", "typo", "rows that break a check", "partitioning", "no model"],
)
def test_what_cannot_be_done_is_refused_before_anything_is(lake: Lake, table: Table, asked: Asked, said: str) -> None:
    given(lake, TRIPS, "(1, -2.5, 'Ann', 7)")
    with pytest.raises(MigrationRefusedError) as refused:
        migrate(lake, table, asked, {})
    assert said in str(refused.value)
    assert version_of(lake, TRIPS) == 1


def test_a_table_that_is_not_there_yet_is_made_by_its_first_load(lake: Lake) -> None:
    with pytest.raises(TableNotFoundError):
        plan_migration(lake, RIDES, Asked())


def test_columns_within_columns_are_renamed_dropped_and_described(lake: Lake) -> None:
    class Stop(RowModel):
        town: str | None = Field(description="its name")

    class Way(RowModel):
        """One way."""

        stops: list[Stop] | None

    where = f"delta.`{lake.path('silver.ways')}`"
    inner = "STRUCT<place: STRING, old: INT>"
    lake.spark.sql(f"CREATE TABLE {where} (stops ARRAY<{inner}>) USING delta COMMENT 'One way.'")
    lake.spark.sql(f"INSERT INTO {where} SELECT array(named_struct('place', 'Oslo', 'old', 2))")
    ways = Table("silver.ways", Way)
    with pytest.raises(MigrationRefusedError, match=r"'stops.element.place' string is not declared"):
        plan_migration(lake, ways, Asked())
    migrate(lake, ways, Asked({"stops.element.place": "town"}, ("stops.element.old",)), {})
    assert rows_of(lake, ways) == [([{"town": "Oslo"}],)]
    assert plan_migration(lake, ways, Asked()) == ()
    with pytest.raises(MigrationStoppedError, match="DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED"):
        migrate(lake, replace(ways, cluster_by="stops"), Asked(), {})


class Plain(RowModel):
    id: int
    place: str


class Template(RowModel):
    """A place with ${spark.app.name}."""

    id: int
    place: Literal["${spark.app.name}", "it's \\${x}"] = Field(description="${spark.app.name}")


def test_what_looks_like_a_variable_of_spark_is_checked_and_described_as_it_stands(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    given(lake, Table("silver.plain", Plain), "(1, '${spark.app.name}')")
    made = Table("silver.made", Template, checks=True)
    migrated = Table("silver.plain", Template, checks=True, properties={"team": "${spark.app.name}"})
    migrate(lake, migrated, Asked(), {})
    for number, table in enumerate((migrated, made), 1):
        there = Transaction("t/load", Position(0, number), {}, lambda: datetime(2024, 2, 1, tzinfo=UTC))
        load(lake, table, append(), rows(Template, {"id": 2, "place": "it's \\${x}"}), there)
        other = rows(Template, {"id": 3, "place": ""}).withColumn("place", F.lit("Oslo"))
        with pytest.raises(ConstraintBrokenError):
            load(lake, table, append(), other, replace(there, position=Position(0, 9)))
        assert plan_migration(lake, table, Asked()) == ()
        assert DeltaTable(lake.path(table.name)).metadata().description == "A place with ${spark.app.name}."
    assert lake.properties(migrated.name)["team"] == "${spark.app.name}"
    assert rows_of(lake, migrated) == [(1, "${spark.app.name}"), (2, "it's \\${x}")]
