import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from pydantic import SecretStr
from pyspark.sql import SparkSession

from framework.config import Settings
from tests.crash import scenarios
from tests.crash.harness import ROOT, Kill, Oracle, Process, oracle, prepared
from tests.crash.scenarios import Place
from tests.postgres import PASSWORD, Postgres

MODE = os.environ.get("CRASH", "")  # full, sample, or what CI has time for
TABLE = ROOT / "build" / "crash-table.txt"


@pytest.fixture(scope="session")
def oracles(
    spark: SparkSession, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Oracle]:
    """Play each scenario that is asked for once without an interruption."""

    def played(name: str) -> Oracle:
        known = settings.model_copy(update={"secrets": {"database": SecretStr(PASSWORD)}})
        return oracle(name, spark, known, tmp_path_factory.mktemp(f"oracle-{name}"))

    return cache(played)


@pytest.fixture
def place(request: pytest.FixtureRequest, spark: SparkSession, settings: Settings, tmp_path: Path) -> Place:
    """The place of the scenario that the test is called with, its calm steps played."""
    return prepared(request.node.callspec.params["name"], spark, settings, tmp_path / "place")


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start the database for the scenario that reads one."""
    if getattr(request.node, "callspec", None) and request.node.callspec.params.get("name") == "database":
        server: Postgres = request.getfixturevalue("postgres")
        monkeypatch.setenv(scenarios.DATABASE, server.url)
        monkeypatch.setenv("LAKEGATE_SECRETS__DATABASE", PASSWORD)
        monkeypatch.setattr(scenarios, "sql", server.sql)


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    """Leave no process behind."""
    yield
    Process.end_all()


@pytest.fixture(scope="session")
def kills() -> Iterator[list[Kill]]:
    """Collect the kills of all tests, and write them down as a table."""
    done: list[Kill] = []
    yield done
    if not done:
        return
    lines = [("scenario", "point", "killed at", "the next process", "tables equal")]
    lines += [(kill.scenario, kill.point, kill.at, kill.outcome, kill.equal) for kill in done]
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    cells = [[f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)] for line in lines]
    TABLE.parent.mkdir(exist_ok=True)
    with open(TABLE, "a") as table:
        table.writelines(" | ".join(line).rstrip() + "\n" for line in [*cells, []])
