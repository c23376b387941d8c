import sys
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest

from framework.errors import DeclarationError, FileExistsRefusedError, SettingError
from framework.tables import Lake
from framework.testing import Rows, RunJob
from tests.command import ROOT, files_of, fresh, lakegate, project, working_in

INVOICES = {"jobs/invoices.py", "tests/jobs/test_invoices.py", "data/invoices/2024-01-02.csv"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with the job `orders`."""
    return project(tmp_path / "shop")


def _new(shop: Path, *arguments: str, **variables: str) -> set[str]:
    """Make a job and return the files that are there only since then."""
    before = files_of(shop)
    said = lakegate(shop, "new", *arguments, LAKEGATE_ENV="local", **variables)  # type: ignore[arg-type]
    assert said.code == 0, said.err
    made = set(files_of(shop)) - set(before)
    assert {name: files_of(shop)[name] for name in before} == before
    return {name for name in made if "__pycache__" not in name}


def test_a_job_its_test_and_a_sample_are_made(shop: Path) -> None:
    assert _new(shop, "invoices") == INVOICES


def test_they_are_made_in_the_project_from_any_of_its_folders(shop: Path) -> None:
    assert lakegate(shop / "tests", "new", "invoices").code == 0
    assert set(files_of(shop)) > INVOICES


def test_the_sample_is_put_where_the_settings_say_that_files_land(shop: Path) -> None:
    assert "incoming/invoices/2024-01-02.csv" in _new(shop, "invoices", LAKEGATE_LANDING__ROOT="incoming")


def test_where_files_land_in_a_bucket_nothing_is_made(shop: Path) -> None:
    before = files_of(shop)
    said = lakegate(shop, "new", "invoices", LAKEGATE_LANDING__ROOT="s3://bucket/landing")
    assert (said.code, type(said.error)) == (2, SettingError)
    assert files_of(shop) == before


@pytest.mark.parametrize("there", sorted(INVOICES))
def test_where_a_file_is_there_already_nothing_is_made(shop: Path, there: str) -> None:
    (shop / there).parent.mkdir(exist_ok=True)
    (shop / there).write_text("mine")
    before = files_of(shop)
    said = lakegate(shop, "new", "invoices")
    assert said.code == 2
    assert isinstance(said.error, FileExistsRefusedError)
    assert said.error.paths == (there,)
    assert files_of(shop) == before


@pytest.mark.parametrize(
    "name", ["class", "Invoices", "two words", "2nd", "_x", "a-b", "../up", "x", "a1", "table", "noon"]
)
def test_a_name_that_would_make_a_broken_job_is_refused(shop: Path, name: str) -> None:
    before = files_of(shop)
    said = lakegate(shop, "new", name)
    assert (said.code, type(said.error)) == (2, DeclarationError)
    assert files_of(shop) == before


@pytest.mark.parametrize("name", ["invoices", "orders_eu", "load", "read", "cleaned", "type", "raw"])
def test_what_is_made_can_be_shown_and_passes_the_linter(shop: Path, name: str) -> None:
    made = _new(shop, name)
    assert f"silver.{name}" in lakegate(shop, "show", name).out
    files = [file for file in made if file.endswith(".py")]
    ours = [
        "--config",
        str(ROOT / "pyproject.toml"),
        "--config",
        "lint.isort.known-first-party = ['framework', 'jobs']",
    ]
    for check in (["check", "--extend-ignore=D"], ["format", "--check"]):
        said = fresh(shop, "ruff", *check, *ours, *files)
        assert said.code == 0, said.out


def test_its_test_passes_at_once(shop: Path, rows: Rows, lake: Lake, run_job: RunJob) -> None:
    _new(shop, "invoices")
    with working_in(shop, shop, shop / "tests" / "jobs"):
        test = import_module("test_invoices")
        del sys.modules["test_invoices"]
        test.test_rows_without_an_amount_are_left_out_and_status_is_lower_case(rows)
        test.test_the_sample_is_loaded_once(partial(run_job, landing=shop / "data"), lake)
    assert [name for name in vars(test) if name.startswith("test_")] == [
        "test_rows_without_an_amount_are_left_out_and_status_is_lower_case",
        "test_the_sample_is_loaded_once",
    ]
