import gzip
from itertools import pairwise

import pytest
from botocore.exceptions import WaiterError

from tests.local_emr.api.endpoint import QUICK, Endpoint, bash, refused, until

FIRST = "FAILED", "CANCELLED", "CANCELLED"


def test_steps_run_in_their_order_and_say_when(endpoint: Endpoint) -> None:
    emr, mark = endpoint.client(), endpoint.runner.folder.parent / "mark"
    made = endpoint.running()
    ids = endpoint.add(made, *[bash(f"echo {n} >> {mark}", name=f"s{n}") for n in range(3)])
    emr.get_waiter("step_complete").wait(ClusterId=made, StepId=ids[-1], WaiterConfig=QUICK)
    assert mark.read_text() == "0\n1\n2\n"
    told = emr.list_steps(ClusterId=made)["Steps"]
    assert [each["Id"] for each in told] == ids[::-1]
    times = [each["Status"]["Timeline"] for each in reversed(told)]
    for before, after in pairwise(times):
        assert before["CreationDateTime"] <= before["StartDateTime"] <= before["EndDateTime"] <= after["StartDateTime"]
    assert endpoint.states(made) == ["COMPLETED"] * 3


def test_a_step_is_told_as_it_was_added(endpoint: Endpoint) -> None:
    made = endpoint.running(LogUri=f"s3://{endpoint.bucket}/logs")
    monitored = {"S3MonitoringConfiguration": {"LogUri": f"s3://{endpoint.bucket}/own", "EncryptionKeyArn": "arn:k"}}
    step = bash("echo 345 > applications; sleep 60", name="told", StepMonitoringConfiguration=monitored)
    step["HadoopJarStep"] |= {"MainClass": "org.Main", "Properties": [{"Key": "a", "Value": "1"}, {"Key": "b"}]}
    (id,) = endpoint.add(made, step)
    told = until(lambda: endpoint.step(made, id), lambda step: "AdditionalInfo" in step)
    assert told["Config"] == {
        "Jar": "command-runner.jar",
        "Args": ["bash", "-c", "echo 345 > applications; sleep 60"],
        "MainClass": "org.Main",
        "Properties": {"a": "1", "b": ""},
    }
    assert (told["Name"], told["ActionOnFailure"], told["Status"]["State"]) == ("told", "CONTINUE", "RUNNING")
    assert (told["LogUri"], told["EncryptionKeyArn"]) == (f"s3://{endpoint.bucket}/own", "arn:k")
    assert told["AdditionalInfo"] == {"ResourceManagerApplicationIds": ["345"], "ResourceManager": "YARN"}
    assert "EndDateTime" not in told["Status"]["Timeline"]


def test_a_step_that_fails_says_why_and_where_its_log_is(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), endpoint.running(LogUri=f"s3://{endpoint.bucket}/logs/")
    good, bad = endpoint.add(made, bash("echo well"), bash("echo begun; echo broken >&2; exit 4"))
    with pytest.raises(WaiterError, match='"FAILED"'):
        emr.get_waiter("step_complete").wait(ClusterId=made, StepId=bad, WaiterConfig=QUICK)
    place = f"logs/{made}/steps/{bad}"
    assert endpoint.step(made, bad)["Status"]["FailureDetails"] == {
        "Reason": "Unknown Error.",
        "Message": "broken",
        "LogFile": f"s3://{endpoint.bucket}/{place}/stderr.gz",
    }
    body = endpoint.client("s3").get_object(Bucket=endpoint.bucket, Key=f"{place}/stdout.gz")["Body"].read()
    assert gzip.decompress(body) == b"begun\n"
    assert "FailureDetails" not in endpoint.step(made, good)["Status"]
    assert endpoint.reaches(made, "WAITING")["StateChangeReason"]["Message"] == "Cluster ready after last step failed."


def test_a_step_that_cannot_be_started_fails(endpoint: Endpoint) -> None:
    made = endpoint.running()
    jar = {"Name": "jar", "ActionOnFailure": "CONTINUE", "HadoopJarStep": {"Jar": "s3://b/none.jar"}}
    (id,) = endpoint.add(made, jar)
    endpoint.all_are(made, "FAILED")
    assert endpoint.step(made, id)["Status"]["FailureDetails"]["Message"] == "no jar s3://b/none.jar"


