"""The nodes of clusters are YARN's NodeManagers, and one YARN serves all clusters of an endpoint.

So an application of one cluster may run on the nodes of another; where there is one cluster, its nodes are YARN's.
A primary node is this machine, in name only, and lives as long as the ResourceManager.
"""

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from framework.errors import LocalEmrError, NotRunningError
from framework.local_emr import seats
from framework.local_emr.api.model import Role
from framework.local_emr.api.protocols import Node
from framework.local_emr.daemons import applications, nodes, yarn
from framework.local_emr.daemons.hadoop import Hadoop, recorded, running
from framework.local_emr.seats import DYING, SERVICE, Change, Key, Plan, Wish
from framework.process import lives

LOG = logging.getLogger(__name__)
MOST = 8  # NodeManagers that run at once; each takes 300 MB before it does anything
POLL_SECONDS = 1.0
WORK_SECONDS = 0.2
QUIET_SECONDS = 1.0  # without another wish, before nodes are taken away: a new cluster wants them group by group
RETRY_SECONDS = 30.0
GRACE_SECONDS = 3600.0  # that a node may take to leave: EMR's own default


class YarnNodes:
    """Gives clusters the NodeManagers of the YARN in a folder, from `begin` to `end`.

    Wishes are written down at once; a thread fulfils them, one change after another, and a second one asks the
    ResourceManager every second what is so. Nodes that run are handed out first. A lost one is replaced; the surplus
    is decommissioned in order. Without clusters, those nodes are in service that were there at `begin`.
    """

    def __init__(self, folder: Path, most: int = MOST) -> None:
        self.folder, self.most = folder, most
        self._lock, self._looking, self._over = threading.Lock(), threading.Lock(), threading.Event()
        self._wishes: dict[Key, Wish] = {}
        self._primaries: dict[Key, tuple[Node, ...]] = {}
        self._made = 0
        self._plan = Plan({}, frozenset())
        self._failed: dict[Key, str] = {}
        self._first: tuple[str, ...] = ()
        self._states: dict[str, str] = {}
        self._hosts: dict[str, str] = {}
        self._up, self._busy = True, False
        self._wished = self._again = time.monotonic()
        self._threads: list[threading.Thread] = []

    def begin(self) -> None:
        """Look after the nodes from now on: YARN runs. Raises NotRunningError where it does not."""
        found = nodes.nodes(running(self.folder))
        self._first = tuple(node.name for node in found if node.state in seats.IN)
        self._look()
        for work in (self._watch, self._work):
            self._threads.append(threading.Thread(target=work, name="local-emr nodes", daemon=True))
            self._threads[-1].start()

    def end(self) -> None:
        """Change nothing any more; a change that is under way may go on for as long as YARN does."""
        self._over.set()

    def want(self, cluster: str, group: str, role: Role, count: int, away: Sequence[str] = ()) -> None:
        """Write down what a group wants. Raises OSError without a ResourceManager, ValueError for too many nodes."""
        key = (cluster, group)
        with self._lock:
            if not self._up:
                raise OSError("YARN's ResourceManager has ended. Stop the EMR on this machine, and start it again")
            if role == "MASTER":
                self._primaries[key] = self._named(self._primaries.get(key, ()), count)
                return
            others = sum(wish.count for other, wish in self._wishes.items() if other != key)
            if others + count > self.most:
                raise ValueError(
                    f"The EMR on this machine has {self.most} core and task nodes at most; {others} are others', and "
                    f"{count} were asked for"
                )
            wish = Wish(count, tuple(away))
            if self._wishes.get(key) != wish:
                self._wishes[key], self._wished = wish, time.monotonic()
                self._again = self._wished
                self._settle()

    def have(self, cluster: str, group: str) -> Sequence[Node]:
        """Return the nodes of a group that the ResourceManager has in service. Raises OSError as the protocol says."""
        key = (cluster, group)
        with self._lock:
            if failed := self._failed.pop(key, None):
                raise OSError(failed)
            if key in self._primaries:
                return self._primaries[key] if self._up else ()
            held = [name for name, owner in self._plan.seats.items() if owner == key]
            return tuple(
                Node(name, self._hosts[name], self._hosts[name]) for name in held if self._states.get(name) in SERVICE
            )

    def busy(self, cluster: str) -> bool:
        """Tell whether YARN ran any application, of any cluster, when it was asked last."""
        return self._busy

    def drop(self, cluster: str) -> None:
        """Take a cluster's nodes away; with the last cluster, all applications end and the surplus leaves at once."""
        with self._lock:
            had = self._is_used
            for kept in (self._wishes, self._primaries, self._failed):
                for key in [key for key in kept if key[0] == cluster]:
                    del kept[key]
            self._wished = self._again = time.monotonic()
            self._settle()
            if had and not self._is_used and self._threads and not self._over.is_set():
                # At once, and only those of now: the next cluster's are not to be hit.
                args = (time.time(),)
                threading.Thread(target=self._kill_applications, args=args, name="local-emr kill", daemon=True).start()

    @property
    def _is_used(self) -> bool:
        return bool(self._wishes or self._primaries)

    def _named(self, known: tuple[Node, ...], count: int) -> tuple[Node, ...]:
        made = []
        for _ in range(count - len(known)):
            self._made += 1
            made.append(Node(f"primary-{self._made}", "localhost"))
        return (*known[:count], *made)

    def _settle(self) -> None:
        self._plan = seats.planned(self._wishes, self._plan.seats, self._states, self._first, used=self._is_used)

    def _watch(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            try:
                self._look()
            except Exception:  # one bad answer is not the end of looking
                LOG.exception("YARN's nodes could not be looked at")

    def _look(self) -> None:
        """Ask what is so. One asks at a time, so that an older answer never comes after a newer one."""
        with self._looking:
            hadoop = recorded(self.folder)
            if hadoop is None or not lives(hadoop.processes.get(yarn.RESOURCE_MANAGER)):
                with self._lock:
                    self._up, self._busy, self._states = False, False, {}
                return
            try:
                found, busy = nodes.nodes(hadoop), bool(applications.active(hadoop))
            except NotRunningError:  # it lives, and is slow: what was so is so
                return
            with self._lock:
                self._states = {node.name: _state(hadoop, node) for node in found}
                self._hosts = {node.name: node.host for node in found}
                self._up, self._busy = True, busy
                self._settle()

    def _work(self) -> None:
        while not self._over.wait(WORK_SECONDS):
            with self._lock:
                now = time.monotonic()
                quiet = now - self._wished >= QUIET_SECONDS
                change = seats.changed(self._plan, self._states, shrink=quiet) if now >= self._again else None
                grace = GRACE_SECONDS if self._is_used else 0
            if change is None:
                continue
            try:
                LOG.info("%s %s", change.what, change.node or change.count)
                self._make(change, grace)
                self._look()
            except (LocalEmrError, OSError) as error:
                self._fail(change, error)

    def _make(self, change: Change, grace: float) -> None:
        if change.what == "join":
            nodes.join(self.folder, change.count)
        elif change.what == "recommission":
            nodes.recommission(self.folder, change.node)
        else:
            nodes.decommission(self.folder, change.node, grace)

    def _fail(self, change: Change, error: Exception) -> None:
        """Tell the groups that lack nodes why, and try again after a while."""
        LOG.exception("%s %s", change.what, change.node or change.count)
        with self._lock:
            self._again = time.monotonic() + RETRY_SECONDS
            for key, wish in self._wishes.items():
                if wish.count > sum(owner == key for owner in self._plan.seats.values()):
                    self._failed[key] = str(error)

    def _kill_applications(self, until: float) -> None:
        try:
            hadoop = running(self.folder)
            for each in applications.active(hadoop):
                if each.started <= until:
                    applications.kill(hadoop, each.id)
        except (LocalEmrError, OSError):
            LOG.exception("YARN's applications could not be killed")


def _state(hadoop: Hadoop, node: nodes.Node) -> str:
    """Return a node's state; the ResourceManager notices the end of a NodeManager's process ten seconds late."""
    return DYING if node.state in SERVICE and not lives(hadoop.processes.get(node.name)) else node.state
