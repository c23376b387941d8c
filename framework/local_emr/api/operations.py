"""The table of operations: what this endpoint offers, and the answer to a call."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from framework.local_emr.api import catalog, clusters, fleets, groups, policies, security, shapes, steps
from framework.local_emr.api.refusal import Refusal, not_offered
from framework.local_emr.api.world import Call

LOG = logging.getLogger(__name__)
Operation = Callable[[Call, Mapping[str, Any]], dict[str, Any] | None]

OFFERED: Mapping[str, Operation] = {
    "AddInstanceFleet": fleets.add_instance_fleet,
    "AddInstanceGroups": groups.add_instance_groups,
    "AddJobFlowSteps": steps.add_job_flow_steps,
    "AddTags": policies.add_tags,
    "CancelSteps": steps.cancel_steps,
    "CreateSecurityConfiguration": security.create_security_configuration,
    "DeleteSecurityConfiguration": security.delete_security_configuration,
    "DescribeCluster": clusters.describe_cluster,
    "DescribeReleaseLabel": catalog.describe_release_label,
    "DescribeSecurityConfiguration": security.describe_security_configuration,
    "DescribeStep": steps.describe_step,
    "GetAutoTerminationPolicy": policies.get_auto_termination_policy,
    "GetBlockPublicAccessConfiguration": security.get_block_public_access_configuration,
    "GetManagedScalingPolicy": policies.get_managed_scaling_policy,
    "ListBootstrapActions": clusters.list_bootstrap_actions,
    "ListClusters": clusters.list_clusters,
    "ListInstanceFleets": fleets.list_instance_fleets,
    "ListInstanceGroups": groups.list_instance_groups,
    "ListInstances": groups.list_instances,
    "ListReleaseLabels": catalog.list_release_labels,
    "ListSecurityConfigurations": security.list_security_configurations,
    "ListSteps": steps.list_steps,
    "ListSupportedInstanceTypes": catalog.list_supported_instance_types,
    "ModifyCluster": clusters.modify_cluster,
    "ModifyInstanceFleet": fleets.modify_instance_fleet,
    "ModifyInstanceGroups": groups.modify_instance_groups,
    "PutAutoScalingPolicy": policies.put_auto_scaling_policy,
    "PutAutoTerminationPolicy": policies.put_auto_termination_policy,
    "PutBlockPublicAccessConfiguration": security.put_block_public_access_configuration,
    "PutManagedScalingPolicy": policies.put_managed_scaling_policy,
    "RemoveAutoScalingPolicy": policies.remove_auto_scaling_policy,
    "RemoveAutoTerminationPolicy": policies.remove_auto_termination_policy,
    "RemoveManagedScalingPolicy": policies.remove_managed_scaling_policy,
    "RemoveTags": policies.remove_tags,
    "RunJobFlow": clusters.run_job_flow,
    "SetKeepJobFlowAliveWhenNoSteps": clusters.set_keep_job_flow_alive_when_no_steps,
    "SetTerminationProtection": clusters.set_termination_protection,
    "SetUnhealthyNodeReplacement": clusters.set_unhealthy_node_replacement,
    "SetVisibleToAllUsers": clusters.set_visible_to_all_users,
    "TerminateJobFlows": clusters.terminate_job_flows,
}


def answer(call: Call, operation: str, body: bytes) -> bytes:
    """Return the answer to a call as JSON. Raises Refusal.

    One call is answered at a time, and none while a cluster takes a step of its life.
    """
    if operation not in shapes.operations():
        raise Refusal("UnknownOperationException", f"EMR has no operation {operation}.")
    if operation not in OFFERED:
        raise not_offered(operation, OFFERED)
    try:
        asked = shapes.request(operation, body)
        with call.world.store.lock:
            found = OFFERED[operation](call, asked)
        return shapes.answer(operation, found)
    except Refusal:
        raise
    except Exception as error:
        LOG.exception("%s", operation)
        raise Refusal("InternalServerException", f"{type(error).__name__}: {error}", 500) from error
