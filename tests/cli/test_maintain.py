"""`lakegate maintain`, `diff` and `restore`, and what `lakegate table` tells of a table."""

import re
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from framework.errors import RestoreRefusedError, UnknownTableError
from tests.command import Said, lakegate, project, rows_at

LAKE = ("--set", "lake.root=lake", "--set", "landing.root=data")
UPKEEP = '''"""Upkeep: the orders can be had as they were for 20 days."""

from framework.pipeline import Job, maintain
from jobs.orders import ORDERS

job = Job("upkeep", stages=[maintain(ORDERS, recovery_days=20)])
'''
LOADED, LEFT = [(1, "paid"), (2, "open")], [(2, "open")]


@pytest.fixture
def shop(tmp_path: Path, spark: SparkSession) -> Path:
    """A project whose job has run once, version 1; then somebody deleted an order by hand."""
    made = project(tmp_path / "shop")
    (made / "jobs" / "upkeep.py").write_text(UPKEEP)
    assert _said(made, "run", "orders").code == 0
    DeltaTable(str(made / "lake" / "silver" / "orders")).delete("id = 1")
    return made


def _said(shop: Path, *arguments: str) -> Said:
    return lakegate(shop, *arguments, *LAKE)


def _done(shop: Path, *arguments: str) -> str:
    said = _said(shop, *arguments)
    assert said.code == 0, said.err
    return " ".join(said.out.replace("│", " ").replace("┃", " ").split())


def _bytes(shop: Path) -> int:
    """The size of the table's files, by deltalake."""
    files = DeltaTable(str(shop / "lake" / "silver" / "orders")).file_uris()
    return sum(Path(file).stat().st_size for file in files)


def _version(shop: Path) -> int:
    return DeltaTable(str(shop / "lake" / "silver" / "orders")).version()


def test_a_table_is_looked_at_compared_maintained_and_restored(shop: Path) -> None:
    told = _done(shop, "table", "silver.orders")
    for words in ("versions 0 to 2", "amount double", "DELETE", "orders/silver.orders 1", "1 of 1 row", " KB, "):
        assert words in told
    assert "Columns" not in _done(shop, "table", "silver.orders", "--limit", "1")

    compared = _done(shop, "diff", "silver.orders", "--from", "1")
    assert "- 1 paid" in compared
    assert "1 row gone, 0 rows new" in compared
    back = _done(shop, "diff", "silver.orders", "--from", "2", "--to", "1")
    for words in ("silver.orders, version 2 to 1", "+ 1 paid", "0 rows gone, 1 row new"):
        assert words in back
    assert "1 more that differ are not shown" in _done(shop, "diff", "silver.orders", "--from", "1", "--limit", "0")

    sets = "sets delta.deletedFileRetentionDuration = interval 20 days"
    assert sets in _done(shop, "maintain", "silver.orders", "--dry-run")
    assert _version(shop) == 2
    assert sets in (everything := _done(shop, "maintain", "--all"))
    assert "_lakegate.runs_orders" in everything
    size = f"1 file, {_bytes(shop) / 1000:.1f} KB, versions 0 to"
    assert re.search(rf"silver\.orders {re.escape(size)} 2 {sets}.* {re.escape(size)} 3 ", everything)
    properties = _done(shop, "table", "silver.orders").split("Properties")[1].split("History")[0]
    assert "delta.deletedFileRetentionDuration interval 20 days" in properties
    assert _version(shop) == 3
    unknown = _said(shop, "maintain", "silver.order")
    assert (unknown.code, isinstance(unknown.error, UnknownTableError)) == (2, True)

    assert "which undoes: delete (version 2)" in _done(shop, "restore", "silver.orders", "--to", "1", "--dry-run")
    assert rows_at(shop / "lake" / "silver" / "orders", "id, status") == LEFT
    _done(shop, "restore", "silver.orders", "--to", "1", "--yes")
    assert rows_at(shop / "lake" / "silver" / "orders", "id, status") == LOADED
    assert "RESTORE restore to version 1" in _done(shop, "table", "silver.orders")
    refused = _said(shop, "restore", "silver.orders", "--to", "0", "--yes")
    assert isinstance(refused.error, RestoreRefusedError)
    assert "`lakegate rollback orders --to RUN` moves it too" in " ".join(refused.err.split())
    assert "nothing new" in _done(shop, "run", "orders")


def test_what_spark_fails_at_is_said_in_short(shop: Path, spark: SparkSession) -> None:
    (shop / "jobs" / "upkeep.py").write_text(UPKEEP.replace("recovery_days=20", "small_files=2"))
    orders = str(shop / "lake" / "silver" / "orders")
    spark.read.format("delta").load(orders).write.format("delta").mode("append").save(orders)
    for file in map(Path, DeltaTable(orders).file_uris()):
        file.write_bytes(b"PAR0" * (file.stat().st_size // 4 + 1))
        file.with_name(f".{file.name}.crc").unlink(missing_ok=True)
    said = _said(shop, "maintain", "silver.orders")
    error = said.err.split("Error: ")[-1]
    assert (said.code, error.startswith("Spark failed: ")) == (1, True), said.err
    assert "is not a Parquet file" in error
    assert "\tat org.apache" not in error
    assert error.splitlines()[-1].startswith("What was committed before stays")
    assert _version(shop) == 3
