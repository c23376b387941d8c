"""`lakegate erase`: what is said before and after, and what is asked."""

from pathlib import Path

from pyspark.sql import SparkSession

from framework.errors import ErasureRefusedError
from tests.command import Said, lakegate, project, rows_at


def _said(shop: Path, *arguments: str) -> Said:
    return lakegate(shop, *arguments, "--set", "lake.root=lake", "--set", "landing.root=data")


def test_a_person_is_erased_by_a_command(tmp_path: Path, spark: SparkSession) -> None:
    shop = project(tmp_path / "shop")
    job = shop / "jobs" / "orders.py"
    job.write_text(job.read_text().replace('keys=("id",)', 'keys=("id",), subject="id"'))
    assert 'subject="id"' in job.read_text()
    early = _said(shop, "erase", "silver.orders", "--key", "id=7", "--yes")
    assert early.out.splitlines() == [
        "silver.orders: not there",
        "It is on the list that loads, backfills and replays respect, as a salted hash.",
    ], early.err
    assert _said(shop, "run", "orders").code == 0
    orders = shop / "lake" / "silver" / "orders"
    tried = _said(shop, "erase", "silver.orders", "--key", "id=1", "--dry-run")
    assert tried.out.splitlines()[-2:] == [
        "silver.orders: 1 row",
        "Nothing was changed (--dry-run).",
    ], tried.err
    assert rows_at(orders, "id") == [(1,), (2,)]
    done = _said(shop, "erase", "silver.orders", "--key", "id=1", "--yes")
    assert "silver.orders: 1 row removed; in old files until 20" in done.out, done.err
    assert "_lakegate." not in done.out
    about = _said(shop, "table", "silver.orders").out
    assert [line.split("│")[4].strip() for line in about.splitlines() if "│ DELETE" in line] == ["erase"]
    assert "salted hash" in done.out
    assert "Erase again after these dates" in done.out
    assert _said(shop, "erase", "silver.orders", "--key", "id=1", "--key", "id=2", "--yes").code == 2
    assert rows_at(orders, "id") == [(2,)]
    refused = _said(shop, "erase", "silver.orders", "--key", "status=open", "--yes")
    assert isinstance(refused.error, ErasureRefusedError)
    assert refused.code == 1


def test_only_a_dry_run_shows_the_malformed_records_and_errors_that_would_go(
    tmp_path: Path, spark: SparkSession
) -> None:
    shop = project(tmp_path / "shop")
    job = shop / "jobs" / "orders.py"
    job.write_text(job.read_text().replace('keys=("id",)', 'keys=("id",), subject="id"'))
    (landed,) = (shop / "data" / "orders").glob("*.csv")
    record = f"x,open,1.0,{'z' * 400}"
    landed.write_text(landed.read_text() + record + "\n")
    assert _said(shop, "run", "orders").code == 0
    tried = _said(shop, "erase", "silver.orders", "--key", "id=1", "--dry-run")
    assert tried.out.splitlines()[-4:] == [
        "silver.orders: 1 row",
        "_lakegate.malformed_orders: 1 row with the words in record",
        f"  {record!r:.300}",
        "Nothing was changed (--dry-run).",
    ], tried.err
    done = _said(shop, "erase", "silver.orders", "--key", "id=1", "--yes")
    assert "_lakegate.malformed_orders: 1 row removed" in done.out, done.err
    assert "x,open" not in done.out
