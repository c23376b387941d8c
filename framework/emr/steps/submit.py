"""Adding steps once: AddJobFlowSteps has no client token, so a call whose answer was lost is not simply made again."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from framework import aws
from framework.emr.api import ask
from framework.emr.pace import Pace
from framework.emr.steps.state import listed
from framework.emr.steps.step import AddRequest, marker
from framework.errors import AwsRefusedError, LostAnswerError

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
    Raises AwsRefusedError, or LostAnswerError where it stays unknown whether they are there.
    """
    cluster, count = request["JobFlowId"], len(request["Steps"])
    if again and (found := find(emr, cluster, token, count, clock)):
        return found
    wait = 2.0
    for left in reversed(range(TRIES)):
        try:
            return [str(each) for each in ask(emr.add_job_flow_steps, **request)["StepIds"]]
        except AwsRefusedError as error:
            lost = aws.is_lost(error.__cause__)
            if not lost and (not left or not aws.is_throttled(error.__cause__)):
                raise
            if lost:
                if found := look(emr, cluster, token, count, clock, pace, str(error.reason)):
                    return found
                if not left:
                    raise LostAnswerError(cluster, token, error.reason) from error
        pace.pause(wait)
        wait *= 2
    raise AssertionError("the last try returns or raises")


def look(
    emr: Any, cluster: str, token: str, count: int, clock: Callable[[], datetime], pace: Pace, reason: str
) -> list[str]:
    """Look for the steps for a while; no steps mean that they were not added."""
    found: list[str] = []
    for seconds in LOOKS:
        pace.sleep(seconds)
        try:
            found = find(emr, cluster, token, count, clock)
        except AwsRefusedError as error:
            raise LostAnswerError(cluster, token, f"{reason}; then {error.operation}: {error.reason}") from error
        if len(found) == count:
            break
    return found


def find(emr: Any, cluster: str, token: str, count: int, clock: Callable[[], datetime]) -> list[str]:
    """Return the ids of a submission's steps in order, or none: a call adds all of its steps or nothing."""
    wanted = {marker(token, number): number for number in range(1, count + 1)}
    found: dict[int, str] = {}
    for step in listed(emr, cluster):
        if step.created and step.created < clock() - OLDEST:
            break
        if step.marker in wanted:
            found[wanted[step.marker]] = step.id
            if len(found) == count:
                return [found[number] for number in sorted(found)]
    return [found[number] for number in sorted(found)]
