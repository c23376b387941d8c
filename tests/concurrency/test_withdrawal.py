"""Whatever commits to a table holds its lease: also the withdrawal of a batch that is planned anew."""

from datetime import datetime
from pathlib import Path

import pytest

from framework import fault
from framework.config import LandingSettings, Settings
from framework.pipeline import Job, extract, load, run
from framework.sources import files, incremental
from framework.tables import Lake, append
from framework.testing import NOON
from tests.concurrency.acts import ENTRIES, Entry


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


raw = extract(raw=incremental(files("entries", Entry, format="csv")))
job = Job("entries", [raw, load(raw, into=ENTRIES, write=append())])


def test_a_batch_is_withdrawn_under_the_tables_lease(
    lake: Lake, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing = tmp_path / "landing" / "entries"
    landing.mkdir(parents=True)
    there = settings.model_copy(update={"landing": LandingSettings(root=str(landing.parent))})

    def take_in(at: datetime = NOON, *, replan: bool = False) -> None:
        run(job, lake, there, {}, clock=lambda: at, replan=replan)

    def die(point: str) -> None:
        if point.startswith("before commit"):
            raise Killed

    (landing / "a.csv").write_text("id,writer,batch\n1,a,1\n")
    take_in()
    (landing / "b.csv").write_text("id,writer,batch\n2,a,2\n")
    monkeypatch.setattr(fault, "reached", die)
    with pytest.raises(Killed):
        take_in()
    reached: list[str] = []
    monkeypatch.setattr(fault, "reached", reached.append)
    take_in(replan=True)

    of_table = [point for point in reached if point == "after leases" or "table-silver" in point or "commit" in point]
    lease, back = "after leases", ["before release table-silver.entries", "after release table-silver.entries"]
    commit = ["before commit entries/silver.entries", "after commit entries/silver.entries"]
    job_lease, *of_table = of_table
    assert (job_lease, of_table) == (lease, [lease, *back, lease, *commit, *back])
