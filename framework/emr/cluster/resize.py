"""Resizing a cluster: the bounds of managed scaling, or the nodes of groups and fleets."""

from collections.abc import Mapping
from typing import Any

from framework.emr.api import ask
from framework.emr.cluster.health import GROUPS, Nodes, nodes_of
from framework.errors import ResizeError, alternatives


def bounds(emr: Any, cluster: str, minimum: int | None, maximum: int | None) -> dict[str, Any]:
    """Set the bounds of managed scaling, keep its other limits as far as they fit, and return the new ones.

    Raises ResizeError where the cluster has no managed scaling, or the bounds contradict each other.
    """
    policy = ask(emr.get_managed_scaling_policy, ClusterId=cluster).get("ManagedScalingPolicy", {})
    if not policy.get("ComputeLimits"):
        raise ResizeError(cluster, "it has no managed scaling. Set the number of nodes: --nodes NAME=N.")
    limits = dict(policy["ComputeLimits"])
    limits["MinimumCapacityUnits"] = limits["MinimumCapacityUnits"] if minimum is None else minimum
    limits["MaximumCapacityUnits"] = most = limits["MaximumCapacityUnits"] if maximum is None else maximum
    if not 0 < limits["MinimumCapacityUnits"] <= most:
        raise ResizeError(cluster, f"{limits['MinimumCapacityUnits']} to {most} are no bounds. Say --min and --max.")
    for name in ("MaximumOnDemandCapacityUnits", "MaximumCoreCapacityUnits"):
        if name in limits:
            limits[name] = min(limits[name], most)
    ask(emr.put_managed_scaling_policy, ClusterId=cluster, ManagedScalingPolicy={**policy, "ComputeLimits": limits})
    return limits


def nodes(emr: Any, cluster: str, counts: Mapping[str, int], spot: Mapping[str, int]) -> None:
    """Set how many nodes groups have, or what capacity fleets have on demand (`counts`) and on `spot`, by name or id.

    All of it is checked before the first change. Raises ResizeError or AwsRefusedError.
    """
    collection = ask(emr.describe_cluster, ClusterId=cluster)["Cluster"].get("InstanceCollectionType", GROUPS)
    found = tuple(nodes_of(emr, cluster, collection))
    if spot and collection == GROUPS:
        raise ResizeError(cluster, "it has instance groups, whose market is fixed. Say --nodes NAME=N.")
    ids = {name: _chosen(cluster, found, name) for name in (*counts, *spot)}
    core = {each.id for each in found if each.role == "CORE"}
    if collection == GROUPS:
        if any(count == 0 and ids[name] in core for name, count in counts.items()):
            raise ResizeError(cluster, "core nodes hold HDFS, so one stays. Say --nodes core=1 or more.")
        groups = [{"InstanceGroupId": ids[name], "InstanceCount": count} for name, count in counts.items()]
        ask(emr.modify_instance_groups, ClusterId=cluster, InstanceGroups=groups)
        return
    targets: dict[str, dict[str, Any]] = {fleet: {"InstanceFleetId": fleet} for fleet in ids.values()}
    for member, given in (("TargetOnDemandCapacity", counts), ("TargetSpotCapacity", spot)):
        for name, units in given.items():
            targets[ids[name]][member] = units
    for target in targets.values():
        ask(emr.modify_instance_fleet, ClusterId=cluster, InstanceFleet=target)


def _chosen(cluster: str, found: tuple[Nodes, ...], name: str) -> str:
    """Return the id of the one group or fleet that is meant; the primary nodes are as many as they are."""
    resizable = [each for each in found if each.role != "MASTER"]
    named = [each.id for each in resizable if name in (each.id, each.name)]
    matching = named or [each.id for each in resizable if name.upper() == each.role]
    if len(matching) == 1:
        return matching[0]
    names = alternatives(name, [each.name for each in resizable])
    if any(name in (each.id, each.name) for each in found):
        raise ResizeError(cluster, f"the number of its primary nodes is fixed. {names}")
    raise ResizeError(cluster, f"{len(matching) or 'none'} of its groups or fleets is called {name!r}. {names}")
