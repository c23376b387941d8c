"""Conflicts with other writers: what met one is done again, on the table as it is then."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from py4j.protocol import Py4JJavaError

from framework import log
from framework.errors import ConflictError

# Those after which the same may be done again; Delta names its own alike on every version.
CONFLICTS = (
    "ConcurrentAppendException",
    "ConcurrentDeleteReadException",
    "ConcurrentDeleteDeleteException",
    "ConcurrentTransactionException",
    "MetadataChangedException",
    "ProtocolChangedException",
    "SystemTimeMovedError",
)
TRIES = 30
LONGEST_PAUSE = 8.0

Done = TypeVar("Done")


def outlast(table: str, attempt: Callable[[], Done]) -> Done:
    """Call the attempt until no other writer comes between, with longer and longer pauses; return what it returns.

    It has to commit all or nothing, and is to look at the table anew each time. Raises ConflictError where other
    writers leave no room.
    """
    conflict = ""
    for number in range(TRIES):
        try:
            return attempt()
        except Exception as error:
            if not (conflict := conflict_of(error)):
                raise
        pause = random.uniform(0.1, 1) * min(LONGEST_PAUSE, 0.2 * 2**number)
        log.event("write_retried", table=table, conflict=conflict, seconds=round(pause, 1))
        time.sleep(pause)
    raise ConflictError(table, TRIES, conflict)


def conflict_of(error: BaseException) -> str:
    """Return which conflict with another writer an error is, empty if none.

    It comes as a class of Delta's Python module, or as the JVM's exception, at any depth of its causes.
    """
    names = [type(error).__name__]
    cause = error.java_exception if isinstance(error, Py4JJavaError) else None
    while cause is not None:
        names.append(str(cause.getClass().getSimpleName()))
        cause = cause.getCause()
    return next((name for name in names if name in CONFLICTS), "")
