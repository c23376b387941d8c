"""`lakegate runs [JOB]` and `lakegate run-info RUN`."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from framework.cli import project
from framework.cli.start import start

if TYPE_CHECKING:
    from framework.state import LoggedRun
    from framework.tables import Lake

COLUMNS = ("load", "table", "outcome", "version", "in", "inserted", "updated", "deleted", "unchanged", "skipped", "s")


def print_runs(name: str | None, environment: str, overrides: Sequence[str]) -> None:
    """Print a row for each attempt of each batch, newest first."""
    here = project.find()
    jobs = [here.load(name).name] if name else list(here.names())
    _, lake = start(here, "runs", environment, overrides, quiet=True)
    table = Table(title="Runs", title_justify="left")
    for heading in ("run", "batch", "attempt", "started (UTC)", "seconds", "outcome", "rows"):
        table.add_column(heading, overflow="fold")
    for job in jobs:
        for row in _rows(lake, job):
            table.add_row(*map(escape, row))
    Console(highlight=False).print(table)


def print_run(run: str, environment: str, overrides: Sequence[str]) -> None:
    """Print all that is known of one run. Raises UnknownRunError."""
    here = project.find()
    _, lake = start(here, "run-info", environment, overrides, quiet=True)
    from framework.errors import UnknownRunError
    from framework.state import History, job_of, logged

    job = job_of(run)
    attempts = [row for row in logged(lake, job) if row.run_id == run]
    unlogged = [found for found in History(lake, job).unlogged(logged(lake, job)) if found.run_id == run]
    if not attempts and not unlogged:
        raise UnknownRunError(job, run)
    console = Console(highlight=False)
    for found in unlogged:
        console.print(f"[bold]batch {found.position}, attempt {found.number}[/bold]: killed, or running")
        console.print(f"  started   {found.started_at:%Y-%m-%d %H:%M:%S} UTC, process {found.pid} on {found.host}")
    for row in attempts:
        _print_attempt(console, lake, row)


def _print_attempt(console: Console, lake: "Lake", row: "LoggedRun") -> None:
    from framework.state import plan_of

    console.print(f"[bold]batch {row.batch}, attempt {row.attempt}[/bold]: {row.outcome}")
    seconds = (row.finished_at - row.started_at).total_seconds()
    console.print(f"  started   {row.started_at:%Y-%m-%d %H:%M:%S} UTC, {seconds:.1f} s, environment {row.environment}")
    console.print(f"  plan      {row.plan}, code {row.code_version or 'unknown'}, parameters {escape(row.parameters)}")
    plan = plan_of(lake, row)
    for source, pin in plan.pins.items() if plan else ():
        console.print(f"  reads     {escape(source)}: {escape(pin.said)}")
    if row.error:
        console.print(f"  error     {escape(row.error)}")
    table = Table()
    for heading in (
        "load",
        "table",
        "outcome",
        "version",
        "in",
        "inserted",
        "updated",
        "deleted",
        "unchanged",
        "skipped",
        "s",
    ):
        table.add_column(heading, overflow="fold")
    for load in row.loads:
        counts = (load.rows_in, load.inserted, load.updated, load.deleted, load.unchanged, load.skipped)
        shown = ("" if count is None else f"{count:,}" for count in (load.version, *counts))
        table.add_row(load.name, load.target or "", load.outcome, *shown, f"{load.seconds:.1f}")
    console.print(table)


def _rows(lake: "Lake", job: str) -> Iterator[tuple[str, ...]]:
    from framework.state import History, logged

    rows = logged(lake, job)
    for found in History(lake, job).unlogged(rows):
        started = f"{found.started_at:%Y-%m-%d %H:%M:%S}"
        yield found.run_id, str(found.position), str(found.number), started, "", "killed, or running", ""
    for row in rows:
        seconds = f"{(row.finished_at - row.started_at).total_seconds():.1f}"
        changed = [
            f"{load.name} {(load.inserted or 0) + (load.updated or 0) + (load.deleted or 0):,}" for load in row.loads
        ]
        batch = f"{row.batch}" + (f" of epoch {row.epoch}" if row.epoch else "")
        started = f"{row.started_at:%Y-%m-%d %H:%M:%S}"
        said = ", ".join(changed) if row.outcome == "done" else (row.error or "").split("\n", 1)[0]
        yield row.run_id, batch, str(row.attempt), started, seconds, row.outcome, said
