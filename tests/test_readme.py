import re
import shlex
import shutil
import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pyspark.sql import Row, SparkSession

from framework.batch import Position
from framework.config import ClusterSettings, EmrSettings, Settings, load
from framework.lanes import LANES
from framework.sources import Reading
from framework.state import History
from framework.tables import Lake, as_of, read
from framework.tables import load as load_table
from framework.tables.commit import Transaction
from framework.testing import NOON, Rows, RunJob
from tests.command import ROOT, SPARK, Said, fresh, lakegate
from tests.postgres import PASSWORD, Postgres

README = ROOT / "README.md"
CLUSTER = ROOT / "docs" / "cluster.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def _imported(page: Path, folder: Path) -> ModuleType:
    """Write the Python blocks of a page to one module and import it."""
    file = folder / f"page_{page.stem.lower()}.py"
    file.write_text("\n\n".join(_blocks(page, "python")))
    spec = spec_from_file_location(file.stem, file)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -- Python blocks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [page for page in PAGES if _blocks(page, "python")], ids=lambda page: page.stem)
def test_a_page_s_python_can_be_imported(page: Path, tmp_path: Path, spark: SparkSession) -> None:
    assert _imported(page, tmp_path).__name__ == f"page_{page.stem.lower()}"


def test_every_page_with_python_is_known_to_these_tests() -> None:
    assert {page.name for page in PAGES if _blocks(page, "python")} == {
        "README.md",
        "jobs.md",
        "runs.md",
        "sources.md",
        "tables.md",
    }


def test_the_readme_s_test_of_a_transform_passes(tmp_path: Path, rows: Rows) -> None:
    _imported(README, tmp_path).test_small_orders_are_left_out(rows)


def test_the_readme_s_job_runs(tmp_path: Path, lake: Lake, run_job: RunJob) -> None:
    page = _imported(README, tmp_path)
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "a.csv").write_text(
        "id,amount,updated_at\n1,5.0,2024-01-01T08:00:00Z\n1,20.0,2024-01-02T08:00:00Z\n2,3.0,2024-01-01T08:00:00Z\n"
    )
    run_job(page.job, landing=tmp_path, min_amount=4)
    assert read(lake, page.ORDERS).select("id", "amount").collect() == [(1, 20.0)]


def test_the_jobs_page_s_job_runs(tmp_path: Path, spark: SparkSession, lake: Lake, run_job: RunJob) -> None:
    page = _imported(ROOT / "docs" / "jobs.md", tmp_path)
    prices = spark.createDataFrame(
        [("eu", "EUR", 2.0), ("eu", "USD", 1.1), ("us", "USD", 2.2)], "region string, currency string, price double"
    )
    prices.write.format("delta").save(lake.path("bronze.prices"))
    run_job(page.job)
    assert sorted(row.euros for row in read(lake, page.EUROPE).collect()) == [1.0, 2.0]
    assert [row.euros for row in read(lake, page.AMERICA).collect()] == [2.0]
    assert sorted(map(tuple, read(lake, page.COUNTS).collect())) == [("EUR", 1), ("USD", 1)]


def test_the_runs_page_s_job_takes_in_each_file_once(tmp_path: Path, lake: Lake, run_job: RunJob) -> None:
    page = _imported(ROOT / "docs" / "runs.md", tmp_path)
    (tmp_path / "readings").mkdir()
    day = tmp_path / "readings" / "2024-01-01.csv"
    day.write_text("meter,read_at,kwh\nm1,2024-01-01T08:00:00Z,1.5\nm2,2024-01-01T08:00:00Z,2.0\n")
    assert len(run_job(page.job, landing=tmp_path).batches) == 1
    assert run_job(page.job, landing=tmp_path).batches == ()
    for name in (page.RAW, page.READINGS, page.GOLD):
        assert sorted(row.kwh for row in read(lake, name).collect()) == [1.5, 2.0]
    rows = dict(page.as_of_run.sources)["readings"]
    now = Reading(lake, "", NOON, published=lambda job: History(lake, job).latest())
    assert rows.read(now, rows.pin(now)).count() == 2


def test_the_jobs_page_s_composed_function_applies_its_parts_in_order(tmp_path: Path, spark: SparkSession) -> None:
    page = _imported(ROOT / "docs" / "jobs.md", tmp_path)
    assert page.tidy(spark.createDataFrame([(" ",), ("eur",)], "currency string")).collect() == [Row(currency="EUR")]


