"""Adding steps once: AddJobFlowSteps has no client token, so a call whose answer was lost is not simply made again."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from framework import aws
from framework.emr.api import ask
from framework.emr.pace import Pace
from framework.emr.steps.same import same_steps
from framework.emr.steps.state import StepState, listed
from framework.emr.steps.step import AddRequest, marker
from framework.errors import AwsRefusedError, LostAnswerError, UnknownClusterError

TRIES = 6
# After a lost answer the steps may come to be listed a little later than the call was made.
LOOKS = (2.0, 5.0, 10.0)
# No submission is looked for among steps that are older.
OLDEST = timedelta(days=7)


def add(
    emr: Any, request: AddRequest, token: str, *, clock: Callable[[], datetime], pace: Pace, again: bool = False
) -> list[str]:
    """Add the steps of a request once, and return their ids in order. The client must make no retries of its own.

    A throttled call was not done and is repeated. After a lost answer the steps are looked for by their markers, and
    the call is repeated only when they are not there; with `again` they are looked for before the first call, too.
    Raises AwsRefusedError, LostAnswerError where it stays unknown whether they are there, and OtherStepsError or
    OtherArgumentsError where those that are there are not the ones of the request.
    """
    cluster, steps = request["JobFlowId"], request["Steps"]
    if again and (found := find(emr, cluster, token, len(steps), clock)):
        return same_steps(found, steps, cluster, token)
    wait = 2.0
    for left in reversed(range(TRIES)):
        try:
            return [str(each) for each in ask(emr.add_job_flow_steps, **request)["StepIds"]]
        except AwsRefusedError as error:
            lost = aws.is_lost(error.__cause__)
            if not lost and (not left or not aws.is_throttled(error.__cause__)):
                raise
            if lost:
                if found := look(emr, cluster, token, len(steps), clock, pace, error.reason):
                    return same_steps(found, steps, cluster, token, lost=error.reason)
                if not left:
                    raise LostAnswerError(cluster, token, error.reason) from error
        pace.pause(wait)
        wait *= 2
    raise AssertionError("the last try returns or raises")


def look(
    emr: Any, cluster: str, token: str, count: int, clock: Callable[[], datetime], pace: Pace, reason: str
) -> dict[int, StepState]:
    """Look for the steps for a while; no steps mean that they were not added."""
    found: dict[int, StepState] = {}
    for seconds in LOOKS:
        pace.sleep(seconds)
        try:
            found = find(emr, cluster, token, count, clock)
        except (AwsRefusedError, UnknownClusterError) as error:
            then = f"{error.operation}: {error.reason}" if isinstance(error, AwsRefusedError) else str(error)
            raise LostAnswerError(cluster, token, f"{reason}; then {then}") from error
        if len(found) >= count:
            break
    return found


def find(emr: Any, cluster: str, token: str, count: int, clock: Callable[[], datetime]) -> dict[int, StepState]:
    """Return a submission's steps by their numbers, also those beyond `count`, which is how many are expected."""
    mine = marker(token, 0).removesuffix("000")
    found: dict[int, StepState] = {}
    for step in listed(emr, cluster):
        if step.created and step.created < clock() - OLDEST:
            break
        mark = step.marker or ""
        if mark.startswith(mine) and (number := mark.removeprefix(mine)).isdecimal():
            found[int(number)] = step
        elif len(found) >= count:
            break
    return found
