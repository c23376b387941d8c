"""Guarded: a table's lease is held around what commits to it, so that those who load it take turns.

On S3 and on a local disk Delta's log store looks whether a version is there, and then writes it: of two that commit the
same version the second would replace the first. And what a table remembers beside its rows, its last system time and
the truncations of its feed, is read before the commit, everywhere.
"""

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
    """Hold the table's lease. Raises LeaseHeldError where it is not to be had in time, LeaseLostError if it is lost."""
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
