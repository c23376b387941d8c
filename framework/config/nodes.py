"""`[emr.cluster.groups]` or `[emr.cluster.fleets]`: the nodes of a cluster.

A group has one instance type and one market. A fleet has several types, and fills its capacity from those that are to
be had. A cluster is made of either. The rules are those of Amazon EMR's API reference and Management Guide.
"""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from framework.config.section import Arn, Section

Market = Literal["ON_DEMAND", "SPOT"]
SpotStrategy = Literal[
    "capacity-optimized", "price-capacity-optimized", "lowest-price", "diversified", "capacity-optimized-prioritized"
]
OnDemandStrategy = Literal["lowest-price", "prioritized"]
InstanceTypeName = Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$", description="such as m7g.xlarge")]
Price = Annotated[str, Field(pattern=r"^\d+(\.\d+)?$", description="US dollars an hour")]
Ami = Annotated[str, Field(pattern=r"^ami-[0-9a-f]+$")]
Minutes = Annotated[int, Field(ge=5, le=1440)]

# EC2's limits of a volume type: operations a second, and how many of these a GiB may have.
IOPS = {"gp3": (3000, 16000, 500), "io1": (100, 64000, 50)}
NESTED = ("export", "docker")
FEW, MANY = 5, 30
Value = str | int | float | bool


def _no_stray_table(given: object) -> object:
    """Refuse a table that is no nested classification, such as a name that was taken apart at its dots."""
    for name, properties in given.items() if isinstance(given, dict) else ():
        for key, value in properties.items() if isinstance(properties, dict) else ():
            if isinstance(value, dict) and key not in NESTED:
                raise ValueError(
                    f"{key!r} of the classification {name!r} is a table. EMR knows {' and '.join(NESTED)} as such; a "
                    "property whose name has dots stands in quotes in TOML, and in JSON in a variable"
                )
    return given


Configurations = Annotated[dict[str, dict[str, Value | dict[str, Value]]], BeforeValidator(_no_stray_table)]


class VolumeSettings(Section):
    """EBS volumes of one kind, on each node."""

    type: Literal["gp3", "gp2", "io1", "st1", "sc1", "standard"] = "gp3"
    size: int = Field(ge=1, le=1024, description="GiB")
    iops: int | None = Field(None, description="operations a second: gp3 and io1")
    throughput: int | None = Field(None, ge=125, le=1000, description="MiB a second: gp3")
    count: int = Field(1, ge=1, description="volumes on each node")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.type in ("st1", "sc1") and self.size < 125:
            raise ValueError(f"a volume of {self.type} has 125 GiB or more")
        if self.throughput and self.type != "gp3":
            raise ValueError(f"throughput is for gp3 only; this volume is {self.type}")
        if self.type == "io1" and self.iops is None:
            raise ValueError("a volume of io1 needs iops")
        if self.iops is not None:
            if self.type not in IOPS:
                raise ValueError(f"iops are for gp3 and io1; this volume is {self.type}")
            least, most, per_gib = IOPS[self.type]
            if not least <= self.iops <= min(most, max(least, per_gib * self.size)):
                raise ValueError(f"{self.type} of {self.size} GiB has {least} to {min(most, per_gib * self.size)} iops")
        if (self.throughput or 0) * 4 > (self.iops or 3000):
            raise ValueError("gp3 has at most a quarter of its iops (3000 unless given) as throughput in MiB a second")
        return self


class HardwareSettings(Section):
    """What groups, and instance types of fleets, have in common."""

    volumes: tuple[VolumeSettings, ...] = Field((), description="EBS; none: EMR's own for the type")
    ebs_optimized: bool | None = None
    custom_ami: Ami | None = None
    bid_price: Price | None = Field(None, description="the most to pay for spot; none: the on-demand price")
    configurations: Configurations = Field(default_factory=dict, description="classifications of these nodes only")


class GroupSettings(HardwareSettings):
    """Nodes of one type and one market."""

    instance_type: InstanceTypeName | None = Field(None, description="None: general-purpose, of emr.architecture")
    count: int = Field(1, ge=1)
    market: Market = "ON_DEMAND"

    @model_validator(mode="after")
    def _bids(self) -> Self:
        if self.bid_price and self.market != "SPOT":
            raise ValueError("bid_price is for the market SPOT")
        return self


class PrimaryGroupSettings(GroupSettings):
    """The nodes that lead: one, or three that stand in for each other."""

    @model_validator(mode="after")
    def _one_or_three(self) -> Self:
        if self.count not in (1, 3):
            raise ValueError("a cluster has 1 primary node, or 3")
        if self.count == 3 and self.market == "SPOT":
            raise ValueError("three primary nodes are on demand")
        return self


class TaskGroupSettings(GroupSettings):
    """Nodes that hold no HDFS: those that may be lost, so on spot."""

    market: Market = "SPOT"


class GroupsSettings(Section):
    """Instance groups."""

    primary: PrimaryGroupSettings = PrimaryGroupSettings()
    core: GroupSettings = GroupSettings()
    tasks: dict[str, TaskGroupSettings] = Field(
        default_factory=lambda: {"spot": TaskGroupSettings()}, max_length=48, description="by name"
    )

    @property
    def primaries(self) -> int:
        """Return how many primary nodes there are."""
        return self.primary.count


