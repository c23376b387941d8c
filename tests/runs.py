"""Runs of a job with settings of their own."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from framework.config import LandingSettings, Settings, load
from framework.pipeline import Job, RunReport, run
from framework.tables import Lake
from framework.testing import NOON


def settings_for(landing: str | Path) -> Settings:
    """Return the settings of the environment `test`, with another landing folder."""
    return _of_the_tests().model_copy(update={"landing": LandingSettings(root=str(landing))})


def run_in(
    lake: Lake, job: Job, landing: str | Path, at: datetime = NOON, *, given: Any = None, **more: Any
) -> RunReport:
    """Run a job on what is in a landing folder, by a clock that stands still; `more` is what `run` takes."""
    clock: Callable[[], datetime] = more.pop("clock", lambda: at)
    return run(job, lake, settings_for(landing), given or {}, clock=clock, **more)


@cache
def _of_the_tests() -> Settings:
    return load("test")
