"""What is attached to a cluster: tags, when it ends by itself, and how it scales."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from framework.local_emr.api import groups, requirements
from framework.local_emr.api.model import Group
from framework.local_emr.api.refusal import invalid
from framework.local_emr.api.world import Call

Answer = dict[str, Any]
Asked = Mapping[str, Any]


def add_tags(call: Call, asked: Asked) -> Answer:
    """Add tags to a cluster, or change their values."""
    requirements.require_tags(asked["Tags"])
    _tag(call, asked["ResourceId"], {each["Key"]: each.get("Value", "") for each in asked["Tags"]}, ())
    return {}


def remove_tags(call: Call, asked: Asked) -> Answer:
    """Take tags off a cluster; one that it does not have is no error."""
    _tag(call, asked["ResourceId"], {}, asked["TagKeys"])
    return {}


def put_auto_termination_policy(call: Call, asked: Asked) -> Answer:
    """Let a cluster end when it was idle for so long; an hour, where nothing is said."""
    cluster = call.cluster(asked["ClusterId"])
    requirements.require_modifiable(cluster)
    timeout = asked.get("AutoTerminationPolicy", {}).get("IdleTimeout", 3600)
    requirements.require_idle_timeout(timeout)
    call.put(replace(cluster, idle_timeout=timeout))
    return {}


def get_auto_termination_policy(call: Call, asked: Asked) -> Answer:
    """Return after how many seconds a cluster ends that is idle; nothing where it has no such policy."""
    timeout = call.cluster(asked["ClusterId"]).idle_timeout
    return {} if timeout is None else {"AutoTerminationPolicy": {"IdleTimeout": timeout}}


def remove_auto_termination_policy(call: Call, asked: Asked) -> Answer:
    """Let a cluster be idle for ever."""
    cluster = call.cluster(asked["ClusterId"])
    requirements.require_modifiable(cluster)
    call.put(replace(cluster, idle_timeout=None))
    return {}


def put_managed_scaling_policy(call: Call, asked: Asked) -> Answer:
    """Keep the bounds of managed scaling; no node comes or goes by it here."""
    cluster = call.cluster(asked["ClusterId"])
    requirements.require_modifiable(cluster)
    requirements.require_scaling(asked["ManagedScalingPolicy"], fleets=cluster.fleets)
    call.put(replace(cluster, managed_scaling=asked["ManagedScalingPolicy"]))
    return {}


def get_managed_scaling_policy(call: Call, asked: Asked) -> Answer:
    """Return the bounds of managed scaling, if there are any."""
    policy = call.cluster(asked["ClusterId"]).managed_scaling
    return {} if policy is None else {"ManagedScalingPolicy": policy}


def remove_managed_scaling_policy(call: Call, asked: Asked) -> Answer:
    """Take managed scaling off a cluster."""
    cluster = call.cluster(asked["ClusterId"])
    requirements.require_modifiable(cluster)
    call.put(replace(cluster, managed_scaling=None))
    return {}


def put_auto_scaling_policy(call: Call, asked: Asked) -> Answer:
    """Keep the automatic scaling of a group; no node comes or goes by it here."""
    policy = asked["AutoScalingPolicy"]
    if policy["Constraints"]["MinCapacity"] > policy["Constraints"]["MaxCapacity"]:
        raise invalid("The minimum capacity of an automatic scaling policy may not exceed its maximum.")
    group = _scale(call, asked, policy)
    return {
        "ClusterId": asked["ClusterId"],
        "InstanceGroupId": group.id,
        "AutoScalingPolicy": groups.scaling(group),
        "ClusterArn": call.arn("cluster", asked["ClusterId"]),
    }


def remove_auto_scaling_policy(call: Call, asked: Asked) -> Answer:
    """Take the automatic scaling off a group."""
    _scale(call, asked, None)
    return {}


def _scale(call: Call, asked: Asked, policy: Mapping[str, Any] | None) -> Group:
    cluster = call.cluster(asked["ClusterId"])
    requirements.require_modifiable(cluster)
    group = replace(groups.group_of(cluster, asked["InstanceGroupId"]), scaling=policy)
    call.put(cluster.with_group(group))
    return group


def _tag(call: Call, id: str, more: Mapping[str, str], less: Any) -> None:
    cluster = call.cluster(id)
    if cluster.is_over:
        raise invalid("Tags cannot be modified on terminated clusters.")
    kept = {key: value for key, value in cluster.tags.items() if key not in less}
    call.put(replace(cluster, tags={**kept, **more}))
