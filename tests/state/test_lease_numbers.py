"""A lease's numbers: none is given out twice, however long somebody looks away."""

import threading

import pytest

from framework import fault
from framework.errors import LeaseHeldError
from framework.state import Lease
from framework.state.process import this_one
from framework.tables import Lake


def test_a_number_that_was_given_out_while_one_looked_away_is_not_taken(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    me, main = this_one(lake.spark), threading.get_ident()
    held = Lease(lake, "table-t", me).held(expiry=60, wait=0)

    def while_it_looks_away(point: str) -> None:
        if point == "before lease table-t" and threading.get_ident() == main:
            monkeypatch.setattr(fault, "reached", None)
            for _ in range(2):
                with Lease(lake, "table-t", me).held(expiry=60, wait=0):
                    pass
            held.__enter__()

    monkeypatch.setattr(fault, "reached", while_it_looks_away)

    with pytest.raises(LeaseHeldError), Lease(lake, "table-t", me).held(expiry=60, wait=0):
        pass
    held.__exit__(None, None, None)


def test_who_has_lost_a_lease_is_told_again_and_again_until_it_ends(lake: Lake) -> None:
    lease, told = Lease(lake, "table-t", this_one(lake.spark)), threading.Semaphore(0)

    with lease.held(expiry=0.4, wait=0, lost=told.release):
        lease._grants.create("0000000002", lease._mine)

        assert all(told.acquire(timeout=10) for _ in range(3))
