import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from framework import fault
from framework.errors import LeaseHeldError, LeaseLostError, StorageError
from framework.process import Holder, Process, boot_id, process
from framework.state import Lease, holder_of, request_stop
from framework.state.documents import Documents
from framework.state.lease import Grant
from framework.tables import Lake

NAME = "job-cities"
EXPIRY = 0.8
ELSEWHERE = Holder("elsewhere", "boot", Process(1, "1"), Process(2, "1"))


@pytest.fixture
def disk(tmp_path: Path) -> Lake:
    """A lake that has no session: a lease is files."""
    without: Any = None
    return Lake(without, str(tmp_path / "lake"))


def _grants(lake: Lake) -> Documents[Grant]:
    return Documents(lake, f"leases/{NAME}", Grant)


def _newest(lake: Lake) -> Grant:
    grants = _grants(lake)
    found = grants.load(grants.names()[-1])
    assert found
    return found


def _held_by(lake: Lake, holder: Holder, number: int = 7) -> Grant:
    grant = Grant(holder, "theirs", beat=3)
    assert _grants(lake).create(f"{number:010}", grant)
    return grant


@contextmanager
def _running() -> Iterator[Process]:
    """A process that lives while this lasts."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        try:
            yield process(child.pid)
        finally:
            child.kill()


def _ended() -> Process:
    with _running() as there:
        pass
    return there


def _here(python: Process, jvm: Process | None) -> Holder:
    return Holder(platform.node(), boot_id(), python, jvm)


@pytest.fixture(scope="module")
def us() -> Iterator[Holder]:
    """The holder of this test: processes that live."""
    with _running() as jvm:
        yield _here(process(os.getpid()), jvm)


# -- taken and given back ---------------------------------------------------------------------------------------------


def test_a_lease_is_held_until_it_is_given_back(disk: Lake, us: Holder) -> None:
    with Lease(disk, NAME, us).held(EXPIRY, 0) as lease:
        lease.require()
        assert (_newest(disk).holder, _newest(disk).released) == (us, False)
        with pytest.raises(LeaseHeldError) as caught, Lease(disk, NAME, us).held(EXPIRY, 0):
            pass
        assert (caught.value.lease, caught.value.holder) == (NAME, us.said)
    assert _newest(disk).released
    with Lease(disk, NAME, us).held(EXPIRY, 0) as lease:
        lease.require()


def test_a_lease_that_cannot_be_given_back_hides_nothing_and_is_free_once_its_holder_is_gone(
    disk: Lake, us: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise StorageError("leases", "no space left on device")

    def failing() -> None:
        monkeypatch.setattr(Documents, "replace", full)
        raise ZeroDivisionError

    with _running() as jvm:
        with pytest.raises(ZeroDivisionError), Lease(disk, NAME, _here(jvm, jvm)).held(EXPIRY, 0):
            failing()
        monkeypatch.undo()
        assert not _newest(disk).released
    with Lease(disk, NAME, us).held(EXPIRY, 0) as lease:
        lease.require()


def test_a_lease_is_given_back_when_its_run_fails(disk: Lake, us: Holder) -> None:
    with pytest.raises(ZeroDivisionError), Lease(disk, NAME, us).held(EXPIRY, 0):
        1 / 0  # noqa: B018
    assert _newest(disk).released


def test_leases_of_other_names_are_other_leases(disk: Lake, us: Holder) -> None:
    with Lease(disk, NAME, us).held(EXPIRY, 0), Lease(disk, "job-towns", us).held(EXPIRY, 0) as other:
        other.require()


def test_documents_of_earlier_holders_do_not_pile_up(disk: Lake, us: Holder) -> None:
    for _ in range(5):
        with Lease(disk, NAME, us).held(EXPIRY, 0):
            assert _grants(disk).names()[-1:] == _grants(disk).names()


def test_who_waits_gets_it_when_it_is_given_back(disk: Lake, us: Holder) -> None:
    order = []
    taken = threading.Event()

    def first() -> None:
        with Lease(disk, NAME, us).held(60, 0):
            taken.set()
            time.sleep(0.5)
            order.append("first")

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(first)
        assert taken.wait(10)
        with Lease(disk, NAME, us).held(60, 10):
            order.append("second")
        running.result()
    assert order == ["first", "second"]


def test_a_file_of_another_name_is_no_lease(disk: Lake, us: Holder) -> None:
    folder = Path(disk.root, "_lakegate/leases", NAME)
    folder.mkdir(parents=True)
    for stray in ("x.json", "9999999999 (copy).json"):
        (folder / stray).write_text("not ours")
    assert holder_of(disk, NAME) is None
    with Lease(disk, NAME, us).held(EXPIRY, 0) as lease:
        lease.require()
        assert holder_of(disk, NAME) == us


# -- two at once ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["nobody", "released", "gone"])
def test_of_many_that_take_a_free_lease_at_once_one_gets_it(disk: Lake, us: Holder, before: str) -> None:
    if before == "released":
        with Lease(disk, NAME, us).held(EXPIRY, 0):
            pass
    elif before == "gone":
        _held_by(disk, _here(_ended(), _ended()))
    begin, tried = threading.Barrier(8), threading.Barrier(8)

    def take() -> bool:
        begin.wait()
        try:
            with Lease(disk, NAME, us).held(60, 0):
                tried.wait()
                return True
        except LeaseHeldError:
            tried.wait()
            return False

    with ThreadPoolExecutor(8) as pool:
        got = [future.result() for future in [pool.submit(take) for _ in range(8)]]
    assert sum(got) == 1


COUNTING = """
import os, platform, sys, time
from pathlib import Path
from framework.state.lease import Lease
from framework.process import Holder, boot_id, process
from framework.tables import Lake
lake, counter, children = Lake(None, sys.argv[1]), Path(sys.argv[2]), []
for _ in range(3):
    if not (child := os.fork()):
        us = Holder(platform.node(), boot_id(), process(os.getpid()), None)
        for _ in range(4):
            with Lease(lake, "job-cities", us).held(60, 60):
                before = int(counter.read_text())
                time.sleep(0.01)
                counter.write_text(str(before + 1))
        os._exit(0)
    children.append(child)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""


