"""What a table is made of, read from its log; and altering it, a commit for each change, which says what was done.

Each change leaves a table that can be read and loaded, so whoever is stopped between two of them goes on from there.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from framework.counted import counted
from framework.session import derive, lane
from framework.tables.commit import SCHEMA_CHANGE
from framework.tables.difference import TABLE, Change
from framework.tables.lake import BETWEEN, Lake, partition_columns, properties_of
from framework.tables.layout import Layout

GENERATION = "delta.generationExpression"
CONSTRAINT = "delta.constraints."
BY = "by"


@cache
def delta_version() -> str:
    """Return the version of Delta that this process works with."""
    return lane().delta


def schema_of(snapshot: Any) -> StructType:
    """Return the columns of a snapshot."""
    return StructType.fromJson(json.loads(snapshot.metadata().schemaString()))


def found_layout(lake: Lake, snapshot: Any) -> Layout:
    """Return what a table is made of, as of a snapshot."""
    columns = schema_of(snapshot)
    properties = properties_of(snapshot)
    return Layout(
        columns,
        {f.name: str(f.metadata[GENERATION]) for f in columns.fields if GENERATION in f.metadata},
        {name[len(CONSTRAINT) :]: text for name, text in properties.items() if name.startswith(CONSTRAINT)},
        tuple(partition_columns(snapshot)),
        clustering(lake, snapshot),
        properties,
        snapshot.metadata().description(),
    )


def clustering(lake: Lake, snapshot: Any) -> tuple[str, ...]:
    """Return the columns that a snapshot is clustered by."""
    if "delta.feature.clustering" not in properties_of(snapshot):
        return ()
    name = "org.apache.spark.sql.delta.skipping.clustering.ClusteringColumnInfo$"
    found: Any = getattr(getattr(lake.spark._jvm, name), "MODULE$").extractLogicalNames(snapshot)
    return tuple(str(found.mkString(BETWEEN)).split(BETWEEN)) if found.nonEmpty() else ()


def alter(lake: Lake, table: str, changes: Sequence[Change], by: Mapping[str, Any]) -> None:
    """Make the changes, one after the other. Each commit notes what it did, and for whom, `by`."""
    for change in changes:
        # Not among the notes of a load: these say of a commit that it holds a batch.
        notes = json.dumps({SCHEMA_CHANGE: change.does, BY: dict(by)}, default=str)
        session = derive(lake.spark, {"spark.databricks.delta.commitInfo.userMetadata": notes})
        session.sql(change.sql.replace(TABLE, f"delta.`{lake.path(table)}`", 1))


def broken(lake: Lake, table: str, changes: Sequence[Change], renames: Mapping[str, str]) -> list[str]:
    """Say how many rows of a table break each check that is to be added; one pass, and none without checks."""
    rows = lake.spark.read.format("delta").load(lake.path(table))
    rows = rows.withColumnsRenamed({old: new for old, new in renames.items() if "." not in old})
    conditions = [
        c.condition for c in changes if c.condition and any(f"`{name}`" in c.condition for name in rows.columns)
    ]
    if not conditions:
        return []
    found = rows.agg(*(F.count_if(~F.expr(each)).alias(f"_{n}") for n, each in enumerate(conditions))).first()
    assert found is not None
    return [
        f"{counted(count, 'row')} break{'s' if count == 1 else ''} {each}. Mend them first"
        for each, count in zip(conditions, found, strict=True)
        if count
    ]
