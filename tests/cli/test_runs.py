"""What the command shows and undoes of earlier runs, in a project with the job `orders`."""

import io
import json
import os
import platform
import re
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from pyspark.sql import SparkSession

from framework.batch import Position
from framework.cli.options import moment
from framework.errors import (
    BackfillRefusedError,
    RollbackRefusedError,
    UnansweredError,
    UnknownRunError,
    UnreadableTableError,
)
from framework.process import Holder, Process, boot_id, process
from framework.state import Attempt
from framework.state.lease import Grant
from tests.command import Said, lakegate, project, rows_at

DAY_3 = "id,status,amount,updated_at\n2,PAID,7.5,2024-01-03T09:00:00Z\n4,open,1.0,2024-01-03T10:00:00Z\n"
DAY_2 = [(1, "paid", 10.0), (2, "open", 7.5)]
LAKE = ("--set", "lake.root=lake", "--set", "landing.root=data")
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
    return lakegate(shop, "run", "orders", *arguments, *LAKE)


def _said(shop: Path, *arguments: str) -> Said:
    return lakegate(shop, *arguments, *LAKE)


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
    said = lakegate(shop, "runs", "orders", *LAKE, COLUMNS="40")
    assert said.code == 0
    first, second = _runs(shop)
    assert re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  [\d.]+ s", "TIME", said.out) == (
        f"{second}  batch 2, attempt 1  TIME  done\n"
        "  silver.orders 2\n"
        f"{first}  batch 1, attempt 1  TIME  done\n"
        "  silver.orders 2\n"
    )


def test_one_run_is_shown_with_its_plan_its_parameters_and_its_loads(shop: Path) -> None:
    said = lakegate(shop, "run-info", _runs(shop)[1], *LAKE, COLUMNS="80")
    assert said.code == 0
    assert "batch 2, attempt 1: done" in said.out
    assert 'parameters {"min_amount":0.0}' in said.out
    assert re.search(r"reads +raw_orders: 1 file", said.out)
    table = [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in said.out.splitlines()]
    heading, load = [cells[:-1] for cells in table if cells]
    assert heading == ["table", "outcome", "version", "in", "inserted", "updated"]
    assert load == ["silver.orders", "done", "2", "2", "1", "1"]


def test_a_run_that_fails_is_listed_with_its_error(shop: Path) -> None:
    broken = shop / "data" / "orders" / "2024-01-05.csv"
    broken.write_text("id,status,amount,updated_at\n9,lost,1.0,2024-01-05T00:00:00Z\n")
    failed = _run(shop)
    broken.unlink()
    assert failed.code == 3
    listed = _said(shop, "runs", "orders").out.splitlines()
    assert listed[0].endswith("  failed")
    assert listed[1].startswith("  ExpectationFailedError: ")
    assert listed[2].startswith(f"{_runs(shop)[1]}  batch 2, attempt 1")
    assert _orders(shop) == BOTH
    assert "nothing new" in _run(shop).out


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (
            "orders-20200101T000000-abcdef",
            "Job 'orders' has no finished run 'orders-20200101T000000-abcdef'. `lakegate",
        ),
        ("One-2024", "No job of this project has a run 'One-2024'. `lakegate runs` lists what there is."),
        ("", "No job of this project has a run ''. `lakegate runs` lists what there is."),
    ],
)
def test_an_unknown_run_is_refused(shop: Path, run: str, why: str) -> None:
    said = _said(shop, "run-info", run)
    assert (said.code, type(said.error)) == (1, UnknownRunError)
    assert why in said.err


