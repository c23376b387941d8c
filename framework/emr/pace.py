"""Time, as those who wait need it; tests give their own."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from framework.aws import is_local


@dataclass(frozen=True, slots=True)
class Pace:
    """A clock in seconds that never goes back, a way to wait, and chance between 0 and 1."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    @classmethod
    def of(cls, client: Any) -> "Pace":
        """Return the pace for a client's endpoint: one on this machine is asked ten times as often."""
        usual = cls()
        if not is_local(client.meta.endpoint_url):
            return usual
        return replace(usual, sleep=lambda seconds: usual.sleep(seconds / 10))

    def pause(self, seconds: float, at_most: float = float("inf")) -> None:
        """Wait between half and all of the seconds, so that many who wait do not call at once."""
        self.sleep(max(0.0, min(seconds * (1 + self.chance()) / 2, at_most)))
