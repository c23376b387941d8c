"""Messages and codes are those that EMR is known to give; the clusters are composed."""

from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest

from framework.config.nodes import SpotSettings
from framework.emr.logs.endings import ENDINGS
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
        'on_timeout = "SWITCH_TO_ON_DEMAND"',
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


def test_a_bootstrap_action_that_failed_in_other_words_is_shown_too(bucket: Bucket) -> None:
    emr = ended(bucket, "BOOTSTRAP_FAILURE", f"bootstrap action 1 on {PRIMARY} timed out", prefix="timed-out")
    emr.put(f"node/{PRIMARY}/bootstrap-actions/1/stderr.gz", "still waiting\n")
    assert "ends with:\n  still waiting\n" in emr.run("why", CLUSTER).out


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
    assert f"`lakegate logs {STEP} --env test --cluster {CLUSTER}`" in said
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


SPOT = {"StateChangeReason": {"Code": "INSTANCE_FAILURE", "Message": "Server.SpotInstanceTermination: reclaimed"}}
RECLAIMED = {"Ec2InstanceId": "i-0aaaaaaaaaaaaaaaa", "InstanceType": "m8g.xlarge", "Status": SPOT}
NO_CAPACITY = "Unable to provision: there is not enough capacity. InsufficientInstanceCapacity"


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("USER_REQUEST", "somebody ended it"),
        ("ALL_STEPS_COMPLETED", "done"),
        ("STEP_FAILURE", "step failed"),
        ("VALIDATION_ERROR", "request refused"),
        ("INTERNAL_ERROR", "EMR failed"),
        ("INSTANCE_FLEET_TIMEOUT", "fleet timed out"),
    ],
)
def test_a_node_that_was_lost_does_not_hide_what_ended_the_cluster(bucket: Bucket, code: str, cause: str) -> None:
    said = ended(bucket, code, "It ended.", instances=[RECLAIMED]).run("why", CLUSTER).out
    assert "  i-0aaaaaaaaaaaaaaaa (m8g.xlarge): Server.SpotInstanceTermination: reclaimed\n" in said
    assert f"\nProbable cause: {cause}\n" in said


def test_a_user_s_request_counts_whatever_a_group_lacked(bucket: Bucket) -> None:
    group = {"InstanceGroupType": "TASK", "Status": {"StateChangeReason": {"Message": NO_CAPACITY}}}
    said = ended(bucket, "USER_REQUEST", "Terminated by user request", groups=[group]).run("why", CLUSTER).out
    assert "\nProbable cause: somebody ended it\n" in said


def test_what_a_group_lacked_explains_a_refusal_that_names_no_reason(bucket: Bucket) -> None:
    group = {"InstanceGroupType": "CORE", "Status": {"StateChangeReason": {"Message": NO_CAPACITY}}}
    said = ended(bucket, "VALIDATION_ERROR", "The request failed.", groups=[group]).run("why", CLUSTER).out
    assert "\nProbable cause: no capacity\n" in said


def test_a_task_node_that_was_taken_back_ends_no_cluster(bucket: Bucket) -> None:
    groups = [{"Id": "ig-TASK", "InstanceGroupType": "TASK", "Status": {"State": "ENDED"}}]
    nodes = [{**RECLAIMED, "InstanceGroupId": "ig-TASK"}]
    emr = ended(bucket, "INSTANCE_FAILURE", "The master failed.", groups=groups, instances=nodes)
    assert "\nProbable cause: node lost\n" in emr.run("why", CLUSTER).out


def test_a_node_that_was_lost_days_before_has_not_ended_the_cluster(bucket: Bucket) -> None:
    lost = {**RECLAIMED, "Status": {**SPOT, "Timeline": {"EndDateTime": datetime(2026, 11, 1, tzinfo=UTC)}}}
    emr = ended(bucket, "INSTANCE_FAILURE", "The master failed.", instances=[lost])
    assert "\nProbable cause: spot instance taken back\n" in emr.run("why", CLUSTER).out
    emr.cluster["Status"]["Timeline"] = {"EndDateTime": datetime(2026, 11, 4, tzinfo=UTC)}
    assert "\nProbable cause: node lost\n" in emr.run("why", CLUSTER).out


def test_of_many_lost_nodes_those_that_were_lost_last_are_shown(bucket: Bucket) -> None:
    nodes = [
        {
            "Ec2InstanceId": f"i-0aaaaaaaaaaaaaa{n:02}",
            "Status": {**SPOT, "Timeline": {"EndDateTime": datetime(2026, 11, 1 + n, tzinfo=UTC)}},
        }
        for n in range(20)
    ]
    said = ended(bucket, "INSTANCE_FAILURE", "Core nodes lost", instances=nodes).run("why", CLUSTER).out
    assert [line[2:21] for line in said.splitlines() if line.startswith("  i-")] == [
        f"i-0aaaaaaaaaaaaaa{n}" for n in (19, 18, 17, 16, 15)
    ]


