"""`lakegate backfill JOB`."""

import sys
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework.cli.job_command import JobCommands
from framework.cli.options import moment
from framework.cli.start import clock, start
from framework.counted import counted
from framework.errors import BackfillRefusedError

if TYPE_CHECKING:
    from framework.cli.project import Project
    from framework.pipeline import Job


From = Annotated[
    datetime | None, typer.Option("--from", parser=moment, metavar="TIME", help="where the interval begins, UTC")
]
To = Annotated[
    datetime | None,
    typer.Option("--to", parser=moment, metavar="TIME", help="where it ends, UTC; this moment is not part of it"),
]
By = Annotated[str | None, typer.Option("--by", metavar="UNIT", help="slices: year, month, week, day or hour")]
OnlyLoad = Annotated[
    list[str] | None, typer.Option("--only-load", metavar="LOAD", help="only this load; may be repeated")
]
Resume = Annotated[str | None, typer.Option("--resume", metavar="ID", help="go on with one that was interrupted")]


def backfill_job(
    here: "Project",
    job: "Job",
    environment: str,
    overrides: list[str],
    given: dict[str, Any],
    *,
    start_at: datetime | None,
    end_at: datetime | None,
    by: Any,
    only_load: list[str] | None,
    resume: str | None,
) -> None:
    """Run a job over a past interval, slice by slice, and print what each slice read and wrote."""
    from framework.pipeline.backfill import backfill, begin_backfill, find_backfill, require_backfill
    from framework.pipeline.parameters import values
    from framework.pipeline.work import at_work
    from framework.report import end_batch, progress

    if not resume:
        require_backfill(job, only_load or ())  # before Spark takes its seconds to start
        values(job, given)
        if start_at is None or end_at is None:
            raise BackfillRefusedError(job.name, "give --from and --to, or --resume ID")

    interactive = sys.stderr.isatty()
    settings, lake = start(here, job.name, environment, overrides, quiet=interactive)
    if resume:
        given = dict(find_backfill(lake, job, resume).parameters) | given
    with (
        progress(enabled=interactive) as display,
        at_work(job, lake, settings, given, clock=clock, observe=display.observe) as work,
    ):
        if resume:
            asked = find_backfill(lake, job, resume)
        else:
            assert start_at is not None
            assert end_at is not None
            asked = begin_backfill(work, start_at, end_at, by=by, only_loads=only_load or ())
        typer.echo(f"Backfill {asked.backfill_id}; if it is interrupted: --resume {asked.backfill_id}")
        ran = backfill(work, asked, partial(end_batch, display, job))
    typer.echo(f"{asked.backfill_id}: {counted(ran, 'slice')} done; the bookmark of {job.name} stays where it was")


class BackfillCommands(JobCommands):
    """`lakegate backfill JOB`."""

    verb = "backfill"
    options = (
        ("start_at", None, From),
        ("end_at", None, To),
        ("by", None, By),
        ("only_load", None, OnlyLoad),
        ("resume", None, Resume),
    )
    call = staticmethod(backfill_job)
