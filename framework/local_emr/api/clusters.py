"""Clusters: made, described, listed, changed, ended."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from framework.emr import release
from framework.local_emr.api import hardware, requirements
from framework.local_emr.api.model import Cluster, Step
from framework.local_emr.api.paging import page
from framework.local_emr.api.refusal import validation
from framework.local_emr.api.requirements import require_modifiable
from framework.local_emr.api.world import Call

Answer = dict[str, Any]
Asked = Mapping[str, Any]
MASK = "********"
# Members of Ec2InstanceAttributes that repeat a member of the request's Instances.
ATTRIBUTES = (
    "Ec2KeyName",
    "Ec2SubnetId",
    "EmrManagedMasterSecurityGroup",
    "EmrManagedSlaveSecurityGroup",
    "ServiceAccessSecurityGroup",
    "AdditionalMasterSecurityGroups",
    "AdditionalSlaveSecurityGroups",
)
REPEATED = (
    "LogEncryptionKmsKeyId",
    "ServiceRole",
    "SecurityConfiguration",
    "AutoScalingRole",
    "CustomAmiId",
    "EbsRootVolumeSize",
    "EbsRootVolumeIops",
    "EbsRootVolumeThroughput",
    "RepoUpgradeOnBoot",
    "OSReleaseLabel",
    "MonitoringConfiguration",
)
SIZES = {"small": 1, "medium": 2, "large": 4, "xlarge": 8}


def run_job_flow(call: Call, asked: Asked) -> Answer:
    """Make a cluster."""
    requirements.require_cluster(call, asked)
    instances, now = asked["Instances"], call.now
    scaling, idle = asked.get("ManagedScalingPolicy"), asked.get("AutoTerminationPolicy")
    id, groups = call.world.new_id("j-"), hardware.made(call, instances, asked["ReleaseLabel"])
    primaries = next(len(group.markets) for group in groups if group.role == "MASTER")
    if primaries > 1 and not instances.get("KeepJobFlowAliveWhenNoSteps"):
        raise validation("A cluster with multiple master nodes must have KeepJobFlowAliveWhenNoSteps set to true.")
    cluster = Cluster(
        id=id,
        region=call.region,
        request=asked,
        created=now,
        groups=groups,
        tags={each["Key"]: each.get("Value", "") for each in asked.get("Tags", ())},
        keep_alive=instances.get("KeepJobFlowAliveWhenNoSteps", False),
        # EMR protects clusters with three primary nodes, whatever is asked for.
        protected=instances.get("TerminationProtected", False) or primaries > 1,
        visible=asked.get("VisibleToAllUsers", True),
        unhealthy_replacement=instances.get("UnhealthyNodeReplacement", False),
        concurrency=asked.get("StepConcurrencyLevel", 1),
        extended_support=asked.get("ExtendedSupport", False),
        managed_scaling=scaling,
        idle_timeout=None if idle is None else idle.get("IdleTimeout", 3600),
        steps=tuple(
            Step(id=call.world.new_id("s-"), config=each, created=now, role=asked.get("StepExecutionRoleArn"))
            for each in asked.get("Steps", ())
        ),
    )
    call.put(cluster)
    return {"JobFlowId": id, "ClusterArn": call.arn("cluster", id)}


def describe_cluster(call: Call, asked: Asked) -> Answer:
    """Return all that is known of a cluster."""
    cluster = call.cluster(asked["ClusterId"])
    request, instances = cluster.request, cluster.request["Instances"]
    masters = [group.id for group in cluster.groups if group.role == "MASTER"]
    hosts = [each.host for group in masters for each in cluster.of_group(group) if each.host]
    return {
        "Cluster": {
            **_summary(call, cluster),
            **{name: request[name] for name in REPEATED if name in request},
            "Ec2InstanceAttributes": {
                **{name: instances[name] for name in ATTRIBUTES if name in instances},
                "IamInstanceProfile": request["JobFlowRole"],
                "Ec2AvailabilityZone": instances.get("Placement", {}).get("AvailabilityZone", f"{call.region}a"),
                "RequestedEc2SubnetIds": instances.get("Ec2SubnetIds", []),
                "RequestedEc2AvailabilityZones": instances.get("Placement", {}).get("AvailabilityZones", []),
            },
            "InstanceCollectionType": "INSTANCE_FLEET" if cluster.fleets else "INSTANCE_GROUP",
            # EMR gives the address of the logs in the form of its first connector, and ends it with a slash.
            "LogUri": cluster.log_uri and re.sub("^s3://", "s3n://", cluster.log_uri).rstrip("/") + "/",
            "ReleaseLabel": cluster.release,
            "AutoTerminate": not cluster.keep_alive,
            "TerminationProtected": cluster.protected,
            "UnhealthyNodeReplacement": cluster.unhealthy_replacement,
            "VisibleToAllUsers": cluster.visible,
            "Applications": [_application(cluster, each) for each in _installed(cluster)],
            "Tags": [{"Key": key, "Value": value} for key, value in cluster.tags.items()],
            "MasterPublicDnsName": next(iter(hosts), None),
            "Configurations": request.get("Configurations", []),
            "ScaleDownBehavior": request.get("ScaleDownBehavior", "TERMINATE_AT_TASK_COMPLETION"),
            "KerberosAttributes": _kerberos(request.get("KerberosAttributes")),
            "StepConcurrencyLevel": cluster.concurrency,
            "PlacementGroups": request.get("PlacementGroupConfigs", []),
            "ExtendedSupport": cluster.extended_support,
        }
    }


def list_clusters(call: Call, asked: Asked) -> Answer:
    """Return a page of clusters, the newest first."""
    states = asked.get("ClusterStates")
    after, before = asked.get("CreatedAfter"), asked.get("CreatedBefore")
    found = [
        cluster
        for cluster in call.clusters()
        if (not states or cluster.state in states)
        and (after is None or cluster.created >= after)
        and (before is None or cluster.created <= before)
    ]
    return page(found, "Clusters", asked, lambda cluster: _summary(call, cluster))


def list_bootstrap_actions(call: Call, asked: Asked) -> Answer:
    """Return a page of a cluster's bootstrap actions."""
    actions = call.cluster(asked["ClusterId"]).bootstrap_actions
    return page(
        actions,
        "BootstrapActions",
        asked,
        lambda each: {"Name": each.name, "ScriptPath": each.path, "Args": list(each.args)},
    )


