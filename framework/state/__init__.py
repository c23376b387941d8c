"""State: what one run leaves for the next, beside what the commits themselves say."""

from framework.state.history import Attempt, Backfill, History, Rollback, Withdrawn
from framework.state.lease import Lease, request_stop
from framework.state.run_log import LoggedLoad, LoggedRun, logged, record

__all__ = [
    "Attempt",
    "Backfill",
    "History",
    "Lease",
    "LoggedLoad",
    "LoggedRun",
    "Rollback",
    "Withdrawn",
    "logged",
    "record",
    "request_stop",
]
