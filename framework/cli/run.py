"""`lakegate run JOB` and `lakegate stop JOB`."""

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework.cli import project
from framework.cli.job_command import JobCommands
from framework.cli.start import clock, place, start

if TYPE_CHECKING:
    from framework.cli.project import Project
    from framework.pipeline import Job

Replan = Annotated[bool, typer.Option("--replan", help="pin the inputs of an interrupted batch anew")]
Continuous = Annotated[bool, typer.Option("--continuous", help="go on until `lakegate stop JOB`, SIGTERM or SIGINT")]
STOPPING = (signal.SIGTERM, signal.SIGINT)


def run_job(
    here: "Project",
    job: "Job",
    environment: str,
    overrides: list[str],
    given: dict[str, Any],
    *,
    replan: bool,
    continuous: bool,
) -> None:
    """Run a job with a display of its progress, and print what each batch read and wrote."""
    from framework.pipeline import run
    from framework.pipeline.parameters import values
    from framework.report import end_batch, progress, summary

    values(job, given)  # before Spark takes its seconds to start

    interactive = sys.stderr.isatty()
    settings, lake = start(here, job.name, environment, overrides, quiet=interactive)
    with stop_signals(enabled=continuous) as stop, progress(enabled=interactive) as display:
        report = run(
            job,
            lake,
            settings,
            given,
            clock=clock,
            observe=display.observe,
            replan=replan,
            continuous=continuous,
            stop=stop,
            done=partial(end_batch, display, job),
        )
    summary(job, report, lake.root)


@contextmanager
def stop_signals(*, enabled: bool) -> Iterator[Callable[[], bool]]:
    """Take SIGTERM and SIGINT for a wish to end after the batch in hand; give a function that says whether one came."""
    came: list[int] = []
    if not enabled:
        yield lambda: False
        return
    # Spark's own handler would cancel what runs.
    before = {number: signal.signal(number, lambda number, frame: came.append(number)) for number in STOPPING}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class RunCommands(JobCommands):
    """`lakegate run JOB`."""

    verb = "run"
    options = (("replan", False, Replan), ("continuous", False, Continuous))
    call = staticmethod(run_job)


def stop_job(name: str, environment: str, overrides: Sequence[str]) -> None:
    """Ask the run of a job to end after the batch in hand; starts no Spark where the lake is on a disk or on S3."""
    here = project.find()
    here.load(name)
    lake = place(here, environment, overrides)
    from framework.state import request_stop

    holder = request_stop(lake, f"job-{name}")
    typer.echo(f"{name} ends after its batch ({holder.said})." if holder else f"{name} is not running.")
