"""Messages and codes are those that EMR is known to give; the clusters are composed."""

from typing import Any

import botocore.session
import pytest

from framework.emr.logs.cluster_end import ENDINGS
from framework.errors import UnknownClusterError
from tests.emr.amazon import refusal
from tests.emr.laid_out import CLUSTER, FAILURES, STEP, YARN_CLIENT, Emr
from tests.s3.server import Bucket

PRIMARY = "i-0123456789abcdef0"
NON_ZERO = f"On the master instance ({PRIMARY}), bootstrap action 2 returned a non-zero return code"
PIP = """\
Collecting pandas==9.9.9
ERROR: Could not find a version that satisfies the requirement pandas==9.9.9 (from versions: none)
ERROR: No matching distribution found for pandas==9.9.9
"""


def ended(
    bucket: Bucket,
    code: str = "",
    message: str = "",
    *,
    state: str = "TERMINATED_WITH_ERRORS",
    errors: list[dict[str, Any]] | None = None,
    groups: list[dict[str, Any]] | None = None,
    instances: list[dict[str, Any]] | None = None,
    prefix: str = "ended",
    **cluster: Any,
) -> Emr:
    """Return EMR with a cluster that ended so."""
    reason = {name: value for name, value in (("Code", code), ("Message", message)) if value}
    status: dict[str, Any] = {
        "State": state,
        "StateChangeReason": reason,
        **({"ErrorDetails": errors} if errors else {}),
    }
    answers = {
        "list_instance_groups": [{"InstanceGroups": groups or []}],
        "list_instance_fleets": [{"InstanceFleets": groups or []}],
        "list_instances": [{"Instances": instances or []}],
        "list_steps": [{"Steps": [{"Id": STEP, "Name": "orders"}]}],
    }
    return Emr(bucket, prefix=prefix, cluster={"Status": status, **cluster}, answers=answers)


CASES = [
    (
        "VALIDATION_ERROR",
        "The subnet configuration was invalid: No route to any external sources detected in Route "
        "Table for Subnet: subnet-0a for VPC: vpc-0b",
        "subnet without a way out",
        "Give it a NAT gateway",
    ),
    (
        "VALIDATION_ERROR",
        "The requested instance type m5.xlarge is not supported in the requested Availability Zone.",
        "instance type not offered",
        "Choose another type or subnet.",
    ),
    ("VALIDATION_ERROR", "Invalid InstanceProfile: EMR_EC2_DefaultRole.", "role refused", "iam:PassRole on both"),
    (
        "VALIDATION_ERROR",
        "You have requested more vCPU capacity than your current vCPU limit of 32.",
        "quota reached",
        "Ask for a larger quota of EC2",
    ),
    (
        "VALIDATION_ERROR",
        "The supplied ami is invalid.",
        "request refused",
        "`lakegate cluster plan` prints the request.",
    ),
    (
        "INSTANCE_FLEET_TIMEOUT",
        "The fleet CORE could not be provisioned in time.",
        "fleet timed out",
        'timeout_action = "SWITCH_TO_ON_DEMAND"',
    ),
    (
        "INSTANCE_FLEET_TIMEOUT",
        "Core fleet: there is no Spot capacity available.",
        "no capacity",
        "Use instance fleets with several instance types",
    ),
    ("INTERNAL_ERROR", "EC2 has insufficient capacity for r8g.4xlarge.", "no capacity", "EC2 has no such instances"),
    ("INTERNAL_ERROR", "Failed to start the job flow due to an internal error", "EMR failed", "Make the cluster again"),
    ("INSTANCE_FAILURE", "The master failed: Error occurred: <html>", "node lost", "Three primary nodes live through"),
    (
        "INSTANCE_FAILURE",
        "Spot instance of the master was terminated",
        "spot instance taken back",
        "on-demand instances",
    ),
    (
        "BOOTSTRAP_FAILURE",
        f"Master instance ({PRIMARY}) failed attempting to download bootstrap action 1 file from S3",
        "bootstrap action not found",
        "s3:GetObject",
    ),
    (
        "BOOTSTRAP_FAILURE",
        f"On the master instance ({PRIMARY}), application provisioning failed",
        "applications did not start",
        "a bad value in a classification",
    ),
    ("USER_REQUEST", "Terminated by user request", "somebody ended it", "CloudTrail has TerminateJobFlows"),
    ("ALL_STEPS_COMPLETED", "Steps completed", "done", "Nothing failed"),
]


