"""A lease that was lost: its holder is told until it ends."""

import threading

from framework.process import this_one
from framework.state import Lease
from framework.tables import Lake


def test_who_has_lost_a_lease_is_told_again_and_again_until_it_ends(lake: Lake) -> None:
    lease, told = Lease(lake, "table-t", this_one(lake.spark)), threading.Semaphore(0)

    with lease.held(expiry=0.4, wait=0, lost=told.release):
        lease._grants.create("0000000002", lease._mine)

        assert all(told.acquire(timeout=10) for _ in range(3))
