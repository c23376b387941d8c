"""Why a cluster did not come up, or ended: EMR's reason, what its groups and nodes say, and the log that proves it."""

import re
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

from framework.emr.api import ask, pages
from framework.emr.logs.cause import cause_of
from framework.emr.logs.read import Log, folder, listed, log_lines
from framework.emr.logs.why import Found, StepReport, why_step
from framework.errors import AwsRefusedError, UnknownClusterError

ACTIVE = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
LAST_LINES = 15
SHOWN = 5
INSTANCE = re.compile(r"\bi-[0-9a-f]{8,17}\b")
ACTION = re.compile(r"[Bb]ootstrap[ -]action[ -]?(?:number )?#?(\d+)")


@dataclass(frozen=True, slots=True)
class Ending:
    """One way for a cluster to end or not to begin; `code` and `pattern` are held against EMR's reason."""

    name: str
    code: str
    pattern: str
    advice: str


# The codes are those of ClusterStateChangeReason and of ErrorDetail; the first that fits is taken.
ENDINGS = (
    Ending(
        "bootstrap action failed",
        "BOOTSTRAP_FAILURE",
        r"non-zero return code|NON_ZERO_CODE|failed with non-zero",
        "A script of [emr.cluster] bootstrap ended with an error; its own words are below. Mend the script, and let it "
        "end with 0. A pip install there fails whenever the index does: put packages into the bundle.",
    ),
    Ending(
        "bootstrap action not found",
        "BOOTSTRAP_FAILURE",
        r"download|DOWNLOAD_FAILED|FILE_NOT_FOUND",
        "The nodes could not fetch a script of [emr.cluster] bootstrap. Look at its address, at the instance profile's "
        "right to s3:GetObject, and, in a private subnet, at the gateway endpoint for S3.",
    ),
    Ending(
        "disk too small",
        "BOOTSTRAP_FAILURE",
        r"INSUFFICIENT_DISK_SPACE|disk space",
        "A node has no room for the applications. Make the EBS volumes larger.",
    ),
    Ending(
        "metastore out of reach",
        "BOOTSTRAP_FAILURE",
        r"HIVE_METASTORE",
        "The nodes do not reach Hive's metastore. Look at its address, its security group and its user, or use Glue.",
    ),
    Ending(
        "applications did not start",
        "BOOTSTRAP_FAILURE",
        r"",
        "The nodes came up, and setting them up failed. Look below node/ in the log URI; most often it is a bad value "
        "in a classification, or a bootstrap action that has changed the system's Python.",
    ),
    Ending(
        "no capacity",
        "",
        r"[Ii]nsufficient.?(?:[Ii]nstance.?)?[Cc]apacity|INSUFFICIENT_CAPACITY|SPOT_NO_CAPACITY|no Spot capacity"
        r"|not have (?:enough|sufficient).*capacity|capacity-not-available",
        "EC2 has no such instances in the zone now. Use instance fleets with several instance types and several "
        "subnets, or on-demand instances for the primary and core nodes.",
    ),
    Ending(
        "spot instance taken back",
        "",
        r"SPOT_PRICE_INCREASE|[Ss]pot.*(?:terminat|interrupt|price)|SpotInstanceTermination",
        "EC2 took a spot instance back that the cluster cannot do without. Take on-demand instances for the primary "
        "and core nodes, and spot for task nodes only.",
    ),
    Ending(
        "quota reached",
        "",
        r"quota|vCPU limit|[Ii]nstance ?[Ll]imit ?[Ee]xceeded|VcpuLimitExceeded|MaxSpotInstanceCountExceeded",
        "The account may not have so many instances. Ask for a larger quota of EC2, or make the cluster smaller.",
    ),
    Ending(
        "fleet timed out",
        "INSTANCE_FLEET_TIMEOUT",
        r"",
        "The fleet was not filled in time. Name more instance types and subnets, raise the timeout, or let the fleet "
        'switch to on-demand: timeout_action = "SWITCH_TO_ON_DEMAND".',
    ),
    Ending(
        "subnet without a way out",
        "VALIDATION_ERROR",
        r"[Nn]o route|subnet configuration was invalid",
        "The subnet has no route to S3 and to EMR. Give it a NAT gateway, or endpoints for S3 and elasticmapreduce.",
    ),
    Ending(
        "instance type not offered",
        "VALIDATION_ERROR",
        r"INSTANCE_TYPE_NOT_SUPPORTED|instance type.*not (?:supported|available|offered)",
        "The zone of the subnet, or the release, does not have this instance type. Choose another type or subnet.",
    ),
    Ending(
        "role refused",
        "VALIDATION_ERROR",
        r"[Rr]ole|[Ii]nstance ?[Pp]rofile|assume|not authorized|permission",
        "A role of the cluster is missing or lacks a right. Look at service_role and instance_profile; the one who "
        "submits needs iam:PassRole on both.",
    ),
    Ending(
        "request refused",
        "VALIDATION_ERROR",
        r"",
        "EMR refused what was asked for. `lakegate cluster plan` prints the request.",
    ),
    Ending(
        "node lost",
        "INSTANCE_FAILURE",
        r"",
        "A node that the cluster cannot do without has failed or was ended in EC2. Three primary nodes live through "
        "the loss of one.",
    ),
    Ending(
        "step failed",
        "STEP_FAILURE",
        r"",
        "A step failed, and its action on failure was to terminate the cluster. Why the step failed is said below.",
    ),
    Ending(
        "somebody ended it",
        "USER_REQUEST",
        r"",
        "A person, a program or the auto-termination policy ended it; CloudTrail has TerminateJobFlows with the name.",
    ),
    Ending("done", "ALL_STEPS_COMPLETED", r"", "Nothing failed: it was made to end with its last step."),
    Ending(
        "EMR failed",
        "INTERNAL_ERROR",
        r"",
        "It is a failure of EMR's own. Make the cluster again; if it stays, ask AWS, with the cluster's id.",
    ),
)


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """What is known of a cluster that did not come up or ended; the texts are as AWS has them, not masked."""

    cluster: dict[str, Any]
    ending: Ending | None
    nodes: tuple[str, ...] = ()
    found: Found | None = None
    last: tuple[str, ...] = ()
    last_log: Log | None = None
    looked: tuple[str, ...] = ()
    step: StepReport | None = None
    details: tuple[str, ...] = ()
    unreadable: str = ""

    @property
    def state(self) -> str:
        """The state of the cluster."""
        return str(self.cluster["Status"]["State"])

    @property
    def reason(self) -> str:
        """EMR's reason for the state, with its code."""
        reason = self.cluster["Status"].get("StateChangeReason", {})
        return ": ".join(filter(None, [reason.get("Code", ""), reason.get("Message", "")]))


