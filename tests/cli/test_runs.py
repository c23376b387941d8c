"""What the command shows and undoes of earlier runs, in a project with the job `orders`."""

import json
import re
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from framework.errors import BackfillRefusedError, RollbackRefusedError, UnknownRunError
from tests.command import Said, lakegate, project, rows_at

DAY_3 = "id,status,amount,updated_at\n2,PAID,7.5,2024-01-03T09:00:00Z\n4,open,1.0,2024-01-03T10:00:00Z\n"
DAY_2 = [(1, "paid", 10.0), (2, "open", 7.5)]
BOTH = [(1, "paid", 10.0), (2, "paid", 7.5), (4, "open", 1.0)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> Path:
    """A project whose job has run twice: the sample of the 2nd, and then a file of the 3rd."""
    folder = project(tmp_path_factory.mktemp("projects") / "shop")
    assert _run(folder).code == 0
    (folder / "data" / "orders" / "2024-01-03.csv").write_text(DAY_3)
    assert _run(folder).code == 0
    return folder


def _run(shop: Path, *arguments: str) -> Said:
    return lakegate(shop, "run", "orders", *arguments, "--set", "lake.root=lake", "--set", "landing.root=data")


def _said(shop: Path, *arguments: str) -> Said:
    return lakegate(shop, *arguments, "--set", "lake.root=lake", "--set", "landing.root=data")


def _orders(shop: Path) -> list[tuple[object, ...]]:
    return rows_at(shop / "lake" / "silver" / "orders", "id, status, amount")


def _runs(shop: Path) -> list[str]:
    """Return the ids of the finished runs, oldest first, as the publications on disk have them."""
    published = sorted((shop / "lake" / "_lakegate" / "published" / "orders").glob("*.json"))
    return [json.loads(file.read_text())["run_id"] for file in published]


def test_a_run_without_anything_new_says_so(shop: Path) -> None:
    said = _run(shop)
    assert said.code == 0
    assert "orders: nothing new since its last batch" in said.out


def test_bookmarks_say_how_far_the_source_was_read_and_which_commit_carries_it(shop: Path) -> None:
    (shop / "data" / "orders" / "2024-01-04.csv").write_text("id,status,amount,updated_at\n")
    said = _said(shop, "bookmarks", "orders")
    (shop / "data" / "orders" / "2024-01-04.csv").unlink()
    assert said.code == 0
    (row,) = [line for line in said.out.splitlines() if "raw_orders" in line]
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "orders", "raw_orders", "2024-01-03.csv", "2", "silver.orders at version 2", "1 file, 0.0 MB",
    ]  # fmt: skip


def test_runs_are_listed_newest_first_with_what_they_changed(shop: Path) -> None:
    said = _said(shop, "runs", "orders")
    assert said.code == 0
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in said.out.splitlines() if "done" in line]
    assert [row[0] for row in rows] == _runs(shop)[::-1]
    assert [(row[1], row[2], row[5], row[6]) for row in rows] == [
        ("2", "1", "done", "silver.orders 2"),
        ("1", "1", "done", "silver.orders 2"),
    ]


def test_one_run_is_shown_with_its_plan_its_parameters_and_its_loads(shop: Path) -> None:
    said = _said(shop, "run-info", _runs(shop)[1])
    assert said.code == 0
    assert "batch 2, attempt 1: done" in said.out
    assert 'parameters {"min_amount":0.0}' in said.out
    assert re.search(r"reads +raw_orders: 1 file", said.out)
    (load,) = [line for line in said.out.splitlines() if "silver.orders" in line]
    cells = [cell.strip() for cell in load.strip("│").split("│")]
    assert cells[:-1] == ["silver.orders", "silver.orders", "done", "2", "2", "1", "1", "0", "0", "0"]


def test_a_run_that_fails_is_listed_with_its_error(shop: Path) -> None:
    broken = shop / "data" / "orders" / "2024-01-05.csv"
    broken.write_text("id,status,amount,updated_at\n9,lost,1.0,2024-01-05T00:00:00Z\n")
    failed = _run(shop)
    broken.unlink()
    assert failed.code == 3
    listed = _said(shop, "runs", "orders").out
    (row,) = [line for line in listed.splitlines() if "failed" in line]
    assert "ExpectationFailedError" in row
    assert _orders(shop) == BOTH
    assert "nothing new" in _run(shop).out


def test_an_unknown_run_is_refused(shop: Path) -> None:
    said = _said(shop, "run-info", "orders-20200101T000000-abcdef")
    assert (said.code, type(said.error)) == (1, UnknownRunError)


def test_a_table_is_printed_as_a_run_left_it(shop: Path) -> None:
    first = _said(shop, "table", "silver.orders", "--run", _runs(shop)[0])
    latest = _said(shop, "table", "silver.orders", "--run", "orders")
    assert "silver.orders, version 1" in first.out
    assert "2 of 2 rows" in first.out
    assert "silver.orders, version 2" in latest.out
    assert "3 of 3 rows" in latest.out


def test_stop_says_that_nothing_is_running(shop: Path) -> None:
    said = _said(shop, "stop", "orders")
    assert (said.code, said.out) == (0, "orders is not running.\n")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--from", "2024-01-02"), "give --from and --to"),
        (("--from", "2024-01-02", "--to", "2024-01-02"), "is not before"),
        (("--from", "2024-01-02", "--to", "2024-01-03", "--by", "fortnight"), "must be one of year, month"),
        (("--from", "2024-01-02", "--to", "2024-01-03", "--only-load", "silver.order"), "Did you mean 'silver.orders'"),
        (("--resume", "orders@backfill-x"), "no backfill 'orders@backfill-x' was begun"),
    ],
)
def test_a_backfill_that_cannot_be_is_refused(shop: Path, arguments: tuple[str, ...], why: str) -> None:
    said = _said(shop, "backfill", "orders", *arguments)
    assert (said.code, type(said.error)) == (1, BackfillRefusedError)
    assert why in said.err


def test_a_backfill_reads_the_days_again_and_leaves_the_bookmark(shop: Path) -> None:
    sample = shop / "data" / "orders" / "2024-01-02.csv"
    before = sample.read_text()
    sample.write_text(before + "5,open,2.0,2024-01-02T11:00:00Z\n")  # rewritten in place: a run does not read it again
    assert "rewritten since read" in _run(shop).out
    assert _orders(shop) == BOTH
    said = _said(shop, "backfill", "orders", "--from", "2024-01-01", "--to", "2024-02-01", "--by", "day")
    assert said.code == 0, said.err
    assert "2 slices done" in said.out
    assert _orders(shop) == [*BOTH, (5, "open", 2.0)]
    assert "nothing new" in _run(shop).out
    assert "3 of 3 rows" not in _said(shop, "table", "silver.orders", "--run", "orders").out


def test_a_rollback_is_tried_asked_for_and_done_and_the_batches_after_it_run_again(shop: Path) -> None:
    first = _runs(shop)[0]
    tried = _said(shop, "rollback", "orders", "--to", first, "--dry-run")
    assert (tried.code, "Nothing was changed" in tried.out) == (0, True)
    assert len(_orders(shop)) == 4
    done = _said(shop, "rollback", "orders", "--to", first, "--yes")
    assert done.code == 0, done.err
    assert _orders(shop) == DAY_2
    again = _run(shop)
    assert "batch 2 of epoch 1" in again.out
    assert _orders(shop) == BOTH
    undone = _said(shop, "rollback", "orders", "--to", _runs(shop)[1], "--yes")
    assert (undone.code, type(undone.error)) == (1, RollbackRefusedError)
    assert "an earlier rollback has undone it" in undone.err