@pytest.mark.parametrize(("code", "message", "cause", "advice"), CASES)
def test_the_reason_of_an_end_is_explained(bucket: Bucket, code: str, message: str, cause: str, advice: str) -> None:
    said = ended(bucket, code, message).run("why", CLUSTER)

    assert said.code == 0, said.err
    assert said.out.startswith(f"Cluster {CLUSTER} (nightly) is TERMINATED_WITH_ERRORS.\nEMR says: {code}: {message}\n")
    assert f"\nProbable cause: {cause}\n" in said.out
    assert advice in said.out.split("\nWhat to do: ", 1)[1]


def test_a_bootstrap_action_that_failed_is_shown_with_its_own_words(bucket: Bucket) -> None:
    emr = ended(bucket, "BOOTSTRAP_FAILURE", NON_ZERO, prefix="bootstrap")
    emr.put(f"node/{PRIMARY}/bootstrap-actions/1/stderr.gz", "of the first, which went well\n")
    emr.put(f"node/{PRIMARY}/bootstrap-actions/2/stderr.gz", PIP)
    emr.put(f"node/{PRIMARY}/bootstrap-actions/2/controller.gz", "INFO Execution failed with code '1'\n")
    emr.put(f"node/{PRIMARY}/daemons/instance-state/x.gz", "not this\n")

    said = emr.run("why", CLUSTER).out

    assert "\nProbable cause: bootstrap action failed\nWhat to do: A script of [emr.cluster] bootstrap ended" in said
    assert f"/node/{PRIMARY}/bootstrap-actions/2/stderr.gz ends with:\n  Collecting pandas==9.9.9\n" in said
    assert "  ERROR: No matching distribution found for pandas==9.9.9\n" in said
    assert "of the first" not in said


def test_the_node_and_the_action_may_stand_in_the_details(bucket: Bucket) -> None:
    data = [{"primary-instance-id": PRIMARY, "bootstrap-action": "1"}]
    errors = [
        {
            "ErrorCode": "BOOTSTRAP_FAILURE_PRIMARY_WITH_NON_ZERO_CODE",
            "ErrorData": data,
            "ErrorMessage": "The master failed its bootstrap action.",
        }
    ]
    emr = ended(bucket, "BOOTSTRAP_FAILURE", "Bootstrap failure", errors=errors, prefix="details")
    emr.put(f"node/{PRIMARY}/bootstrap-actions/1/stderr.gz", "./setup.sh: line 3: conda: command not found\n")
    emr.put("node/i-0aaaaaaaaaaaaaaaa/bootstrap-actions/1/stderr.gz", "of another node\n")

    said = emr.run("why", CLUSTER).out

    assert "  BOOTSTRAP_FAILURE_PRIMARY_WITH_NON_ZERO_CODE: The master failed its bootstrap action.\n" in said
    assert "\nProbable cause: bootstrap action failed\n" in said
    assert "\nProbable cause: ./setup.sh: line 3: conda: command not found\n" in said
    assert "of another node" not in said


def test_logs_of_nodes_that_are_not_there_yet_are_said_to_come(bucket: Bucket) -> None:
    said = ended(bucket, "BOOTSTRAP_FAILURE", NON_ZERO, prefix="no-logs").run("why", CLUSTER).out
    assert f"There are no logs of the nodes yet in s3://test-cluster-end/no-logs/{CLUSTER}/node/{PRIMARY}/" in said


def test_without_a_log_uri_only_emr_s_reason_is_there(bucket: Bucket) -> None:
    said = ended(bucket, "BOOTSTRAP_FAILURE", NON_ZERO, LogUri="").run("why", CLUSTER)
    assert (said.code, "Probable cause: bootstrap action failed" in said.out) == (0, True)


