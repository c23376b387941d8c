"""What every operation is given: the store, the clock, who does the work, and the region that is asked."""

import random
import string
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from framework.config.emr import Architecture
from framework.local_emr.api.model import Cluster, Step
from framework.local_emr.api.protocols import Nodes, Runner, Running
from framework.local_emr.api.refusal import invalid, validation
from framework.local_emr.api.store import Store

ACCOUNT = "123456789012"  # moto's
LETTERS = string.ascii_uppercase + string.digits
LENGTHS = {"j-": 13, "s-": 20, "ig-": 12, "if-": 12}


def new_id(prefix: str) -> str:
    """Return an id of EMR's form: of a cluster (`j-`), a step, a group, a fleet, or an instance (`i-`)."""
    if prefix == "i-":
        return f"i-{random.getrandbits(68):017x}"
    # As EMR's own begin: 20 letters could be taken for the id of an access key.
    first = "0" if prefix == "s-" else ""
    return prefix + first + "".join(random.choices(LETTERS, k=LENGTHS[prefix] - len(first)))


@dataclass(frozen=True, slots=True)
class Host:
    """The machine that all nodes are on: its CPU, as instance types are told apart by it, and its Spark (`4.1`)."""

    architecture: Architecture
    spark: str


@dataclass(frozen=True)
class World:
    """The one state of an endpoint.

    `running` holds what is under way, by the id of its step or action; `told` is what of it was asked to end; `ending`
    are the clusters that end, and since when by `elapsed`: seconds that go on whatever is done to the clock. Without a
    host any release and any instance type is taken.
    """

    runner: Runner
    clock: Callable[[], datetime]
    nodes: Nodes
    store: Store = field(default_factory=Store)
    running: dict[str, Running] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    ending: dict[str, float] = field(default_factory=dict)
    elapsed: Callable[[], float] = time.monotonic
    new_id: Callable[[str], str] = new_id
    host: Host | None = None

    @property
    def now(self) -> datetime:
        """Return the time, in the milliseconds that answers have."""
        now = self.clock()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation: the world as a region of it sees it."""

    world: World
    region: str

    @property
    def now(self) -> datetime:
        """Return the time of the call."""
        return self.world.now

    def arn(self, kind: str, name: str) -> str:
        """Return the ARN of something that EMR has."""
        partition = "aws-cn" if self.region.startswith("cn-") else "aws"
        return f"arn:{partition}:elasticmapreduce:{self.region}:{ACCOUNT}:{kind}/{name}"

    def clusters(self) -> list[Cluster]:
        """Return the clusters of the region, the newest first."""
        return [each for each in reversed(self.world.store.clusters.values()) if each.region == self.region]

    def cluster(self, id: str) -> Cluster:
        """Return a cluster, for operations that speak of clusters."""
        found = self.world.store.clusters.get(id)
        if found is None or found.region != self.region:
            raise invalid(f"Cluster id '{id}' is not valid.")
        return found

    def job_flow(self, id: str) -> Cluster:
        """Return a cluster, for operations that speak of job flows: they refuse in other words."""
        found = self.world.store.clusters.get(id)
        if found is None or found.region != self.region:
            raise validation("Specified job flow ID does not exist.")
        return found

    def step(self, cluster: Cluster, id: str) -> Step:
        """Return a step of a cluster."""
        for step in cluster.steps:
            if step.id == id:
                return step
        raise invalid(f"Step id '{id}' is not valid.")

    def put(self, cluster: Cluster) -> None:
        """Remember a cluster as it is now."""
        self.world.store.put(cluster)
