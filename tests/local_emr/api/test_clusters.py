import time
from datetime import timedelta

import pytest

from framework.local_emr.api.model import BootstrapAction, Cluster
from tests.local_emr.api.endpoint import QUICK, Endpoint, bash, refused, until
from tests.local_emr.api.processes import Process

SCRIPT = {"Name": "setup", "ScriptBootstrapAction": {"Path": "", "Args": ["one", "two"]}}


def scripts(endpoint: Endpoint, **bodies: str) -> list[dict[str, object]]:
    for name, body in bodies.items():
        endpoint.client("s3").put_object(Bucket=endpoint.bucket, Key=f"{name}.sh", Body=body.encode())
    paths = [f"s3://{endpoint.bucket}/{name}.sh" for name in bodies]
    return [{"Name": path, "ScriptBootstrapAction": {"Path": path, "Args": ["one", "two"]}} for path in paths]


def test_a_cluster_goes_from_starting_to_waiting_and_says_when(endpoint: Endpoint) -> None:
    emr = endpoint.client()
    gate = endpoint.runner.folder.parent / "gate"
    wait = scripts(endpoint, wait=f"until [ -e {gate} ]; do sleep 0.02; done")
    step = bash(f"until [ -e {gate}-2 ]; do sleep 0.02; done")
    made = endpoint.cluster(step, BootstrapActions=wait, LogUri=f"s3://{endpoint.bucket}/logs")
    assert endpoint.described(made)["Status"]["State"] in ("STARTING", "BOOTSTRAPPING")
    status = endpoint.reaches(made, "BOOTSTRAPPING")
    assert status["StateChangeReason"] == {"Message": "Running bootstrap actions"}
    assert "ReadyDateTime" not in status["Timeline"]
    assert {each["Status"]["State"] for each in emr.list_instances(ClusterId=made)["Instances"]} == {"BOOTSTRAPPING"}
    gate.touch()
    assert endpoint.reaches(made, "RUNNING")["StateChangeReason"] == {"Message": "Running step"}
    gate.with_name("gate-2").touch()
    status = endpoint.reaches(made, "WAITING")
    assert status["StateChangeReason"] == {"Message": "Cluster ready after last step completed."}
    times = status["Timeline"]
    assert times["CreationDateTime"] < times["ReadyDateTime"]
    assert "EndDateTime" not in times


def test_stock_waiters_see_it_run_and_end(endpoint: Endpoint) -> None:
    emr = endpoint.client()
    made = endpoint.cluster()
    emr.get_waiter("cluster_running").wait(ClusterId=made, WaiterConfig=QUICK)
    assert endpoint.reaches(made, "WAITING")["StateChangeReason"] == {"Message": "Cluster ready to run steps."}
    emr.terminate_job_flows(JobFlowIds=[made])
    emr.get_waiter("cluster_terminated").wait(ClusterId=made, WaiterConfig=QUICK)
    status = endpoint.described(made)["Status"]
    assert status["State"] == "TERMINATED"
    assert status["StateChangeReason"] == {"Code": "USER_REQUEST", "Message": "Terminated by user request"}
    assert status["Timeline"]["EndDateTime"] >= status["Timeline"]["ReadyDateTime"]
    assert endpoint.runner.ended == [made]
    told = emr.list_instances(ClusterId=made)["Instances"]
    assert {each["Status"]["State"] for each in told} == {"TERMINATED"}
    assert {each["Status"]["StateChangeReason"]["Code"] for each in told} == {"CLUSTER_TERMINATED"}
    assert endpoint.nodes.have(made, told[0]["InstanceGroupId"]) == ()


