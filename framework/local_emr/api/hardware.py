"""Instance groups and fleets, made from what is asked for; EMR's rules for them, in its words."""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from framework.emr.cluster.instances import GENERAL, architecture
from framework.local_emr.api.model import Group
from framework.local_emr.api.refusal import not_offered, validation
from framework.local_emr.api.world import Call

SIMPLE = {"MasterInstanceType", "SlaveInstanceType", "InstanceCount"}
REVISE = "Revise the configuration and resubmit."
MOST_TYPES, MOST_TYPES_BY_STRATEGY = 5, 30
MOST_TASK_GROUPS = 48
MOST_INSTANCES = 2000  # of a group: EMR's quota as long as nobody has asked for more
MOST_VOLUMES = 25  # of an instance, by EMR's Management Guide


def made(call: Call, instances: Mapping[str, Any], release: str) -> tuple[Group, ...]:
    """Return the groups or fleets of a new cluster. Raises Refusal."""
    if sum((bool(SIMPLE & set(instances)), "InstanceGroups" in instances, "InstanceFleets" in instances)) > 1:
        raise validation(
            "Please configure instances using one and only one of the following: instance groups; instance fleets; "
            "instance count, master and slave instance type."
        )
    if fleets := instances.get("InstanceFleets"):
        _require_roles([each["InstanceFleetType"] for each in fleets], "fleet")
        return tuple(fleet(call, each, release) for each in fleets)
    if instances.get("Ec2SubnetIds"):
        raise validation(
            "Only one subnet may be specified for clusters configured with instance groups or instance count, master "
            f"and slave instance type. {REVISE}"
        )
    groups = instances.get("InstanceGroups") or _simple(instances)
    _require_roles([each["InstanceRole"] for each in groups], "group")
    return tuple(group(call, each, release) for each in groups)


def group(call: Call, config: Mapping[str, Any], release: str) -> Group:
    """Return a new instance group. Raises Refusal."""
    count, spot = config["InstanceCount"], config.get("Market") == "SPOT"
    if count < 1 and config["InstanceRole"] != "TASK":
        raise validation("An instance group must have at least one instance")
    if config["InstanceRole"] == "MASTER" and count not in (1, 3):
        raise validation("A master instance group must specify a single instance, or three for high availability")
    if "BidPrice" in config:
        if not spot:
            raise validation("Attempted to set bid price for on demand instance group.")
        _require_price(config["BidPrice"], "group")
    _require_type(config["InstanceType"], release)
    _require_host(call, [config["InstanceType"]])
    _require_volumes(config)
    made = Group(
        id=call.world.new_id("ig-"),
        role=config["InstanceRole"],
        fleet=False,
        config=config,
        on_demand=0 if spot else count,
        spot=count if spot else 0,
        created=call.now,
        scaling=config.get("AutoScalingPolicy"),
    )
    require_size(made)
    return made


def fleet(call: Call, config: Mapping[str, Any], release: str) -> Group:
    """Return a new instance fleet. Raises Refusal."""
    role, name = config["InstanceFleetType"], config.get("Name", "null")
    on_demand, spot = config.get("TargetOnDemandCapacity", 0), config.get("TargetSpotCapacity", 0)
    require_types(call, config, release)
    if role == "MASTER" and (on_demand + spot not in (1, 3) or (on_demand + spot == 3 and spot)):
        raise validation(f"A master instance fleet can only have a target capacity of 1. {REVISE}")
    if on_demand + spot < 1 and role != "TASK":
        raise validation(
            f"The instance fleet ({name}) should have a value of one or greater for either targetOnDemandCapacity or "
            "targetSpotCapacity."
        )
    made = Group(
        id=call.world.new_id("if-"),
        role=role,
        fleet=True,
        config=config,
        on_demand=on_demand,
        spot=spot,
        created=call.now,
    )
    require_size(made)
    return made


def require_size(group: Group) -> None:
    """Refuse a group or fleet of more nodes than EMR has in one."""
    if (count := sum(group.wanted.values())) > MOST_INSTANCES:
        kind = "fleet" if group.fleet else "group"
        raise validation(f"An instance {kind} may have at most {MOST_INSTANCES} instances: {count}.")


def require_types(call: Call, config: Mapping[str, Any], release: str) -> None:
    """Refuse the instance types of a fleet: none, too many, or some that EMR does not take."""
    types, name = config.get("InstanceTypeConfigs") or [], config.get("Name", "null")
    if not types:
        raise validation(f"The instance fleet: {name} must have at least one instance type. {REVISE}")
    _require_types(config, types, name, release)
    _require_host(call, [each["InstanceType"] for each in types])


def require_room(groups: Iterable[Group]) -> None:
    """Refuse more task groups than a cluster may have."""
    if sum(each.role == "TASK" for each in groups) > MOST_TASK_GROUPS:
        raise validation(f"The number of task instance groups may not exceed {MOST_TASK_GROUPS}.")


@cache
def labels() -> frozenset[str]:
    """Return all release labels that moto has from EMR, older ones than Lakegate knows among them."""
    return frozenset(resource("release-labels-us-east-1.json"))


