"""The job `flights` on its first day: called as a command, as a module, and by spark-submit from wheels alone."""

import gzip
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable, QueryBuilder
from pyspark.sql import SparkSession

from tests.command import ROOT, Said, fresh, lakegate, wheels

TABLES = ("bronze/flights", "silver/flights", "silver/flights_in_weather", "gold/delays")
SECRETS = {
    "LAKEGATE_SECRETS__DATABASE": "hunter2 of the database",
    "LAKEGATE_SPARK__CONF": '{"spark.hadoop.fs.s3a.secret.key": "hunter2 of a bucket"}',
    "AWS_SECRET_ACCESS_KEY": "hunter2 of AWS",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the landing files of the README, of which the flights are those of the first day of 2013."""
    folder, data = tmp_path_factory.mktemp("three_ways"), Path("data") / "nycflights13"
    shutil.copytree(ROOT / data, folder / data, ignore=shutil.ignore_patterns("flights"))
    (folder / data / "flights").mkdir()
    with gzip.open(ROOT / data / "flights" / "flights-2013-01.csv.gz", "rt") as january:
        first_day = [line for line in january if line.startswith(("year,", "2013,1,1,"))]
    (folder / data / "flights" / "flights-2013-01-01.csv").write_text("".join(first_day))
    return folder


@pytest.fixture(scope="module")
def command(folder: Path, spark: SparkSession) -> Path:
    """The lake that the README's `lakegate run` makes, in a copy of the project and the session of this process."""
    project = folder / "project"
    shutil.copytree(ROOT / "jobs", project / "jobs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "conf", project / "conf")
    said = _run_as_the_readme_says(project, folder)
    assert said.code == 0, said.err
    return project / "build" / "lake"


@pytest.fixture(scope="module")
def module(folder: Path) -> tuple[Path, Said]:
    """The lake that `python -m framework run` makes, and what it said while it knew secrets."""
    places = ["--set", f"lake.root={folder}/lake", "--set", f"landing.root={folder}/data/nycflights13"]
    flags = ["--env", "test", "--set", "log.level=debug"]
    said = fresh(ROOT, sys.executable, "-m", "framework", "run", "flights", *flags, *places, **SECRETS)
    assert said.code == 0, said.err
    return folder / "lake", said


@pytest.fixture(scope="module")
def installed(folder: Path) -> dict[str, str]:
    """The variables of an environment in which, beside what they need, only the two wheels are installed."""
    (folder / "source").mkdir()
    environment = folder / "environment"
    python = environment / "bin" / "python"
    assert fresh(folder, sys.executable, "-m", "venv", "--without-pip", str(environment)).code == 0
    built = map(str, wheels(folder / "source"))
    assert fresh(folder, "uv", "pip", "install", "--offline", "--no-deps", "--python", str(python), *built).code == 0
    # A path file reads the folder but not the path files in it, so what is installed for editing here stays out.
    (packages,) = environment.glob("lib/python*/site-packages")
    ours = Path(pytest.__file__).parent.parent
    (packages / "needed.pth").write_text(f"{ours}\n")
    return {"PATH": f"{environment}/bin:{sys.prefix}/bin:{os.environ['PATH']}", "PYSPARK_PYTHON": str(python)}


@pytest.fixture(scope="module")
def submitted(folder: Path, installed: dict[str, str]) -> Path:
    """The lake that the README's spark-submit makes outside the repository, with the wheels alone."""
    elsewhere = folder / "elsewhere"
    (elsewhere / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "run_job.py", elsewhere / "scripts")
    (elsewhere / "data").symlink_to(folder / "data")
    said = fresh(elsewhere, "bash", "-c", _of_the_readme("spark-submit"), **installed)
    assert said.code == 0, said.err
    return elsewhere / "lake"


def _of_the_readme(start: str) -> str:
    (line,) = re.findall(rf"^{start} .*", (ROOT / "README.md").read_text(), re.MULTILINE)
    return str(line).split(" #")[0]


def _run_as_the_readme_says(project: Path, folder: Path) -> Said:
    arguments = _of_the_readme("lakegate run").split()[1:]
    return lakegate(project, *arguments, LAKEGATE_LANDING__ROOT=str(folder / "data" / "nycflights13"))


def _rows(lake: Path, table: str, version: int | None = None) -> Any:
    """Return a table's rows without the columns that the framework adds; deltalake shares no code with Spark."""
    there = DeltaTable(str(lake / table), version=version)
    names = [f'"{field.name}"' for field in there.schema().fields if not field.name.startswith("_")]
    return QueryBuilder().register("t", there).execute(f"SELECT {', '.join(names)} FROM t").read_all()


def _differences(ones: Any, others: Any) -> list[Any]:
    """Return the rows that one table has and the other has not, or not as often."""
    assert ones.schema.names == others.schema.names
    found = duckdb.sql("(FROM ones EXCEPT ALL FROM others) UNION ALL (FROM others EXCEPT ALL FROM ones)")
    assert found is not None
    return found.fetchall()


# -- the same tables --------------------------------------------------------------------------------------------------


def test_the_command_loads_every_flight_of_the_day(command: Path) -> None:
    assert [_rows(command, table).num_rows for table in TABLES] == [842, 842, 842, 29]


@pytest.mark.parametrize("table", TABLES)
def test_python_m_framework_makes_the_same_tables(command: Path, module: tuple[Path, Said], table: str) -> None:
    assert _differences(_rows(command, table), _rows(module[0], table)) == []


@pytest.mark.parametrize("table", TABLES)
def test_spark_submit_makes_the_same_tables_from_the_wheels_alone(command: Path, submitted: Path, table: str) -> None:
    assert _differences(_rows(command, table), _rows(submitted, table)) == []


def test_what_is_submitted_comes_from_the_wheels(folder: Path, installed: dict[str, str]) -> None:
    code = "import framework, jobs.flights, sys; print(framework.__file__, jobs.__file__, *sys.path, sep='\\n')"
    framework, jobs, *path = fresh(folder, installed["PYSPARK_PYTHON"], "-c", code, **installed).out.splitlines()
    assert Path(framework).is_relative_to(folder / "environment")
    assert Path(jobs).is_relative_to(folder / "environment")
    assert [place for place in path if (folder / place).resolve() in (ROOT, *ROOT.glob("*/"))] == []


# -- secrets ----------------------------------------------------------------------------------------------------------


def test_no_secret_is_printed_or_kept(module: tuple[Path, Said]) -> None:
    lake, said = module
    kept = {str(path.relative_to(lake)): path.read_bytes() for path in lake.rglob("*") if path.is_file()}
    assert [name for name in kept if name.startswith("_lakegate/plans/flights/") and name.endswith(".json")]
    assert "batch_finished" in said.err
    assert "hunter2" not in said.out + said.err
    assert [name for name, content in kept.items() if b"hunter2" in content] == []
