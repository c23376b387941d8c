"""Ways for a cluster to end, or not to come up: by which code and words of EMR's each is known, and what to do."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# Whoever gives one of these codes knows why; whatever else nodes and groups lacked has not ended the cluster.
CERTAIN = ("BOOTSTRAP_FAILURE", "STEP_FAILURE", "USER_REQUEST", "ALL_STEPS_COMPLETED")


@dataclass(frozen=True, slots=True)
class Ending:
    """One way for a cluster to end or not to begin; `code` and `pattern` are held against EMR's reason."""

    name: str
    code: str
    pattern: str
    advice: str


# The codes are those of ClusterStateChangeReason; the first whose pattern fits is taken, else the code's without one.
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
        "INSTANCE_FAILURE",
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
        'switch to on-demand: on_timeout = "SWITCH_TO_ON_DEMAND".',
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


def ending_of(code: str, said: Iterable[str]) -> Ending | None:
    """Return the ending that a code and what is said to it show; what is said first counts first."""
    fitting = [each for each in ENDINGS if each.code == code or (not each.code and code not in CERTAIN)]
    for words in said:
        for ending in fitting:
            if ending.pattern and re.search(ending.pattern, words):
                return ending
    return next((each for each in fitting if not each.pattern), None)
