"""Lease: one run of a job at a time, and one writer of a table.

A lease is a numbered document; the one with the highest number counts. Whoever wants it puts the next number there if
it is absent, so of two that see it free one gets it. The holder writes a heartbeat into it, and has lost it once a
higher number is there.

    0000000007.json   {"holder": …, "beat": 12, "released": false}

It is free when it is released, when its processes are gone from this machine, or when its heartbeat has stood still for
the expiry by the clock of the one who waits. A JVM that outlives its Python is waited for: it may still commit.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from framework import fault, log
from framework.errors import LakegateError, LeaseHeldError, LeaseLostError
from framework.process import Holder, lives
from framework.state.documents import Documents
from framework.tables import Lake

POLL_SECONDS = 0.2
BEATS_PER_EXPIRY = 4


@dataclass(frozen=True, slots=True)
class Grant:
    """What a lease's document says; `stop` is set by who asks the holder to end after its batch."""

    holder: Holder
    token: str
    beat: int = 0
    released: bool = False


@dataclass(frozen=True, slots=True)
class StopRequest:
    """Somebody asks the holder of a lease to end after the batch in hand."""

    token: str


class Lease:
    """A lease that this process holds while it is inside `held`."""

    def __init__(self, lake: Lake, name: str, holder: Holder) -> None:
        self.name = name
        self._grants = _grants(lake, name)
        self._stops = Documents(lake, f"stops/{name}", StopRequest)
        self._mine = Grant(holder, secrets.token_hex(8))
        self._number = 0
        self._lost = threading.Event()
        self._ended = threading.Event()

    def require(self) -> None:
        """Raise LeaseLostError where another run has taken the lease over."""
        if self._lost.is_set() or self._newest()[0] != self._number:
            raise LeaseLostError(self.name)

    @property
    def stop_requested(self) -> bool:
        """Whether `lakegate stop` has asked for an end since the lease was taken."""
        return self._stops.load(self._mine.token) is not None

    @contextmanager
    def held(self, expiry: float, wait: float, lost: Callable[[], None] = lambda: None) -> Iterator["Lease"]:
        """Take the lease, waiting for it if need be, and release it at the end; seconds both.

        `lost` is called from another thread when somebody takes it over meanwhile, and again with each heartbeat until
        this has come to its end. Raises LeaseHeldError where it is not to be had within `wait`.
        """
        self._take(expiry, time.monotonic() + wait)
        beating = threading.Thread(target=self._beat, args=(expiry / BEATS_PER_EXPIRY, lost), daemon=True)
        beating.start()
        try:
            yield self
        finally:
            self._ended.set()
            beating.join()
            self._release()

    def _take(self, expiry: float, deadline: float) -> None:
        number, grant = self._newest()
        seen, since, said = grant, time.monotonic(), False
        while not self._is_free(grant, idle=time.monotonic() - since, expiry=expiry) or not self._got(number + 1):
            if time.monotonic() > deadline:
                raise LeaseHeldError(self.name, grant.holder.said if grant else "another run")
            if not said and grant:
                log.event("lease_waited_for", lease=self.name, holder=grant.holder.said)
                said = True
            time.sleep(POLL_SECONDS)
            number, grant = self._newest()
            if grant != seen:
                seen, since = grant, time.monotonic()
        for old in range(max(number - 1, 0), number + 1):
            self._grants.delete(_name(old))

    def _is_free(self, grant: Grant | None, *, idle: float, expiry: float) -> bool:
        if grant is None or grant.released or idle > expiry:
            return True
        holder = grant.holder
        return holder.is_here and not lives(holder.python) and not lives(holder.jvm)

    def _got(self, number: int) -> bool:
        if not self._grants.create(_name(number), self._mine):
            return False
        if self._newest()[0] != number:  # others had it meanwhile, and have removed the documents before theirs
            self._grants.delete(_name(number))
            return False
        self._number = number
        return True

    def _beat(self, interval: float, lost: Callable[[], None]) -> None:
        beaten = time.monotonic()
        while not self._ended.wait(interval):
            try:
                if self._lost.is_set() or self._newest()[0] != self._number:
                    self._lost.set()
                else:
                    self._mine = replace(self._mine, beat=self._mine.beat + 1)
                    self._grants.replace(_name(self._number), self._mine)
                    beaten = time.monotonic()
            except LakegateError as error:
                # One that fails may be followed by one that does not; for a whole expiry nobody would wait.
                log.event("heartbeat_failed", level=30, lease=self.name, error=str(error))
                if time.monotonic() - beaten > interval * BEATS_PER_EXPIRY:
                    self._lost.set()
            if self._lost.is_set():
                lost()

    def _release(self) -> None:
        fault.point(f"before release {self.name}")
        try:
            if not self._lost.is_set():
                self._grants.replace(_name(self._number), replace(self._mine, released=True))
            self._stops.delete(self._mine.token)
        except (
            LakegateError,
            OSError,
        ) as error:  # it is free once its holder is gone; what came of the run is what is told
            log.event("release_failed", level=30, lease=self.name, error=str(error))
        fault.point(f"after release {self.name}")

    def _newest(self) -> tuple[int, Grant | None]:
        names = self._grants.names()
        return (int(names[-1]), self._grants.load(names[-1])) if names else (0, None)


def request_stop(lake: Lake, name: str) -> Holder | None:
    """Ask the holder of a lease to end after the batch in hand; return it, None where nobody holds the lease."""
    grant = _held(lake, name)
    if grant is None:
        return None
    Documents(lake, f"stops/{name}", StopRequest).create(grant.token, StopRequest(grant.token))
    return grant.holder


def holder_of(lake: Lake, name: str) -> Holder | None:
    """Return who holds a lease, None where nobody does; one on another machine may be gone."""
    grant = _held(lake, name)
    return grant.holder if grant else None


def _held(lake: Lake, name: str) -> Grant | None:
    """Return the grant of a lease whose Python is not known to be gone."""
    grants = _grants(lake, name)
    names = grants.names()
    grant = grants.load(names[-1]) if names else None
    if grant is None or grant.released or (grant.holder.is_here and not lives(grant.holder.python)):
        return None
    return grant


def _grants(lake: Lake, name: str) -> Documents[Grant]:
    return Documents(lake, f"leases/{name}", Grant, r"\d{10}")


def _name(number: int) -> str:
    return f"{number:010}"
