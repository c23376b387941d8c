import re
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from chispa import assert_df_equality
from pyspark.sql import SparkSession

from framework.tables import Lake, as_of, belief_changes, history_of
from framework.testing import NOON, Rows
from jobs.flights import Plane
from jobs.planes_history import PLANES_HISTORY, Correction, job, told
from tests.command import ROOT, lakegate
from tests.delta import rows_of
from tests.runs import run_in

DATA, PAGE = ROOT / "data" / "nycflights13", ROOT / "docs" / "tables.md"
OPEN = date(9999, 12, 31)
CORRECTED = ("N10156", "N102UW", "N14228", "N668DN", "N804JB", "N999ZZ")
NOTHING: dict[str, Any] = dict.fromkeys(("type", "manufacturer", "model", "engines", "seats", "speed", "engine"))


def test_a_plane_is_told_from_its_year_on_and_before_its_corrections(rows: Rows, spark: SparkSession) -> None:
    known = {**NOTHING, "tailnum": "N1", "year": 2004, "seats": 55}
    registry = rows(Plane, known, {**NOTHING, "tailnum": "N2", "year": None})
    correction = {
        **NOTHING,
        "told_at": datetime(2014, 1, 10, 9, tzinfo=UTC),
        "tailnum": "N1",
        "does": "update",
        "valid_from": date(2013, 6, 1),
        "valid_to": None,
        "sets": "seats engines",
        "seats": 50,
        "engines": 2,
    }
    found = told(registry, rows(Correction, correction))
    names = ("tailnum", "seats", "engines", "valid_from", "valid_to", "does", "sets", "told_at")
    registered = datetime(2013, 12, 31, tzinfo=UTC)
    expected = spark.createDataFrame(
        [
            ("N1", 55, None, date(2004, 1, 1), None, "put", None, registered),
            ("N2", None, None, date(2013, 1, 1), None, "put", None, registered),
            ("N1", 50, 2, date(2013, 6, 1), None, "update", ["seats", "engines"], correction["told_at"]),
        ],
        "tailnum string, seats bigint, engines bigint, valid_from date, valid_to date, does string, "
        "sets array<string>, told_at timestamp",
    )
    assert_df_equality(
        found.select(*names), expected, ignore_nullable=True, ignore_row_order=True, ignore_metadata=True
    )


def test_the_registry_with_its_corrections_and_what_was_believed_before_a_later_one(lake: Lake, tmp_path: Path) -> None:
    shutil.copy(DATA / "planes.csv", tmp_path)
    shutil.copytree(DATA / "planes_corrections", tmp_path / "planes_corrections")
    run_in(lake, job, tmp_path)

    counted = "count(*), count(DISTINCT tailnum), count(DISTINCT system_from), count(DISTINCT system_to)"
    assert rows_of(lake, PLANES_HISTORY, counted) == [(3329, 3323, 1, 1)]
    periods = rows_of(lake, PLANES_HISTORY, "tailnum, seats, engine, valid_from, valid_to")
    assert [row for row in periods if row[0] in CORRECTED] == [
        ("N10156", 52, "Turbo-fan", date(2013, 6, 1), OPEN),
        ("N10156", 55, "Turbo-fan", date(2004, 1, 1), date(2013, 6, 1)),
        ("N102UW", 150, "Turbo-jet", date(1998, 1, 1), date(2005, 7, 1)),
        ("N102UW", 182, "Turbo-fan", date(2005, 7, 1), OPEN),
        ("N14228", 149, "Turbo-fan", date(1999, 1, 1), date(2012, 1, 1)),
        ("N14228", 149, "Turbo-fan", date(2014, 1, 1), OPEN),
        ("N14228", 154, "Turbo-fan", date(2012, 1, 1), date(2012, 11, 1)),
        ("N14228", 154, "Turbo-fan", date(2013, 2, 1), date(2014, 1, 1)),
        ("N668DN", 178, "Turbo-fan", date(1991, 1, 1), date(2013, 11, 15)),
        ("N804JB", 190, "Turbo-fan", date(2014, 3, 1), OPEN),
        ("N804JB", 200, "Turbo-fan", date(2012, 1, 1), date(2014, 3, 1)),
        ("N999ZZ", 219, "Turbo-fan", date(2013, 12, 24), OPEN),
    ]

    later = NOON + timedelta(days=1)
    header = (DATA / "planes_corrections" / "planes-corrections-2014.csv").read_text().splitlines()[0]
    line = "2014-02-01T00:00:00Z,N10156,update,2013-06-01,2014-01-01,seats,NA,NA,NA,NA,51,NA,NA"
    (tmp_path / "planes_corrections" / "later.csv").write_text(f"{header}\n{line}\n")
    run_in(lake, job, tmp_path, later)
    for command in re.findall(r"^lakegate (table silver.planes_history .*)", PAGE.read_text(), re.MULTILINE):
        arguments = [each.replace("build", str(tmp_path)) for each in command.split()]
        assert lakegate(ROOT, *arguments, "--set", f"lake.root={lake.root}").code == 0
    assert (tmp_path / "N10156.svg").read_text().count("<rect") == 1 + 3 + 3
    once = rows_of(lake, PLANES_HISTORY)
    again = run_in(lake, job, tmp_path, later + timedelta(days=1))
    assert (rows_of(lake, PLANES_HISTORY), len(once)) == (once, 3331)
    (counts,) = [stage.counts for stage in again.last.stages if stage.counts]
    assert (counts.read, counts.updated, counts.written, counts.closed) == (3331, 0, 0, 0)
    july = date(2013, 7, 1)
    plane = "tailnum = 'N10156'"

    def seats(**times: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in as_of(lake, PLANES_HISTORY, **times).where(plane).select("seats").collect()]

    assert seats(valid=july) == [(51,)]
    assert seats(valid=july, system=NOON) == [(52,)]
    assert history_of(lake, PLANES_HISTORY, "N10156").count() == 4
    changed = belief_changes(lake, PLANES_HISTORY, NOON + timedelta(hours=1), later + timedelta(hours=1))
    assert {row["tailnum"] for row in changed.collect()} == {"N10156"}
