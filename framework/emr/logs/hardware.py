"""What EMR says of a cluster's groups or fleets, and of its nodes that are gone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from framework.emr.api import pages

SHOWN = 5
AT_THE_END = timedelta(hours=1)  # a node that was lost earlier has been lived through
UP = ("RUNNING", "TERMINATING", "TERMINATED", "SHUTTING_DOWN", "ENDED")
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Hardware:
    """Lines to be shown, and the words in which causes are looked for; task nodes end no cluster by their loss."""

    said: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    words_pending: str = ""
    of_groups: str = ""
    of_task_groups: str = ""
    of_nodes: str = ""

    def words(self, code: str) -> tuple[str, ...]:
        """Return the words that may explain a cluster that ended with this code, those of groups first."""
        return (self.of_groups, self.of_nodes if code == "INSTANCE_FAILURE" else self.of_task_groups)


def hardware_of(emr: Any, cluster: dict[str, Any]) -> Hardware:
    """Return what groups or fleets, and nodes, say that are not as they should be. Raises AwsRefusedError."""
    if cluster.get("InstanceCollectionType") == "INSTANCE_FLEET":
        groups = list(pages(emr.list_instance_fleets, "InstanceFleets", ClusterId=cluster["Id"]))
    else:
        groups = list(pages(emr.list_instance_groups, "InstanceGroups", ClusterId=cluster["Id"]))
    gone = list(pages(emr.list_instances, "Instances", ClusterId=cluster["Id"], InstanceStates=["TERMINATED"]))
    gone = sorted((node for node in gone if _reason(node)), key=_ended, reverse=True)
    said = [f"{_kind(group)} nodes: {_reason(group)}" for group in groups if _reason(group)]
    for node in gone[: max(0, SHOWN - len(said))]:
        said.append(f"{node.get('Ec2InstanceId', 'a node')} ({node.get('InstanceType', '')}): {_reason(node)}")
    pending = [(group, _pending(group)) for group in groups]
    tasks = {group.get("Id") for group in groups if _kind(group) == "task"} - {None}
    return Hardware(
        tuple(said),
        tuple(text for _, text in pending if text),
        "\n".join(_reason(group) for group, text in pending if text),
        "\n".join(_reason(group) for group in groups if _kind(group) != "task"),
        "\n".join(_reason(group) for group in groups if _kind(group) == "task"),
        "\n".join(
            _reason(node)
            for node in gone
            if not tasks & {node.get("InstanceGroupId"), node.get("InstanceFleetId")} and _at_the_end(node, cluster)
        ),
    )


def _reason(one: dict[str, Any]) -> str:
    """Return why a group or node is not as it should be; that it went with its cluster is no reason."""
    reason = one.get("Status", {}).get("StateChangeReason", {})
    return "" if reason.get("Code") == "CLUSTER_TERMINATED" else str(reason.get("Message", ""))


def _kind(group: dict[str, Any]) -> str:
    return str(group.get("InstanceFleetType") or group.get("InstanceGroupType") or "").lower()


def _pending(group: dict[str, Any]) -> str:
    state = group.get("Status", {}).get("State", "RUNNING")
    if state in UP:
        return ""
    if "InstanceFleetType" in group:
        wanted = group.get("TargetOnDemandCapacity", 0) + group.get("TargetSpotCapacity", 0)
        there, unit = group.get("ProvisionedOnDemandCapacity", 0) + group.get("ProvisionedSpotCapacity", 0), "units"
    else:
        wanted, there = group.get("RequestedInstanceCount", 0), group.get("RunningInstanceCount", 0)
        unit = "instances"
    return f"{_kind(group)} nodes are {state}, {there} of {wanted} {unit} are there"


def _ended(one: dict[str, Any]) -> datetime:
    ended: datetime = one.get("Status", {}).get("Timeline", {}).get("EndDateTime", LONG_AGO)
    return ended


def _at_the_end(node: dict[str, Any], cluster: dict[str, Any]) -> bool:
    """Return whether a node was lost when the cluster ended; where a time is missing, it may have been."""
    times = (_ended(node), _ended(cluster))
    return LONG_AGO in times or times[0] >= times[1] - AT_THE_END
