"""`lakegate rollback JOB --to RUN`."""

from collections.abc import Sequence

import typer

from framework.cli import project
from framework.cli.options import confirm
from framework.cli.start import clock, start


def roll_back(name: str, to: str, environment: str, overrides: Sequence[str], *, dry_run: bool, yes: bool) -> None:
    """Say what a rollback would do, ask, and do it. Raises RollbackRefusedError with every reason against it."""
    here = project.find()
    job = here.load(name)
    settings, lake = start(here, name, environment, overrides, quiet=True)
    from framework.pipeline.rollback import finish_rollback, plan_rollback, rollback
    from framework.pipeline.work import at_work

    with at_work(job, lake, settings, None, clock=clock) as work:
        if not dry_run:
            finish_rollback(work)
        intent, steps = plan_rollback(work, to)
        typer.echo(f"{name} goes back to run {intent.run_id} (batch {intent.kept}); the batches after it run again:")
        for step in steps:
            typer.echo(f"  {step}")
        confirm("Go back?", yes=yes, dry_run=dry_run)
        rollback(work, intent)
    typer.echo(f"{name} is where run {intent.run_id} left it. `lakegate run {name}` goes on from there.")
