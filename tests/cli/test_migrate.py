from pathlib import Path

import pytest

from framework.errors import MigrationRefusedError, UndeclaredTableError, UnknownJobError
from framework.state.erased import erased, put_down
from framework.tables import Lake, RowModel, Table
from framework.tables.person import Person, without
from framework.testing import NOON
from tests.command import Said, lakegate, rows_at
from tests.delta import given, version_of

JOB = '''"""Trips."""

from framework.pipeline import Job, extract, load
from framework.sources import files
from framework.tables import RowModel, Table, append


class Trip(RowModel):
    """One trip."""

    id: int
    km: float | None


raw = extract(raw=files("trips", Trip, format="csv"))
job = Job("NAME", stages=[raw, load(raw, into=Table("silver.trips", Trip), write=append())])
'''


class Trip(RowModel):
    """One trip."""

    id: int
    miles: float | None


TRIPS = Table("silver.trips", Trip)


@pytest.fixture
def folder(lake: Lake, tmp_path: Path) -> Path:
    """A project of a job that declares the table otherwise than it is, and of one that cannot be imported."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "test.toml").write_text(f'[lake]\nroot = "{lake.root}"\n[landing]\nroot = "landing"\n')
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "__init__.py").touch()
    (tmp_path / "jobs" / "trips.py").write_text(JOB.replace("NAME", "trips"))
    (tmp_path / "jobs" / "other.py").write_text('"""Other."""\njob = 1 / 0\n')
    given(lake, TRIPS, "(1, 2.5)")
    return tmp_path


def _said(folder: Path, *arguments: str) -> Said:
    return lakegate(folder, "migrate", "silver.trips", *arguments)


def test_a_migration_is_shown_then_made_and_after_that_there_is_nothing_to_do(folder: Path, lake: Lake) -> None:
    before = version_of(lake, TRIPS)
    shown = _said(folder, "--rename", "miles=km", "--dry-run")
    assert shown.code == 0, shown.err
    assert shown.out.splitlines() == [
        "silver.trips is not as declared. To alter, each in a commit of its own:",
        "  set delta.columnMapping.mode = name: from now on its readers need reader version 2 of Delta",
        "  rename column 'miles' to 'km'",
        "Nothing was changed (--dry-run).",
    ]
    assert version_of(lake, TRIPS) == before
    made = _said(folder, "--rename", "miles=km", "--yes")
    assert made.code == 0, made.err
    assert made.out.splitlines()[-1] == f"silver.trips is as declared, version {before + 2}."
    assert rows_at(Path(lake.path(TRIPS.name)), "id, km") == [(1, 2.5)]
    assert _said(folder, "--yes").out == "silver.trips is as declared; there is nothing to alter.\n"


def test_what_is_refused_or_not_known_says_what_to_do(folder: Path, lake: Lake) -> None:
    refused = _said(folder, "--yes")
    assert (refused.code, type(refused.error)) == (1, MigrationRefusedError)
    assert "--rename miles=km" in refused.err
    assert _said(folder, "--rename", "miles").code == 2
    unknown = lakegate(folder, "migrate", "silver.trip")
    assert (unknown.code, type(unknown.error)) == (2, UndeclaredTableError)
    assert "--job JOB" in unknown.err
    assert isinstance(_said(folder, "--job", "tripps").error, UnknownJobError)
    other = JOB.replace("NAME", "twice").replace("km:", "kilometres:")
    (folder / "jobs" / "twice.py").write_text(other)
    differing = _said(folder, "--dry-run")
    assert (type(differing.error), "declare it differently" in differing.err) == (UndeclaredTableError, True)
    assert _said(folder, "--rename", "miles=km", "--dry-run", "--job", "trips").code == 0
    assert version_of(lake, TRIPS) == 1


def test_who_was_erased_is_known_by_the_new_name_of_a_column(folder: Path, lake: Lake) -> None:
    job = folder / "jobs" / "trips.py"
    declared = job.read_text().replace("km:", "miles:").replace("id:", "rider:")
    job.write_text(declared.replace('Table("silver.trips", Trip)', 'Table("silver.trips", Trip, subject="rider")'))
    here, elsewhere = Person.told_by(["id"], "s", ["1"], [1]), Person.told_by(["id", "shop"], "s", ["1", "a"], [1, 1])
    for each in (here, elsewhere):
        put_down(lake, each, NOON)
    assert _said(folder, "--rename", "id=rider", "--dry-run").code == 0
    assert {each.subject for each in erased(lake)} == {("id",), ("id", "shop")}
    made = _said(folder, "--rename", "id=rider", "--yes")
    assert made.code == 0, made.err
    assert {(each.subject, each.parts) for each in erased(lake)} == {
        (("id",), here.parts),
        (("rider",), here.parts),
        (("id", "shop"), elsewhere.parts),
    }
    rows = lake.spark.read.format("delta").load(lake.path(TRIPS.name))
    assert without(rows, ["rider"], erased(lake))[0].count() == 0
    # Names are kept in their order, and each with its value.
    assert elsewhere.renamed({"id": "till"}) == Person.told_by(["shop", "till"], "s", ["a", "1"], [1, 1])
