"""`lakegate steps` and `lakegate cancel STEP…`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from framework.cli import project
from framework.cli.watch import cancel_and_say

if TYPE_CHECKING:
    from framework.emr.steps.state import StepState

NEWEST = 20


def print_steps(environment: str, overrides: Sequence[str], *, cluster: str | None, everything: bool) -> None:
    """Print the steps of the cluster, newest first."""
    from framework.cli.start import clock
    from framework.emr.steps.state import listed

    emr, cluster = _cluster(environment, overrides, cluster)
    steps = list(islice(listed(emr, cluster), None if everything else NEWEST + 1))
    console, table = Console(highlight=False), Table(title=cluster, title_justify="left")
    for column in ("step", "name", "state", "created, UTC", "took", "reason"):
        table.add_column(column, overflow="fold", no_wrap=column == "step")
    for step in steps if everything else steps[:NEWEST]:
        table.add_row(*map(escape, _row(step, clock())))
    console.print(table if steps else f"Cluster {cluster} has no step yet.")
    if not everything and len(steps) > NEWEST:
        console.print(f"The newest {NEWEST}; --all shows the others, too.")


def cancel_steps(ids: Sequence[str], environment: str, overrides: Sequence[str], *, cluster: str | None) -> None:
    """Cancel steps and kill their YARN applications; exits with 1 where one goes on."""
    emr, cluster = _cluster(environment, overrides, cluster)
    if not cancel_and_say(emr, cluster, ids):
        raise typer.Exit(1)


def took(seconds: float | None) -> str:
    """Return a time in its two largest units: 2h 05m, 3m 07s, 12s."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"


def _row(step: "StepState", now: datetime) -> tuple[str, ...]:
    created = f"{step.created.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if step.created else ""
    return (step.id, step.name, step.state, created, took(step.seconds(now)), step.reason)


def _cluster(environment: str, overrides: Sequence[str], named: str | None) -> tuple[Any, str]:
    from framework.cli.clients import client
    from framework.config import load
    from framework.emr.find import cluster_id

    project.find().enter()
    settings = load(environment, overrides)
    emr = client("emr", settings)
    return emr, named or cluster_id(emr, settings.emr)