def terminate_job_flows(call: Call, asked: Asked) -> None:
    """End clusters; those that are protected stay, and are told of after the others have gone."""
    if not asked["JobFlowIds"]:
        raise validation("The JobFlowId list cannot be empty")
    clusters = [call.job_flow(id) for id in asked["JobFlowIds"]]
    for cluster in clusters:
        if not cluster.protected and not cluster.is_ending:
            call.put(ended(cluster, "USER_REQUEST", "Terminated by user request"))
    if any(cluster.protected and not cluster.is_over for cluster in clusters):
        raise validation("Could not shut down one or more job flows since they are termination protected.")


def ended(cluster: Cluster, code: str, message: str, details: tuple[Mapping[str, Any], ...] = ()) -> Cluster:
    """Return a cluster that begins to end; its steps and nodes follow."""
    return replace(cluster, state="TERMINATING", code=code, message=message, details=details, idle_since=None)


def modify_cluster(call: Call, asked: Asked) -> Answer:
    """Change how many steps run at once, or the extended support."""
    cluster = call.cluster(asked["ClusterId"])
    require_modifiable(cluster)
    answer: Answer = {}
    if "StepConcurrencyLevel" in asked:
        requirements.require_concurrency(asked["StepConcurrencyLevel"])
        cluster = replace(cluster, concurrency=asked["StepConcurrencyLevel"])
        answer["StepConcurrencyLevel"] = cluster.concurrency
    if "ExtendedSupport" in asked:
        cluster = replace(cluster, extended_support=asked["ExtendedSupport"])
        answer["ExtendedSupport"] = cluster.extended_support
    call.put(cluster)
    return answer


def set_termination_protection(call: Call, asked: Asked) -> None:
    """Protect clusters from their end, or no longer."""
    _set(call, asked, protected=asked["TerminationProtected"])


def set_keep_job_flow_alive_when_no_steps(call: Call, asked: Asked) -> None:
    """Let clusters wait for steps, or end with their last one."""
    _set(call, asked, keep_alive=asked["KeepJobFlowAliveWhenNoSteps"])


def set_unhealthy_node_replacement(call: Call, asked: Asked) -> None:
    """Let EMR replace core nodes that are unhealthy, or not."""
    _set(call, asked, unhealthy_replacement=asked["UnhealthyNodeReplacement"])


def set_visible_to_all_users(call: Call, asked: Asked) -> None:
    """Keep what is said of visibility; nobody is kept out by it."""
    _set(call, asked, visible=asked["VisibleToAllUsers"])


def _set(call: Call, asked: Asked, **changes: Any) -> None:
    clusters = [call.job_flow(id) for id in asked["JobFlowIds"]]
    for cluster in clusters:
        require_modifiable(cluster)
    for cluster in clusters:
        call.put(replace(cluster, **changes))


def _summary(call: Call, cluster: Cluster) -> Answer:
    return {
        "Id": cluster.id,
        "Name": cluster.name,
        "ClusterArn": call.arn("cluster", cluster.id),
        "NormalizedInstanceHours": _normalized_hours(cluster, call.now),
        "Status": {
            "State": cluster.state,
            "StateChangeReason": {"Code": cluster.code, "Message": cluster.message},
            "Timeline": {
                "CreationDateTime": cluster.created,
                "ReadyDateTime": cluster.ready,
                "EndDateTime": cluster.ended,
            },
            "ErrorDetails": list(cluster.details) or None,
        },
    }


def _installed(cluster: Cluster) -> list[Mapping[str, Any]]:
    """Return the applications that were asked for; Hadoop where none was, if the release has it by name."""
    default = [{"Name": "Hadoop"}] if release(cluster.release).hadoop else []
    return list(cluster.request.get("Applications") or default)


def _application(cluster: Cluster, asked: Mapping[str, Any]) -> Answer:
    """Return an application with its version in the release, without Amazon's own ending, as EMR has it."""
    known = {name.lower(): (name, version) for name, version in release(cluster.release).applications.items()}
    name, version = known.get(asked["Name"].lower(), (asked["Name"], None))
    return {**asked, "Name": name, "Version": version and re.sub(r"-amzn-.*", "", version)}


def _kerberos(given: Mapping[str, Any] | None) -> Answer | None:
    if given is None:
        return None
    return {name: MASK if name.endswith("Password") else value for name, value in given.items()}


def _normalized_hours(cluster: Cluster, now: datetime) -> int:
    """Return hours of nodes that have begun, each counted by the size of its type: a small one is 1."""
    return sum(
        _factor(each.instance_type) * math.ceil(((each.ended or now) - each.ready).total_seconds() / 3600)
        for each in cluster.instances
        if each.ready
    )


def _factor(instance_type: str) -> int:
    size = instance_type.partition(".")[2]
    times = re.fullmatch(r"(\d+)xlarge", size)
    return 8 * int(times[1]) if times else SIZES.get(size, 1)