@pytest.mark.parametrize("state", ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"])
def test_a_cluster_that_is_active_has_no_cause_of_an_end(bucket: Bucket, state: str) -> None:
    said = ended(bucket, state=state, instances=[RECLAIMED]).run("why", CLUSTER).out
    assert f"is {state}.\n" in said
    assert "It has not ended, and EMR names no failure." in said
    assert "Probable cause" not in said


def test_of_an_active_cluster_it_is_said_what_is_pending_and_what_holds_it_up(bucket: Bucket) -> None:
    reason = {"Code": "INSTANCE_FAILURE", "Message": NO_CAPACITY}
    fleets = [
        {
            "InstanceFleetType": "MASTER",
            "Status": {"State": "RUNNING"},
            "TargetOnDemandCapacity": 1,
            "ProvisionedOnDemandCapacity": 1,
        },
        {
            "InstanceFleetType": "CORE",
            "Status": {"State": "PROVISIONING", "StateChangeReason": reason},
            "TargetOnDemandCapacity": 2,
            "TargetSpotCapacity": 4,
            "ProvisionedOnDemandCapacity": 1,
        },
    ]

    said = ended(bucket, state="STARTING", groups=fleets, InstanceCollectionType="INSTANCE_FLEET").run("why", CLUSTER)

    assert (
        f"is STARTING.\n  core nodes: {NO_CAPACITY}\n\nIt has not ended. Pending: core nodes are PROVISIONING, 1 of 6 "
        "units are there.\nHeld up by: no capacity\nWhat to do: EC2 has no such instances" in said.out
    )


def test_a_group_that_resizes_is_pending(bucket: Bucket) -> None:
    group = {
        "InstanceGroupType": "TASK",
        "Status": {"State": "RESIZING"},
        "RequestedInstanceCount": 5,
        "RunningInstanceCount": 2,
    }
    said = ended(bucket, state="RUNNING", groups=[group]).run("why", CLUSTER).out
    assert "\nIt has not ended. Pending: task nodes are RESIZING, 2 of 5 instances are there.\n" in said


def test_what_may_not_be_asked_of_the_nodes_hides_nothing_of_the_cluster(bucket: Bucket) -> None:
    emr = ended(bucket, "USER_REQUEST", "Terminated by user request")
    emr.answers["list_instances"] = [refusal("ListInstances", "AccessDeniedException", "not you")]
    said = emr.run("why", CLUSTER)
    assert said.code == 0, said.err
    assert "\nProbable cause: somebody ended it\n" in said.out
    assert "ListInstances: AccessDeniedException" in said.out


def test_the_step_that_took_the_cluster_along_is_the_one_that_was_to_do_so(bucket: Bucket) -> None:
    emr = ended(bucket, "STEP_FAILURE", "Shut down as step failed", prefix="which-step")
    emr.answers["list_steps"] = [
        {
            "Steps": [
                {"Id": "s-LATER", "ActionOnFailure": "CONTINUE", "Status": {"State": "FAILED"}},
                {"Id": STEP, "ActionOnFailure": "TERMINATE_CLUSTER", "Status": {"State": "FAILED"}},
            ]
        }
    ]
    said = emr.run("why", CLUSTER)
    assert said.code == 0, said.err
    assert f"\nStep {STEP} (orders) is FAILED.\n" in said.out


def test_advice_names_a_setting_that_is_there(bucket: Bucket) -> None:
    said = ended(bucket, "INSTANCE_FLEET_TIMEOUT", "Not in time.").run("why", CLUSTER).out
    assert 'on_timeout = "SWITCH_TO_ON_DEMAND"' in said
    assert "on_timeout" in SpotSettings.model_fields
    assert "timeout_action" not in said


def test_where_applications_did_not_start_the_log_of_that_is_read(bucket: Bucket) -> None:
    message = f"On the master instance ({PRIMARY}), application provisioning failed"
    emr = ended(bucket, "BOOTSTRAP_FAILURE", message, prefix="provision")
    emr.put(f"node/{PRIMARY}/bootstrap-actions/1/stderr.gz", "went well\n")
    emr.put(f"node/{PRIMARY}/provision-node/apps-phase/0/x/puppet.log.gz", "(err): Could not start hive-server2\n")

    said = emr.run("why", CLUSTER).out

    assert "/puppet.log.gz ends with:\n  (err): Could not start hive-server2\n" in said
    assert "went well" not in said


def test_the_first_error_of_setting_up_is_shown_before_what_it_has_led_to(bucket: Bucket) -> None:
    message = f"On the master instance ({PRIMARY}), application provisioning failed"
    emr = ended(bucket, "BOOTSTRAP_FAILURE", message, prefix="first-error")
    begun = [f"/Stage[main]/File[{n}] (notice): created" for n in range(50)]
    failed = "/Stage[main]/Package[spark]/ensure (err): change to 'present' failed: password=hunter2"
    skipped = [f"/Stage[main]/File[{n}] (warning): Skipping because of failed dependencies" for n in range(500)]
    place = f"node/{PRIMARY}/provision-node/apps-phase/0"
    emr.put(f"{place}/a/puppet.log.gz", "\n".join(begun))
    address = emr.put(f"{place}/b/puppet.log.gz", "\n".join([*begun, failed, *skipped, "Puppet (err): Failed"]))

    said = emr.run("why", CLUSTER).out

    assert f"{address}, around its first error of 2:\n     46  /Stage[main]/File[45] (notice): created\n" in said
    assert "     51  /Stage[main]/Package[spark]/ensure (err): change to 'present' failed: password=****\n" in said
    assert f"\nIt ends at line 552 with:\n  {skipped[486]}\n" in said
    assert said.rstrip().endswith("  Puppet (err): Failed")
    assert "hunter2" not in said


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
