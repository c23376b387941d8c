"""Preparing a table for a load: it is made as declared, or found to be, or altered as far as its declaration allows."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import DataFrame
from pyspark.sql.types import StringType, StructField, StructType, TimestampType

from framework import fault
from framework.errors import ForeignFilesError, FrameMismatchError, TableMismatchError
from framework.tables.alter import CONSTRAINT, alter, broken, delta_version, found_layout, schema_of
from framework.tables.difference import Asked, Difference, difference
from framework.tables.lake import Lake, is_made
from framework.tables.layout import declared_checks, declared_layout
from framework.tables.model import differences, generated_columns, schema
from framework.tables.sql import text
from framework.tables.table import Table

SOURCE_FILE, INGESTED_AT = "_source_file", "_ingested_at"
ADDED = (SOURCE_FILE, INGESTED_AT)
RESERVED = "_lakegate_"  # what the names begin with of the columns that a load makes for itself
# What Delta says once it has taken a folder that holds something else for the table, and made none.
NOT_MADE = ("DELTA_TABLE_NOT_FOUND", "DELTA_MISSING_DELTA_TABLE")
MALFORMED = (
    "_malformed"  # a source's text of a record that is not of its row model; never reaches a table of the user's
)


def added_columns() -> StructType:
    """Return the columns that file sources add to what they read; a table keeps those that its frame has."""
    return StructType(
        [
            StructField(SOURCE_FILE, StringType(), True, {"comment": "the file that the row was read from"}),
            StructField(INGESTED_AT, TimestampType(), True, {"comment": "when its batch was planned, UTC"}),
        ]
    )


def declared_schema(table: Table, frame: StructType) -> StructType:
    """Return the schema that the table should have: its model's, and the added columns that the frame has."""
    if table.model is None:
        return frame
    added = [field for field in added_columns().fields if field.name in frame.names]
    return StructType([*schema(table.model).fields, *added])


def require_frame(table: Table, frame: StructType) -> None:
    """Raise FrameMismatchError unless the frame has exactly the columns that the table declares, none reserved."""
    reserved = (name for name in frame.names if name.casefold().startswith(RESERVED))
    found = [f"{name!r} begins with {RESERVED!r}, as only Lakegate's own columns do" for name in reserved]
    if table.model:
        found += differences(schema(table.model), frame, exempt=ADDED)
    if found:
        raise FrameMismatchError(f"Table {table.name!r}", found, frame.names)


def require_as_declared(lake: Lake, table: Table) -> None:
    """Raise TableMismatchError where the table exists and differs from its declaration as no load may change it."""
    snapshot = lake.snapshot(table.name)
    if table.model is not None and is_made(snapshot):
        _require(lake, table, compared(lake, table, snapshot))


def compared(lake: Lake, table: Table, snapshot: Any, asked: Asked | None = None) -> Difference:
    """Compare a table that has a row model with a snapshot of it."""
    found = found_layout(lake, snapshot)
    return difference(table.name, declared_layout(table), found, delta=delta_version(), exempt=ADDED, asked=asked)


def prepared(lake: Lake, table: Table, rows: DataFrame, notes: Mapping[str, Any] | None = None) -> DataFrame:
    """Make the table ready for these rows, and return them without the added columns that it does not keep.

    It is created if it is not there, registered, and altered as far as its declaration allows, in commits that
    carry the `notes`. Raises TableMismatchError or FrameMismatchError where it would have to be altered further,
    TableMismatchError where rows break a check that it is to have, and ForeignFilesError where its folder is somebody
    else's.
    """
    frame, snapshot = rows.schema, lake.snapshot(table.name)
    if not is_made(snapshot):
        _create(lake, table, declared_schema(table, frame))
        fault.point(f"after creation {table.name}")
        snapshot = lake.snapshot(table.name)
    differs = _differs(lake, table, snapshot, frame)
    if differs.changes:
        if said := broken(lake, table.name, differs.changes, {}):
            raise TableMismatchError(table.name, lake.path(table.name), said)
        try:
            alter(lake, table.name, differs.changes, notes or {})
        except Exception:
            if _differs(lake, table, lake.snapshot(table.name), frame).changes:
                raise  # else another load has just made the same changes
        snapshot = lake.snapshot(table.name)
    if lake.catalog != "none":
        _register(lake, table)
    kept = schema_of(snapshot).names
    return rows.drop(*(name for name in ADDED if name not in kept))


def _differs(lake: Lake, table: Table, snapshot: Any, frame: StructType) -> Difference:
    """Return what a load is to change, which is allowed to it."""
    if table.model is not None:
        differs = compared(lake, table, snapshot)
        _require(lake, table, differs)
        return differs
    found = found_layout(lake, snapshot)
    columns = StructType([StructField(f.name, f.dataType, True) for f in frame.fields])
    now = StructType([StructField(f.name, f.dataType, True, f.metadata) for f in found.columns.fields])
    wanted = replace(
        found, columns=columns, properties=table.properties, comment=table.comment, checks={}, generated={}
    )
    differs = difference(
        table.name, wanted, replace(found, columns=now, checks={}, generated={}), delta=delta_version()
    )
    if differs.against(table):
        said = differences(found.columns, frame)
        if table.on_schema_change == "refuse":
            adds = 'it (on_schema_change="add_columns" would add it)'
            said = [each.replace("is not declared", f"is not a column of {adds}") for each in said]
        raise FrameMismatchError(f"Table {table.name!r}", said, frame.names)
    return differs


def _require(lake: Lake, table: Table, differs: Difference) -> None:
    if said := differs.against(table):
        raise TableMismatchError(table.name, lake.path(table.name), said)


def _create(lake: Lake, table: Table, columns: StructType) -> None:
    # Delta takes any folder that holds something for a table, also the log of a process that was killed before the
    # first commit, and then makes none.
    lake.storage.delete_begun(f"{lake.path(table.name)}/_delta_log")
    # As Hadoop writes it, hdfs:/lake for hdfs:///lake: Delta compares it letter by letter with what Hadoop makes of it.
    jvm: Any = lake.spark._jvm
    location = jvm.org.apache.hadoop.fs.Path(lake.path(table.name)).toString()
    builder = DeltaTable.createIfNotExists(lake.spark).location(location)
    generated = generated_columns(table.model) if table.model else {}
    for field in columns.fields:
        builder = builder.addColumn(
            field.name,
            field.dataType,
            nullable=field.nullable,
            generatedAlwaysAs=generated.get(field.name),
            comment=field.metadata.get("comment"),
        )
    if table.partition_by:
        builder = builder.partitionedBy(*table.partition_by)
    if table.cluster_by:
        builder = builder.clusterBy(*table.cluster_by)
    if table.comment:
        builder = builder.comment(table.comment)
    checks = {f"{CONSTRAINT}{name}": condition for name, condition in declared_checks(table).items()}
    for name, value in {**table.properties, **checks}.items():
        builder = builder.property(name, value)
    try:
        builder.execute()
    except Exception as error:
        if any(refused in str(error) for refused in NOT_MADE):
            raise ForeignFilesError(table.name, lake.path(table.name)) from None
        raise


def _register(lake: Lake, table: Table) -> None:
    # A database without a location of its own gives "Can not create a Path from an empty string" on Glue.
    location = f"{lake.root.rstrip('/')}/{table.database}"
    lake.spark.sql(f"CREATE DATABASE IF NOT EXISTS {table.database} LOCATION {text(location)}")
    lake.spark.sql(f"CREATE TABLE IF NOT EXISTS {table.name} USING delta LOCATION {text(lake.path(table.name))}")