def test_the_tables_page_s_model_makes_rows(tmp_path: Path, rows: Rows) -> None:
    page = _imported(ROOT / "docs" / "tables.md", tmp_path)
    day = {"taxi": "7", "started_at": NOON.replace(tzinfo=None), "fare": "day"}
    made = page.cleaned(rows(page.Trip, {**day, "km": 2.5}, {**day, "km": 0.0}))
    assert [(row.km, row.tip, row.month) for row in made.collect()] == [(2.5, None, "2024-01")]


def test_the_tables_page_s_table_remembers(tmp_path: Path, rows: Rows, lake: Lake) -> None:
    page = _imported(ROOT / "docs" / "tables.md", tmp_path)
    for number, seats, year in ((1, 50, 2013), (2, 55, 2014)):
        told = rows(page.Seats, {"tail": "N1", "seats": seats, "valid_from": date(2013, 6, number)})
        clock = partial(datetime, year, 2, 1, tzinfo=UTC)
        load_table(lake, page.PLANES, page.tell, told, Transaction("planes/load", Position(0, number), {}, clock))
    reading = Reading(lake, "", NOON)
    assert [row.seats for row in page.then.read(reading, page.then.pin(reading)).collect()] == [50]
    assert [row.seats for row in as_of(lake, page.PLANES, valid=date(2013, 7, 1)).collect()] == [55]


def test_the_tables_page_s_feed_keeps_the_latest_state(tmp_path: Path, spark: SparkSession, lake: Lake) -> None:
    page = _imported(ROOT / "docs" / "tables.md", tmp_path)
    row = "struct<id bigint, owner string>"
    envelopes = spark.createDataFrame(
        [
            ((1, None), None, "d", (3,)),
            (None, (1, "ann"), "u", (2,)),
            (None, (2, "bob"), "c", (1,)),
        ],
        f"before {row}, after {row}, op string, source struct<lsn bigint>",
    )
    load_table(lake, page.ACCOUNTS, page.latest, page.account_changes(envelopes), Transaction("a/load", Position(0, 1)))
    assert [(row.id, row.owner) for row in as_of(lake, page.ACCOUNTS).collect()] == [(2, "bob")]
    assert read(lake, page.ACCOUNTS).where("deleted_at = 3").count() == 1


def test_the_tables_page_s_daily_files_make_a_history(tmp_path: Path, lake: Lake, run_job: RunJob) -> None:
    page = _imported(ROOT / "docs" / "tables.md", tmp_path)
    (tmp_path / "members" / "2024-01-31").mkdir(parents=True)
    (tmp_path / "members" / "2024-01-31" / "1.csv").write_text("id,city\n1,oslo\n")
    (tmp_path / "members" / "2024-01-31" / "2.csv").write_text("id,city\n2,rome\n")
    (tmp_path / "members" / "2024-02-02.csv").write_text("id,city\n2,bari\n")
    assert len(run_job(page.members, landing=tmp_path).batches) == 2
    end, changed = date(9999, 12, 31), date(2024, 2, 2)
    assert sorted(map(tuple, read(lake, page.MEMBERS).collect())) == [
        (1, "oslo", date(2024, 1, 31), changed),
        (2, "bari", changed, end),
        (2, "rome", date(2024, 1, 31), changed),
    ]


def test_the_tables_page_s_sources_read_what_they_say(tmp_path: Path, rows: Rows, lake: Lake) -> None:
    page = _imported(ROOT / "docs" / "tables.md", tmp_path)
    trip = {"taxi": "7", "started_at": NOON.replace(tzinfo=None), "fare": "day", "km": 2.5}
    rows(page.Trip, trip).write.parquet(str(tmp_path / "trips"))
    reading = Reading(lake, str(tmp_path), NOON)
    found = page.trips.read(reading, page.trips.pin(reading))
    assert [(row.taxi, row._ingested_at) for row in found.collect()] == [("7", NOON.replace(tzinfo=None))]
    assert (page.as_of_version.version, page.as_of_time.timestamp.year) == (3, 2024)


