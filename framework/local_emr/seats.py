"""Which node is whose: pure decisions on what is wanted and what the ResourceManager says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Key = tuple[str, str]  # a cluster, and a group of it
IN = ("RUNNING", "UNHEALTHY")
LEAVING = "DECOMMISSIONING"
SERVICE = (*IN, LEAVING)
OUT = ("DECOMMISSIONED", "LOST", "SHUTDOWN", "REBOOTED")
DYING = "DYING"  # its process has ended, and the ResourceManager does not know yet


@dataclass(frozen=True, slots=True)
class Wish:
    """How many nodes a group is to have, and which are to go first where it has more."""

    count: int
    away: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Whose the nodes are, which are to be in service, and how many are to join besides."""

    seats: Mapping[str, Key]
    kept: frozenset[str]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done next: with one node, or with so many new ones."""

    what: Literal["join", "recommission", "decommission"]
    node: str = ""
    count: int = 1


def planned(
    wishes: Mapping[Key, Wish], seats: Mapping[str, Key], states: Mapping[str, str], first: Sequence[str], *, used: bool
) -> Plan:
    """Return what is to be, for nodes in their order.

    A node stays whose it is until it is out of service; a group has its oldest ones, and then those that nobody has.
    `used` says whether there is any cluster: without one the `first` nodes are in service, and with one there is
    one node at least.
    """
    seats = {name: key for name, key in seats.items() if key in wishes and states.get(name) in SERVICE}
    kept: set[str] = set()
    lacking = 0
    # What runs is handed out before what is about to leave.
    free = [name for name, state in states.items() if name not in seats and state in IN]
    free += [name for name, state in states.items() if name not in seats and state == LEAVING]
    for key, wish in wishes.items():
        held = [name for name, owner in seats.items() if owner == key]
        staying = sorted(held, key=lambda name: name in wish.away)[: wish.count]
        given, free = free[: wish.count - len(staying)], free[wish.count - len(staying) :]
        seats |= dict.fromkeys(given, key)
        kept |= {*staying, *given}
        lacking += wish.count - len(staying) - len(given)
    if not used:
        kept |= set(first)
    elif not kept and not lacking:
        kept |= set(free[:1])
        lacking += not kept
    spare = [name for name, state in states.items() if state in OUT][:lacking]
    return Plan(seats, frozenset(kept | set(spare)), lacking - len(spare))


def changed(plan: Plan, states: Mapping[str, str], *, shrink: bool = True) -> Change | None:
    """Return what is to be done next: what gives nodes comes first, what takes them only with `shrink`."""
    for wanted in ((LEAVING,), OUT):
        for name, state in states.items():
            if name in plan.kept and state in wanted:
                return Change("recommission", name)
    if plan.more:
        return Change("join", count=plan.more)
    for name, state in states.items():
        if shrink and state in IN and name not in plan.kept:
            return Change("decommission", name)
    return None
