"""The nodes of a RunJobFlow request: instance groups or fleets, their volumes, and the limits of managed scaling."""

from collections.abc import Iterator
from typing import Any

from framework.config.cluster import ScalingSettings
from framework.config.emr import EmrSettings
from framework.config.nodes import (
    FleetSettings,
    FleetsSettings,
    FleetTypeSettings,
    GroupSettings,
    GroupsSettings,
    HardwareSettings,
    OnDemandResizeSettings,
    OnDemandSettings,
    ReservationSettings,
    VolumeSettings,
)
from framework.emr.cluster.classifications import listed
from framework.emr.cluster.instances import architecture, general
from framework.emr.releases.release import Release
from framework.errors import MixedArchitectureError


def given(**members: Any) -> dict[str, Any]:
    """Return the members of a request that are set."""
    return {name: value for name, value in members.items() if value is not None and value not in ("", [], {})}


def instances(settings: EmrSettings, release: Release) -> dict[str, Any]:
    """Return InstanceGroups or InstanceFleets. Raises MixedArchitectureError."""
    others = [name for name in types(settings, release) if architecture(name) != settings.architecture]
    if others:
        raise MixedArchitectureError(settings.architecture, others)
    nodes = settings.cluster.nodes
    if isinstance(nodes, FleetsSettings):
        return {"InstanceFleets": [_fleet(role, fleet) for role, fleet in fleets(nodes)]}
    usual = general(settings.architecture, release)
    return {"InstanceGroups": [_group(role, name, group, usual) for role, name, group in groups(nodes)]}


def types(settings: EmrSettings, release: Release) -> list[str]:
    """Return the instance types of a cluster, each once."""
    nodes, usual = settings.cluster.nodes, general(settings.architecture, release)
    if isinstance(nodes, FleetsSettings):
        named = [each.instance_type for _, fleet in fleets(nodes) for each in fleet.types]
    else:
        named = [group.instance_type or usual for _, _, group in groups(nodes)]
    return list(dict.fromkeys(named))


def groups(nodes: GroupsSettings) -> Iterator[tuple[str, str, GroupSettings]]:
    """Give the role, the name and the settings of each group."""
    yield "MASTER", "primary", nodes.primary
    yield "CORE", "core", nodes.core
    for name, group in nodes.tasks.items():
        yield "TASK", name, group


def fleets(nodes: FleetsSettings) -> Iterator[tuple[str, FleetSettings]]:
    """Give the role and the settings of each fleet."""
    yield "MASTER", nodes.primary
    yield "CORE", nodes.core
    if nodes.task:
        yield "TASK", nodes.task


def managed_scaling(scaling: ScalingSettings, nodes: GroupsSettings | FleetsSettings) -> dict[str, Any]:
    """Return a ManagedScalingPolicy.

    Where there are task nodes, core nodes stay as many as they are at first, and where some of these are on spot, nodes
    on demand do too: what comes and goes is what may be lost.
    """
    in_fleets = isinstance(nodes, FleetsSettings)
    unit = scaling.unit or ("InstanceFleetUnits" if in_fleets else "Instances")
    core, on_demand = scaling.maximum_core, scaling.maximum_on_demand
    if unit != "VCPU":
        first_core, first_on_demand, tasks, spot_tasks = _first(nodes)
        core = core or (min(first_core, scaling.maximum) if tasks else None)
        if on_demand is None and spot_tasks:
            on_demand = min(first_on_demand, scaling.maximum)
    limits = given(
        UnitType=unit,
        MinimumCapacityUnits=scaling.minimum,
        MaximumCapacityUnits=scaling.maximum,
        MaximumOnDemandCapacityUnits=on_demand,
        MaximumCoreCapacityUnits=core,
    )
    advanced = {"ScalingStrategy": "ADVANCED", "UtilizationPerformanceIndex": scaling.performance_index}
    return {"ComputeLimits": limits, **(advanced if scaling.strategy == "ADVANCED" else {})}