def test_after_a_failure_the_next_steps_run_where_they_may(endpoint: Endpoint) -> None:
    made = endpoint.cluster(bash("false", "CONTINUE"), bash("true"))
    endpoint.all_are(made, "FAILED", "COMPLETED")
    endpoint.reaches(made, "WAITING")


def test_a_failure_can_cancel_the_steps_that_wait(endpoint: Endpoint) -> None:
    made = endpoint.cluster(bash("exit 1", "CANCEL_AND_WAIT"), bash("true"), bash("true"))
    endpoint.all_are(made, *FIRST)
    endpoint.reaches(made, "WAITING")
    endpoint.add(made, bash("true"))
    endpoint.all_are(made, *FIRST, "COMPLETED")


@pytest.mark.parametrize("action", ["TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW", None])
def test_a_failure_can_end_the_cluster(endpoint: Endpoint, action: str | None) -> None:
    step = bash("exit 1", action or "")
    if action is None:
        del step["ActionOnFailure"]
    made = endpoint.cluster(step, bash("true"), bash("true"))
    status = endpoint.reaches(made, "TERMINATED_WITH_ERRORS")
    assert status["StateChangeReason"] == {"Code": "STEP_FAILURE", "Message": "Shut down as step failed"}
    assert endpoint.states(made) == list(FIRST)


def test_a_failure_does_not_end_a_protected_cluster_that_waits_for_steps(endpoint: Endpoint) -> None:
    protected = {"TerminationProtected": True}
    stays = endpoint.cluster(bash("exit 1", "TERMINATE_CLUSTER"), bash("true"), Instances=protected)
    ends = endpoint.cluster(bash("exit 1", "TERMINATE_CLUSTER"), keep=False, Instances=protected)
    endpoint.all_are(stays, "FAILED", "CANCELLED")
    endpoint.reaches(ends, "TERMINATED_WITH_ERRORS")
    endpoint.reaches(stays, "WAITING")


def test_a_transient_cluster_ends_when_a_failure_has_cancelled_the_rest(endpoint: Endpoint) -> None:
    made = endpoint.cluster(bash("exit 1", "CANCEL_AND_WAIT"), bash("true"), keep=False)
    endpoint.reaches(made, "TERMINATED")
    assert endpoint.states(made) == ["FAILED", "CANCELLED"]


def test_so_many_steps_run_at_once_as_the_cluster_lets(endpoint: Endpoint) -> None:
    gate = endpoint.runner.folder.parent / "gate"
    wait = bash(f"until [ -e {gate} ]; do sleep 0.02; done")
    made = endpoint.running(StepConcurrencyLevel=2)
    endpoint.add(made, *[wait] * 4)
    endpoint.all_are(made, "RUNNING", "RUNNING", "PENDING", "PENDING")
    endpoint.client().modify_cluster(ClusterId=made, StepConcurrencyLevel=3)
    endpoint.all_are(made, "RUNNING", "RUNNING", "RUNNING", "PENDING")
    gate.touch()
    endpoint.all_are(made, *["COMPLETED"] * 4)


def test_where_steps_run_at_once_only_continue_is_taken(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), endpoint.running(StepConcurrencyLevel=2)
    for action in ("CANCEL_AND_WAIT", "TERMINATE_CLUSTER"):
        code, said = refused(emr.add_job_flow_steps, JobFlowId=made, Steps=[bash("true"), bash("true", action)])
        assert code == "ValidationException"
        assert action in said
    assert endpoint.states(made) == []
    request = endpoint.request(bash("true", "TERMINATE_CLUSTER"), StepConcurrencyLevel=2)
    assert refused(emr.run_job_flow, **request)[0] == "ValidationException"


def test_the_action_of_a_step_has_no_effect_once_several_may_run(endpoint: Endpoint) -> None:
    gate = endpoint.runner.folder.parent / "gate"
    made = endpoint.running()
    fails = bash(f"until [ -e {gate} ]; do sleep 0.02; done; exit 1", "TERMINATE_CLUSTER")
    endpoint.add(made, fails, bash("sleep 0.5"), bash("true"))
    endpoint.client().modify_cluster(ClusterId=made, StepConcurrencyLevel=2)
    gate.touch()
    endpoint.all_are(made, "FAILED", "COMPLETED", "COMPLETED")
    endpoint.reaches(made, "WAITING")


