"""What the API keeps: clusters with their steps, groups and instances, as frozen values.

What a request said is kept as it was said (`config`, `request`) and repeated in answers; what changes in the life of a
cluster has a name of its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

Role = Literal["MASTER", "CORE", "TASK"]
Market = Literal["ON_DEMAND", "SPOT"]
ClusterState = Literal[
    "STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"
]
StepState = Literal["PENDING", "CANCEL_PENDING", "RUNNING", "COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED"]
OVER: tuple[ClusterState, ...] = ("TERMINATED", "TERMINATED_WITH_ERRORS")
ACTIVE_STEPS: tuple[StepState, ...] = ("PENDING", "CANCEL_PENDING", "RUNNING")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step failed, as EMR tells it; `log_file` is the address of the log that says more."""

    reason: str = "Unknown Error."
    message: str | None = None
    log_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step; `config` is the StepConfig that it was asked for with."""

    id: str
    config: Mapping[str, Any]
    created: datetime
    state: StepState = "PENDING"
    started: datetime | None = None
    ended: datetime | None = None
    message: str | None = None
    failure: Failure | None = None
    role: str | None = None
    applications: tuple[str, ...] = ()

    @property
    def on_failure(self) -> str:
        """Return what its failure does; EMR's default ends the cluster."""
        return str(self.config.get("ActionOnFailure", "TERMINATE_CLUSTER"))

    @property
    def jar(self) -> str:
        """Return what is run, such as `command-runner.jar`."""
        return str(self.config["HadoopJarStep"]["Jar"])

    @property
    def args(self) -> tuple[str, ...]:
        """Return what the jar is given."""
        return tuple(self.config["HadoopJarStep"].get("Args", ()))

    @property
    def main_class(self) -> str | None:
        """Return the class that is run, where the jar's manifest does not say it."""
        found: str | None = self.config["HadoopJarStep"].get("MainClass")
        return found

    @property
    def properties(self) -> dict[str, str]:
        """Return the Java properties of the step."""
        given = self.config["HadoopJarStep"].get("Properties", ())
        return {each.get("Key", ""): each.get("Value", "") for each in given}

    @property
    def monitoring(self) -> Mapping[str, str]:
        """Return where its logs go (`LogUri`), and their key (`EncryptionKeyArn`), if not as those of the cluster."""
        asked = self.config.get("StepMonitoringConfiguration", {})
        found: Mapping[str, str] = asked.get("S3MonitoringConfiguration", {})
        return found

    @property
    def log_uri(self) -> str | None:
        """Return where its logs go, if elsewhere than those of the cluster."""
        return self.monitoring.get("LogUri")


@dataclass(frozen=True, slots=True)
class BootstrapAction:
    """A script that each node runs before the cluster is up; `number` counts from 1."""

    number: int
    name: str
    path: str
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An instance group, or an instance fleet, whose targets are units of capacity.

    `config` is what it was asked for with: an InstanceGroupConfig or an InstanceFleetConfig.
    """

    id: str
    role: Role
    fleet: bool
    config: Mapping[str, Any]
    on_demand: int
    spot: int
    created: datetime
    ready: datetime | None = None
    shrink: Mapping[str, Any] | None = None
    scaling: Mapping[str, Any] | None = None
    version: int = 1
    suspended: str | None = None

    @property
    def instance_type(self) -> str:
        """Return the type of its nodes; a fleet has its nodes of the first of its types here."""
        return str(self.config["InstanceTypeConfigs"][0]["InstanceType"] if self.fleet else self.config["InstanceType"])

    @property
    def weight(self) -> int:
        """Return how many units of capacity one node counts."""
        return int(self.config["InstanceTypeConfigs"][0].get("WeightedCapacity", 1)) if self.fleet else 1

    @property
    def wanted(self) -> dict[Market, int]:
        """Return how many nodes of each market are wanted: as few as have the capacity."""
        return {"ON_DEMAND": -(-self.on_demand // self.weight), "SPOT": -(-self.spot // self.weight)}

    @property
    def markets(self) -> tuple[Market, ...]:
        """Return the market of each node that is wanted."""
        return tuple(market for market, number in self.wanted.items() for _ in range(number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A node of a cluster as EMR sees it; `node` is what carries it, once there is one."""

    id: str
    group: str
    market: Market
    instance_type: str
    created: datetime
    node: str | None = None
    host: str | None = None
    address: str | None = None
    ready: datetime | None = None
    ended: datetime | None = None
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster; `request` is the RunJobFlow request that it was made with."""

    id: str
    region: str
    request: Mapping[str, Any]
    created: datetime
    groups: tuple[Group, ...]
    state: ClusterState = "STARTING"
    code: str | None = None
    message: str | None = "Configuring cluster software"
    details: tuple[Mapping[str, Any], ...] = ()
    ready: datetime | None = None
    ended: datetime | None = None
    idle_since: datetime | None = None
    instances: tuple[Instance, ...] = ()
    steps: tuple[Step, ...] = ()
    bootstrapped: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    keep_alive: bool = False
    protected: bool = False
    visible: bool = True
    unhealthy_replacement: bool = False
    concurrency: int = 1
    extended_support: bool = False
    managed_scaling: Mapping[str, Any] | None = None
    idle_timeout: int | None = None

    @property
    def name(self) -> str:
        """Return its name, which several may have."""
        return str(self.request["Name"])

    @property
    def release(self) -> str:
        """Return its release label."""
        return str(self.request["ReleaseLabel"])

    @property
    def log_uri(self) -> str | None:
        """Return where its logs go; None: nowhere."""
        return self.request.get("LogUri")

    @property
    def fleets(self) -> bool:
        """Return whether it has instance fleets, not groups."""
        return "InstanceFleets" in self.request["Instances"]

    @property
    def is_over(self) -> bool:
        """Return whether it has ended."""
        return self.state in OVER

    @property
    def is_ending(self) -> bool:
        """Return whether it has ended, or is about to."""
        return self.state in ("TERMINATING", *OVER)

    @property
    def bootstrap_actions(self) -> tuple[BootstrapAction, ...]:
        """Return what each node runs before the cluster is up."""
        return tuple(
            BootstrapAction(
                number,
                each["Name"],
                each["ScriptBootstrapAction"]["Path"],
                tuple(each["ScriptBootstrapAction"].get("Args", ())),
            )
            for number, each in enumerate(self.request.get("BootstrapActions", ()), 1)
        )

    def steps_in(self, *states: StepState) -> Iterator[Step]:
        """Give the steps that are in one of some states, the oldest first."""
        return (step for step in self.steps if step.state in states)

    def of_group(self, group: str) -> list[Instance]:
        """Return the instances of a group that have not ended."""
        return [each for each in self.instances if each.group == group and each.ended is None]

    def with_step(self, step: Step) -> "Cluster":
        """Return the cluster with a step in a new state."""
        return replace(self, steps=tuple(step if each.id == step.id else each for each in self.steps))

    def with_group(self, group: Group) -> "Cluster":
        """Return the cluster with a group changed."""
        return replace(self, groups=tuple(group if each.id == group.id else each for each in self.groups))