def test_logs_that_cannot_be_read_hide_nothing_of_what_emr_says(bucket: Bucket) -> None:
    said = ended(bucket, "BOOTSTRAP_FAILURE", NON_ZERO, LogUri="s3://no-such-bucket/").run("why", CLUSTER)
    assert (said.code, "Probable cause: bootstrap action failed" in said.out) == (0, True)
    assert "\nThe logs cannot be read: AWS did not do ListObjectsV2: NoSuchBucket" in said.out


def test_a_step_that_took_its_cluster_along_is_explained(bucket: Bucket) -> None:
    emr = ended(bucket, "STEP_FAILURE", "Shut down as step failed", prefix="step")
    emr.put_step(stderr=YARN_CLIENT)
    emr.put_container(1, stdout=(FAILURES / "lakegate-refused.stdout.gz").read_bytes())

    said = emr.run("why", CLUSTER).out

    assert "\nProbable cause: step failed\n" in said
    assert f"\nStep {STEP} (orders) is FAILED.\n" in said
    assert f"`lakegate logs {STEP} --cluster {CLUSTER}`" in said
    assert "\nProbable cause: Frame 'cleaned' is refused and nothing of it is written:" in said


def test_what_groups_and_lost_nodes_say_is_shown_and_counts(bucket: Bucket) -> None:
    spot = "Server.SpotInstanceTermination: Spot instance termination"
    groups = [
        {"InstanceGroupType": "MASTER", "Status": {"State": "RUNNING", "StateChangeReason": {}}},
        {
            "InstanceGroupType": "CORE",
            "Status": {"StateChangeReason": {"Code": "INSTANCE_FAILURE", "Message": "No instance is left"}},
        },
    ]
    gone = {"StateChangeReason": {"Code": "INSTANCE_FAILURE", "Message": spot}}
    ended_with = {"StateChangeReason": {"Code": "CLUSTER_TERMINATED", "Message": "Job flow terminated"}}
    nodes = [
        {"Ec2InstanceId": "i-0aaaaaaaaaaaaaaaa", "InstanceType": "m8g.xlarge", "Status": gone},
        {"Ec2InstanceId": "i-0bbbbbbbbbbbbbbbb", "InstanceType": "m8g.xlarge", "Status": ended_with},
    ]

    said = ended(bucket, "INSTANCE_FAILURE", "Core nodes lost", groups=groups, instances=nodes).run("why", CLUSTER).out

    assert "  core nodes: No instance is left\n" in said
    assert f"  i-0aaaaaaaaaaaaaaaa (m8g.xlarge): {spot}\n" in said
    assert "i-0bbbbbbbbbbbbbbbb" not in said
    assert "\nProbable cause: spot instance taken back\n" in said


def test_a_cluster_that_does_not_come_up_is_asked_for_its_fleets(bucket: Bucket) -> None:
    message = "Unable to provision: there is not enough capacity. InsufficientInstanceCapacity"
    reason = {"Code": "INSTANCE_FAILURE", "Message": message}
    fleets = [{"InstanceFleetType": "CORE", "Status": {"State": "PROVISIONING", "StateChangeReason": reason}}]

    said = ended(bucket, state="STARTING", groups=fleets, InstanceCollectionType="INSTANCE_FLEET").run("why", CLUSTER)

    assert f"is STARTING.\n  core nodes: {message}\n\nProbable cause: no capacity\n" in said.out


def test_of_a_cluster_that_is_well_nothing_is_said(bucket: Bucket) -> None:
    said = ended(bucket, state="WAITING", message="Cluster ready to run steps.").run("why", CLUSTER)
    assert (said.code, "\nIt has not ended, and EMR names no failure.\n" in said.out) == (0, True)


def test_an_unknown_cluster_is_an_error(bucket: Bucket) -> None:
    answer = refusal("DescribeCluster", "InvalidRequestException", "Cluster id 'j-NONE' is not valid.")
    said = Emr(bucket, answers={"describe_cluster": [answer]}).run("why", "j-NONE")
    assert (said.code, type(said.error)) == (1, UnknownClusterError)


def test_each_code_that_aws_has_is_explained() -> None:
    known = botocore.session.get_session().get_service_model("emr").shape_for("ClusterStateChangeReasonCode").enum
    assert set(known) == {ending.code for ending in ENDINGS} - {""}
