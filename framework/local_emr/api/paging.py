"""Lists in pages, and the marker that asks for the next one."""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from framework.local_emr.api.refusal import invalid

T = TypeVar("T")

# Of clusters, steps and security configurations the API reference says 50. For what has no number there, as groups,
# fleets and bootstrap actions, it is the same here; instances come 2,000 at a time.
SIZE, INSTANCES = 50, 2000


def page(
    found: Sequence[T],
    key: str,
    asked: Mapping[str, Any],
    shown: Callable[[T], Any] = lambda each: each,
    *,
    size: int = SIZE,
    marker: str = "Marker",
) -> dict[str, Any]:
    """Return the page that is asked for, and the marker of the next one. Raises Refusal for a marker of nobody's.

    A marker counts from the end: the longest lists have the newest first, and one that is new must not move the others.
    """
    first = max(0, len(found) - _left(asked[marker], marker)) if asked.get(marker) else 0
    answer: dict[str, Any] = {key: [shown(each) for each in found[first : first + size]]}
    if (left := len(found) - first - size) > 0:
        answer[marker] = base64.b64encode(f"{key}:{left}".encode()).decode()
    return answer


def _left(marker: str, name: str) -> int:
    try:
        return int(base64.b64decode(marker, validate=True).decode().rpartition(":")[2])
    except ValueError:
        raise invalid(f"{name} '{marker}' is not valid.") from None
