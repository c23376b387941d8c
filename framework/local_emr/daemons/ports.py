"""Ports of loopback that nobody listens on."""

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from itertools import cycle, islice

# Below where Linux and macOS begin to take ports for connections that go out, which could have one before its daemon.
FIRST, LAST = 20_000, 32_000


def free(count: int, host: str = "127.0.0.1") -> tuple[int, ...]:
    """Return ports that are free now, and that no earlier call of this process returned: its daemon may not listen yet.

    Raises OSError where the address is not of this machine.
    """
    with ExitStack() as held:
        return tuple(_taken(host, held) for _ in range(count))


def has(host: str) -> bool:
    """Say whether an address is one of this machine, so that a daemon can listen there."""
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


def _taken(host: str, held: ExitStack) -> int:
    """Listen on a port until `held` ends, so that no other call gets it meanwhile."""
    for port in islice(_untried(), 1000):
        taken = socket.socket()
        try:
            taken.bind((host, port))
            taken.listen()
        except OSError:
            taken.close()
            continue
        held.enter_context(taken)
        return port
    taken = held.enter_context(socket.socket())
    taken.bind((host, 0))
    return int(taken.getsockname()[1])


@cache
def _untried() -> Iterator[int]:
    """Return the one order in which this process tries ports, at random: others that start at once have another."""
    return cycle(random.sample(range(FIRST, LAST), LAST - FIRST))
