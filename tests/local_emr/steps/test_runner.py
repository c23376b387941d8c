import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from framework.local_emr.api.model import Cluster, Step
from framework.local_emr.daemons import process
from framework.local_emr.steps.programs import CLUSTER
from framework.local_emr.steps.runner import Runner, _interpreted, program
from tests.local_emr.steps.test_task import until
from tests.local_emr.steps.yarn import resource_manager

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def true(tmp_path: Path) -> str:
    """A program that is the only one of its path."""
    file = tmp_path / "true"
    file.touch(0o755)
    return str(file)


def test_command_runner_leaves_out_empty_arguments_as_on_emr(true: str, tmp_path: Path) -> None:
    assert program(["", "true", "--a", "", "b", " "], str(tmp_path)) == (true, "--a", "b", " ")


@pytest.mark.parametrize("given", [[], [""]])
def test_command_runner_without_a_program_fails(given: list[str], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"command-runner\.jar is given no program"):
        program(given, str(tmp_path))


def test_a_program_that_is_not_there_fails_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"true is no program of this machine's EMR, which has .*spark-submit"):
        program(["true"], str(tmp_path))


@pytest.mark.parametrize(
    ("first", "command"),
    [
        ("#!/bin/sh", ["/bin/sh"]),
        ("#! /usr/bin/env -S python3 -I", ["/usr/bin/env", "-S python3 -I"]),
        ("#!/bin/bash\r", ["/bin/bash\r"]),
        ("#!", ["bash"]),
        ("echo", ["bash"]),
        ("", ["bash"]),
    ],
)
def test_a_script_is_run_as_its_first_line_says_and_is_left_as_it_is(
    first: str, command: list[str], tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_text(f"{first}\necho ran\n", newline="")
    script.chmod(0o644)
    assert _interpreted(script) == (*command, str(script))
    assert script.stat().st_mode & 0o777 == 0o644


@pytest.fixture
def cluster() -> Cluster:
    """A cluster of two steps."""
    steps = tuple(Step(id=id, config={}, created=NOW) for id in ("s-1A", "s-2"))
    return Cluster(id="j-1", region="us-east-1", request={}, created=NOW, groups=(), steps=steps)


def test_the_applications_of_its_steps_end_with_a_cluster_and_no_others(cluster: Cluster, tmp_path: Path) -> None:
    # YARN keeps tags in lower case.
    tags = {"app_1": "mine,s-1a", "app_2": "s-2", "app_3": "s-1", "app_4": ""}
    with resource_manager(tmp_path, tags) as killed:
        Runner(tmp_path, "").end(cluster)
        until(lambda: len(killed) == 2)
    assert killed == ["app_1", "app_2"]


def test_what_its_steps_have_left_ends_with_a_cluster_and_nothing_of_another(cluster: Cluster, tmp_path: Path) -> None:
    own, other = ({CLUSTER: name} for name in ("j-1", "j-2"))
    for mark in (own, other):
        process.start(["sleep", "600"], {**os.environ, **mark}, tmp_path / "log")
    Runner(tmp_path, "").end(cluster)
    until(lambda: process.marked(own) == ())
    assert len(process.marked(other)) == 1
    process.kill((), other)
