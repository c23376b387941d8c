"""Faults on demand: a throttled API, expired credentials, an S3 that is overloaded or slow."""

import json
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from threading import Lock
from typing import Any

from framework.local_emr.api.refusal import Refusal

# What JSON has for a fault whose default is of a type.
KINDS: dict[type, tuple[type, ...]] = {bool: (bool,), int: (int,), float: (int, float), tuple: (list,)}
LONGEST_DELAY = 600.0  # seconds; no client waits that long


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong; shares are of calls, from 0 to 1.

    The next `throttle_next` calls of the EMR API are throttled, and a share of the others; `throttle_only` names the
    operations that this is for, where it is not for all. `expired` refuses the credentials of every service. A share
    `s3_overloaded` of the requests to S3 is answered with 503, and a share `s3_slow` waits `s3_delay` seconds first.
    """

    throttle_next: int = 0
    throttle_share: float = 0.0
    throttle_only: tuple[str, ...] = ()
    expired: bool = False
    s3_overloaded: float = 0.0
    s3_slow: float = 0.0
    s3_delay: float = 1.0

    def __post_init__(self) -> None:
        for name in ("throttle_share", "s3_overloaded", "s3_slow"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share, from 0 to 1: {getattr(self, name)}")
        if self.throttle_next < 0:
            raise ValueError(f"throttle_next is a number of calls: {self.throttle_next}")
        if not 0 <= self.s3_delay <= LONGEST_DELAY:
            raise ValueError(f"s3_delay is of seconds, from 0 to {LONGEST_DELAY:.0f}: {self.s3_delay}")

    @classmethod
    def read(cls, text: bytes) -> "Faults":
        """Return the faults that JSON names. Raises ValueError for what is none."""
        try:
            given: Any = json.loads(text or b"{}")
        except RecursionError:
            raise ValueError("it is nested too deep") from None
        known = {each.name for each in fields(cls)}
        if not isinstance(given, dict) or not set(given) <= known:
            raise ValueError(f"faults are an object of JSON, with {', '.join(sorted(known))}")
        for name, value in given.items():
            if type(value) not in KINDS[type(getattr(cls(), name))]:
                raise ValueError(f"{name} is {value!r}")
        only = given.get("throttle_only", [])
        if not all(isinstance(each, str) for each in only):
            raise ValueError(f"throttle_only is of names: {only}")
        return cls(**{**given, "throttle_only": tuple(only)})

    def written(self) -> bytes:
        """Return them as JSON."""
        return json.dumps(asdict(self)).encode()


@dataclass(slots=True)
class FaultInjector:
    """Decides, call by call, what goes wrong; `made` counts the faults of each kind."""

    faults: Faults = field(default_factory=Faults)
    chance: Callable[[], float] = field(default_factory=lambda: random.Random(0).random)
    sleep: Callable[[float], None] = time.sleep
    made: dict[str, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def set(self, faults: Faults) -> None:
        """Change what goes wrong from now on."""
        with self._lock:
            self.faults = faults

    def of_emr(self, operation: str) -> None:
        """Raise Refusal where this call of the EMR API is to be refused."""
        with self._lock:
            now = self.faults
            if now.expired:
                self._count("expired")
                raise Refusal("ExpiredTokenException", "The security token included in the request is expired")
            if now.throttle_only and operation not in now.throttle_only:
                return
            if now.throttle_next:
                self.faults = replace(now, throttle_next=now.throttle_next - 1)
            elif not self._hits(now.throttle_share):
                return
            self._count("throttled")
        raise Refusal("ThrottlingException", "Rate exceeded")

    def of_others(self) -> bool:
        """Tell whether the credentials of a call of another service have expired."""
        with self._lock:
            if self.faults.expired:
                self._count("expired")
            return self.faults.expired

    def of_s3(self) -> bool:
        """Tell whether a request to S3 is to be answered with 503; wait first, where it is to be slow."""
        with self._lock:
            now = self.faults
            slow, overloaded = self._hits(now.s3_slow), self._hits(now.s3_overloaded)
            self._count("slow", slow)
            self._count("overloaded", overloaded)
        if slow:
            self.sleep(now.s3_delay)
        return overloaded

    def _hits(self, share: float) -> bool:
        return share > 0 and self.chance() < share

    def _count(self, kind: str, times: bool = True) -> None:
        self.made[kind] = self.made.get(kind, 0) + times
