"""Preparing a table for a load: it is made as declared, or found to be as declared."""

import json
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import DataFrame
from pyspark.sql.types import StringType, StructField, StructType, TimestampType

from framework import fault
from framework.errors import FrameMismatchError, TableMismatchError
from framework.tables.lake import Lake, is_made, partition_columns
from framework.tables.model import differences, generated_columns, schema
from framework.tables.table import Table

SOURCE_FILE, INGESTED_AT = "_source_file", "_ingested_at"
ADDED = (SOURCE_FILE, INGESTED_AT)
MALFORMED = (
    "_malformed"  # a source's text of a record that is not of its row model; never reaches a table of the user's
)
GENERATION = "delta.generationExpression"


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
    """Raise FrameMismatchError unless the frame has exactly the columns that the table declares."""
    if table.model and (found := differences(schema(table.model), frame, exempt=ADDED)):
        raise FrameMismatchError(f"Table {table.name!r}", found, frame.names)


def require_as_declared(lake: Lake, table: Table) -> None:
    """Raise TableMismatchError where the table exists and its columns or partitioning are not as declared."""
    snapshot = lake.snapshot(table.name)
    if table.model is None or not is_made(snapshot):
        return
    actual = _schema(snapshot)
    said = differences(schema(table.model), actual, exempt=ADDED)
    generated = generated_columns(table.model)
    for field in actual.fields:
        found, wanted = field.metadata.get(GENERATION), generated.get(field.name)
        if found != wanted and field.name in schema(table.model).names:
            said.append(f"{field.name!r} is generated as {found} and should be {wanted}")
        declared = next((f for f in schema(table.model).fields if f.name == field.name), None)
        if declared is not None and declared.nullable != field.nullable:
            said.append(f"{field.name!r} is {_null(field.nullable)} and should be {_null(declared.nullable)}")
    partitions = tuple(partition_columns(snapshot))
    if partitions != tuple(table.partition_by):
        said.append(f"it is partitioned by {partitions} and should be by {tuple(table.partition_by)}")
    if said:
        raise TableMismatchError(table.name, lake.path(table.name), said)


def prepared(lake: Lake, table: Table, rows: DataFrame) -> DataFrame:
    """Make the table ready for these rows, and return them without the added columns that it does not keep.

    It is created if it is not there, registered, and its properties and comments are set where they differ.
    """
    frame, snapshot = rows.schema, lake.snapshot(table.name)
    if not is_made(snapshot):
        _create(lake, table, declared_schema(table, frame))
        fault.point(f"after creation {table.name}")
        snapshot = lake.snapshot(table.name)
    if table.model is None:
        missing = differences(_schema(snapshot), frame)
        if missing:
            raise FrameMismatchError(f"Table {table.name!r}", missing, frame.names)
    _describe(lake, table, snapshot)
    if lake.catalog != "none":
        _register(lake, table)
    kept = _schema(snapshot).names
    return rows.drop(*(name for name in ADDED if name not in kept))


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
    if table.comment:
        builder = builder.comment(table.comment)
    for name, value in table.properties.items():
        builder = builder.property(name, value)
    builder.execute()


def _describe(lake: Lake, table: Table, snapshot: Any) -> None:
    """Set what differs; a change of properties conflicts with every load in flight, so nothing is set twice."""
    metadata, set_now = snapshot.metadata(), snapshot.getProperties()
    where = f"delta.`{lake.path(table.name)}`"
    changed = {k: v for k, v in table.properties.items() if not set_now.contains(k) or set_now.apply(k) != v}
    if changed:
        pairs = ", ".join(f"{_text(name)} = {_text(value)}" for name, value in changed.items())
        lake.spark.sql(f"ALTER TABLE {where} SET TBLPROPERTIES ({pairs})")
    if table.comment and metadata.description() != table.comment:
        lake.spark.sql(f"COMMENT ON TABLE {where} IS {_text(table.comment)}")
    if table.model is None:
        return
    comments = {field.name: field.metadata.get("comment") for field in _schema(snapshot).fields}
    for field in schema(table.model).fields:
        comment = field.metadata.get("comment")
        if comment and comments.get(field.name) != comment:
            lake.spark.sql(f"ALTER TABLE {where} ALTER COLUMN `{field.name}` COMMENT {_text(comment)}")


def _register(lake: Lake, table: Table) -> None:
    # A database without a location of its own gives "Can not create a Path from an empty string" on Glue.
    location = f"{lake.root.rstrip('/')}/{table.database}"
    lake.spark.sql(f"CREATE DATABASE IF NOT EXISTS {table.database} LOCATION {_text(location)}")
    lake.spark.sql(f"CREATE TABLE IF NOT EXISTS {table.name} USING delta LOCATION {_text(lake.path(table.name))}")


def _schema(snapshot: Any) -> StructType:
    return StructType.fromJson(json.loads(snapshot.metadata().schemaString()))


def _null(nullable: bool) -> str:
    return "nullable" if nullable else "NOT NULL"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
