"""Nodes for the tests of the API, in name only."""

from collections.abc import Sequence

from framework.local_emr.api.model import Role
from framework.local_emr.api.protocols import Node


class InstantNodes:
    """Nodes that are there as soon as they are wanted, in name only: this machine is all of them."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[str, str], list[Node]] = {}
        self._made = 0

    def want(self, cluster: str, group: str, role: Role, count: int, away: Sequence[str] = ()) -> None:
        """Give a group its nodes at once."""
        here = self._nodes.setdefault((cluster, group), [])
        here.sort(key=lambda node: node.id in away)
        del here[count:]
        while len(here) < count:
            self._made += 1
            here.append(Node(f"node-{self._made}", "localhost"))

    def have(self, cluster: str, group: str) -> Sequence[Node]:
        """Return the nodes of a group."""
        return tuple(self._nodes.get((cluster, group), ()))

    def busy(self, cluster: str) -> bool:
        """Return False: nothing runs on them."""
        return False

    def lose(self, cluster: str, group: str) -> None:
        """Lose the newest node of a group, as if its machine had failed."""
        self._nodes[cluster, group].pop()

    def drop(self, cluster: str) -> None:
        """Take all nodes of a cluster away."""
        self._nodes = {key: nodes for key, nodes in self._nodes.items() if key[0] != cluster}