def test_256_steps_may_be_active_and_any_number_over_time(endpoint: Endpoint) -> None:
    emr = endpoint.client()
    made = endpoint.running(bash("sleep 60"))
    endpoint.all_are(made, "RUNNING")
    ids = endpoint.add(made, *[bash("true")] * 255)
    code, said = refused(emr.add_job_flow_steps, JobFlowId=made, Steps=[bash("true")])
    assert code == "ValidationException"
    assert (
        said == "Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') for cluster exceeded."
    )
    told = emr.cancel_steps(ClusterId=made, StepIds=ids)["CancelStepsInfoList"]
    assert {each["Status"] for each in told} == {"SUBMITTED"}
    endpoint.add(made, bash("true"))
    assert len(list(emr.get_paginator("list_steps").paginate(ClusterId=made).search("Steps[]"))) == 257
    request = endpoint.request(*[bash("true")] * 257)
    assert refused(emr.run_job_flow, **request)[0] == "ValidationException"


def test_the_strings_of_a_step_have_10240_characters_at_most(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), endpoint.running(bash("sleep 60"))
    rest = 10240 - len("command-runner.jar") - len("bash") - len("-c")
    endpoint.add(made, bash("x" * rest))
    assert refused(emr.add_job_flow_steps, JobFlowId=made, Steps=[bash("x" * (rest + 1))])[0] == "ValidationException"


def test_a_step_that_waits_is_cancelled_at_once_and_never_runs(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), endpoint.running(bash("sleep 60"))
    (id,) = endpoint.add(made, bash("true", "TERMINATE_CLUSTER"))
    emr.cancel_steps(ClusterId=made, StepIds=[id])
    status = endpoint.step(made, id)["Status"]
    assert status["State"] == "CANCELLED"
    assert "StartDateTime" not in status["Timeline"]
    assert len(endpoint.runner.started) == 1


def test_a_running_step_is_interrupted_and_its_action_has_no_effect(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), endpoint.running()
    gate = endpoint.runner.folder.parent / "gate"
    end = f"until [ -e {gate} ]; do sleep 0.02; done; exit 9"
    trap = f"trap '{end}' TERM; echo > ready; while :; do sleep 0.02; done"
    (id,) = endpoint.add(made, bash(trap, "TERMINATE_CLUSTER"))
    until(lambda: list(endpoint.runner.folder.glob(f"{made}/{id}/ready")), bool)
    assert emr.cancel_steps(ClusterId=made, StepIds=[id])["CancelStepsInfoList"] == [
        {"StepId": id, "Status": "SUBMITTED"}
    ]
    assert endpoint.step(made, id)["Status"]["State"] == "CANCEL_PENDING"
    gate.touch()
    endpoint.all_are(made, "CANCELLED")
    endpoint.reaches(made, "WAITING")
    with pytest.raises(WaiterError, match='"CANCELLED"'):
        emr.get_waiter("step_complete").wait(ClusterId=made, StepId=id, WaiterConfig=QUICK)


def test_a_step_that_ignores_the_signal_holds_its_place_until_it_is_killed(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), endpoint.running()
    deaf, _ = endpoint.add(
        made, bash("trap '' TERM; echo > ready; while :; do sleep 0.02; done"), bash("true", name="next")
    )
    until(lambda: list(endpoint.runner.folder.glob(f"{made}/{deaf}/ready")), bool)
    emr.cancel_steps(ClusterId=made, StepIds=[deaf], StepCancellationOption="SEND_INTERRUPT")
    endpoint.all_are(made, "CANCEL_PENDING", "PENDING")
    emr.cancel_steps(ClusterId=made, StepIds=[deaf], StepCancellationOption="TERMINATE_PROCESS")
    endpoint.all_are(made, "CANCELLED", "COMPLETED")