def test_the_sources_page_s_orders_are_read_from_a_database(tmp_path: Path, lake: Lake, postgres: Postgres) -> None:
    page = _imported(ROOT / "docs" / "sources.md", tmp_path)
    postgres.sql("""
        CREATE SCHEMA sales;
        CREATE TABLE sales.orders (id int, total numeric(10, 2), placed_at timestamp, note text);
        INSERT INTO sales.orders VALUES (1, 9.5, '2024-01-01 12:00', 'small'), (2, 1200, '2024-01-02 12:00', NULL);
    """)
    reading = Reading(lake, "", NOON, secret={"orders_db.password": PASSWORD}.__getitem__)
    orders, dear_orders = (replace(source, url=postgres.url) for source in (page.orders, page.dear_orders))
    first, second = (1, Decimal("9.50"), "2024-01-01 12:00:00"), (2, Decimal("1200.00"), "2024-01-02 12:00:00")
    wanted = ("id", "total", "string(placed_at)")
    assert sorted(orders.read(reading, orders.pin(reading)).selectExpr(*wanted).collect()) == [first, second]
    assert dear_orders.read(reading, dear_orders.pin(reading)).selectExpr(*wanted).collect() == [second]


def test_the_settings_of_the_sources_page_are_settings(tmp_path: Path) -> None:
    (settings,) = _blocks(ROOT / "docs" / "sources.md", "toml")
    (tmp_path / "dev.toml").write_text('[lake]\nroot = "x"\n[landing]\nroot = "x"\n' + settings)
    assert load("dev", conf=tmp_path).spark.packages == tuple(SPARK["packages"])


def test_the_settings_of_the_emr_page_are_settings(tmp_path: Path) -> None:
    cluster, steps = _blocks(ROOT / "docs" / "emr.md", "toml")
    (tmp_path / "prod.toml").write_text('[lake]\nroot = "x"\n[landing]\nroot = "x"\n' + cluster + steps)
    found = load("prod", conf=tmp_path).emr
    assert (found.cluster.name, [(step.name, step.kind) for step in found.steps]) == (
        "nightly",
        [("report", "hive-script")],
    )


# -- commands ---------------------------------------------------------------------------------------------------------


def _commands() -> list[str]:
    """Return each command of the README's shell blocks, without its comment."""
    lines = [line for block in _blocks(README, "sh") for line in block.splitlines()]
    return [re.sub(r" +# .*", "", part).strip() for line in lines for part in line.split("&&")]


def test_every_command_of_the_readme_is_one_that_these_tests_run() -> None:
    kinds = {command.split()[0] for command in _commands()}
    # `lakegate run`, pip and spark-submit: tests/end_to_end/test_three_ways.py
    assert kinds == {"make", "source", "lakegate", "pip", "spark-submit"}


def test_every_make_target_that_a_page_names_is_in_the_makefile() -> None:
    targets = re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = {target for page in PAGES for target in re.findall(r"`make ([a-z0-9-]+)`", page.read_text())}
    typed = {command.split()[1] for command in _commands() if command.startswith("make ")}
    assert {"run", "test"} <= typed
    assert (named | typed) - set(targets) == set()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, spark: SparkSession) -> Path:
    """This repository as far as these commands need it, and a session that they find running."""
    clone = tmp_path_factory.mktemp("readme") / "lakegate"
    shutil.copytree(ROOT / "jobs", clone / "jobs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "conf", clone / "conf")
    return clone


def _typed(verb: str) -> list[str]:
    """Return the arguments of the README's command `lakegate VERB`."""
    (command,) = [shlex.split(command) for command in _commands() if command.startswith(f"lakegate {verb}")]
    return command[1:]


def test_every_verb_of_the_command_is_on_a_page_and_every_one_on_a_page_is_a_verb() -> None:
    pages = [README, *(ROOT / "docs" / f"{name}.md" for name in ("runs", "emr", "local-emr"))]
    named = {
        verb for page in pages for verb in re.findall(r"(?:^|`)lakegate ([a-z-]+)", page.read_text(), re.MULTILINE)
    }
    shown = re.findall(r"^│ ([a-z][a-z-]+) ", lakegate(ROOT, "--help").out, re.MULTILINE)
    assert sorted(named) == sorted(shown)


@pytest.mark.parametrize(("page", "least"), [("emr", 15), ("local-emr", 9)])
def test_the_commands_of_the_pages_of_emr_have_the_options_that_they_say(page: str, least: int, clone: Path) -> None:
    lines = [line for block in _blocks(ROOT / "docs" / f"{page}.md", "sh") for line in block.splitlines()]
    lines = [line for line in lines if line.startswith("lakegate ")]
    assert len(lines) > least
    for line in lines:
        verb, *rest = shlex.split(line, comments=True)[1:]
        typed = [word for word in rest if word.startswith("--")]
        group = [verb, rest[0]] if verb in ("cluster", "submit", "local-emr") else [verb]
        said = lakegate(clone, *group, "--help")
        assert said.code == 0, said.err
        assert [option for option in typed if f"{option} " not in said.out] == [], line


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("list", "planes_history  The planes' registry as a table that remembers"),
        ("show", "load silver.flights: upsert() by carrier, flight, origin, scheduled_at"),
        ("check", "ok  flights: 14 stages compile; no data was read."),
        ("new", "made jobs/invoices.py"),
        ("init", "made ../my-project/Makefile"),
    ],
)
def test_a_command_of_the_readme_does_what_it_says(clone: Path, verb: str, said: str) -> None:
    done: Said = lakegate(clone, *_typed(verb))
    assert done.code == 0, done.err
    assert said in done.out


