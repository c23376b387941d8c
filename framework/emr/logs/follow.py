"""Following a log that EMR uploads now and then, whole each time: reading goes on at the byte reached."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from framework.emr.logs.read import LONGEST_LINE, Log, text

UPLOADED_EVERY = timedelta(minutes=5)
POLL_SECONDS = 20.0

Look = Callable[[], tuple[Sequence[Log], datetime | None]]


def followed(
    s3: Any,
    look: Look,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Log, str]]:
    """Give what is new of some logs, line by line, until the step has ended and its last logs are there.

    `look` returns the logs that there are now, and when the step ended, if it did. The last upload is the first one
    after that; where none comes, it is waited for during two uploads. `waiting` is called before each sleep.
    """
    reached: dict[str, int] = {}
    seen: dict[str, Log] = {}
    while True:
        logs, ended = look()
        is_new = [log for log in logs if seen.get(log.address) != log]
        # Two looks alike after an upload since the end; or nothing came for twice as long as an upload takes.
        settled = not is_new and any(log.written >= ended for log in logs) if ended else False
        last = settled or (ended is not None and clock() >= ended + 2 * UPLOADED_EVERY)
        for log in logs if last else is_new:
            for line, byte in _new(s3, log, reached.get(log.address, 0), last=last):
                yield log, line
                reached[log.address] = byte
            seen[log.address] = log
        if last:
            return
        waiting()
        sleep(POLL_SECONDS)


def _new(s3: Any, log: Log, reached: int, *, last: bool) -> Iterator[tuple[str, int]]:
    """Give each new line and the byte behind it; a line without an end only when no more of it will come."""
    rest = b""
    for piece in text(s3, log, skip=reached):
        *ready, rest = (rest + piece).split(b"\n")
        if len(rest) > LONGEST_LINE:
            ready, rest = [*ready, rest], b""
            reached -= 1  # it has no end
        for line in ready:
            reached += len(line) + 1
            yield line.decode(errors="replace").removesuffix("\r"), reached
    if rest and last:
        yield rest.decode(errors="replace"), reached + len(rest)
