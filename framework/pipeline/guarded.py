"""Guarded: a table's lease is held around what commits to it, where Delta would not tell two writers apart."""

from collections.abc import Iterator
from contextlib import contextmanager

from framework import log
from framework.config import Settings
from framework.errors import LakegateError
from framework.process import Holder
from framework.state import Lease
from framework.tables import Lake


@contextmanager
def guarded(lake: Lake, settings: Settings, holder: Holder, table: str) -> Iterator[None]:
    """Hold the table's lease, where of two commits of the same version the second would replace the first."""
    if lake.tells_commits_apart:
        yield
        return
    lease = Lease(lake, f"table-{table}", holder)
    with lease.held(settings.lease.expiry, settings.lease.longest_wait, lambda: cancel(lake)):
        try:
            yield
        finally:
            lease.require()  # what Spark says of being cancelled is not the reason, and a commit may be another's


def cancel(lake: Lake) -> None:
    """End what Spark does now: whoever took over may do the same."""
    try:
        lake.spark.sparkContext.cancelAllJobs()
    except LakegateError:
        raise
    except Exception as error:
        log.event("cancel_failed", level=30, error=str(error))
