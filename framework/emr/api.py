"""Calls of the EMR API: pages as one sequence, refusals as errors of our own, and patience with those that pass."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from framework import aws
from framework.errors import AwsRefusedError, UnknownClusterError

# EMR has no code of its own for it, and older operations say job flow.
UNKNOWN = re.compile(r"cluster id '.*' is not valid|job ?flow id (does not exist|.*not valid)", re.IGNORECASE)
PATIENCE = 20  # calls in a row without an answer


def ask(call: Callable[..., Any], **request: Any) -> Any:
    """Call AWS. Raises UnknownClusterError where EMR does not know the cluster that is asked for.

    Raises AwsRefusedError otherwise, with AWS's own name of the refusal, or with what happened on the way.
    """
    try:
        return call(**request)
    except aws.failures() as error:
        operation = getattr(error, "operation_name", "") or getattr(call, "__name__", "a call")
        if (cluster := _cluster(request)) and UNKNOWN.search(aws.reason(error)):
            raise UnknownClusterError(cluster) from error
        raise AwsRefusedError(operation, aws.code(error), aws.reason(error)) from error


def pages(call: Callable[..., Any], key: str, **request: Any) -> Iterator[Any]:
    """Give what a list call lists under `key`, page by page as it is asked for."""
    marker: dict[str, str] = {}
    while True:
        answer = ask(call, **request, **marker)
        yield from answer.get(key, [])
        if not answer.get("Marker"):
            return
        marker = {"Marker": answer["Marker"]}


class Patience:
    """Puts up with what passes by itself: in a loop, `with patience:` goes on after a throttled call or a lost answer.

    After 20 of them in a row it raises the next AwsRefusedError, and any other error at once.
    """

    def __init__(self) -> None:
        self._misses = 0

    def __enter__(self) -> None:
        """Begin a try."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """Tell whether the try is a miss, and there is patience left; one that went well begins the count anew."""
        if error is None:
            self._misses = 0
            return False
        self._misses += 1
        cause = error.__cause__ if isinstance(error, AwsRefusedError) else None
        return (aws.is_throttled(cause) or aws.is_lost(cause)) and self._misses <= PATIENCE


def _cluster(request: Mapping[str, Any]) -> str:
    """Return the cluster that a request is about; operations name it differently."""
    several = request.get("JobFlowIds") or [""]
    return str(request.get("ClusterId") or request.get("JobFlowId") or several[0])
