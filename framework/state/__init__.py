"""State: what one run leaves for the next, beside what the commits themselves say."""

from framework.state.history import Attempt, Backfill, History, Rollback, Withdrawn, job_of, plan_of
from framework.state.lease import Lease, holder_of, request_stop
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
    "holder_of",
    "job_of",
    "logged",
    "plan_of",
    "record",
    "request_stop",
]
