"""Two processes of one job at a time: one waits, gives up, or takes over from one that is silent."""

import time
from collections.abc import Callable
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest

from tests.crash.harness import Oracle, Process, require_as_if_nothing_had_happened, tables
from tests.crash.scenarios import SCENARIOS, Place

pytestmark = pytest.mark.parametrize("name", ["short"])
SHORT = "lease.expiry=2"


def test_a_second_process_gives_up_or_waits_while_the_first_runs(
    name: str, place: Place, oracles: Callable[[str], Oracle]
) -> None:
    first = _stopped_at(place, "before commit orders/gold.totals")

    hasty = Process("short", 0, place, (), "lease.wait=1")
    assert hasty.ended() == 1
    assert hasty.error.startswith("LeaseHeldError")
    patient = Process("short", 0, place).started()
    first.send(SIGCONT)

    assert (first.ended(), patient.ended()) == (0, 0), (first.error, patient.error)
    require_as_if_nothing_had_happened(name, place, oracles(name))


@pytest.mark.parametrize("point", ["before plans", "before commit orders/gold.totals", "before published"])
def test_a_process_that_was_silent_too_long_changes_nothing_when_it_wakes(
    name: str, point: str, place: Place, oracles: Callable[[str], Oracle]
) -> None:
    first = _stopped_at(place, point, SHORT)

    second = Process("short", 0, place, (), SHORT)
    assert second.ended() == 0, second.error
    left = {table: found.version() for table, found in tables(place.lake).items()}
    first.send(SIGCONT)

    assert first.ended() == 1
    assert first.error.startswith("LeaseLostError")
    assert {table: found.version() for table, found in tables(place.lake).items()} == left
    require_as_if_nothing_had_happened(name, place, oracles(name))


def test_a_jvm_that_outlives_its_python_is_waited_for(
    name: str, place: Place, oracles: Callable[[str], Oracle]
) -> None:
    first = _stopped_at(place, "before commit orders/gold.totals")
    first.send_jvm(SIGSTOP)
    first.send(SIGKILL)
    assert first.ended() == -9

    hasty = Process("short", 0, place, (), "lease.wait=1")
    assert hasty.ended() == 1
    assert hasty.error.startswith("LeaseHeldError")
    first.send_jvm(SIGCONT)

    second = Process("short", 0, place)
    assert second.ended() == 0, second.error
    require_as_if_nothing_had_happened(name, place, oracles(name))


def _stopped_at(place: Place, point: str, *settings: str) -> Process:
    SCENARIOS["short"].steps[0].arrive(place)
    process = Process("short", 0, place, [f"0 {point}"], *settings, stop=True).started()
    while not process.stopped:
        time.sleep(0.05)
    return process
