"""Nodes into instances: what a group wants is asked for, and what is there becomes what EMR tells of."""

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import datetime

from framework.local_emr.api.model import Cluster, Group, Instance, Market
from framework.local_emr.api.protocols import Node
from framework.local_emr.api.world import World

BY_WISH = "Instance was terminated."


def placed(world: World, cluster: Cluster, now: datetime) -> Cluster:
    """Return a cluster whose instances are as its groups want them and its nodes are.

    A ValueError or OSError of the nodes is kept as the reason for which the group is suspended.
    """
    for group in cluster.groups:
        try:
            cluster = _placed(world, cluster, group, now)
        except (OSError, ValueError) as error:
            cluster = cluster.with_group(replace(group, suspended=str(error)))
    return cluster


def is_up(cluster: Cluster) -> bool:
    """Return whether all nodes are there that a cluster cannot do without: the primary and the core nodes."""
    return all(
        each.node is not None for group in cluster.groups if group.role != "TASK" for each in cluster.of_group(group.id)
    )


def lost_primary(cluster: Cluster) -> bool:
    """Return whether the primary node has gone; of three, one that has gone is replaced."""
    masters = {group.id for group in cluster.groups if group.role == "MASTER" and len(group.markets) == 1}
    return any(each.group in masters and each.code == "INSTANCE_FAILURE" for each in cluster.instances)


def ready(cluster: Cluster, now: datetime) -> Cluster:
    """Return a cluster whose nodes are all ready: its bootstrap actions have run."""
    instances = tuple(
        replace(each, ready=now) if each.node and each.ready is None and each.ended is None else each
        for each in cluster.instances
    )
    groups = tuple(replace(group, ready=group.ready or now) for group in cluster.groups)
    return replace(cluster, instances=instances, groups=groups)


def gone(cluster: Cluster, now: datetime) -> Cluster:
    """Return a cluster whose nodes have ended with it."""
    return replace(
        cluster,
        instances=tuple(
            each if each.ended else replace(each, ended=now, code="CLUSTER_TERMINATED", message=BY_WISH)
            for each in cluster.instances
        ),
    )


def _placed(world: World, cluster: Cluster, group: Group, now: datetime) -> Cluster:
    here = {node.id for node in world.nodes.have(cluster.id, group.id)}
    known, wanted = cluster.of_group(group.id), group.markets
    seen = [_seen(each, here, now, by_wish=len(known) > len(wanted)) for each in known]
    kept = [each for each in seen if each.ended is None]
    missing, excess = [] if group.suspended else _missing(kept, group), _excess(kept, group)
    # A node has no market of its own here: where one market lacks what another has too much of, it is handed on.
    handed_on = [replace(each, ended=now, message=BY_WISH) for each in excess[: len(missing)]]
    ended = [*(each for each in seen if each.ended), *handed_on]
    # What has no node yet need not be decommissioned.
    going = [each for each in excess[len(missing) :] if each.node]
    without = {each.id for each in excess} - {each.id for each in going}
    kept = [each for each in kept if each.id not in without]
    new = [
        Instance(id=world.new_id("i-"), group=group.id, market=market, instance_type=group.instance_type, created=now)
        for market in missing
    ]
    if (new or ended or going or without or not known) and not group.suspended:
        world.nodes.want(cluster.id, group.id, group.role, len(wanted), _away(group, kept, going))
    seated = _seated([*kept, *new], list(world.nodes.have(cluster.id, group.id)), cluster, now)
    if group.ready is None and cluster.ready and all(each.ready for each in seated):
        cluster = cluster.with_group(replace(group, ready=now))
    changed = {each.id: each for each in (*seated, *ended)}
    listed = [changed.pop(each.id, each) for each in cluster.instances]
    return replace(cluster, instances=(*listed, *changed.values()))


def _seen(instance: Instance, here: Container[str], now: datetime, *, by_wish: bool) -> Instance:
    """Return an instance as it is now: one whose node is gone has ended, by wish where there were too many."""
    if instance.node is None or instance.node in here:
        return instance
    if by_wish:
        return replace(instance, ended=now, message=BY_WISH)
    return replace(instance, ended=now, code="INSTANCE_FAILURE", message="The node was lost.")


def _missing(kept: Sequence[Instance], group: Group) -> list[Market]:
    """Return the markets of the nodes that a group lacks."""
    lacking = Counter(group.markets) - Counter(each.market for each in kept)
    return list(lacking.elements())


def _excess(kept: Sequence[Instance], group: Group) -> list[Instance]:
    """Return the instances that a group has too many of: those without a node first, then the newest."""
    surplus = Counter(each.market for each in kept) - Counter(group.markets)
    found, newest = [], list(reversed(kept))
    for each in (*(each for each in newest if each.node is None), *(each for each in newest if each.node)):
        if surplus[each.market] > 0:
            surplus[each.market] -= 1
            found.append(each)
    return found


def _away(group: Group, kept: Sequence[Instance], going: Sequence[Instance]) -> list[str]:
    """Return the nodes that are to go: those that the group names, then the others that are too many."""
    named = (group.shrink or {}).get("InstanceResizePolicy", {}).get("InstancesToTerminate", ())
    chosen = [each for each in kept if each.id in named] + [each for each in going if each.id not in named]
    return [each.node for each in chosen[: len(going)] if each.node]


def _seated(kept: list[Instance], nodes: list[Node], cluster: Cluster, now: datetime) -> list[Instance]:
    """Give instances without a node the nodes that nobody has yet."""
    taken = {each.node for each in kept}
    free = [node for node in nodes if node.id not in taken]
    seated = []
    for each in kept:
        if each.node is None and free:
            node = free.pop(0)
            up = now if cluster.ready else None
            each = replace(each, node=node.id, host=node.host, address=node.address, ready=up)
        seated.append(each)
    return seated
