"""Tasks of processes of this machine."""

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from framework.local_emr.daemons import process
from framework.local_emr.steps.programs import STEP
from framework.local_emr.steps.task import Plan, Task


class Steps:
    """Starts tasks of a mark of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.mark = folder / "step", {STEP: uuid.uuid4().hex}

    def start(self, command: str) -> Task:
        plan = Plan(("bash", "-c", command), {**os.environ, **self.mark}, self.mark)
        return Task("step", self.folder, None, lambda: plan)

    def has(self, file: str) -> bool:
        """Tell whether a file of the folder is there: a process has come so far."""
        return (self.folder / file).exists()


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path)


def until(said: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not said():
        assert time.monotonic() < deadline
        time.sleep(0.02)


LEAVES = "(trap '' TERM; touch up; exec sleep 600) & "


@pytest.mark.parametrize(("force", "left"), [(False, True), (True, False)])
def test_what_a_step_has_begun_ends_with_it_only_by_force(steps: Steps, force: bool, left: bool) -> None:
    task = steps.start(f"{LEAVES} sleep 600")
    until(lambda: steps.has("up"))
    task.cancel(force=force)
    until(lambda: task.poll() is not None)
    assert bool(process.marked(steps.mark)) == left
    process.kill((), steps.mark)


def test_what_a_step_leaves_in_the_background_lives_on(steps: Steps) -> None:
    task = steps.start(f"{LEAVES} while [ ! -e up ]; do sleep 0.01; done")
    until(lambda: task.poll() is not None)
    assert len(process.marked(steps.mark)) == 1
    process.kill((), steps.mark)


@pytest.mark.parametrize(("script", "started"), [("there", True), ("missing", False)])
def test_what_cannot_be_fetched_has_not_started(script: str, started: bool, tmp_path: Path) -> None:
    def planned() -> Plan:
        if script == "missing":
            raise FileNotFoundError("missing cannot be fetched")
        return Plan(("bash", "-c", "exit 1"), {}, {})

    task = Task(script, tmp_path, None, planned)
    until(lambda: task.poll() == 1)
    assert task.started is started
    assert task.failure
    assert task.failure.message == (None if started else "missing cannot be fetched")
