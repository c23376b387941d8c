"""A chain of kills for each scenario: every point at which another process can see a difference is hit."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from framework.config import Settings
from tests.crash.conftest import MODE
from tests.crash.harness import Chain, Kill, Oracle, distinct, prepared, sample
from tests.crash.scenarios import Place

SEED, SAMPLED = 7, 4
WHOLE = ("files",)  # every point, in one batch or another; the full mode has every point of every batch
# Of these the points that others do not have.
OF_ITS_OWN = {"upkeep": ("properties", "compaction", "vacuum"), "beliefs": ("creation", "commit")}


@pytest.mark.parametrize(
    "name", ["files", "interval", "database", "changes", "own", "rollback", "snapshots", "backfill", *OF_ITS_OWN]
)
def test_a_job_that_is_killed_at_its_points(
    name: str,
    place: Place,
    oracles: Callable[[str], Oracle],
    kills: list[Kill],
    spark: SparkSession,
    settings: Settings,
    tmp_path: Path,
) -> None:
    expected = oracles(name)
    if MODE == "full":
        targets = list(dict.fromkeys(expected.points))
    elif name in OF_ITS_OWN:
        targets = [point for point in distinct(expected.points) if point.split()[1] in OF_ITS_OWN[name]]
        targets = targets[-SAMPLED // 2 :] if MODE == "sample" else targets
    elif MODE == "sample" or name not in WHOLE:
        targets = sample(expected.points, SAMPLED, SEED)
    else:
        targets = distinct(expected.points)

    number = 0
    while targets:
        chain = Chain(name, place, expected)
        done = chain.run(targets)
        assert done, f"never reached: {targets}"
        kills += done
        targets, number = chain.left, number + 1
        if targets:
            place = prepared(name, spark, settings, tmp_path / f"place-{number}")

    if name == "own":
        told = (place.folder / "told").read_text().splitlines()
        assert set(told) == {"1 3", "2 2"}, "each batch is told of, at least once"