class FleetTypeSettings(HardwareSettings):
    """One of the instance types that a fleet is filled from."""

    instance_type: InstanceTypeName
    weight: int | None = Field(None, ge=1, description="units of capacity that one node is; none: 1")
    bid_percent: float | None = Field(None, gt=0, description="the most to pay for spot, in percent of on demand")
    priority: float | None = Field(None, ge=0, description="0 comes first; for the strategies that heed it")

    @model_validator(mode="after")
    def _one_bid(self) -> Self:
        if self.bid_price and self.bid_percent:
            raise ValueError("give bid_price or bid_percent, not both")
        return self


class ReservationSettings(Section):
    """Capacity reservations that on-demand nodes use."""

    usage: Literal["use-capacity-reservations-first"] | None = None
    preference: Literal["open", "none"] | None = None
    resource_group: Arn | None = Field(None, description="targeted reservations")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if not (self.usage or self.preference or self.resource_group):
            raise ValueError("say usage, preference or resource_group")
        if self.preference == "none" and (self.usage or self.resource_group):
            raise ValueError("preference none uses no reservation; leave usage and resource_group out")
        if self.resource_group and not self.usage:
            raise ValueError('resource_group needs usage = "use-capacity-reservations-first"')
        return self


class OnDemandSettings(Section):
    """How a fleet gets its on-demand nodes when the cluster starts."""

    strategy: OnDemandStrategy | None = Field(None, description="None: EMR's own, lowest-price")
    reservations: ReservationSettings | None = None

    @model_validator(mode="after")
    def _strategy(self) -> Self:
        if self.reservations and not self.strategy:
            raise ValueError("capacity reservations need an allocation strategy: lowest-price, or prioritized")
        return self


class SpotSettings(Section):
    """How a fleet gets its spot nodes when the cluster starts."""

    strategy: SpotStrategy | None = Field(None, description="None: EMR's own")
    timeout: Minutes = Field(20, description="minutes to wait for capacity")
    on_timeout: Literal["SWITCH_TO_ON_DEMAND", "TERMINATE_CLUSTER"] = "SWITCH_TO_ON_DEMAND"


class OnDemandResizeSettings(OnDemandSettings):
    """How a fleet gets its on-demand nodes when it grows."""

    timeout: Minutes | None = Field(None, description="minutes to wait for capacity")


class SpotResizeSettings(Section):
    """How a fleet gets its spot nodes when it grows."""

    strategy: SpotStrategy | None = None
    timeout: Minutes | None = Field(None, description="minutes to wait for capacity")


class FleetSettings(Section):
    """Nodes of several types, up to a capacity."""

    types: tuple[FleetTypeSettings, ...] = Field(min_length=1, max_length=MANY)
    on_demand: int = Field(0, ge=0, description="units of capacity on demand")
    spot: int = Field(0, ge=0, description="units of capacity on spot")
    on_demand_launch: OnDemandSettings = OnDemandSettings()
    spot_launch: SpotSettings = SpotSettings()
    on_demand_resize: OnDemandResizeSettings | None = None
    spot_resize: SpotResizeSettings | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.on_demand + self.spot:
            raise ValueError("a fleet needs on_demand or spot above 0")
        names = [each.instance_type for each in self.types]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"an instance type stands once in a fleet: {', '.join(doubled)}")
        used = [(self.on_demand, self.on_demand_launch.strategy), (self.spot, self.spot_launch.strategy)]
        if len(names) > FEW and not all(strategy for units, strategy in used if units):
            raise ValueError(
                f"more than {FEW} instance types need an allocation strategy (on_demand_launch, spot_launch)"
            )
        heeded = {"prioritized", "capacity-optimized-prioritized"} & {strategy for units, strategy in used if units}
        if any(each.priority is not None for each in self.types) and not heeded:
            raise ValueError("priority is for the strategies prioritized and capacity-optimized-prioritized")
        if any(each.bid_price or each.bid_percent for each in self.types) and not self.spot:
            raise ValueError("bid_price and bid_percent are for spot capacity; this fleet has none")
        return self


class PrimaryFleetSettings(FleetSettings):
    """The fleet of the nodes that lead."""

    on_demand: int = Field(1, ge=0)

    @model_validator(mode="after")
    def _one_or_three(self) -> Self:
        if (self.on_demand, self.spot) not in ((1, 0), (0, 1), (3, 0)):
            raise ValueError("a cluster has 1 primary node, on demand or on spot, or 3 on demand")
        if any((each.weight or 1) != 1 for each in self.types):
            raise ValueError("a primary node weighs 1")
        return self


class FleetsSettings(Section):
    """Instance fleets."""

    primary: PrimaryFleetSettings
    core: FleetSettings
    task: FleetSettings | None = None

    @property
    def primaries(self) -> int:
        """Return how many primary nodes there are."""
        return self.primary.on_demand + self.primary.spot