def _first(nodes: GroupsSettings | FleetsSettings) -> tuple[int, int, bool, bool]:
    """Return the units of core nodes and on demand at first, and whether there are task nodes, and such on spot."""
    if isinstance(nodes, FleetsSettings):
        core, task = nodes.core, nodes.task
        on_demand = core.on_demand + (task.on_demand if task else 0)
        return core.on_demand + core.spot, on_demand, bool(task), bool(task and task.spot)
    workers = [nodes.core, *nodes.tasks.values()]
    on_demand = sum(group.count for group in workers if group.market == "ON_DEMAND")
    return nodes.core.count, on_demand, bool(nodes.tasks), any(each.market == "SPOT" for each in nodes.tasks.values())


def _group(role: str, name: str, group: GroupSettings, usual: str) -> dict[str, Any]:
    return given(
        Name=name,
        InstanceRole=role,
        InstanceType=group.instance_type or usual,
        InstanceCount=group.count,
        Market=group.market,
        **_hardware(group),
    )


def _fleet(role: str, fleet: FleetSettings) -> dict[str, Any]:
    launch, spot = fleet.on_demand_launch, fleet.spot_launch
    on_demand = _on_demand(launch) if fleet.on_demand and launch.strategy else None
    on_spot = given(
        TimeoutDurationMinutes=spot.timeout, TimeoutAction=spot.on_timeout, AllocationStrategy=spot.strategy
    )
    resize, spot_resize = fleet.on_demand_resize, fleet.spot_resize
    return given(
        Name={"MASTER": "primary"}.get(role, role.lower()),
        InstanceFleetType=role,
        # A primary fleet may say only one of them, so none is said as 0.
        TargetOnDemandCapacity=fleet.on_demand or None,
        TargetSpotCapacity=fleet.spot or None,
        InstanceTypeConfigs=[_type(each) for each in fleet.types],
        LaunchSpecifications=given(OnDemandSpecification=on_demand, SpotSpecification=on_spot if fleet.spot else None),
        ResizeSpecifications=given(
            OnDemandResizeSpecification=_on_demand(resize) if resize else None,
            SpotResizeSpecification=spot_resize
            and given(TimeoutDurationMinutes=spot_resize.timeout, AllocationStrategy=spot_resize.strategy),
        ),
    )


def _on_demand(launch: OnDemandSettings) -> dict[str, Any]:
    return given(
        TimeoutDurationMinutes=launch.timeout if isinstance(launch, OnDemandResizeSettings) else None,
        AllocationStrategy=launch.strategy,
        CapacityReservationOptions=launch.reservations and _reservations(launch.reservations),
    )


def _reservations(reservations: ReservationSettings) -> dict[str, Any]:
    return given(
        UsageStrategy=reservations.usage,
        CapacityReservationPreference=reservations.preference,
        CapacityReservationResourceGroupArn=reservations.resource_group,
    )


def _type(each: FleetTypeSettings) -> dict[str, Any]:
    return given(
        InstanceType=each.instance_type,
        WeightedCapacity=each.weight,
        BidPriceAsPercentageOfOnDemandPrice=each.bid_percent,
        Priority=each.priority,
        **_hardware(each),
    )


def _hardware(node: HardwareSettings) -> dict[str, Any]:
    volumes = [_volume(volume) for volume in node.volumes]
    return given(
        BidPrice=node.bid_price,
        CustomAmiId=node.custom_ami,
        Configurations=listed(node.configurations),
        EbsConfiguration=given(EbsBlockDeviceConfigs=volumes, EbsOptimized=node.ebs_optimized),
    )


def _volume(volume: VolumeSettings) -> dict[str, Any]:
    specification = given(VolumeType=volume.type, SizeInGB=volume.size, Iops=volume.iops, Throughput=volume.throughput)
    return {"VolumeSpecification": specification, "VolumesPerInstance": volume.count}
