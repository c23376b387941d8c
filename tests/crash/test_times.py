"""Kills at times that nobody chose: within Spark, within Delta, within the start."""

import random
import time
from collections.abc import Callable
from signal import SIGKILL

import pytest

from tests.crash.harness import Oracle, Process, partial, require_as_if_nothing_had_happened
from tests.crash.scenarios import SCENARIOS, Place

SEED, KILLS = 11, 10


@pytest.mark.parametrize("name", ["short", "changes"])
def test_ten_kills_at_random_times(name: str, place: Place, oracles: Callable[[str], Oracle]) -> None:
    """The delays grow, so that each run gets somewhat further; every other kill takes the JVM along."""
    expected, chance, steps = oracles(name), random.Random(SEED), SCENARIOS[name].steps
    for number, step in enumerate(steps):
        step.arrive(place)
        for kill in range(KILLS // len(steps)):
            process = Process(name, number, place).started()
            time.sleep(chance.uniform(0.5, 1) * (kill + 1))
            process.send(SIGKILL, whole=bool(kill % 2))
            assert process.ended() in (0, -9), process.error
            assert not partial(place, expected)
        process = Process(name, number, place).started()
        assert process.ended() == 0, process.error
    require_as_if_nothing_had_happened(name, place, expected)


# The second batch of beliefs closes a row of the first one.
@pytest.mark.parametrize(("name", "table", "batch"), [("short", "orders", 1), ("beliefs", "beliefs", 2)])
@pytest.mark.parametrize("whole", [True, False], ids=["with its JVM", "whose JVM goes on"])
def test_a_process_that_is_killed_when_it_has_written_data_and_not_committed(
    name: str, table: str, batch: int, whole: bool, place: Place, oracles: Callable[[str], Oracle]
) -> None:
    SCENARIOS[name].steps[0].arrive(place)
    silver = place.lake / "silver" / table
    before, commit = (silver / "_delta_log" / f"{version:020}.json" for version in (batch - 1, batch))
    process = Process(name, 0, place)
    while not before.exists():
        time.sleep(0.001)
    there = {*silver.rglob("*.parquet")}
    while there >= {*silver.rglob("*.parquet")}:
        time.sleep(0.001)
    process.send(SIGKILL, whole=whole)
    assert process.ended() == -9
    assert not whole or not commit.exists(), "killed too late to show anything"
    process = Process(name, 0, place)
    assert process.ended() == 0, process.error
    require_as_if_nothing_had_happened(name, place, oracles(name))
