"""Instance groups and the instances of a cluster: listed, added, resized."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from framework.local_emr.api import hardware, requirements
from framework.local_emr.api.model import Cluster, Group, Instance
from framework.local_emr.api.paging import INSTANCES, page
from framework.local_emr.api.refusal import Refusal, invalid, validation
from framework.local_emr.api.world import Call

Answer = dict[str, Any]
Asked = Mapping[str, Any]


def list_instance_groups(call: Call, asked: Asked) -> Answer:
    """Return a page of the groups of a cluster."""
    cluster = call.cluster(asked["ClusterId"])
    _require_groups(cluster, "ListInstanceGroups", "ListInstanceFleets")
    return page(cluster.groups, "InstanceGroups", asked, lambda group: _shown(cluster, group))


def list_instances(call: Call, asked: Asked) -> Answer:
    """Return a page of the nodes of a cluster, those too that have gone."""
    cluster = call.cluster(asked["ClusterId"])
    groups = {group.id: group for group in cluster.groups}
    one = asked.get("InstanceFleetId") or asked.get("InstanceGroupId")
    if one is not None and one not in groups:
        raise invalid(f"Instance {'fleet' if 'InstanceFleetId' in asked else 'group'} id '{one}' is not valid.")
    roles = [*asked.get("InstanceGroupTypes", ()), *filter(None, [asked.get("InstanceFleetType")])]
    found = [
        each
        for each in cluster.instances
        if (one is None or each.group == one)
        and (not roles or groups[each.group].role in roles)
        and (not asked.get("InstanceStates") or instance_state(cluster, each) in asked["InstanceStates"])
    ]
    return page(found, "Instances", asked, lambda each: _shown_instance(cluster, each), size=INSTANCES)


def add_instance_groups(call: Call, asked: Asked) -> Answer:
    """Add groups to a cluster; nodes follow."""
    cluster = call.job_flow(asked["JobFlowId"])
    requirements.require_modifiable(cluster)
    _require_groups(cluster, "AddInstanceGroups", "AddInstanceFleet")
    roles = {group.role for group in cluster.groups}
    new = []
    for config in asked["InstanceGroups"]:
        if config["InstanceRole"] != "TASK" and (config["InstanceRole"] == "MASTER" or "CORE" in roles):
            raise validation(f"Multiple {config['InstanceRole'].lower()} instance groups are not allowed.")
        new.append(hardware.group(call, config, cluster.release))
    hardware.require_room((*cluster.groups, *new))
    call.put(replace(cluster, groups=(*cluster.groups, *new)))
    return {
        "JobFlowId": cluster.id,
        "InstanceGroupIds": [group.id for group in new],
        "ClusterArn": call.arn("cluster", cluster.id),
    }


def modify_instance_groups(call: Call, asked: Asked) -> None:
    """Change how many nodes groups have, which of them go, or their configurations: all of it or nothing."""
    wanted = asked.get("InstanceGroups", ())
    named = asked.get("ClusterId")
    for change in wanted:
        cluster = call.cluster(named) if named else _owner(call, change["InstanceGroupId"])
        _require_groups(cluster, "ModifyInstanceGroups", "ModifyInstanceFleet")
    changed: dict[str, Cluster] = {}
    for change in wanted:
        found = call.cluster(named) if named else _owner(call, change["InstanceGroupId"])
        cluster = changed.get(found.id, found)
        changed[cluster.id] = cluster.with_group(_modified(cluster, change))
    for cluster in changed.values():
        call.put(cluster)


def group_of(cluster: Cluster, id: str) -> Group:
    """Return a group or fleet of a cluster."""
    for group in cluster.groups:
        if group.id == id:
            return group
    raise _unknown(id, "fleet" if cluster.fleets else "group")


def status(cluster: Cluster, group: Group) -> Answer:
    """Return the state of a group or fleet, which follows from its cluster's and from its nodes."""
    over = cluster.is_ending
    return {
        "State": _state(cluster, group),
        "StateChangeReason": {
            "Code": "CLUSTER_TERMINATED" if over else "VALIDATION_ERROR" if group.suspended else None,
            "Message": "Job flow terminated" if over else group.suspended or "",
        },
        "Timeline": {"CreationDateTime": group.created, "ReadyDateTime": group.ready, "EndDateTime": cluster.ended},
    }


def running(cluster: Cluster, group: Group, market: str | None = None) -> int:
    """Return how many nodes of a group are there."""
    return sum(each.node is not None and market in (None, each.market) for each in cluster.of_group(group.id))


def volumes(config: Mapping[str, Any]) -> list[Answer]:
    """Return the EBS volumes of a node, each with a device."""
    ebs = config.get("EbsConfiguration", {}).get("EbsBlockDeviceConfigs", ())
    each = [one["VolumeSpecification"] for one in ebs for _ in range(one.get("VolumesPerInstance", 1))]
    return [{"VolumeSpecification": one, "Device": f"/dev/sd{chr(ord('b') + n)}"} for n, one in enumerate(each)]


def instance_state(cluster: Cluster, instance: Instance) -> str:
    """Return the state of an instance."""
    if instance.ended:
        return "TERMINATED"
    if instance.node is None:
        return "PROVISIONING"
    return "BOOTSTRAPPING" if cluster.state in ("STARTING", "BOOTSTRAPPING") else "RUNNING"


def _owner(call: Call, group: str) -> Cluster:
    for cluster in call.clusters():
        if any(each.id == group for each in cluster.groups):
            return cluster
    raise _unknown(group, "group")