def test_what_was_asked_for_is_told_again(endpoint: Endpoint) -> None:
    emr = endpoint.client()
    emr.create_security_configuration(Name="safe", SecurityConfiguration="{}")
    made = endpoint.cluster(
        LogUri=f"s3://{endpoint.bucket}/logs",
        Applications=[{"Name": "spark"}, {"Name": "Hive"}],
        Configurations=[{"Classification": "delta-defaults", "Properties": {"delta.enabled": "true"}}],
        Tags=[{"Key": "team", "Value": "data"}],
        StepConcurrencyLevel=3,
        SecurityConfiguration="safe",
        EbsRootVolumeSize=30,
        KerberosAttributes={"Realm": "EC2.INTERNAL", "KdcAdminPassword": "of nobody's business"},
        Instances={"Ec2SubnetId": "subnet-1", "Ec2KeyName": "key", "TerminationProtected": True},
    )
    found = endpoint.described(made)
    assert found["Id"] == made
    assert found["ClusterArn"] == f"arn:aws:elasticmapreduce:us-east-1:123456789012:cluster/{made}"
    assert found["LogUri"] == f"s3n://{endpoint.bucket}/logs/"
    assert found["Applications"] == [{"Name": "Spark", "Version": "3.5.8"}, {"Name": "Hive", "Version": "3.1.3"}]
    assert found["Configurations"] == [{"Classification": "delta-defaults", "Properties": {"delta.enabled": "true"}}]
    assert found["Tags"] == [{"Key": "team", "Value": "data"}]
    assert (found["StepConcurrencyLevel"], found["SecurityConfiguration"]) == (3, "safe")
    assert (found["AutoTerminate"], found["TerminationProtected"], found["EbsRootVolumeSize"]) == (False, True, 30)
    assert found["Ec2InstanceAttributes"]["Ec2SubnetId"] == "subnet-1"
    assert found["Ec2InstanceAttributes"]["IamInstanceProfile"] == "EMR_EC2_DefaultRole"
    assert found["KerberosAttributes"] == {"Realm": "EC2.INTERNAL", "KdcAdminPassword": "********"}
    assert found["InstanceCollectionType"] == "INSTANCE_GROUP"


def test_bootstrap_actions_run_one_after_another_and_are_listed(endpoint: Endpoint) -> None:
    mark = endpoint.runner.folder.parent / "mark"
    actions = scripts(endpoint, first=f'echo "$1 $2" >> {mark}', second=f"echo second >> {mark}")
    made = endpoint.running(BootstrapActions=actions)
    assert mark.read_text() == "one two\nsecond\n"
    told = endpoint.client().list_bootstrap_actions(ClusterId=made)["BootstrapActions"]
    assert [each["ScriptPath"] for each in told] == [each["Name"] for each in actions]
    assert told[0]["Args"] == ["one", "two"]


def test_a_bootstrap_action_that_fails_ends_the_cluster_and_what_waits(endpoint: Endpoint) -> None:
    made = endpoint.cluster(bash("true"), BootstrapActions=scripts(endpoint, good="true", bad="exit 3"))
    status = endpoint.reaches(made, "TERMINATED_WITH_ERRORS")
    primary = endpoint.client().list_instances(ClusterId=made, InstanceGroupTypes=["MASTER"])["Instances"][0]
    said = f"On the master instance ({primary['Ec2InstanceId']}), bootstrap action 2 returned a non-zero return code"
    assert status["StateChangeReason"] == {"Code": "BOOTSTRAP_FAILURE", "Message": said}
    details = status["ErrorDetails"][0]
    assert details["ErrorCode"] == "BOOTSTRAP_FAILURE_PRIMARY_WITH_NON_ZERO_CODE"
    assert details["ErrorData"][0]["return-code"] == "3"
    assert endpoint.states(made) == ["CANCELLED"]


def test_a_bootstrap_action_that_is_not_there_ends_the_cluster(endpoint: Endpoint) -> None:
    missing = {"Name": "none", "ScriptBootstrapAction": {"Path": f"s3://{endpoint.bucket}/none.sh"}}
    status = endpoint.reaches(endpoint.cluster(BootstrapActions=[missing]), "TERMINATED_WITH_ERRORS")
    assert status["ErrorDetails"][0]["ErrorCode"] == "BOOTSTRAP_FAILURE_BA_DOWNLOAD_FAILED_PRIMARY"


