from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pydantic import Field, create_model
from pyspark.sql import functions as F
from pyspark.sql.types import LongType, StringType, StructType, TimestampType

from framework.errors import ForeignFilesError, FrameMismatchError, TableMismatchError
from framework.tables import Lake, RowModel, Table, generated
from framework.tables.prepare import prepared, require_as_declared, require_frame
from tests.delta import given, rows_of, version_of


class City(RowModel):
    """One city."""

    id: int
    name: str | None = Field(description="its own people's name for it")
    founded_at: datetime | None
    century: str | None = generated("date_format(founded_at, 'yy')")


class Town(RowModel):
    """One town, it's small."""

    id: int = Field(description="ours")
    name: str | None = Field(description="the \\ name")
    founded_at: datetime | None
    century: str | None = generated("date_format(founded_at, 'yy')", description="first two digits")


class Plain(RowModel):
    """One row."""

    id: int
    name: str | None


CITIES = Table(
    "silver.cities",
    City,
    keys="id",
    partition_by="century",
    properties={"delta.appendOnly": "false", "team": "us", "delta.feature.timestampNtz": "supported"},
)
PLAIN = Table("silver.plain", Plain, keys="id", partition_by="name")


@pytest.fixture
def hive(lake: Lake) -> Iterator[Lake]:
    yield replace(lake, catalog="hive")
    lake.spark.sql("DROP DATABASE IF EXISTS silver CASCADE")


