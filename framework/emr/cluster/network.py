"""The network that a cluster is to be in, as far as these credentials may see it: what of it the internet reaches."""

from dataclasses import dataclass
from typing import Any

from framework.config.cluster import ClusterSettings
from framework.emr.api import ask
from framework.errors import AwsRefusedError

ANYWHERE = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, slots=True)
class Network:
    """What was seen; `unseen` says why something was not."""

    public: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    unseen: str = ""


def look(ec2: Any, cluster: ClusterSettings) -> Network:
    """Look at the subnets and security groups that the settings name; what is refused is told, not raised."""
    groups = cluster.security_groups
    named = [each for each in (groups.primary, groups.nodes, groups.service) if each]
    named += [*groups.more_primary, *groups.more_nodes]
    try:
        public = tuple(_public(ec2, list(cluster.subnets))) if cluster.subnets else ()
        return Network(public, tuple(_open(ec2, named)) if named else ())
    except AwsRefusedError as error:
        return Network(unseen=f"{error.operation}: {error.code or error.reason}")


def _public(ec2: Any, subnets: list[str]) -> list[str]:
    """Return the subnets whose routes lead to an internet gateway; a subnet without a table has its network's main."""
    found = []
    for subnet in ask(ec2.describe_subnets, SubnetIds=subnets)["Subnets"]:
        filters = [{"Name": "vpc-id", "Values": [subnet["VpcId"]]}]
        tables = ask(ec2.describe_route_tables, Filters=filters)["RouteTables"]
        own = [table for table in tables if _has(table, "SubnetId", subnet["SubnetId"])]
        for table in own or [table for table in tables if _has(table, "Main", True)]:
            if any(str(route.get("GatewayId", "")).startswith("igw-") for route in table.get("Routes", [])):
                found.append(subnet["SubnetId"])
    return found


def _has(table: dict[str, Any], name: str, value: object) -> bool:
    return any(each.get(name) == value for each in table.get("Associations", []))


def _open(ec2: Any, groups: list[str]) -> list[str]:
    """Return the rules that let anybody in, as `sg-1 port 22`."""
    found = []
    for group in ask(ec2.describe_security_groups, GroupIds=groups)["SecurityGroups"]:
        for rule in group.get("IpPermissions", []):
            sources = [each["CidrIp"] for each in rule.get("IpRanges", [])]
            sources += [each["CidrIpv6"] for each in rule.get("Ipv6Ranges", [])]
            if set(sources) & set(ANYWHERE):
                first, last = rule.get("FromPort"), rule.get("ToPort")
                ports = "every port" if first is None else f"port {first}" if first == last else f"ports {first}-{last}"
                found.append(f"{group['GroupId']} {ports}")
    return found
