from pathlib import Path

import pytest

from framework.errors import ForeignJobsError, JobImportError, NotAProjectError, UnknownFrameError
from tests.command import Said, fresh, lakegate, project

HEAD = '''"""A job."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from framework.pipeline import Job, extract, load
from framework.tables import Table, append


def made(spark: SparkSession) -> DataFrame:
    return spark.range(1)

'''
JOB = 'job = Job("NAME", [extract(made=made), load("made", into=Table("a.b"), write=append())])\n'


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with the job `orders`."""
    return project(tmp_path / "shop")


def _show(folder: Path, name: str, text: str) -> Said:
    """Show a job that is written as `text`, after lines that are as they should be."""
    (folder / "jobs" / f"{name}.py").write_text(HEAD + text)
    said = lakegate(folder, "show", name)
    assert "Traceback" not in said.err
    return said


# -- a job's file -----------------------------------------------------------------------------------------------------


def test_a_job_is_the_value_that_its_file_calls_job(shop: Path) -> None:
    assert _show(shop, "mine", JOB.replace("NAME", "mine")).code == 0


@pytest.mark.parametrize(
    ("text", "cause", "line"),
    [
        ("job = Job(", "SyntaxError", 13),
        ("import nothing_like_it", "ModuleNotFoundError", 13),
        ("\n\nfrom pyspark.sql import Nothing", "ImportError", 15),
        ("job = Jobb()", "NameError", 13),
    ],
)
def test_a_file_that_cannot_be_imported_is_reported_with_the_line(shop: Path, text: str, cause: str, line: int) -> None:
    said = _show(shop, "mine", text)
    assert said.code == 2
    assert isinstance(said.error, JobImportError)
    assert said.error.job == "mine"
    assert f"jobs/mine.py:{line}: {cause}" in said.err


def test_a_column_outside_a_function_is_refused_with_the_way_out(shop: Path) -> None:
    (shop / "jobs" / "mine.py").write_text(HEAD + "large = F.col('x') > 1\n")
    said = fresh(shop, "lakegate", "show", "mine")  # in this process a session may be running
    assert said.code == 2
    assert "jobs/mine.py:13: AssertionError" in said.err
    assert "inside a function" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("text", ["", "job = 1", "jobs = Job"])
def test_a_file_without_a_job_is_refused(shop: Path, text: str) -> None:
    said = _show(shop, "mine", text)
    assert (said.code, type(said.error)) == (2, JobImportError)


def test_a_job_of_another_name_than_its_file_is_refused_with_both(shop: Path) -> None:
    said = _show(shop, "mine", JOB.replace("NAME", "yours"))
    assert (said.code, type(said.error)) == (2, JobImportError)
    assert "jobs/mine.py" in said.err
    assert "'yours'" in said.err


def test_a_job_that_is_wired_wrongly_is_reported_with_the_line_of_the_stage(shop: Path) -> None:
    stage = "def late(mades: DataFrame) -> DataFrame:\n    return mades\n\n\n"
    said = _show(shop, "mine", stage + 'job = Job("mine", [extract(made=made), late])\n')
    assert said.code == 2
    assert isinstance(said.error, UnknownFrameError)
    assert (said.error.stage, said.error.frame) == ("late", "mades")
    assert "jobs/mine.py:13 in late" in said.err


def test_a_package_of_jobs_that_cannot_be_imported_is_reported(shop: Path) -> None:
    (shop / "jobs" / "__init__.py").write_text("import nothing_like_it\n")
    said = lakegate(shop, "show", "orders")
    assert (said.code, type(said.error)) == (2, JobImportError)
    assert "jobs/__init__.py:1" in said.err


def test_an_interrupt_ends_the_command_as_shells_expect(shop: Path) -> None:
    (shop / "jobs" / "mine.py").write_text("raise KeyboardInterrupt\n")
    assert lakegate(shop, "show", "mine").code == 130


# -- the project ------------------------------------------------------------------------------------------------------


def _other(folder: Path) -> Path:
    """Make another package `jobs` on the path, with a job `orders` that says where it is from."""
    (folder / "jobs").mkdir(parents=True)
    (folder / "jobs" / "__init__.py").write_text("")
    (folder / "jobs" / "orders.py").write_text(f"raise RuntimeError({str(folder)!r})\n")
    return folder


def test_the_project_s_own_jobs_come_before_installed_ones_and_pythonpath(tmp_path: Path, shop: Path) -> None:
    said = lakegate(shop, "show", "orders", path=(_other(tmp_path / "site-packages"),))
    assert said.code == 0
    assert "silver.orders" in said.out


def test_jobs_from_elsewhere_are_refused_with_both_places(tmp_path: Path, shop: Path) -> None:
    other = _other(tmp_path / "site-packages")
    (shop / "jobs" / "__init__.py").unlink()  # without it any other package of the name comes first
    said = lakegate(shop, "show", "orders", path=(other,))
    assert said.code == 2
    assert isinstance(said.error, ForeignJobsError)
    assert (said.error.found, said.error.project) == (str(other / "jobs"), str(shop / "jobs"))


def test_jobs_in_two_places_at_once_are_refused(tmp_path: Path, shop: Path) -> None:
    other = _other(tmp_path / "site-packages")
    for folder in (shop, other):
        (folder / "jobs" / "__init__.py").unlink()
    assert isinstance(lakegate(shop, "show", "orders", path=(other,)).error, ForeignJobsError)


def test_outside_a_project_the_installed_jobs_are_used(tmp_path: Path, shop: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    said = lakegate(tmp_path / "elsewhere", "list", path=(shop,))
    assert said.out.split()[0] == "orders"


def test_the_nearest_project_is_used(tmp_path: Path, shop: Path) -> None:
    inner = project(shop / "inner")
    (inner / "jobs" / "orders.py").rename(inner / "jobs" / "inner_orders.py")
    assert lakegate(inner / "conf", "list").out.split()[0] == "inner_orders"


@pytest.mark.parametrize(
    "command", [["list"], ["show", "orders"], ["run", "orders"], ["run", "--help"], ["new", "tea"]]
)
def test_without_a_project_nothing_is_done(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "orders.py").write_text("job = 1\n")  # a folder of the name alone is no project
    said = lakegate(tmp_path, *command)
    assert said.code == 2
    assert isinstance(said.error, NotAProjectError)
    assert said.error.folder == str(tmp_path)
    assert [path.name for path in tmp_path.rglob("*.py")] == ["orders.py"]
