"""Cancelling steps, and the YARN applications that they leave behind.

EMR ends the process of a step, and in cluster mode that is only the one that watches: the application goes on. YARN
cannot be reached from outside of the cluster, so what kills the application is a further step.
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from framework.emr.api import ask
from framework.emr.pace import Pace
from framework.emr.steps.kinds import RUNNER
from framework.emr.steps.state import StepState, described
from framework.errors import AwsRefusedError

GRACE = 30.0  # seconds that a process has to end after SIGTERM, and then after SIGKILL
LOOK = 5.0
IDS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What became of a step that was to be cancelled; `kill` is the step that kills its application."""

    step: StepState
    refused: str = ""
    kill: str | None = None
    unkilled: str = ""


def cancel(emr: Any, cluster: str, ids: Sequence[str], *, pace: Pace) -> list[Cancelled]:
    """Cancel steps: SIGTERM, after 30 seconds SIGKILL, then a step that kills the YARN application of each that ran.

    A step that has ended is left alone. Raises AwsRefusedError where the first cancellation cannot be asked for.
    """
    before = {step.id: step for step in described(emr, cluster, ids)}
    active = [each for each in ids if each in before and before[each].is_active]
    refused = _ask(emr, cluster, active, "SEND_INTERRUPT") if active else {}
    going = [each for each in active if each not in refused]
    if left := _wait(emr, cluster, going, pace):
        refused |= _ask(emr, cluster, left, "TERMINATE_PROCESS")
        _wait(emr, cluster, left, pace)
    after = {step.id: step for step in described(emr, cluster, ids)}
    ran = {each for each in active if each in after and (after[each].started or before[each].state != "PENDING")}
    return [_ended(emr, cluster, after[each], each in ran, refused.get(each, "")) for each in ids if each in after]


def kill_arguments(step: StepState) -> list[str]:
    """Return the command that kills what a step started on YARN, by EMR's ids or the job's tag; empty if unknown."""
    if step.applications:
        return ["yarn", "application", "-kill", *step.applications]
    if step.marker and any("spark.yarn.tags=" in text for text in step.strings):
        states = "NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"
        look = f"yarn application -list -appTags {shlex.quote(step.marker)} -appStates {states}"
        return ["bash", "-c", f"{look} | grep -o '^application_[0-9_]*' | xargs -r -n 1 yarn application -kill"]
    return []


def _ended(emr: Any, cluster: str, step: StepState, ran: bool, refused: str) -> Cancelled:
    if not ran:
        return Cancelled(step, refused)
    arguments = kill_arguments(step)
    if not arguments:
        told = "EMR names no YARN application of it"
        return Cancelled(step, refused, unkilled=told)
    try:
        return Cancelled(step, refused, kill=_kill(emr, cluster, step, arguments))
    except AwsRefusedError as error:
        return Cancelled(step, refused, unkilled=str(error.reason))


def _kill(emr: Any, cluster: str, step: StepState, arguments: list[str]) -> str:
    jar = {"Jar": RUNNER, "Args": arguments}
    request = {"Name": f"kill {step.name}"[:256], "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar}
    # A second one, should the first answer be lost, does no harm.
    return str(ask(emr.add_job_flow_steps, JobFlowId=cluster, Steps=[request])["StepIds"][0])


def _ask(
    emr: Any, cluster: str, ids: Sequence[str], how: Literal["SEND_INTERRUPT", "TERMINATE_PROCESS"]
) -> dict[str, str]:
    """Ask for a cancellation; return why EMR refuses some."""
    told: list[Any] = []
    for some in _parts(ids, IDS_AT_ONCE):
        answer = ask(emr.cancel_steps, ClusterId=cluster, StepIds=some, StepCancellationOption=how)
        told += answer.get("CancelStepsInfoList", [])
    return {info["StepId"]: info.get("Reason", "refused") for info in told if info.get("Status") == "FAILED"}


def _wait(emr: Any, cluster: str, ids: Sequence[str], pace: Pace) -> list[str]:
    """Wait for steps to end, for as long as a signal is given; return those that have not."""
    end = pace.now() + GRACE
    left = list(ids)
    while left:
        left = [step.id for step in described(emr, cluster, left) if step.is_active]
        if not left or pace.now() >= end:
            break
        pace.sleep(LOOK)
    return left


def _parts(ids: Sequence[str], size: int) -> Iterator[list[str]]:
    for first in range(0, len(ids), size):
        yield list(ids[first : first + size])
