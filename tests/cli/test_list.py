import sys
from pathlib import Path

import pytest

from tests.command import ROOT, fresh, lakegate, project


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """A project with the job `orders`."""
    return project(tmp_path / "shop")


def _listed(folder: Path) -> dict[str, str]:
    said = lakegate(folder, "list")
    assert (said.code, said.err) == (0, "")
    pairs = (line.split(maxsplit=1) for line in said.out.splitlines())
    return {name: "".join(described) for name, *described in pairs}


def test_each_job_is_listed_with_the_first_line_of_its_docstring(orders: Path) -> None:
    (orders / "jobs" / "zebras.py").write_text('"""Count zebras.\n\nMore."""\n\njob = 1\n')
    assert _listed(orders) == {"orders": "Orders: say in one line what this job does.", "zebras": "Count zebras."}


def test_this_repository_s_jobs_are_listed() -> None:
    assert list(_listed(ROOT)) == ["flights", "planes_history"]


def test_no_job_is_imported_to_be_listed(orders: Path) -> None:
    (orders / "jobs" / "bomb.py").write_text('"""Boom."""\n\nraise SystemExit("imported")\njob = 1\n')
    assert _listed(orders)["bomb"] == "Boom."


def test_a_file_that_assigns_no_job_is_not_listed(orders: Path) -> None:
    (orders / "jobs" / "common.py").write_text('"""Shared models."""\n\njobs = 1\n')
    (orders / "jobs" / "_private.py").write_text("job = 1\n")
    assert list(_listed(orders)) == ["orders"]


def test_a_job_with_a_type_or_without_a_docstring_is_listed(orders: Path) -> None:
    (orders / "jobs" / "typed.py").write_text("job: object = 1\n")
    assert _listed(orders)["typed"] == ""


def test_a_file_with_a_syntax_error_is_listed_with_its_line(orders: Path) -> None:
    (orders / "jobs" / "broken.py").write_text("x = 1\njob = Job(\n")
    assert "line 2" in _listed(orders)["broken"]


def test_the_jobs_are_listed_from_a_folder_of_the_project(orders: Path) -> None:
    assert list(_listed(orders / "tests" / "jobs")) == ["orders"]


def test_to_list_jobs_nothing_is_loaded_that_only_other_verbs_use(orders: Path) -> None:
    code = "import sys; from framework.cli import main\ntry: main(['list'])\nfinally: print(*sys.modules)"
    said = fresh(orders, sys.executable, "-c", code, PYTHONPATH=str(ROOT))
    jobs, loaded = said.out.splitlines()
    assert jobs.startswith("orders ")
    assert {"framework.cli.submit", "framework.cli.show"} <= set(loaded.split())
    others = {
        "pyspark",
        "delta",
        "boto3",
        "botocore",
        "rich",
        "framework.config",
        "framework.pipeline",
        "framework.emr",
    }
    assert others & set(loaded.split()) == set()
