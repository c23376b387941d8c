"""Instance fleets: listed, added, resized."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from framework.local_emr.api import groups, hardware, requirements
from framework.local_emr.api.model import Cluster, Group
from framework.local_emr.api.paging import page
from framework.local_emr.api.refusal import invalid, validation
from framework.local_emr.api.world import Call

Answer = dict[str, Any]
Asked = Mapping[str, Any]
KEPT = ("InstanceTypeConfigs", "ResizeSpecifications", "Context")


def list_instance_fleets(call: Call, asked: Asked) -> Answer:
    """Return a page of the fleets of a cluster."""
    cluster = call.cluster(asked["ClusterId"])
    _require_fleets(cluster, "ListInstanceFleets", "ListInstanceGroups")
    return page(cluster.groups, "InstanceFleets", asked, lambda fleet: _shown(cluster, fleet))


def add_instance_fleet(call: Call, asked: Asked) -> Answer:
    """Add a fleet to a cluster, of a role that it has none of; nodes follow."""
    cluster = call.cluster(asked["ClusterId"])
    requirements.require_modifiable(cluster)
    _require_fleets(cluster, "AddInstanceFleet", "AddInstanceGroups")
    role = asked["InstanceFleet"]["InstanceFleetType"]
    if any(each.role == role for each in cluster.groups):
        raise invalid(f"The cluster has a {role.lower()} instance fleet already; it can have one of each type.")
    new = hardware.fleet(call, asked["InstanceFleet"], cluster.release)
    call.put(replace(cluster, groups=(*cluster.groups, new)))
    return {"ClusterId": cluster.id, "InstanceFleetId": new.id, "ClusterArn": call.arn("cluster", cluster.id)}


def modify_instance_fleet(call: Call, asked: Asked) -> None:
    """Change the targets of a fleet, its types, or how it resizes."""
    cluster, change = call.cluster(asked["ClusterId"]), asked["InstanceFleet"]
    _require_fleets(cluster, "ModifyInstanceFleet", "ModifyInstanceGroups")
    fleet = groups.group_of(cluster, change["InstanceFleetId"])
    if cluster.state not in ("RUNNING", "WAITING"):
        raise invalid("An instance fleet may only be modified when the cluster is running or waiting.")
    on_demand = change.get("TargetOnDemandCapacity", fleet.on_demand)
    spot = change.get("TargetSpotCapacity", fleet.spot)
    if fleet.role == "MASTER" and (on_demand, spot) != (fleet.on_demand, fleet.spot):
        raise invalid("The target capacity of the master instance fleet may not be modified.")
    if min(on_demand, spot) < 0 or (fleet.role == "CORE" and on_demand + spot < 1):
        raise validation(f"The target capacity {on_demand} + {spot} of the instance fleet is not valid.")
    config = {**fleet.config, **{name: change[name] for name in KEPT if name in change}}
    hardware.require_types(call, config, cluster.release)
    changed = replace(fleet, on_demand=on_demand, spot=spot, config=config, suspended=None)
    hardware.require_size(changed)
    call.put(cluster.with_group(changed))


def _shown(cluster: Cluster, fleet: Group) -> Answer:
    config = fleet.config
    provisioned = {
        market: 0 if cluster.is_over else fleet.weight * groups.running(cluster, fleet, market)
        for market in ("ON_DEMAND", "SPOT")
    }
    return {
        "Id": fleet.id,
        "Name": config.get("Name"),
        "Status": groups.status(cluster, fleet),
        "InstanceFleetType": fleet.role,
        "TargetOnDemandCapacity": fleet.on_demand,
        "TargetSpotCapacity": fleet.spot,
        "ProvisionedOnDemandCapacity": provisioned["ON_DEMAND"],
        "ProvisionedSpotCapacity": provisioned["SPOT"],
        "InstanceTypeSpecifications": [_type(each) for each in config["InstanceTypeConfigs"]],
        "LaunchSpecifications": config.get("LaunchSpecifications"),
        "ResizeSpecifications": config.get("ResizeSpecifications"),
        "Context": config.get("Context"),
    }


def _type(config: Mapping[str, Any]) -> Answer:
    ebs = config.get("EbsConfiguration", {})
    shown = {name: value for name, value in config.items() if name != "EbsConfiguration"}
    shown.setdefault("WeightedCapacity", 1)
    if "BidPrice" not in config:
        shown.setdefault("BidPriceAsPercentageOfOnDemandPrice", 100.0)
    return {**shown, "EbsBlockDevices": groups.volumes(config), "EbsOptimized": ebs.get("EbsOptimized")}


def _require_fleets(cluster: Cluster, operation: str, instead: str) -> None:
    if not cluster.fleets:
        raise groups.mutually_exclusive("instance groups", "instance fleets", operation, instead)
