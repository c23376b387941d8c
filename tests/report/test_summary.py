from dataclasses import replace
from datetime import UTC, datetime

import pytest

from framework.batch import Plan, Position
from framework.pipeline import BatchReport, Job, RunReport, StageReport
from framework.report import batch_summary, progress, summary
from framework.tables import Counts

JOB = Job("orders", stages=[])
PLAN = Plan("orders", "run-1", Position(0, 7), datetime(2024, 1, 1, 12, tzinfo=UTC), "c0de", ("silver.orders",))
READ = StageReport("raw", "extract", "done", reads="2 files, 1,202 rows", seconds=0.24)
CLEANED = StageReport("cleaned", "transform", "done")


@pytest.fixture(autouse=True)
def _a_wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def _loaded(counts: Counts) -> StageReport:
    return StageReport("silver.orders", "load", "done", counts=counts, version=3, seconds=1.06)


def _summed(capsys: pytest.CaptureFixture[str], *stages: StageReport, resumed: bool = False, notes: str = "") -> str:
    batch = BatchReport(PLAN, 2 if resumed else 1, resumed, stages, (notes,) if notes else (), 5.67)
    batch_summary(JOB, batch)
    summary(JOB, RunReport((batch,), (), 12.34), "/tmp/[lake]")
    return capsys.readouterr().out


def _table(said: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines() if line.startswith("│")]


def test_each_source_and_each_load_is_a_row_of_the_summary(capsys: pytest.CaptureFixture[str]) -> None:
    counts = Counts(read=1202, inserted=1200, updated=1, deleted=2, unchanged=1, deduplicated=0)
    assert _table(_summed(capsys, READ, CLEANED, _loaded(counts))) == [
        ["raw", "2 files, 1,202 rows", "", "0.2"],
        ["→ silver.orders", "1,200 inserted, 1 updated, 2 deleted, 1 unchanged", "3", "1.1"],
    ]


def test_rows_that_lost_to_a_later_one_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    said = _summed(capsys, _loaded(Counts(read=3, inserted=2, deduplicated=1)))
    assert _table(said)[0][1] == "2 inserted, 1 superseded by a later row"


def test_a_load_into_a_history_says_what_was_applied_and_what_became_of_its_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = _summed(capsys, _loaded(Counts(read=4, updated=3, unchanged=1, closed=1, written=5)))
    assert _table(said)[0][1] == "3 applied, 1 unchanged, 1 closed, 5 written"


def test_a_load_that_changed_nothing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert _table(_summed(capsys, _loaded(Counts(read=0))))[0][1] == "nothing new"


def test_the_summary_names_batch_time_and_lake(capsys: pytest.CaptureFixture[str]) -> None:
    said = _summed(capsys, READ)
    assert "orders, batch 7" in said
    assert "interrupted" not in said
    assert "attempt" not in said
    assert "nothing new" not in said
    assert "12.3 s" in said
    assert "/tmp/[lake]" in said


def test_a_batch_that_was_taken_up_and_its_finished_loads_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    there = StageReport("silver.orders", "load", "already applied", version=3)
    left_out = StageReport("raw", "extract", "not needed")
    said = _summed(capsys, left_out, there, resumed=True)
    assert "orders, batch 7, taken up where it was interrupted (attempt 2)" in " ".join(said.split())
    assert _table(said) == [["→ silver.orders", "already applied", "3", "0.0"]]


def test_what_is_to_be_noted_is_said_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    noted = StageReport("raw", "extract", "done", reads="1 file", note="2 malformed [kept aside]")
    said = _summed(capsys, noted, notes="its [UDF] is not checked")
    assert "raw: 2 malformed [kept aside]" in said
    assert "its [UDF] is not checked" in said


def test_a_run_without_a_batch_says_that_nothing_is_new_and_what_is_to_be_noted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    summary(JOB, RunReport((), ("1 file, 0.1 MB rewritten [since read]",), 0.5), "/tmp/lake")
    said = capsys.readouterr().out
    assert "nothing new since its last batch" in said
    assert "1 file, 0.1 MB rewritten [since read]" in said
    assert _table(said) == []


def test_a_batch_after_a_rollback_is_named_with_its_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    batch_summary(JOB, BatchReport(replace(PLAN, position=Position(2, 7)), 1, False, (READ,), (), 1.0))
    assert "orders, batch 7 of epoch 2" in capsys.readouterr().out


# -- progress ---------------------------------------------------------------------------------------------------------


def test_without_a_terminal_no_progress_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(enabled=False) as display:
        display.observe(READ)
        display.clear()
    assert capsys.readouterr() == ("", "")


def test_each_stage_has_a_line_of_progress_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(enabled=True) as display:
        display.observe(StageReport("raw", "extract", "running"))
        display.observe(READ)
        display.observe(StageReport("silver.orders", "load", "running"))
        display.observe(StageReport("silver.orders", "load", "failed"))
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert [line for line in lines if "✓" in line and "extract   raw  2 files, 1,202 rows" in line]
    assert [line for line in lines if "✓" not in line and "load      silver.orders  failed" in line]


def test_the_next_batch_begins_with_no_stage_of_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(enabled=True) as display:
        display.observe(READ)
        display.clear()
        capsys.readouterr()
        display.observe(StageReport("silver.orders", "load", "already applied"))
    shown = capsys.readouterr().err
    assert "load      silver.orders  already applied" in shown
    assert "raw" not in shown