def _modified(cluster: Cluster, change: Asked) -> Group:
    group = group_of(cluster, change["InstanceGroupId"])
    if cluster.state not in ("RUNNING", "WAITING"):
        raise validation("An instance group may only be modified when the cluster is running or waiting.")
    gone, count = set(change.get("EC2InstanceIdsToTerminate", ())), change.get("InstanceCount")
    if gone:
        here = {each.id for each in cluster.of_group(group.id)}
        if foreign := sorted(gone - here):
            raise validation(f"Instances {', '.join(foreign)} are not part of instance group {group.id}.")
        count = len(group.markets) - len(gone)
        group = replace(group, shrink={"InstanceResizePolicy": {"InstancesToTerminate": sorted(gone)}})
    if "ShrinkPolicy" in change:
        group = replace(group, shrink=change["ShrinkPolicy"])
    if "Configurations" in change:
        group = replace(group, config={**group.config, **_configured(group, change)}, version=group.version + 1)
    if count is None:
        return group
    if group.role == "MASTER" and count != len(group.markets):
        raise validation("The number of instances of the master instance group may not be modified.")
    if count < (0 if group.role == "TASK" else 1):
        raise validation(f"The instance count {count} of the {group.role.lower()} instance group is not valid.")
    spot = group.config.get("Market") == "SPOT"
    group = replace(group, on_demand=0 if spot else count, spot=count if spot else 0, suspended=None)
    hardware.require_size(group)
    return group


def _configured(group: Group, change: Asked) -> Answer:
    """Return the configurations of a group as they are to be: new ones alone, or merged into those it has."""
    if change.get("ReconfigurationType", "OVERWRITE") == "OVERWRITE":
        return {"Configurations": change["Configurations"]}
    merged = {each.get("Classification"): each for each in group.config.get("Configurations", ())}
    for each in change["Configurations"]:
        old = merged.get(each.get("Classification"), {})
        properties = {**old.get("Properties", {}), **each.get("Properties", {})}
        merged[each.get("Classification")] = {**old, **each, "Properties": properties}
    return {"Configurations": list(merged.values())}


def _state(cluster: Cluster, group: Group) -> str:
    if cluster.is_ending:
        return "TERMINATING" if cluster.state == "TERMINATING" else "TERMINATED"
    if cluster.state in ("STARTING", "BOOTSTRAPPING"):
        return "PROVISIONING" if cluster.state == "STARTING" else "BOOTSTRAPPING"
    if group.suspended:
        return "SUSPENDED"
    return "RUNNING" if running(cluster, group) == len(group.markets) else "RESIZING"


def _shown(cluster: Cluster, group: Group) -> Answer:
    config, spot = group.config, group.config.get("Market") == "SPOT"
    configurations = config.get("Configurations", [])
    return {
        "Id": group.id,
        "Name": config.get("Name"),
        "Market": "SPOT" if spot else "ON_DEMAND",
        "InstanceGroupType": group.role,
        "BidPrice": config.get("BidPrice"),
        "InstanceType": group.instance_type,
        "RequestedInstanceCount": len(group.markets),
        "RunningInstanceCount": 0 if cluster.is_over else running(cluster, group),
        "Status": status(cluster, group),
        "Configurations": configurations,
        "ConfigurationsVersion": group.version,
        "LastSuccessfullyAppliedConfigurations": configurations,
        "LastSuccessfullyAppliedConfigurationsVersion": group.version,
        "EbsBlockDevices": volumes(config),
        "EbsOptimized": config.get("EbsConfiguration", {}).get("EbsOptimized"),
        "ShrinkPolicy": group.shrink or {},
        "AutoScalingPolicy": scaling(group),
        "CustomAmiId": config.get("CustomAmiId"),
    }


def scaling(group: Group) -> Answer | None:
    """Return the automatic scaling of a group, which is kept and does nothing."""
    return None if group.scaling is None else {**group.scaling, "Status": {"State": "ATTACHED"}}


def _shown_instance(cluster: Cluster, instance: Instance) -> Answer:
    return {
        "Id": f"ci-{instance.id[2:].upper()}",
        "Ec2InstanceId": instance.id,
        "PublicDnsName": instance.host,
        "PrivateDnsName": instance.host,
        "PrivateIpAddress": instance.address,
        "Status": {
            "State": instance_state(cluster, instance),
            "StateChangeReason": {"Code": instance.code, "Message": instance.message},
            "Timeline": {
                "CreationDateTime": instance.created,
                "ReadyDateTime": instance.ready,
                "EndDateTime": instance.ended,
            },
        },
        "InstanceFleetId" if cluster.fleets else "InstanceGroupId": instance.group,
        "Market": instance.market,
        "InstanceType": instance.instance_type,
        "EbsVolumes": [],
    }


def _require_groups(cluster: Cluster, operation: str, instead: str) -> None:
    if cluster.fleets:
        raise mutually_exclusive("instance fleets", "instance groups", operation, instead)


def mutually_exclusive(used: str, other: str, operation: str, instead: str) -> Refusal:
    """Refuse an operation on a cluster that uses the other one of the two."""
    return invalid(
        f"{used.capitalize()} and {other} are mutually exclusive. The EMR cluster specified in the request uses "
        f"{used}. The {operation} operation does not support clusters that use {used}. Use the {instead} operation "
        "instead."
    )


def _unknown(id: str, kind: str) -> Refusal:
    return validation(f"Instance {kind} id '{id}' is not valid.")
