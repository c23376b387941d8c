"""Watching steps to their end, and what is done when that takes too long or nobody waits any more."""

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from framework.errors import AwsRefusedError, EmrError, StepsFailedError, StepTimeoutError

if TYPE_CHECKING:
    from framework.emr.steps.state import StepState

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds(text: str) -> float:
    """Return the seconds of 90s, 30m, 2h or 1d."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if not found or float(found[1]) <= 0:
        raise typer.BadParameter(f"{text!r} is no time: write 90s, 30m, 2h or 1d")
    return float(found[1]) * SECONDS[found[2]]


Wait = Annotated[bool, typer.Option("--wait", help="wait until all steps have ended")]
Follow = Annotated[bool, typer.Option("--follow", help="wait, and print each change")]
Timeout = Annotated[
    float | None, typer.Option("--timeout", parser=seconds, metavar="TIME", help="wait for so long: 90s, 30m, 2h, 1d")
]
OnTimeout = Annotated[
    Literal["ask", "cancel", "leave"],
    typer.Option("--on-timeout", help="or on Ctrl-C: what to do with the steps; without a terminal, ask is leave"),
]  # fmt: skip


def watch(
    emr: Any,
    cluster: str,
    ids: Sequence[str],
    *,
    follow: bool,
    timeout: float | None,
    on_timeout: Literal["ask", "cancel", "leave"],
    more: str,
) -> None:
    """Wait for steps; `more` is what commands need that are printed, so that they ask the same cluster.

    Raises StepsFailedError where a step did not complete, StepTimeoutError, ClusterEndedError or AwsRefusedError.
    """
    from framework.emr.pace import Pace
    from framework.emr.steps.wait import wait

    seen: dict[str, StepState] = {}

    def observe(step: "StepState") -> None:
        seen[step.id] = step
        if follow:
            follow_step(step)

    def active() -> list[str]:
        return [each for each in ids if each not in seen or seen[each].is_active]

    try:
        ended = wait(emr, cluster, ids, pace=Pace.of(emr), timeout=timeout, observe=observe)
    except (StepTimeoutError, KeyboardInterrupt):
        _give_up(emr, cluster, active(), on_timeout, more)
        raise
    except AwsRefusedError:
        _say_how_to_go_on(active(), "goes on" if len(active()) == 1 else "go on", "cancel", more)
        raise
    failed = {step.id: said(step) for step in ended if step.state != "COMPLETED"}
    if failed:
        raise StepsFailedError(failed, more)
    if not follow:
        for step in ended:
            typer.echo(f"{step.id}  {step.name}  {step.state}")


def follow_step(step: "StepState") -> None:
    """Print the new state of a step."""
    typer.echo(f"{step.id}  {said(step)}")


def said(step: "StepState") -> str:
    """Return a step's name and state, and why it has failed where EMR says so."""
    log = f" (log: {step.log_file})" if step.log_file else ""
    return f"{step.name}  {step.state}{': ' * bool(step.reason)}{step.reason}{log}"


def cancel_and_say(emr: Any, cluster: str, ids: Sequence[str]) -> bool:
    """Cancel steps and print what became of each; return whether all have ended."""
    from framework.emr.pace import Pace
    from framework.emr.steps.cancel import cancel

    done = cancel(emr, cluster, ids, pace=Pace.of(emr))
    for each in done:
        refused = f", not cancelled: {each.refused}" if each.refused else ""
        typer.echo(f"{said(each.step)}{refused}")
        if each.kill:
            typer.echo(f"  its YARN application is killed by step {each.kill}, after the steps that wait before it")
        if each.unkilled:
            look = "`yarn application -list` and `yarn application -kill ID` on the primary node"
            typer.echo(f"  a YARN application of it may still run ({each.unkilled}): {look}")
    for missing in sorted({*ids} - {each.step.id for each in done}):
        typer.echo(f"{missing} is no step of {cluster}")
    return len(done) == len(ids) and not any(each.step.is_active for each in done)


def _give_up(emr: Any, cluster: str, ids: Sequence[str], on_timeout: str, more: str) -> None:
    named = " ".join(ids)
    if on_timeout == "ask":
        on_timeout = "cancel" if sys.stdin.isatty() and _is_wanted(f"Cancel {named}?") else "leave"
    if on_timeout == "cancel":
        # Why it is cancelled is raised after this, whatever becomes of it.
        try:
            cancel_and_say(emr, cluster, ids)
        except (EmrError, KeyboardInterrupt) as failed:
            refused = f"They were not cancelled: {failed}"
            typer.echo(refused if isinstance(failed, EmrError) else "Cancelling was interrupted.", err=True)
            _say_how_to_go_on(ids, "may go on", "try again", more)
    else:
        typer.echo(f"Left as it is: {named}. `lakegate cancel {named}{more}` cancels.")


def _say_how_to_go_on(ids: Sequence[str], state: str, end: str, more: str) -> None:
    look, cancel = f"`lakegate steps{more}`", f"`lakegate cancel {' '.join(ids)}{more}`"
    typer.echo(f"{', '.join(ids)} {state}. Look: {look}; {end}: {cancel}.", err=True)


def _is_wanted(question: str) -> bool:
    try:
        return typer.confirm(question)
    except typer.Abort:  # Ctrl-C again, or the end of input
        return False
