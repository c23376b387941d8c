"""Tables by other hands than ours: made and read with deltalake and duckdb, so that nothing confirms itself."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
from arro3.core import Table as Arrow
from deltalake import DeltaTable, QueryBuilder, Schema, write_deltalake

from framework.tables import Lake, Table
from framework.tables.model import columns, schema


def given(lake: Lake, table: Table, values: str) -> None:
    """Make the table as declared, or append to it: `given(lake, CITIES, "(1, 'Oslo'), (2, NULL)")`."""
    assert table.model
    path = lake.path(table.name)
    if not DeltaTable.is_deltatable(path):
        declared = Schema.from_json(schema(table.model).json())
        DeltaTable.create(
            path,
            declared,
            partition_by=list(table.partition_by),
            description=table.comment,
            configuration=dict(table.properties),
        )
    names = ", ".join(f'"{name}"' for name in columns(table.model))
    rows = duckdb.sql(f"FROM (VALUES {values}) t({names})")
    assert rows
    write_deltalake(path, rows, mode="append")


def rows_of(lake: Lake, table: Table, wanted: str = "*", *, version: int | None = None) -> list[tuple[Any, ...]]:
    """Return the table's rows, or of each what `wanted` selects, in the order of their text."""
    there = QueryBuilder().register("t", DeltaTable(lake.path(table.name), version=version))
    found = there.execute(f"SELECT {wanted} FROM t").read_all()
    values = [[column[row].as_py() for row in range(found.num_rows)] for column in found.columns]
    return sorted(zip(*values, strict=True), key=str)


def rows_by_duckdb(lake: Lake, table: Table, wanted: str = "*", *, version: int | None = None) -> list[tuple[Any, ...]]:
    """Return the same by another engine: duckdb, on the Arrow table that deltalake reads."""
    there = QueryBuilder().register("t", DeltaTable(lake.path(table.name), version=version))
    with duckdb.connect() as connection:
        connection.register("t", there.execute("SELECT * FROM t").read_all())
        # As Arrow again, since duckdb makes Python's times only with a library that nothing else asks for.
        found = Arrow.from_arrow(connection.sql(f"SELECT {wanted} FROM t"))
    values = [[column[row].as_py() for row in range(found.num_rows)] for column in found.columns]
    return sorted(zip(*values, strict=True), key=str)


def compacted_and_vacuumed(lake: Lake, table: Table, *, by: str = "") -> None:
    """Compact the table, or Z-order it by a column, and vacuum all that it has no use for."""
    there = f"delta.`{lake.path(table.name)}`"
    lake.spark.sql(f"OPTIMIZE {there}{f' ZORDER BY ({by})' if by else ''}")
    lake.spark.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
    lake.spark.sql(f"VACUUM {there} RETAIN 0 HOURS")
    lake.spark.conf.unset("spark.databricks.delta.retentionDurationCheck.enabled")


def rows_in_files(lake: Lake, table: Table) -> list[tuple[Any, ...]]:
    """Return the rows of a table that deltalake refuses, one with widened types: the files that its log says it has."""
    files: dict[str, None] = {}
    for log in sorted(Path(lake.path(table.name), "_delta_log").glob("*.json")):
        for action in _lines(log.read_text()):
            if "add" in action:
                files[action["add"]["path"]] = None
            elif "remove" in action:
                del files[action["remove"]["path"]]
    listed = ", ".join(f"'{lake.path(table.name)}/{file}'" for file in files)
    return sorted(duckdb.execute(f"FROM read_parquet([{listed}], union_by_name = true)").fetchall(), key=str)


def version_of(lake: Lake, table: Table) -> int:
    """Return the table's version, -1 where there is none."""
    path = lake.path(table.name)
    return DeltaTable(path).version() if DeltaTable.is_deltatable(path) else -1


def actions(lake: Lake, table: Table, kind: str, version: int | None = None) -> list[dict[str, Any]]:
    """Return the actions of a kind (add, remove, txn, commitInfo, metaData) of one commit, or else of the newest."""
    number = version_of(lake, table) if version is None else version
    log = Path(lake.path(table.name), "_delta_log", f"{number:020}.json").read_text()
    return [action[kind] for action in _lines(log) if kind in action]


def aged(lake: Lake, table: Table, days: int) -> None:
    """Make the table older by so many days: each time in its log, and those of its files."""
    folder, milliseconds = Path(lake.path(table.name)), days * 86_400_000
    for crc in folder.rglob("*.crc"):
        crc.unlink()
    for log in folder.glob("_delta_log/*.json"):
        lines = [json.dumps(_earlier(action, milliseconds)) for action in _lines(log.read_text())]
        log.write_text("".join(f"{line}\n" for line in lines))
    for file in (path for path in folder.rglob("*") if path.is_file()):
        at = file.stat().st_mtime - days * 86_400
        os.utime(file, (at, at))
    getattr(lake.spark._jvm, "org.apache.spark.sql.delta.DeltaLog").clearCache()


def _earlier(value: Any, milliseconds: int) -> Any:
    times = ("timestamp", "deletionTimestamp", "modificationTime", "createdTime")
    if not isinstance(value, dict):
        return value
    return {k: v - milliseconds if k in times and v else _earlier(v, milliseconds) for k, v in value.items()}


def data_files(lake: Lake, table: Table) -> set[str]:
    """Return the names of the data files that there are on the disk, whether the table has them or not."""
    return {path.name for path in Path(lake.path(table.name)).rglob("*.parquet") if "_delta_log" not in path.parts}


def _lines(log: str) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in log.splitlines())