# -- what is said about the project -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link.split("#")[0]).exists()] == []


def _table(page: Path, heading: str) -> list[list[str]]:
    """Return the rows of the table whose first heading this is."""
    (found,) = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", page.read_text(), re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in found.splitlines()]


def test_the_lanes_of_the_readme_are_those_of_pyproject_and_of_the_session() -> None:
    told = [(row[1], row[2]) for row in _table(README, "lane")]
    extras = PYPROJECT["project"]["optional-dependencies"]
    pinned = [
        tuple(need.split("==")[1].rsplit(".", 1)[0] for need in sorted(extras[extra], reverse=True))
        for extra in ("spark", "spark35")
    ]
    assert told == pinned == [(lane.spark, lane.delta) for lane in LANES]


def test_the_folders_of_the_readme_are_there() -> None:
    named = [name for row in _table(README, "folder") for name in re.findall(r"`([\w/]+)`", row[0] + row[1])]
    assert len(named) > 8
    assert [name for name in named if not any((ROOT / place / name).is_dir() for place in (".", "framework"))] == []


def test_the_settings_page_names_every_setting() -> None:
    rows = _table(ROOT / "docs" / "settings.md", "section")
    told = {(section.strip("`"), key.strip("`")) for section, keys, *_ in rows for key in keys.split(", ")}
    sections = {name: field.annotation for name, field in Settings.model_fields.items() if name != "environment"}
    known = {(name, key) for name, kind in sections.items() for key in getattr(kind, "model_fields", ["any name"])}
    assert told == known


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def test_the_cluster_page_names_every_setting() -> None:
    told = {row[0].strip("`"): [key.strip("`") for key in row[1].split(", ")] for row in _table(CLUSTER, "settings")}
    kinds = {row[0].strip("`"): [key.strip("`") for key in row[1].split(", ")] for row in _table(CLUSTER, "kind")}
    left: list[tuple[str, type[BaseModel]]] = [("emr.cluster", ClusterSettings)]
    known: dict[type[BaseModel], tuple[str, list[str]]] = {}
    while left:
        path, model = left.pop()
        known.setdefault(model, (path, list(model.model_fields)))
        left += [(f"{path}.{k}", m) for k, f in model.model_fields.items() for m in _models(f.annotation)]
    assert sorted(told.values()) == sorted(keys for _, keys in known.values())
    steps = _models(EmrSettings.model_fields["steps"].annotation)
    assert kinds == {
        get_args(step.model_fields["kind"].annotation)[0]: [k for k in step.model_fields if k not in ("name", "kind")]
        for step in steps
    }


def test_the_newest_release_of_the_changelog_is_the_version_of_the_project() -> None:
    released = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    jobs = tomllib.loads((ROOT / "jobs" / "pyproject.toml").read_text())
    assert released[0] == PYPROJECT["project"]["version"] == jobs["project"]["version"]


def test_the_releases_of_the_changelog_stand_newest_first() -> None:
    released = re.findall(r"^## (\d+)\.(\d+)\.(\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    numbers = [tuple(map(int, version)) for version in released]
    assert numbers == sorted(numbers, reverse=True)


def test_make_without_a_target_lists_every_target() -> None:
    said = fresh(ROOT, "make")
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [line.split()[1] for line in said.out.splitlines()] == targets
    assert {"help", "setup", "run", "check", "test", "test-emr7", "build", "clean"} <= set(targets)
