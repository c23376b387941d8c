import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from framework.config import Settings
from tests.crash.harness import ROOT, Kill, Oracle, Process, oracle, prepared
from tests.crash.scenarios import Place

MODE = os.environ.get("CRASH", "")  # full, sample, or what CI has time for
TABLE = ROOT / "build" / "crash-table.txt"


@pytest.fixture(scope="session")
def oracles(
    spark: SparkSession, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Oracle]:
    """Play each scenario that is asked for once without an interruption."""
    return cache(lambda name: oracle(name, spark, settings, tmp_path_factory.mktemp(f"oracle-{name}")))


@pytest.fixture
def place(request: pytest.FixtureRequest, spark: SparkSession, settings: Settings, tmp_path: Path) -> Place:
    """The place of the scenario that the test is called with, its calm steps played."""
    return prepared(request.node.callspec.params["name"], spark, settings, tmp_path / "place")


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