def test_no_two_processes_hold_it_at_the_same_time(disk: Lake, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    subprocess.run([sys.executable, "-c", COUNTING, disk.root, str(counter)], check=True)
    assert counter.read_text() == "12"


def test_who_was_slow_to_take_a_lease_that_others_had_meanwhile_does_not_get_it(
    disk: Lake, us: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lease(disk, NAME, us).held(60, 0):
        pass
    slow, others = Lease(disk, NAME, us), [Lease(disk, NAME, us), Lease(disk, NAME, us)]

    def meanwhile(point: str) -> None:
        """One takes the lease and gives it back, another one takes it: what `slow` has seen is long gone."""
        if point == "before leases":
            monkeypatch.setattr(fault, "reached", None)
            with others[0].held(60, 0):
                pass
            holding.append(others[1].held(60, 0))
            holding[0].__enter__()

    holding: list[Any] = []
    monkeypatch.setattr(fault, "reached", meanwhile)
    with pytest.raises(LeaseHeldError), slow.held(60, 0):
        pass
    others[1].require()
    holding[0].__exit__(None, None, None)


# -- taken over -------------------------------------------------------------------------------------------------------


def test_a_lease_whose_processes_are_gone_is_taken_over_at_once(disk: Lake, us: Holder) -> None:
    _held_by(disk, _here(_ended(), _ended()))
    with Lease(disk, NAME, us).held(3600, 0) as lease:
        lease.require()
    assert _newest(disk).holder == us


def test_a_process_of_the_same_number_as_the_holder_s_is_not_the_holder(disk: Lake, us: Holder) -> None:
    _held_by(disk, _here(Process(us.python.pid, "1"), None))
    with Lease(disk, NAME, us).held(3600, 0) as lease:
        lease.require()


def test_a_jvm_that_outlives_its_python_is_waited_for(disk: Lake, us: Holder) -> None:
    with _running() as jvm:
        holder = _here(_ended(), jvm)
        _held_by(disk, holder)
        with pytest.raises(LeaseHeldError) as caught, Lease(disk, NAME, us).held(3600, 0.5):
            pass
        assert caught.value.holder == holder.said
    with Lease(disk, NAME, us).held(3600, 0) as lease:
        lease.require()


@pytest.mark.parametrize("holder", [ELSEWHERE, replace(ELSEWHERE, host=platform.node())], ids=["host", "start"])
def test_a_holder_of_another_machine_or_start_is_dead_when_its_heartbeat_stands_still(
    disk: Lake, us: Holder, holder: Holder
) -> None:
    _held_by(disk, holder)
    with pytest.raises(LeaseHeldError), Lease(disk, NAME, us).held(EXPIRY, EXPIRY / 4):
        pass
    began = time.monotonic()
    with Lease(disk, NAME, us).held(EXPIRY, 10):
        waited = time.monotonic() - began
    assert EXPIRY < waited < EXPIRY + 5


def test_a_heartbeat_that_goes_on_is_waited_for_longer_than_the_expiry(disk: Lake, us: Holder) -> None:
    grant, ended = _held_by(disk, ELSEWHERE), threading.Event()

    def beat() -> None:
        number = grant.beat
        while not ended.wait(EXPIRY / 8):
            number += 1
            _grants(disk).replace("0000000007", replace(grant, beat=number))

    with ThreadPoolExecutor(1) as pool:
        beating = pool.submit(beat)
        try:
            with pytest.raises(LeaseHeldError) as caught, Lease(disk, NAME, us).held(EXPIRY, 3 * EXPIRY):
                pass
        finally:
            ended.set()
        beating.result()
    assert caught.value.holder == "process 1 on elsewhere"


def test_a_holder_beats_several_times_before_it_would_count_as_dead(disk: Lake, us: Holder) -> None:
    with Lease(disk, NAME, us).held(EXPIRY, 0):
        first = _newest(disk).beat
        time.sleep(EXPIRY)
        assert _newest(disk).beat >= first + 2


# -- lost -------------------------------------------------------------------------------------------------------------


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_who_was_taken_over_is_told_and_leaves_the_lease_to_the_other(disk: Lake, us: Holder) -> None:
    lost = threading.Event()
    with Lease(disk, NAME, us).held(EXPIRY, 0, lost.set) as lease:
        theirs = _held_by(disk, ELSEWHERE, number=9)
        with pytest.raises(LeaseLostError) as caught:
            lease.require()  # before the next heartbeat
        assert caught.value.lease == NAME
        assert lost.wait(10)
        with pytest.raises(LeaseLostError):
            lease.require()
    assert _newest(disk) == theirs


def test_who_cannot_beat_for_a_whole_expiry_counts_as_lost(
    disk: Lake, us: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = threading.Event()
    with Lease(disk, NAME, us).held(EXPIRY, 0, lost.set) as lease:

        def refuse(path: str, text: str) -> None:
            raise StorageError(path, "no way there")

        began = time.monotonic()
        monkeypatch.setattr(lease._grants._storage, "replace", refuse)
        assert lost.wait(10)
        assert time.monotonic() - began > EXPIRY * 3 / 4
        with pytest.raises(LeaseLostError):
            lease.require()


def test_one_heartbeat_that_fails_loses_nothing(disk: Lake, us: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    with Lease(disk, NAME, us).held(EXPIRY, 0) as lease:
        replacing, failed = lease._grants._storage.replace, threading.Event()

        def refuse_once(path: str, text: str) -> None:
            if failed.is_set():
                replacing(path, text)
                return
            failed.set()
            raise StorageError(path, "not now")

        monkeypatch.setattr(lease._grants._storage, "replace", refuse_once)
        assert failed.wait(10)
        beat = _newest(disk).beat
        _until(lambda: _newest(disk).beat > beat)
        lease.require()


# -- a wish to stop ---------------------------------------------------------------------------------------------------


def test_a_holder_is_told_of_a_wish_to_stop_and_the_next_one_is_not(disk: Lake, us: Holder) -> None:
    with Lease(disk, NAME, us).held(EXPIRY, 0) as lease:
        assert not lease.stop_requested
        assert request_stop(disk, NAME) == us
        assert request_stop(disk, NAME) == us
        assert lease.stop_requested
    assert list(Path(disk.root, "_lakegate/stops", NAME).iterdir()) == []
    with Lease(disk, NAME, us).held(EXPIRY, 0) as lease:
        assert not lease.stop_requested


def test_where_nobody_holds_a_lease_there_is_nobody_to_stop(disk: Lake, us: Holder) -> None:
    assert request_stop(disk, NAME) is None
    with Lease(disk, NAME, us).held(EXPIRY, 0):
        pass
    assert request_stop(disk, NAME) is None
    with _running() as jvm:
        _held_by(disk, _here(_ended(), jvm))
        assert request_stop(disk, NAME) is None
        assert holder_of(disk, NAME) is None


def test_a_holder_on_another_machine_is_asked_to_stop_too(disk: Lake) -> None:
    _held_by(disk, ELSEWHERE)
    assert holder_of(disk, NAME) == ELSEWHERE
    assert request_stop(disk, NAME) == ELSEWHERE
    assert [path.name for path in Path(disk.root, "_lakegate/stops", NAME).iterdir()] == ["theirs.json"]