def why_cluster(emr: Any, s3: Any, cluster: str) -> ClusterReport:
    """Return why a cluster did not come up, or ended. Raises UnknownClusterError or AwsRefusedError."""
    found = _described(emr, cluster)
    status = found["Status"]
    details = tuple(
        ": ".join(filter(None, [each.get("ErrorCode", ""), each.get("ErrorMessage", "")]))
        for each in status.get("ErrorDetails", [])
    )
    nodes = tuple(_nodes(emr, found))
    code = status.get("StateChangeReason", {}).get("Code", "")
    ending = _ending(code, "\n".join([status.get("StateChangeReason", {}).get("Message", ""), *details, *nodes]))
    if code == "BOOTSTRAP_FAILURE":
        report = ClusterReport(found, ending, nodes, details=details)
        try:
            return _with_log(s3, report)
        except AwsRefusedError as error:
            return replace(report, unreadable=str(error))
    step = _failed_step(emr, s3, cluster) if code == "STEP_FAILURE" else None
    return ClusterReport(found, ending, nodes, step=step, details=details)


def _described(emr: Any, cluster: str) -> dict[str, Any]:
    try:
        return dict(ask(emr.describe_cluster, ClusterId=cluster)["Cluster"])
    except AwsRefusedError as error:
        if error.code == "InvalidRequestException" and "cluster" in error.reason.lower():
            raise UnknownClusterError(cluster) from error
        raise


def _ending(code: str, said: str) -> Ending | None:
    for ending in ENDINGS:
        if ending.code in ("", code) and (code or ending.pattern) and re.search(ending.pattern, said):
            return ending
    return None


def _nodes(emr: Any, cluster: dict[str, Any]) -> list[str]:
    """Return what EMR says of groups or fleets, and of single nodes, that are not as they should be."""
    said = []
    if cluster.get("InstanceCollectionType") == "INSTANCE_FLEET":
        groups = pages(emr.list_instance_fleets, "InstanceFleets", ClusterId=cluster["Id"])
    else:
        groups = pages(emr.list_instance_groups, "InstanceGroups", ClusterId=cluster["Id"])
    for group in groups:
        reason = group.get("Status", {}).get("StateChangeReason", {})
        kind = group.get("InstanceFleetType") or group.get("InstanceGroupType") or ""
        if reason.get("Message") and reason.get("Code") != "CLUSTER_TERMINATED":
            said.append(f"{kind.lower()} nodes: {reason['Message']}")
    gone = pages(emr.list_instances, "Instances", ClusterId=cluster["Id"], InstanceStates=["TERMINATED"])
    for node in gone:
        reason = node.get("Status", {}).get("StateChangeReason", {})
        if reason.get("Message") and reason.get("Code") != "CLUSTER_TERMINATED":
            said.append(f"{node.get('Ec2InstanceId', 'a node')} ({node.get('InstanceType', '')}): {reason['Message']}")
            if len(said) >= SHOWN:
                break
    return said


def _with_log(s3: Any, report: ClusterReport) -> ClusterReport:
    """Find what the bootstrap action, or the setting up of the node, has written."""
    status, uri = report.cluster["Status"], report.cluster.get("LogUri")
    if not uri:
        return report
    values = [
        value for each in status.get("ErrorDetails", []) for data in each.get("ErrorData", []) for value in data.items()
    ]
    said = "\n".join([report.reason, *report.details, *report.nodes, *(f"{key} {value}" for key, value in values)])
    action = ACTION.search(said)
    nodes = dict.fromkeys(INSTANCE.findall(said))
    place = f"{folder(uri)}/{report.cluster['Id']}/node"
    looked = [f"{place}/{node}/bootstrap-actions/" for node in nodes] or [f"{place}/"]
    logs = [log for where in looked for log in listed(s3, where) if "/bootstrap-actions/" in log.address]
    if action:
        logs = [log for log in logs if f"/bootstrap-actions/{action[1]}/" in log.address] or logs
    logs = [log for stream in ("stderr", "stdout", "controller") for log in logs if log.stream == stream]
    found, last = None, None
    for log in logs:
        cause = cause_of(log_lines(s3, log))
        if cause and (found is None or cause.weight > found.cause.weight):
            found = Found(cause, log)
        if last is None and (tail := tuple(deque(log_lines(s3, log), LAST_LINES))):
            last = (log, tail)
    log_, tail_ = last or (None, ())
    return replace(report, found=found, last=tail_, last_log=log_, looked=tuple(looked))


def _failed_step(emr: Any, s3: Any, cluster: str) -> StepReport | None:
    """Return why the step failed that failed last."""
    for step in pages(emr.list_steps, "Steps", ClusterId=cluster, StepStates=["FAILED"]):
        return why_step(emr, s3, cluster, step["Id"])
    return None
