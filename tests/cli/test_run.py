import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from framework.errors import (
    ExpectationFailedError,
    HeaderMismatchError,
    LandingError,
    MissingParameterError,
    ParameterConflictError,
    ParameterValueError,
    SettingError,
    StageFailedError,
    UnknownEnvironmentError,
    UnknownJobError,
)
from tests.command import Said, files_of, lakegate, project, rows_at

REPORTED = '''"""Report what a run was given."""

from typing import Literal

from pyspark.sql import DataFrame, SparkSession

from framework.pipeline import Job, Run, extract, load
from framework.tables import Table, overwrite


def given(
    spark: SparkSession, run: Run, *, day: str, days: int = 1, dry: bool = False, size: Literal["s", "l"] = "s"
) -> DataFrame:
    """Put what is given in a row."""
    row = (day, days, dry, size, run.environment)
    return spark.createDataFrame([row], "day string, days int, dry boolean, size string, env string")


job = Job("reported", stages=[extract(given=given), load("given", into=Table("a.reported"), write=overwrite())])
'''


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the jobs `orders` and `reported`."""
    shop = project(tmp_path_factory.mktemp("run") / "shop")
    (shop / "jobs" / "reported.py").write_text(REPORTED)
    return shop


@pytest.fixture(scope="module", autouse=True)
def first(shop: Path, spark: SparkSession) -> Said:
    """What the first run of `orders` said; the command finds a session running."""
    return _run(shop, "orders", "--set", "log.level=info")


def _run(shop: Path, *arguments: str, **variables: Any) -> Said:
    return lakegate(shop, "run", *arguments, "--set", "lake.root=lake", **variables)


# -- what a run does --------------------------------------------------------------------------------------------------


def test_a_run_loads_the_tables_and_says_what_it_read_and_wrote(shop: Path, first: Said) -> None:
    assert first.code == 0
    assert rows_at(shop / "lake/silver/orders", "id, status, amount") == [(1, "paid", 10.0), (2, "open", 7.5)]
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in first.out.splitlines() if line[:1] == "│"]
    (read, wrote) = cells
    assert read[0] == "raw_orders"
    assert "4 rows" in read[1]
    assert wrote[:2] == ["→ silver.orders", "2 inserted, 1 superseded by a later row"]
    assert str(shop / "lake") in first.out


def test_the_events_of_a_run_are_lines_of_json_where_there_is_no_terminal(first: Said) -> None:
    events = [json.loads(line) for line in first.err.splitlines()]
    stages = [event["stage"] for event in events if event["event"] == "stage_finished"]
    assert [event["event"] for event in (events[0], *events[-2:])] == ["batch_started", "batch_finished", "nothing_new"]
    assert stages == ["raw_orders", "cleaned", "silver.orders"]
    assert {event["run"] for event in events[:-1]} == {events[0]["run"]}


def test_parameters_reach_the_job_in_their_types(shop: Path, tmp_path: Path) -> None:
    given = ["--day", "2024-01-01", "--days", "3", "--dry", "yes", "--size", "l"]
    said = lakegate(shop, "run", "reported", *given, "--set", f"lake.root={tmp_path}", LAKEGATE_ENV="test")
    assert said.code == 0
    assert rows_at(tmp_path / "a/reported") == [("2024-01-01", 3, True, "l", "test")]


def test_an_environment_that_is_typed_comes_before_the_variable_s(shop: Path, tmp_path: Path) -> None:
    (shop / "conf" / "dev.toml").write_text((shop / "conf" / "test.toml").read_text())
    given = ["--day", "x", "--env", "dev", "--set", f"lake.root={tmp_path}"]
    assert lakegate(shop, "run", "reported", *given, LAKEGATE_ENV="test").code == 0
    assert rows_at(tmp_path / "a/reported", "env") == [("dev",)]


def test_from_a_folder_of_the_project_settings_mean_the_same(shop: Path) -> None:
    # That nothing is new says that it has found the lake and the landing folder again.
    before = DeltaTable(str(shop / "lake/silver/orders")).version()
    said = _run(shop / "tests" / "jobs", "orders")
    assert said.code == 0
    assert "orders: nothing new since its last batch" in said.out
    assert DeltaTable(str(shop / "lake/silver/orders")).version() == before
    assert [folder for folder in shop.rglob("lake") if folder.is_dir()] == [shop / "lake"]


# -- help -------------------------------------------------------------------------------------------------------------


def test_the_help_of_a_job_shows_its_parameters_with_type_and_default(shop: Path) -> None:
    said = lakegate(shop, "run", "reported", "--help")
    shown = {line.split()[1]: " ".join(line.split()[3:-1]) for line in said.out.splitlines() if line[2:4] == "--"}
    assert said.code == 0
    assert "Report what a run was given." in said.out
    assert shown["--day"] == "str, required"
    assert shown["--days"] == "int = 1"
    assert shown["--dry"] == "bool = False"
    assert shown["--size"] == "Literal['s', 'l'] = 's'"
    assert {"--env", "--set", "--replan", "--continuous", "--help"} < set(shown)


def test_the_help_of_run_lists_the_jobs_though_one_cannot_be_imported(shop: Path) -> None:
    broken = shop / "jobs" / "broken.py"
    broken.write_text('"""Broken."""\n\nimport nothing_like_it\n\njob = 1\n')
    said = lakegate(shop, "run", "--help")
    broken.unlink()
    assert said.code == 0
    assert "orders " in said.out
    assert "broken " in said.out


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.fixture
def _no_table_is_touched(shop: Path) -> Iterator[None]:
    before = files_of(shop / "lake")
    assert before
    yield
    assert files_of(shop / "lake") == before


@pytest.fixture
def _no_table_is_loaded(shop: Path) -> Iterator[None]:
    """An attempt that was refused when it looked at its inputs is in the run log, and nowhere else."""

    def tables() -> dict[str, tuple[int, int]]:
        return {name: state for name, state in files_of(shop / "lake").items() if not name.startswith("_lakegate/")}

    def attempts() -> list[tuple[Any, ...]]:
        return rows_at(shop / "lake/_lakegate/runs_orders", "started_at, outcome, error")

    before, attempts_before = tables(), attempts()
    assert before
    yield
    assert tables() == before
    ((_, outcome, error),) = (row for row in attempts() if row not in attempts_before)
    assert outcome == "failed"
    assert error.split(":")[0] in ("LandingError", "HeaderMismatchError")


@pytest.mark.usefixtures("_no_table_is_touched")
@pytest.mark.parametrize(
    ("arguments", "error", "data"),
    [
        (["order"], UnknownJobError, {"job": "order", "known": ("orders", "reported")}),
        (["orders", "--env", "tests"], UnknownEnvironmentError, {"environment": "tests"}),
        (["orders", "--set", "lake.rot=x"], SettingError, {"setting": "lake.rot"}),
        (["orders", "--set", "log.level=loud"], SettingError, {"setting": "log.level"}),
        (["orders", "--set", "nonsense"], SettingError, {"setting": "KEY"}),
        (["orders", "--min-amount", "much"], ParameterValueError, {"parameter": "min_amount", "expected": "float"}),
        (["reported", "--day", "x", "--size", "m"], ParameterValueError, {"parameter": "size"}),
        (["reported"], MissingParameterError, {"missing": ("day",)}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_of_usage_ends_with_2_before_anything_is_touched(
    shop: Path, arguments: list[str], error: type[Exception], data: dict[str, Any]
) -> None:
    said = _run(shop, *arguments)
    assert (said.code, said.out, type(said.error)) == (2, "", error)
    assert {name: getattr(said.error, name) for name in data} == data
    assert "Traceback" not in said.err


@pytest.mark.usefixtures("_no_table_is_touched")
@pytest.mark.parametrize(
    ("arguments", "alternative"),
    [
        (["order"], "'orders'"),
        (["orders", "--env", "tset"], "Did you mean 'test'?"),
        (["orders", "--set", "lake.rot=x"], "Did you mean 'root'?"),
        (["orders", "--min-amuont", "3"], "--min-amount"),
        (["reported", "--day", "x", "--size", "m"], "'s' or 'l'"),
        (["reported"], "--day VALUE"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_of_usage_is_answered_with_what_there_is(shop: Path, arguments: list[str], alternative: str) -> None:
    said = _run(shop, *arguments)
    assert said.code == 2
    assert alternative in said.err


@pytest.mark.usefixtures("_no_table_is_touched")
def test_an_unknown_variable_is_refused(shop: Path) -> None:
    said = _run(shop, "orders", LAKEGATE_LAKES__ROOT="x")
    assert (said.code, type(said.error)) == (2, SettingError)


@pytest.mark.usefixtures("_no_table_is_touched")
@pytest.mark.parametrize("name", ["env", "set", "replan", "continuous", "help"])
def test_a_parameter_with_the_name_of_an_option_is_refused(shop: Path, name: str) -> None:
    file = shop / "jobs" / "mine.py"
    file.write_text(REPORTED.replace("dry", name).replace('"reported"', '"mine"'))
    said = _run(shop, "mine", "--day", "x")
    file.unlink()
    assert (said.code, type(said.error)) == (2, ParameterConflictError)
    assert said.error.parameter == name


def test_in_a_landing_folder_without_files_nothing_is_new(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    said = _run(shop, "orders", "--set", f"landing.root={tmp_path}")
    assert said.code == 0
    assert "orders: nothing new since its last batch" in said.out


@pytest.mark.usefixtures("_no_table_is_loaded")
def test_a_landing_folder_that_is_not_there_ends_with_3(shop: Path, tmp_path: Path) -> None:
    said = _run(shop, "orders", "--set", f"landing.root={tmp_path}")
    assert (said.code, said.out, type(said.error)) == (3, "", LandingError)
    assert said.error.path == f"{tmp_path}/orders"
    assert "Traceback" not in said.err


@pytest.mark.usefixtures("_no_table_is_loaded")
def test_a_file_whose_header_is_not_the_row_model_s_ends_with_3(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "2024-01-03.csv").write_text("id,state,amount,updated_at\n")
    said = _run(shop, "orders", "--set", f"landing.root={tmp_path}")
    assert (said.code, type(said.error), said.error.source) == (3, HeaderMismatchError, "orders")


def test_rows_that_break_a_rule_end_with_3_and_none_is_written(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "2024-01-03.csv").write_text(
        "id,status,amount,updated_at\n8,open,1,2024-01-01T08:00:00Z\n9,lost,1,2024-01-01T08:00:00Z\n"
    )
    said = _run(shop, "orders", "--set", f"landing.root={tmp_path}")
    assert (said.code, type(said.error)) == (3, ExpectationFailedError)
    assert list(said.error.broken.values()) == [1]
    assert rows_at(shop / "lake/silver/orders", "id") == [(1,), (2,)]
    assert "Traceback" not in said.err


def test_a_stage_that_fails_ends_with_1_and_its_line(shop: Path) -> None:
    file = shop / "jobs" / "mine.py"
    file.write_text(REPORTED.replace('"reported"', '"mine"').replace("    row =", "    day = [][1]\n    row ="))
    said = _run(shop, "mine", "--day", "x")
    file.unlink()
    assert said.code == 1
    assert isinstance(said.error, StageFailedError)
    assert (said.error.job, said.error.stage) == ("mine", "given")
    assert said.error.where.endswith("jobs/mine.py:15")
    assert "IndexError" in said.err
    assert "Traceback" not in said.err
    assert not (shop / "lake" / "a").exists()