def test_a_table_is_made_as_declared_and_what_its_declaration_changes_is_set_once(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    def described() -> tuple[Any, ...]:
        table = DeltaTable(lake.path("silver.cities"))
        fields = [(f.name, f.nullable, f.metadata.get("comment")) for f in table.schema().fields]
        metadata = table.metadata()
        return metadata.description, metadata.configuration, metadata.partition_columns, fields

    prepared(lake, CITIES, rows(City, {"id": 1}))
    assert version_of(lake, CITIES) == 0
    assert described() == (
        "One city.",
        {"delta.appendOnly": "false", "team": "us"},
        ["century"],
        [
            ("id", False, None),
            ("name", True, "its own people's name for it"),
            ("founded_at", True, None),
            ("century", True, None),
        ],
    )

    prepared(lake, CITIES, rows(City, {"id": 1}))
    assert version_of(lake, CITIES) == 0

    changed = replace(CITIES, model=Town, comment=None, properties={"team": "you're", "delta.appendOnly": "true"})
    for _ in range(2):
        prepared(lake, changed, rows(Town, {"id": 1}))
    assert version_of(lake, CITIES) == 5  # the properties, the comment, three columns' comments; nothing twice
    assert described() == (
        "One town, it's small.",
        {"delta.appendOnly": "true", "team": "you're"},
        ["century"],
        [
            ("id", False, "ours"),
            ("name", True, "the \\ name"),
            ("founded_at", True, None),
            ("century", True, "first two digits"),
        ],
    )


def test_a_table_is_made_where_the_root_names_no_host(lake: Lake, rows: Any) -> None:
    # As hdfs:///lake: Hadoop writes the address without the empty host.
    there = replace(lake, root=f"file://{lake.root}")
    prepared(there, PLAIN, rows(Plain, {"id": 1}))
    assert DeltaTable(lake.path(PLAIN.name)).version() == 0


@pytest.mark.parametrize(
    "left", [".00000000000000000000.json.f7.tmp", "_staged_commits/", "_staged_commits/.0.json.tmp"]
)
def test_a_table_is_made_where_a_process_was_killed_before_the_first_commit(lake: Lake, rows: Any, left: str) -> None:
    there = Path(lake.path(PLAIN.name), "_delta_log", left)
    there.parent.mkdir(parents=True)
    there.mkdir() if left.endswith("/") else there.write_text("half a li")
    prepared(lake, PLAIN, rows(Plain, {"id": 1}))
    assert DeltaTable(lake.path(PLAIN.name)).version() == 0


@pytest.mark.parametrize("file", ["name=Oslo/part-0.parquet", "notes.txt", "_delta_log/00000000000000000000.crc"])
def test_no_table_is_made_in_a_folder_of_somebody_else(lake: Lake, rows: Any, file: str) -> None:
    there = Path(lake.path(PLAIN.name), file)
    there.parent.mkdir(parents=True)
    there.write_text("theirs")
    with pytest.raises(ForeignFilesError, match="silver/plain is no Delta table, and holds files"):
        prepared(lake, PLAIN, rows(Plain, {"id": 1}))
    assert [path for path in Path(lake.path(PLAIN.name)).rglob("*") if path.is_file()] == [there]


def test_a_table_keeps_the_added_columns_only_if_it_was_made_with_them(lake: Lake, rows: Callable[..., Any]) -> None:
    given(lake, PLAIN, "(1, 'Oslo')")
    frame = rows(Plain, {"id": 1}).withColumns({"_source_file": F.lit("a.csv"), "_ingested_at": F.current_timestamp()})
    with_source = Table("bronze.plain", Plain)

    assert prepared(lake, PLAIN, frame).columns == ["id", "name"]
    assert prepared(lake, with_source, frame.drop("_ingested_at")).columns == ["id", "name", "_source_file"]
    assert prepared(lake, with_source, frame).columns == ["id", "name", "_source_file"]
    (comment,) = (f.metadata["comment"] for f in DeltaTable(lake.path("bronze.plain")).schema().fields[2:])
    assert comment == "the file that the row was read from"


def test_a_table_without_a_model_has_the_columns_of_its_first_frame(lake: Lake, rows: Callable[..., Any]) -> None:
    table = Table("silver.plain")
    frame = rows(Plain, {"id": 1})
    prepared(lake, table, frame)

    with pytest.raises(FrameMismatchError) as refused:
        prepared(lake, table, frame.withColumn("id", F.lit("one")).withColumnRenamed("name", "nom"))

    assert refused.value.subject == "Table 'silver.plain'"
    assert sorted(said.split("'")[1] for said in refused.value.differences) == ["id", "name", "nom"]
    assert version_of(lake, table) == 0


@pytest.mark.parametrize(
    ("columns", "partition_by", "differs"),
    [
        ({"id": (str, ...), "name": (str | None, ...)}, "name", ["'id'"]),
        ({"id": (int, ...), "name": (str | None, ...), "area": (int, ...)}, "name", ["'area'"]),
        ({"name": (str | None, ...)}, "name", ["'id'"]),
        ({"id": (int | None, ...), "name": (str, ...)}, "name", ["'name'", "'id'"]),
        ({"id": (int, ...), "name": (str | None, generated("string(id)"))}, "name", ["'name'"]),
        ({"id": (int, ...), "name": (str | None, ...)}, (), ["('name',)"]),
        ({"id": (int, ...), "name": (str | None, ...)}, ("name", "id"), ["('name', 'id')"]),
    ],
    ids=["type", "missing", "undeclared", "nullability", "generation", "unpartitioned", "partitioned otherwise"],
)
def test_a_table_that_is_not_as_declared_is_refused(
    lake: Lake, columns: dict[str, Any], partition_by: str, differs: list[str]
) -> None:
    given(lake, PLAIN, "(1, 'Oslo')")
    require_as_declared(lake, PLAIN)

    with pytest.raises(TableMismatchError) as refused:
        require_as_declared(
            lake, Table("silver.plain", create_model("Plain", __base__=RowModel, **columns), (), partition_by)
        )

    assert (refused.value.table, refused.value.path) == ("silver.plain", lake.path("silver.plain"))
    assert len(refused.value.differences) == len(differs)
    assert all(name in said for name, said in zip(differs, refused.value.differences, strict=True))


def test_a_table_that_is_not_there_or_has_no_model_is_as_declared(lake: Lake) -> None:
    require_as_declared(lake, PLAIN)
    given(lake, PLAIN, "(1, 'Oslo')")
    require_as_declared(lake, Table("silver.plain", partition_by="id"))


def test_a_frame_has_exactly_the_declared_columns_and_perhaps_the_added_ones() -> None:
    whole = StructType().add("name", StringType()).add("id", LongType()).add("_ingested_at", TimestampType())
    require_frame(PLAIN, whole)

    with pytest.raises(FrameMismatchError) as refused:
        require_frame(PLAIN, StructType().add("id", StringType()).add("nom", StringType()))

    assert refused.value.subject == "Table 'silver.plain'"
    assert sorted(said.split("'")[1] for said in refused.value.differences) == ["id", "name", "nom"]
    assert refused.value.has == ("id", "nom")


def test_a_table_is_registered_in_the_catalog_under_its_name(hive: Lake, rows: Callable[..., Any]) -> None:
    given(hive, PLAIN, "(1, 'Oslo'), (2, NULL)")

    for _ in range(2):
        prepared(hive, PLAIN, rows(Plain, {"id": 1}))

    assert [tuple(row) for row in hive.spark.table("silver.plain").orderBy("id").collect()] == [(1, "Oslo"), (2, None)]
    assert rows_of(hive, PLAIN) == [(1, "Oslo"), (2, None)]
