"""A pytest plugin for the tests of jobs: `spark`, an empty `lake`, and `rows`; installing lakegate brings it.

Nothing heavy is imported until a fixture is used. The session is that of conf/test.toml, one for the whole test
process.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from framework.config import Settings
    from framework.pipeline import Job, RunReport
    from framework.tables import Lake

Rows: TypeAlias = Callable[..., Any]
RunJob: TypeAlias = "Callable[..., RunReport]"
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def settings() -> "Settings":
    """The settings of the environment `test`."""
    from framework.config import load

    return load("test")


@pytest.fixture(scope="session")
def spark(settings: "Settings") -> Iterator["SparkSession"]:
    """One tuned Spark session with Delta for the whole test process."""
    from framework.session import create

    session = create(settings, "tests")
    yield session
    session.stop()


@pytest.fixture
def lake(spark: "SparkSession", tmp_path: Path) -> "Lake":
    """An empty lake in a folder of the test's own."""
    from framework.tables import Lake

    return Lake(spark, str(tmp_path / "lake"))


@pytest.fixture
def rows(spark: "SparkSession") -> Rows:
    """Make a typed frame of a few rows: `rows(Flight, {"carrier": "UA", ...}, {...}, origin="EWR")`.

    Keyword values are every row's. Columns that may be NULL can be left out, and generated ones are computed.
    Constraints are not applied, so that a test can make rows that break them.
    """
    from framework.tables.model import columns, generated_columns, schema

    def make(model: Any, *given: dict[str, Any], **common: Any) -> Any:
        from pyspark.sql.types import StructField, StructType

        generated = generated_columns(model)
        made = [{**common, **row} for row in given]
        for row in made:
            if unknown := [name for name in row if name not in columns(model)]:
                raise ValueError(
                    f"{model.__name__} has no column {', '.join(map(repr, unknown))}; it has {columns(model)}"
                )
        stated = [n for n in columns(model) if n not in generated or any(n in row for row in made)]
        for row in made:
            row_lacks = [n for n in stated if n not in row and not schema(model)[n].nullable]
            if row_lacks:
                raise ValueError(f"a row of {model.__name__} lacks {', '.join(map(repr, row_lacks))}: {row}")
        loose = StructType([StructField(n, schema(model)[n].dataType, True) for n in stated])
        return model.frame(spark.createDataFrame([tuple(row.get(n) for n in stated) for row in made], loose))

    return make


@pytest.fixture
def run_job(lake: "Lake", settings: "Settings") -> RunJob:
    """Run a whole job into the empty lake, at noon of 2024-01-01 UTC: `run_job(job, landing=folder, parameter=1)`."""
    from framework.config import LandingSettings
    from framework.pipeline import run

    def run_now(
        job: "Job", landing: str | Path | None = None, *, at: datetime = NOON, **parameters: Any
    ) -> "RunReport":
        where = LandingSettings(root=str(landing or settings.landing.root))
        return run(job, lake, settings.model_copy(update={"landing": where}), parameters, clock=lambda: at)

    return run_now
