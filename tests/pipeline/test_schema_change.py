"""A job whose table gets other columns between two runs: it goes on, or says what to do, and it can be taken back."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from framework.config import LandingSettings, Settings
from framework.errors import TableMismatchError
from framework.pipeline import Job, RunReport, extract, load, run
from framework.pipeline.restore import plan_restore
from framework.pipeline.rollback import plan_rollback, rollback
from framework.pipeline.work import at_work
from framework.sources import files, incremental
from framework.tables import Frame, Lake, RowModel, Table, upsert
from framework.tables.difference import Asked
from framework.tables.migrate import migrate
from tests.delta import rows_of, version_of

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


class Sale(RowModel):
    id: int
    euros: int


class Sold(RowModel):
    id: int
    amount: int
    note: str | None


SALES, SOLD = Table("silver.sales", Sale, "id"), Table("silver.sales", Sold, "id")


def sold(raw: Frame[Sale]) -> Frame[Sold]:
    return Sold.frame(raw.select("id", F.col("euros").alias("amount"), F.lit("new").alias("note")))


raw = extract(raw=incremental(files("sales", Sale, format="csv")))
FIRST = Job("sales", stages=[raw, load(raw, into=SALES, write=upsert(), name="sales")])
THEN = Job("sales", stages=[raw, sold, load(sold, into=SOLD, write=upsert(), name="sales")])


def test_a_job_goes_on_after_a_migration_and_a_rollback_takes_both_back(
    lake: Lake, settings: Settings, tmp_path: Path
) -> None:
    here = settings.model_copy(update={"landing": LandingSettings(root=str(tmp_path))})
    runs: Callable[[Job], RunReport] = lambda job: run(job, lake, here, {}, clock=lambda: NOON)  # noqa: E731
    (tmp_path / "sales").mkdir()
    (tmp_path / "sales" / "1.csv").write_text("id,euros\n1,10\n")
    first = runs(FIRST).last.plan.run_id
    (tmp_path / "sales" / "2.csv").write_text("id,euros\n2,20\n")
    left = version_of(lake, SALES)
    with pytest.raises(TableMismatchError) as refused:
        runs(THEN)
    assert "`lakegate migrate silver.sales --rename euros=amount`" in str(refused.value)
    assert version_of(lake, SALES) == left

    asked: Any = Asked({"euros": "amount"})
    migrate(lake, SOLD, asked, {"job": "sales"})
    assert any("rename column 'euros' to 'amount'" in undone for undone in plan_restore(lake, SOLD.name, left))
    runs(THEN)
    assert rows_of(lake, SOLD, "id, amount, note") == [(1, 10, None), (2, 20, "new")]

    with at_work(THEN, lake, here, {}, clock=lambda: NOON) as work:
        intent, (step,) = plan_rollback(work, first)
        assert "without what was altered since: " in str(step)
        assert "rename column 'euros' to 'amount'" in str(step)
        rollback(work, intent)
    assert rows_of(lake, SALES, "id, euros") == [(1, 10)]
    with pytest.raises(TableMismatchError, match="--rename euros=amount"):
        runs(THEN)
    migrate(lake, SOLD, asked, {"job": "sales"})
    runs(THEN)
    assert rows_of(lake, SOLD, "id, amount, note") == [(1, 10, None), (2, 20, "new")]