@pytest.mark.parametrize(
    ("holder", "fate"),
    [
        (None, "killed"),
        (Holder(platform.node(), boot_id(), Process(1, "0"), None), "killed"),
        (Holder(platform.node(), boot_id(), process(os.getppid()), None), "killed"),
        (Holder(platform.node(), boot_id(), process(os.getpid()), None), "running"),
        (Holder(platform.node(), "an earlier start", process(os.getpid()), None), "running, or killed"),
        (Holder("elsewhere", boot_id(), process(os.getpid()), None), "killed"),
    ],
    ids=["free", "gone", "another", "this", "unknown", "elsewhere"],
)
def test_an_attempt_that_no_row_tells_of_is_running_while_its_process_holds_the_lease(
    shop: Path, holder: Holder | None, fate: str
) -> None:
    state = shop / "lake" / "_lakegate"
    attempt = state / "attempts" / "orders" / "0000-0000000009-1.json"
    lease = state / "leases" / "job-orders" / "9000000000.json"
    now = datetime.now(UTC)
    begun = Attempt("orders-killed", 1, Position(0, 9), now, platform.node(), os.getpid())
    attempt.write_bytes(TypeAdapter(Attempt).dump_json(begun))
    if holder:
        lease.write_bytes(TypeAdapter(Grant).dump_json(Grant(holder, "token")))
    try:
        listed = _said(shop, "runs", "orders").out.splitlines()
        shown = _said(shop, "run-info", "orders-killed").out.splitlines()
    finally:
        attempt.unlink()
        lease.unlink(missing_ok=True)
    assert listed[:2] == [
        f"orders-killed  batch 9, attempt 1  {now:%Y-%m-%d %H:%M:%S}  {fate}",
        f"  process {os.getpid()} on {platform.node()}",
    ]
    assert shown[0] == f"batch 9, attempt 1: {fate}"


def test_an_attempt_after_which_the_job_went_on_is_listed_by_its_time_and_was_killed(shop: Path) -> None:
    attempt = shop / "lake" / "_lakegate" / "attempts" / "orders" / "0000-0000000009-1.json"
    begun = Attempt("orders-killed", 1, Position(0, 9), datetime(2020, 1, 1, tzinfo=UTC), platform.node(), os.getpid())
    lease = shop / "lake" / "_lakegate" / "leases" / "job-orders" / "9000000000.json"
    holder = Holder(platform.node(), boot_id(), process(os.getpid()), None)
    attempt.write_bytes(TypeAdapter(Attempt).dump_json(begun))
    lease.write_bytes(TypeAdapter(Grant).dump_json(Grant(holder, "token")))
    listed = _said(shop, "runs", "orders").out.splitlines()
    attempt.unlink()
    lease.unlink()
    assert listed[-2] == "orders-killed  batch 9, attempt 1  2020-01-01 00:00:00  killed"


def test_times_are_told_as_utc_whatever_the_zone_of_the_machine(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = _said(shop, "runs", "orders").out
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        there = _said(shop, "runs", "orders").out
    finally:
        monkeypatch.undo()
        time.tzset()
    assert there == here


def test_a_table_whose_files_are_gone_says_so(shop: Path) -> None:
    orders = shop / "lake" / "silver" / "orders"
    away = orders.with_name("away")
    shutil.copytree(orders, away)
    for file in orders.rglob("*.parquet"):
        file.unlink()
    try:
        said = _said(shop, "table", "silver.orders")
    finally:
        shutil.rmtree(orders)
        away.rename(orders)
    assert (said.code, type(said.error)) == (1, UnreadableTableError)
    assert "Table 'silver.orders' cannot be read as of version 2" in said.err
    assert "silver/orders from a backup" in said.err


def test_fewer_rows_than_none_cannot_be_asked_for(shop: Path) -> None:
    said = _said(shop, "table", "silver.orders", "--limit", "-1")
    assert (said.code, "--limit" in said.err) == (2, True)


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


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_a_time_that_is_none_says_how_one_is_written(shop: Path, option: str) -> None:
    said = _said(shop, "backfill", "orders", option, "x")
    assert (said.code, "'x' is no time: use YYYY-MM-DD or YYYY-MM-DDTHH:MM" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2024-01-31", datetime(2024, 1, 31, tzinfo=UTC)),
        ("2024-01-31T06:30", datetime(2024, 1, 31, 6, 30, tzinfo=UTC)),
        ("2024-01-31 06:30:15", datetime(2024, 1, 31, 6, 30, 15, tzinfo=UTC)),
        ("2024-01-31T06:30Z", datetime(2024, 1, 31, 6, 30, tzinfo=UTC)),
        ("2024-01-31T06:30+02:00", datetime(2024, 1, 31, 4, 30, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, at: datetime) -> None:
    assert moment(text) == at


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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.StringIO(""))
        unanswered = _said(shop, "rollback", "orders", "--to", first)
        patch.setattr(sys, "stdin", io.StringIO("n\n"))
        refused = _said(shop, "rollback", "orders", "--to", first)
    assert (unanswered.code, type(unanswered.error)) == (2, UnansweredError)
    assert "say --yes" in unanswered.err
    assert (refused.code, "Aborted" in refused.err) == (1, True)
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