@cache
def instance_types(release: str) -> Mapping[str, Mapping[str, Any]]:
    """Return what is known of the instance types that a release takes; of a release not listed, all that are known."""
    every: dict[str, Mapping[str, Any]] = resource("instance_types.json")
    try:
        names: list[str] = resource(f"instance-types-{release}.json")
    except FileNotFoundError:
        names = list(every)
    return {name: every.get(name, {}) for name in names}


def resource(name: str) -> Any:
    """Read one of the lists that moto has from EMR; its package keeps them packed or not."""
    folder = files("moto.emr") / "resources"
    if (plain := folder / name).is_file():
        return json.loads(plain.read_bytes())
    return json.loads(gzip.decompress((folder / f"{name}.gz").read_bytes()))


def _simple(instances: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "MasterInstanceType" not in instances:
        raise validation("Must specify an instance type for the master instance.")
    groups = [{"InstanceRole": "MASTER", "InstanceType": instances["MasterInstanceType"], "InstanceCount": 1}]
    if (count := instances.get("InstanceCount", 1)) > 1:
        kind = instances.get("SlaveInstanceType", instances["MasterInstanceType"])
        groups.append({"InstanceRole": "CORE", "InstanceType": kind, "InstanceCount": count - 1})
    return groups


def _require_roles(roles: Sequence[str], kind: str) -> None:
    told = Counter(roles)
    for role in ("MASTER", "CORE", *(["TASK"] if kind == "fleet" else [])):
        if told[role] > 1:
            said = f"exactly one {role.lower()} instance {kind}"
            raise validation(f"Multiple {role.lower()} instance {kind}s supplied, you must specify {said}")
    if not told["MASTER"]:
        none = "No" if kind == "fleet" else "Zero"
        raise validation(
            f"{none} master instance {kind}s were supplied, you must specify exactly one master instance {kind}"
        )
    if told["TASK"] and not told["CORE"]:
        what = "task instance fleets must also define core instance fleets" if kind == "fleet" else None
        raise validation(f"Clusters with {what or 'task nodes must also define core nodes'}.")
    if told["TASK"] > MOST_TASK_GROUPS:
        raise validation(f"The number of task instance groups may not exceed {MOST_TASK_GROUPS}.")


def _require_types(config: Mapping[str, Any], types: Sequence[Mapping[str, Any]], name: str, release: str) -> None:
    names = [each["InstanceType"] for each in types]
    if twice := sorted({each for each in names if names.count(each) > 1}):
        raise validation(f"The instance fleet: {name} contains duplicate instance types [{', '.join(twice)}]. {REVISE}")
    launch = config.get("LaunchSpecifications", {})
    by_strategy = any("AllocationStrategy" in specification for specification in launch.values())
    most = MOST_TYPES_BY_STRATEGY if by_strategy else MOST_TYPES
    if len(types) > most:
        raise validation(f"The instance fleet: {name} may have at most {most} instance types. {REVISE}")
    for each in types:
        _require_type(each["InstanceType"], release)
        weight = each.get("WeightedCapacity", 1)
        if config["InstanceFleetType"] == "MASTER" and weight != 1:
            raise validation(
                f"All instance types in the master instance fleet must have weighted capacity as 1. {REVISE}"
            )
        if weight < 1:
            raise validation(f"Weighted capacity cannot be zero. {REVISE}")
        if "BidPrice" in each and "BidPriceAsPercentageOfOnDemandPrice" in each:
            raise validation(
                "Specify at most one of bidPrice or bidPriceAsPercentageOfOnDemandPrice value for the Spot Instance "
                f"fleet : {name} request."
            )
        if "BidPrice" in each:
            _require_price(each["BidPrice"], "fleet")
        _require_volumes(each)


def _require_type(name: str, release: str) -> None:
    if name not in instance_types(release):
        raise validation(f"Instance type '{name}' is not supported.")


def _require_host(call: Call, names: Iterable[str]) -> None:
    """Refuse nodes of another CPU than this machine's, where steps really run: a bundle for it could not."""
    host = call.world.host
    for name in names:
        if host and architecture(name) != host.architecture:
            instead = ", ".join(GENERAL[host.architecture])
            raise not_offered(
                f"{name}, as its CPU is {architecture(name)} and this machine's is {host.architecture} ({instead})"
            )


def _require_volumes(config: Mapping[str, Any]) -> None:
    volumes = config.get("EbsConfiguration", {}).get("EbsBlockDeviceConfigs", ())
    counts = [each.get("VolumesPerInstance", 1) for each in volumes]
    if min(counts, default=1) < 1 or sum(counts) > MOST_VOLUMES:
        raise validation(f"The number of EBS volumes of an instance is not valid: it has 1 to {MOST_VOLUMES}.")
    for each in volumes:
        if (size := each["VolumeSpecification"]["SizeInGB"]) < 1:
            raise validation(f"The size of an EBS volume is not valid: {size}.")


def _require_price(price: str, kind: str) -> None:
    try:
        value = float(price)
    except ValueError:
        raise validation(f"The bid price supplied for an instance {kind} is invalid") from None
    if value <= 0:
        raise validation("The bid price is negative or zero.")
    if re.search(r"\.\d{4,}", price):
        raise validation("No more than 3 digits are allowed after decimal place in bid price")
