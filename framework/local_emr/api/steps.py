"""Steps: added, described, listed, cancelled."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from framework.local_emr.api import requirements
from framework.local_emr.api.model import Cluster, Step
from framework.local_emr.api.paging import page
from framework.local_emr.api.refusal import invalid
from framework.local_emr.api.world import Call

Answer = dict[str, Any]
Asked = Mapping[str, Any]
MOST_IDS, MOST_CANCELLED, VISIBLE = 10, 256, 1000


def add_job_flow_steps(call: Call, asked: Asked) -> Answer:
    """Add steps to a cluster, behind those that wait."""
    cluster = call.job_flow(asked["JobFlowId"])
    requirements.require_modifiable(cluster)
    active = requirements.active_steps(cluster)
    requirements.require_steps(asked["Steps"], active=active, concurrency=cluster.concurrency)
    role = asked.get("ExecutionRoleArn")
    requirements.require_role(call, cluster.request, role)
    new = tuple(Step(id=call.world.new_id("s-"), config=each, created=call.now, role=role) for each in asked["Steps"])
    call.put(replace(cluster, steps=(*cluster.steps, *new)))
    return {"StepIds": [step.id for step in new]}


def describe_step(call: Call, asked: Asked) -> Answer:
    """Return all that is known of a step."""
    cluster = call.cluster(asked["ClusterId"])
    step = call.step(cluster, asked["StepId"])
    return {"Step": {**_shown(cluster, step), "ExecutionRoleArn": step.role}}


def list_steps(call: Call, asked: Asked) -> Answer:
    """Return a page of the last 1,000 steps, the newest first, or those that are named, in their order."""
    cluster = call.cluster(asked["ClusterId"])
    ids, states = asked.get("StepIds"), asked.get("StepStates")
    if ids and states:
        raise invalid("Cannot specify both StepIds and StepStates.")
    if ids:
        if len(ids) > MOST_IDS:
            raise invalid(f"The number of step ids may not exceed {MOST_IDS}.")
        found = [call.step(cluster, id) for id in ids]
    else:
        newest = list(reversed(cluster.steps))[:VISIBLE]
        found = [step for step in newest if not states or step.state in states]
    return page(found, "Steps", asked, lambda step: _shown(cluster, step))


def cancel_steps(call: Call, asked: Asked) -> Answer:
    """Cancel steps that wait, and ask those that run to end; each is answered by itself."""
    cluster = call.cluster(asked["ClusterId"])
    ids, force = asked["StepIds"], asked.get("StepCancellationOption") == "TERMINATE_PROCESS"
    if not 0 < len(ids) <= MOST_CANCELLED:
        raise invalid(f"The number of step ids must be between 1 and {MOST_CANCELLED}.")
    steps = [call.step(cluster, id) for id in ids]
    told = []
    for step in steps:
        if step.state == "PENDING":
            step = replace(step, state="CANCELLED", ended=call.now, message="Cancelled by user request")
        elif step.state in ("RUNNING", "CANCEL_PENDING"):
            call.world.running[step.id].cancel(force=force)
            step = replace(step, state="CANCEL_PENDING")
        else:
            reason = f"The step is {step.state} and cannot be cancelled."
            told.append({"StepId": step.id, "Status": "FAILED", "Reason": reason})
            continue
        cluster = cluster.with_step(step)
        told.append({"StepId": step.id, "Status": "SUBMITTED"})
    call.put(cluster)
    return {"CancelStepsInfoList": told}


def _shown(cluster: Cluster, step: Step) -> Answer:
    failure = step.failure
    return {
        "Id": step.id,
        "Name": step.config["Name"],
        "ActionOnFailure": step.on_failure,
        "Config": {
            "Jar": step.jar,
            "Args": list(step.args),
            "MainClass": step.main_class,
            "Properties": step.properties,
        },
        "Status": {
            "State": step.state,
            "StateChangeReason": {"Message": step.message},
            "FailureDetails": failure
            and {"Reason": failure.reason, "Message": failure.message, "LogFile": failure.log_file},
            "Timeline": {"CreationDateTime": step.created, "StartDateTime": step.started, "EndDateTime": step.ended},
        },
        "LogUri": step.log_uri or cluster.log_uri,
        "EncryptionKeyArn": step.monitoring.get("EncryptionKeyArn"),
        "AdditionalInfo": {"ResourceManagerApplicationIds": list(step.applications), "ResourceManager": "YARN"}
        if step.applications
        else None,
    }
