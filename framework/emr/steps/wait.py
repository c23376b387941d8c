"""Waiting for steps: boto3's own waiter stops after half an hour and never sees that a step was INTERRUPTED."""

from collections.abc import Callable, Sequence
from typing import Any

from framework.emr.api import Patience, ask
from framework.emr.pace import Pace
from framework.emr.steps.state import StepState, described
from framework.errors import ClusterEndedError, StepTimeoutError

SHORTEST, LONGEST, GROWTH = 5.0, 30.0, 1.5
ENDED = ("TERMINATED", "TERMINATED_WITH_ERRORS")


def wait(
    emr: Any,
    cluster: str,
    ids: Sequence[str],
    *,
    pace: Pace,
    timeout: float | None = None,
    observe: Callable[[StepState], None] = lambda _: None,
) -> list[StepState]:
    """Wait until every step has ended, in whatever way, and return them in order; `observe` gets each change.

    It asks every 5 seconds at first, up to every 30 while nothing changes. Throttling and a network that fails for a
    while are waited out. Raises StepTimeoutError after `timeout` seconds, ClusterEndedError where the cluster is gone
    and steps have not ended, and AwsRefusedError.
    """
    end = float("inf") if timeout is None else pace.now() + timeout
    seen: dict[str, StepState] = {}
    interval, gone, patience = SHORTEST, False, Patience()
    while True:
        is_news = False
        with patience:
            for step in described(emr, cluster, [each for each in ids if each not in seen or seen[each].is_active]):
                if step.id not in seen or step.state != seen[step.id].state:
                    is_news = True
                    seen[step.id] = step
                    observe(step)
            active = [each for each in ids if each not in seen or seen[each].is_active]
            if not active:
                return [seen[each] for each in ids]
            if not is_news:
                # A step that the cluster took down with it may be told of a moment later: one more look.
                gone = _is_gone(emr, cluster, active, was_gone=gone)
        interval = SHORTEST if is_news else min(interval * GROWTH, LONGEST)
        if (left := end - pace.now()) <= 0:
            raise StepTimeoutError([each for each in ids if each not in seen or seen[each].is_active], timeout or 0)
        pace.pause(interval, at_most=left)


def _is_gone(emr: Any, cluster: str, active: Sequence[str], *, was_gone: bool) -> bool:
    status = ask(emr.describe_cluster, ClusterId=cluster)["Cluster"]["Status"]
    if status["State"] not in ENDED:
        return False
    if was_gone:
        reason = status.get("StateChangeReason", {}).get("Message", "")
        raise ClusterEndedError(cluster, status["State"], reason, active)
    return True