def test_a_script_that_cannot_be_fetched_is_a_failure_of_its_own(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetching(action: BootstrapAction, cluster: Cluster) -> Process:
        made = Process(("bash", "-c", "echo not there >&2; exit 1"), endpoint.runner.folder / "fetching", None)
        made.started = False
        return made

    monkeypatch.setattr(endpoint.runner, "bootstrap", fetching)
    missing = {"Name": "missing", "ScriptBootstrapAction": {"Path": f"s3://{endpoint.bucket}/no.sh"}}
    status = endpoint.reaches(endpoint.cluster(BootstrapActions=[missing]), "TERMINATED_WITH_ERRORS")
    (details,) = status["ErrorDetails"]
    assert details["ErrorCode"] == "BOOTSTRAP_FAILURE_BA_DOWNLOAD_FAILED_PRIMARY"
    assert details["ErrorMessage"].endswith("bootstrap action 1 failed: not there")
    assert "return-code" not in details["ErrorData"][0]


def test_a_transient_cluster_ends_with_its_last_step(endpoint: Endpoint) -> None:
    well = endpoint.cluster(bash("true"), bash("true"), keep=False)
    badly = endpoint.cluster(bash("false"), bash("true"), keep=False)
    assert endpoint.described(well)["AutoTerminate"] is True
    assert endpoint.reaches(well, "TERMINATED")["StateChangeReason"] == {
        "Code": "ALL_STEPS_COMPLETED",
        "Message": "Steps completed",
    }
    assert endpoint.states(well) == ["COMPLETED", "COMPLETED"]
    assert endpoint.reaches(badly, "TERMINATED")["StateChangeReason"] == {
        "Code": "ALL_STEPS_COMPLETED",
        "Message": "Steps completed with errors",
    }
    assert endpoint.states(badly) == ["FAILED", "COMPLETED"]


def test_a_cluster_that_no_longer_waits_for_steps_ends(endpoint: Endpoint) -> None:
    made = endpoint.running()
    endpoint.reaches(made, "WAITING")
    endpoint.client().set_keep_job_flow_alive_when_no_steps(JobFlowIds=[made], KeepJobFlowAliveWhenNoSteps=False)
    endpoint.reaches(made, "TERMINATED")


def test_a_protected_cluster_is_not_ended_and_the_others_are(endpoint: Endpoint) -> None:
    emr = endpoint.client()
    kept, other = endpoint.running(Instances={"TerminationProtected": True}), endpoint.running()
    code, said = refused(emr.terminate_job_flows, JobFlowIds=[kept, other])
    assert code == "ValidationException"
    assert said == "Could not shut down one or more job flows since they are termination protected."
    endpoint.reaches(other, "TERMINATED")
    assert endpoint.described(kept)["Status"]["State"] == "WAITING"
    emr.set_termination_protection(JobFlowIds=[kept], TerminationProtected=False)
    emr.terminate_job_flows(JobFlowIds=[kept])
    endpoint.reaches(kept, "TERMINATED")


def test_a_cluster_that_is_idle_for_too_long_ends_by_the_clock(endpoint: Endpoint) -> None:
    emr = endpoint.client()
    made = endpoint.running(AutoTerminationPolicy={"IdleTimeout": 3600})
    assert emr.get_auto_termination_policy(ClusterId=made)["AutoTerminationPolicy"] == {"IdleTimeout": 3600}
    endpoint.reaches(made, "WAITING")
    endpoint.time.go_on(minutes=50)
    (step,) = endpoint.add(made, bash("sleep 0.3"))
    emr.get_waiter("step_complete").wait(ClusterId=made, StepId=step, WaiterConfig=QUICK)
    endpoint.time.go_on(minutes=50)
    idle = [endpoint.reaches(made, "WAITING") for _ in range(5)]
    assert idle
    endpoint.time.go_on(minutes=11)
    endpoint.reaches(made, "TERMINATED")
    assert endpoint.world.clock() - endpoint.described(made)["Status"]["Timeline"]["EndDateTime"] < timedelta(minutes=1)


def test_a_cluster_on_which_yarn_runs_something_is_not_idle(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint.nodes, "busy", lambda cluster: True)
    made = endpoint.running(AutoTerminationPolicy={"IdleTimeout": 60})
    endpoint.reaches(made, "WAITING")
    endpoint.time.go_on(minutes=2)
    time.sleep(0.3)
    assert endpoint.described(made)["Status"]["State"] == "WAITING"
    monkeypatch.setattr(endpoint.nodes, "busy", lambda cluster: False)
    time.sleep(0.3)
    assert endpoint.described(made)["Status"]["State"] == "WAITING"
    endpoint.time.go_on(minutes=1)
    endpoint.reaches(made, "TERMINATED")


def test_three_primary_nodes_are_protected_and_replaced(endpoint: Endpoint) -> None:
    emr, three = endpoint.client(), {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 3}
    core = {"InstanceRole": "CORE", "InstanceType": "m5.xlarge", "InstanceCount": 1}
    made = endpoint.running(Instances={"InstanceGroups": [three, core]})
    assert endpoint.described(made)["TerminationProtected"] is True
    group = emr.list_instance_groups(ClusterId=made)["InstanceGroups"][0]["Id"]
    endpoint.nodes.lose(made, group)
    until(lambda: len(emr.list_instances(ClusterId=made, InstanceGroupId=group)["Instances"]), (4).__eq__)
    endpoint.reaches(made, "WAITING")
    request = endpoint.request(keep=False, Instances={"InstanceGroups": [three, core]})
    assert refused(emr.run_job_flow, **request)[0] == "ValidationException"


def test_without_a_policy_a_cluster_is_idle_for_ever(endpoint: Endpoint) -> None:
    emr = endpoint.client()
    made = endpoint.running()
    emr.put_auto_termination_policy(ClusterId=made, AutoTerminationPolicy={"IdleTimeout": 60})
    emr.remove_auto_termination_policy(ClusterId=made)
    assert "AutoTerminationPolicy" not in emr.get_auto_termination_policy(ClusterId=made)
    endpoint.reaches(made, "WAITING")
    endpoint.time.go_on(days=3)
    until(lambda: endpoint.described(made)["NormalizedInstanceHours"], lambda hours: hours == 3 * 73 * 8)
    assert endpoint.described(made)["Status"]["State"] == "WAITING"


def test_clusters_are_listed_newest_first_fifty_at_a_time_by_state_and_time(endpoint: Endpoint) -> None:
    emr = endpoint.client()
    made = [endpoint.cluster(Name=f"c{n}") for n in range(53)]
    first = emr.list_clusters()
    assert [each["Id"] for each in first["Clusters"]] == made[:2:-1]
    late = endpoint.cluster(Name="late")
    second = emr.list_clusters(Marker=first["Marker"])
    assert [each["Id"] for each in second["Clusters"]] == made[2::-1]
    assert "Marker" not in second
    pages = emr.get_paginator("list_clusters").paginate().build_full_result()["Clusters"]
    assert [each["Id"] for each in pages] == [late, *reversed(made)]
    emr.terminate_job_flows(JobFlowIds=[made[7]])
    endpoint.reaches(made[7], "TERMINATED")
    assert [each["Id"] for each in emr.list_clusters(ClusterStates=["TERMINATED"])["Clusters"]] == [made[7]]
    created = endpoint.described(made[7])["Status"]["Timeline"]["CreationDateTime"]
    newer = emr.list_clusters(CreatedAfter=created + timedelta(milliseconds=1))["Clusters"]
    assert {each["Id"] for each in newer} == {*made[8:], late}
    assert refused(emr.list_clusters, Marker="nonsense")[0] == "InvalidRequestException"


def test_each_region_has_clusters_of_its_own(endpoint: Endpoint) -> None:
    made = endpoint.cluster()
    elsewhere = endpoint.client(region="eu-west-1")
    assert elsewhere.list_clusters()["Clusters"] == []
    code, said = refused(elsewhere.describe_cluster, ClusterId=made)
    assert (code, said) == ("InvalidRequestException", f"Cluster id '{made}' is not valid.")


def test_a_cluster_is_modified_while_it_lives(endpoint: Endpoint) -> None:
    emr = endpoint.client()
    made = endpoint.running()
    assert emr.modify_cluster(ClusterId=made, StepConcurrencyLevel=5)["StepConcurrencyLevel"] == 5
    emr.set_visible_to_all_users(JobFlowIds=[made], VisibleToAllUsers=False)
    emr.set_unhealthy_node_replacement(JobFlowIds=[made], UnhealthyNodeReplacement=True)
    emr.add_tags(ResourceId=made, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b"}])
    emr.remove_tags(ResourceId=made, TagKeys=["a", "none"])
    found = endpoint.described(made)
    assert (found["StepConcurrencyLevel"], found["VisibleToAllUsers"], found["UnhealthyNodeReplacement"]) == (
        5,
        False,
        True,
    )
    assert found["Tags"] == [{"Key": "b", "Value": ""}]
    assert refused(emr.modify_cluster, ClusterId=made, StepConcurrencyLevel=257)[0] == "ValidationException"
    emr.terminate_job_flows(JobFlowIds=[made])
    endpoint.reaches(made, "TERMINATED")
    code, said = refused(emr.modify_cluster, ClusterId=made, StepConcurrencyLevel=2)
    assert code == "ValidationException"
    assert said == "A job flow that is shutting down, terminated, or finished may not be modified."
    assert refused(emr.add_tags, ResourceId=made, Tags=[{"Key": "a"}])[0] == "InvalidRequestException"
