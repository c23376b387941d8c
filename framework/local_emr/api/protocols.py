"""What the API needs of those who do the work: a runner of steps, and nodes. It never sees a process itself.

Every call is made while the API holds its lock, so it returns at once: what takes time goes on behind it. None of them
may call the API.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from framework.local_emr.api.model import BootstrapAction, Cluster, Failure, Role, Step


class Running(Protocol):
    """A step, or a bootstrap action, under way."""

    def poll(self) -> int | None:
        """Return the exit code, once all has ended and its logs are where they belong; None before."""

    def cancel(self, *, force: bool) -> None:
        """Ask for the end: SIGTERM to the process, or by `force` SIGKILL; what it has begun ends with it."""

    @property
    def applications(self) -> Sequence[str]:
        """Return the ids of the YARN applications that it has started so far."""

    @property
    def started(self) -> bool:
        """Tell whether its process ever started, once `poll` gives a code: not so where nothing could be fetched."""

    @property
    def failure(self) -> Failure | None:
        """Return why it failed, once `poll` gives a code; None: EMR finds no reason."""


class Runner(Protocol):
    """Runs the steps and bootstrap actions of clusters."""

    def start(self, step: Step, cluster: Cluster) -> Running:
        """Start a step. An OSError or ValueError is taken for the failure of the step."""

    def bootstrap(self, action: BootstrapAction, cluster: Cluster) -> Running:
        """Start a bootstrap action on the nodes of a cluster."""

    def end(self, cluster: Cluster) -> None:
        """Forget a cluster that has ended, and end what its steps have left."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node that runs, by an id of its provider's."""

    id: str
    host: str
    address: str = "127.0.0.1"


class Nodes(Protocol):
    """Provides the nodes of clusters."""

    def want(self, cluster: str, group: str, role: Role, count: int, away: Sequence[str] = ()) -> None:
        """Begin to give a group so many nodes; of those that go, the nodes `away` go first, decommissioned gracefully.

        It is called again when the number changes and when a node was lost, and may be called with the same number.
        A ValueError or OSError is why the group cannot have them.
        """

    def have(self, cluster: str, group: str) -> Sequence[Node]:
        """Return the nodes of a group that run now; one that is being decommissioned still does.

        A ValueError or OSError is why those that it lacks cannot be had, and is raised once.
        """

    def busy(self, cluster: str) -> bool:
        """Tell whether YARN runs an application of the cluster, which is not idle then."""

    def drop(self, cluster: str) -> None:
        """Take all nodes of a cluster away."""
