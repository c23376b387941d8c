"""`lakegate runs [JOB]` and `lakegate run-info RUN`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from framework.cli import project
from framework.cli.start import start
from framework.errors import UnknownRunError

if TYPE_CHECKING:
    from framework.batch import Position
    from framework.state import Attempt, LoggedLoad, LoggedRun
    from framework.tables import Lake

COLUMNS = ("load", "table", "outcome", "version", "in", "inserted", "updated", "deleted", "unchanged", "skipped", "s")


def print_runs(name: str | None, environment: str, overrides: Sequence[str]) -> None:
    """Print two lines for each attempt of each batch, newest first."""
    here = project.find()
    jobs = [here.load(name).name] if name else list(here.names())
    _, lake = start(here, "runs", environment, overrides, quiet=True)
    found = [listed for job in jobs for listed in _listed(lake, job)]
    console = Console(highlight=False, soft_wrap=True)
    for _, said in sorted(found, key=lambda listed: listed[0], reverse=True):
        console.print(said)
    if not found:
        console.print("There is no run yet.")


def print_run(run: str, environment: str, overrides: Sequence[str]) -> None:
    """Print all that is known of one run. Raises UnknownRunError."""
    here = project.find()
    from framework.state import job_of, logged

    job = job_of(run)
    if job not in here.names():
        raise UnknownRunError(None, run)
    _, lake = start(here, "run-info", environment, overrides, quiet=True)
    rows = logged(lake, job)
    attempts = [row for row in rows if row.run_id == run]
    unlogged = [(found, fate) for found, fate in _unlogged(lake, job, rows) if found.run_id == run]
    if not attempts and not unlogged:
        raise UnknownRunError(job, run)
    console = Console(highlight=False)
    for found, fate in unlogged:
        console.print(f"[bold]{_which(found.position, found.number)}[/bold]: {fate}")
        started = f"{found.started_at:%Y-%m-%d %H:%M:%S} UTC, process {found.pid} on {escape(found.host)}"
        console.print(f"  started   {started}", soft_wrap=True)
    for row in attempts:
        _print_attempt(console, lake, row)


def _print_attempt(console: Console, lake: "Lake", row: "LoggedRun") -> None:
    from framework.state import plan_of

    def say(what: str, text: str) -> None:
        console.print(f"  {what:<9} {escape(text)}", soft_wrap=True)

    console.print(f"[bold]{_which(row.position, row.attempt)}[/bold]: {row.outcome}")
    seconds = (row.finished_at - row.started_at).total_seconds()
    say("started", f"{row.started_at:%Y-%m-%d %H:%M:%S} UTC, {seconds:.1f} s, environment {row.environment}")
    say("plan", f"{row.plan}, code {row.code_version or 'unknown'}, parameters {row.parameters}")
    plan = plan_of(lake, row)
    for source, pin in plan.pins.items() if plan else ():
        say("reads", f"{source}: {pin.said}")
    if row.error:
        say("error", row.error)
    if row.loads:
        console.print(_table(row.loads))


def _table(loads: Sequence["LoggedLoad"]) -> Table:
    """Return the table of a batch's loads, without what is the same as the table, zero or empty in every row."""
    rows = []
    for load in loads:
        counts = (load.rows_in, load.inserted, load.updated, load.deleted, load.unchanged, load.skipped)
        version = "" if load.version is None else str(load.version)
        shown = (f"{count:,}" if count else "" for count in counts)
        of = "" if load.name == load.target else load.name
        rows.append((of, load.target or "", load.outcome, version, *shown, f"{load.seconds:.1f}"))
    wanted = [number for number in range(len(COLUMNS)) if any(row[number] for row in rows)]
    table = Table()
    for number in wanted:
        table.add_column(COLUMNS[number], overflow="fold")
    for row in rows:
        table.add_row(*(escape(row[number]) for number in wanted))
    return table


def _listed(lake: "Lake", job: str) -> Iterator[tuple[datetime, str]]:
    """Return what is said of each attempt, with the time by which it is sorted."""
    from framework.state import logged

    rows = logged(lake, job)
    for found, fate in _unlogged(lake, job, rows):
        said = _said(found.run_id, _which(found.position, found.number), found.started_at, fate)
        yield found.started_at, f"{said}\n  process {found.pid} on {escape(found.host)}"
    for row in rows:
        seconds = f"{(row.finished_at - row.started_at).total_seconds():.1f} s"
        said = _said(row.run_id, _which(row.position, row.attempt), row.started_at, seconds, row.outcome)
        changed = [
            f"{load.name} {(load.inserted or 0) + (load.updated or 0) + (load.deleted or 0):,}" for load in row.loads
        ]
        what = ", ".join(changed) if row.outcome == "done" else (row.error or "").split("\n", 1)[0]
        yield row.started_at, f"{said}\n  {escape(what)}"


def _said(run: str, which: str, started_at: datetime, *more: str) -> str:
    return "  ".join([f"[bold]{escape(run)}[/bold]", which, f"{started_at:%Y-%m-%d %H:%M:%S}", *more])


def _which(batch: "Position", attempt: int) -> str:
    return f"batch {batch}, attempt {attempt}" if attempt else f"batch {batch}, refused"


def _unlogged(lake: "Lake", job: str, rows: Sequence["LoggedRun"]) -> list[tuple["Attempt", str]]:
    """Return the attempts that no row tells of, and what has become of each: running, killed, or either of the two.

    A job runs once at a time, so only the newest attempt can be running, and while its process holds the job's lease.
    """
    from framework.state import History, holder_of

    found = History(lake, job).unlogged(rows)
    holder = holder_of(lake, f"job-{job}") if found else None
    newest = max([each.started_at for each in found] + [row.started_at for row in rows], default=None)

    def fate(attempt: "Attempt") -> str:
        ours = holder is not None and (holder.host, holder.python.pid) == (attempt.host, attempt.pid)
        if holder is None or not ours or attempt.started_at != newest:
            return "killed"
        return "running" if holder.is_here else "running, or killed"

    return [(attempt, fate(attempt)) for attempt in found]