def test_a_step_that_has_ended_is_not_cancelled(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), endpoint.running(bash("true"))
    endpoint.all_are(made, "COMPLETED")
    id = emr.list_steps(ClusterId=made)["Steps"][0]["Id"]
    (told,) = emr.cancel_steps(ClusterId=made, StepIds=[id])["CancelStepsInfoList"]
    assert (told["Status"], "COMPLETED" in told["Reason"]) == ("FAILED", True)
    code, said = refused(emr.cancel_steps, ClusterId=made, StepIds=["s-NONE"])
    assert (code, said) == ("InvalidRequestException", "Step id 's-NONE' is not valid.")


def test_the_end_of_a_cluster_interrupts_what_runs_and_cancels_what_waits(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), endpoint.running(bash("sleep 60"), bash("true"))
    endpoint.all_are(made, "RUNNING", "PENDING")
    emr.terminate_job_flows(JobFlowIds=[made])
    endpoint.reaches(made, "TERMINATED")
    assert endpoint.states(made) == ["INTERRUPTED", "CANCELLED"]
    assert [each.process.poll() is None for each in endpoint.runner.started] == [False]
    code, said = refused(emr.add_job_flow_steps, JobFlowId=made, Steps=[bash("true")])
    assert code == "ValidationException"
    assert said == "A job flow that is shutting down, terminated, or finished may not be modified."


@pytest.mark.parametrize("set_back", [0, 1])
def test_what_does_not_end_with_its_cluster_is_killed(endpoint: Endpoint, set_back: int) -> None:
    emr, made = endpoint.client(), endpoint.running(bash("trap '' TERM; echo > ready; while :; do sleep 0.02; done"))
    until(lambda: list(endpoint.runner.folder.glob(f"{made}/*/ready")), bool)
    emr.terminate_job_flows(JobFlowIds=[made])
    assert endpoint.reaches(made, "TERMINATING")
    until(lambda: endpoint.world.told, bool)
    endpoint.time.set(hours=-set_back)
    endpoint.time.go_on(seconds=5)
    endpoint.reaches(made, "TERMINATED")
    assert endpoint.states(made) == ["INTERRUPTED"]
    assert endpoint.world.ending == {}


def test_steps_are_listed_newest_first_by_page_by_state_and_by_id(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), endpoint.running(bash("sleep 60"))
    ids = endpoint.add(made, *[bash("true", name=f"s{n}") for n in range(60)])
    first = emr.list_steps(ClusterId=made)
    assert [each["Id"] for each in first["Steps"]] == ids[:9:-1]
    (newest,) = endpoint.add(made, bash("true"))
    rest = emr.list_steps(ClusterId=made, Marker=first["Marker"])["Steps"]
    assert [each["Id"] for each in rest][:-1] == ids[9::-1]
    assert newest not in {each["Id"] for each in rest}
    assert len(emr.list_steps(ClusterId=made, StepStates=["RUNNING"])["Steps"]) == 1
    named = emr.list_steps(ClusterId=made, StepIds=[ids[5], ids[2]])["Steps"]
    assert [each["Name"] for each in named] == ["s5", "s2"]
    assert refused(emr.list_steps, ClusterId=made, StepIds=ids[:11])[0] == "InvalidRequestException"
    both = refused(emr.list_steps, ClusterId=made, StepIds=ids[:1], StepStates=["PENDING"])
    assert both == ("InvalidRequestException", "Cannot specify both StepIds and StepStates.")


def test_a_runtime_role_needs_a_security_configuration_that_has_them(endpoint: Endpoint) -> None:
    emr, role = endpoint.client(), "arn:aws:iam::123456789012:role/steps"
    text = '{"AuthorizationConfiguration":{"IAMConfiguration":{"EnableApplicationScopedIAMRole":true}}}'
    emr.create_security_configuration(Name="roles", SecurityConfiguration=text)
    plain, with_roles = endpoint.running(), endpoint.running(SecurityConfiguration="roles")
    steps = [bash("true")]
    refusal = refused(emr.add_job_flow_steps, JobFlowId=plain, Steps=steps, ExecutionRoleArn=role)
    assert refusal[0] == "ValidationException"
    (id,) = endpoint.add(with_roles, *steps, ExecutionRoleArn=role)
    assert endpoint.step(with_roles, id)["ExecutionRoleArn"] == role
