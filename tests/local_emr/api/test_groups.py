from typing import Any

import pytest

from tests.local_emr.api.endpoint import GROUPS, Endpoint, bash, refused, until

FLEETS = [
    {
        "InstanceFleetType": "MASTER",
        "TargetOnDemandCapacity": 1,
        "InstanceTypeConfigs": [{"InstanceType": "m7g.xlarge"}],
    },
    {
        "InstanceFleetType": "CORE",
        "Name": "core",
        "TargetOnDemandCapacity": 3,
        "TargetSpotCapacity": 4,
        "InstanceTypeConfigs": [{"InstanceType": "m7g.xlarge", "WeightedCapacity": 2, "Priority": 1.0}],
        "LaunchSpecifications": {
            "SpotSpecification": {"TimeoutDurationMinutes": 20, "TimeoutAction": "SWITCH_TO_ON_DEMAND"}
        },
    },
]


def with_fleets(endpoint: Endpoint, *fleets: dict[str, Any], **more: Any) -> str:
    request = endpoint.request(**more)
    del request["Instances"]["InstanceGroups"]
    request["Instances"]["InstanceFleets"] = list(fleets or FLEETS)
    made = str(endpoint.client().run_job_flow(**request)["JobFlowId"])
    endpoint.reaches(made, "WAITING")
    return made


def core(endpoint: Endpoint, cluster: str) -> Any:
    groups = endpoint.client().list_instance_groups(ClusterId=cluster)["InstanceGroups"]
    return next(each for each in groups if each["InstanceGroupType"] == "CORE")


def counts(group: Any) -> tuple[int, int, str]:
    return group["RequestedInstanceCount"], group["RunningInstanceCount"], group["Status"]["State"]


def test_groups_are_told_with_their_nodes(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), endpoint.running()
    endpoint.reaches(made, "WAITING")
    found = core(endpoint, made)
    assert (found["Name"], found["InstanceType"], found["Market"]) == ("core", "m5.xlarge", "ON_DEMAND")
    assert counts(found) == (2, 2, "RUNNING")
    assert found["Status"]["Timeline"]["ReadyDateTime"]
    nodes = emr.list_instances(ClusterId=made)["Instances"]
    assert [each["Status"]["State"] for each in nodes] == ["RUNNING"] * 3
    assert [each["InstanceGroupId"] for each in nodes].count(found["Id"]) == 2
    assert emr.list_instances(ClusterId=made, InstanceGroupId=found["Id"])["Instances"] == nodes[1:]
    assert emr.list_instances(ClusterId=made, InstanceGroupTypes=["MASTER"])["Instances"] == nodes[:1]
    assert endpoint.described(made)["MasterPublicDnsName"] == "localhost"


def test_a_group_grows_and_shrinks(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), endpoint.running()
    group = core(endpoint, made)["Id"]
    emr.modify_instance_groups(ClusterId=made, InstanceGroups=[{"InstanceGroupId": group, "InstanceCount": 4}])
    until(lambda: counts(core(endpoint, made)), lambda now: now == (4, 4, "RUNNING"))
    nodes = emr.list_instances(ClusterId=made, InstanceGroupId=group)["Instances"]
    first = nodes[0]["Ec2InstanceId"]
    policy = {"InstanceResizePolicy": {"InstancesToTerminate": [first]}}
    change = {"InstanceGroupId": group, "InstanceCount": 3, "ShrinkPolicy": policy}
    emr.modify_instance_groups(InstanceGroups=[change])
    until(lambda: counts(core(endpoint, made)), lambda now: now == (3, 3, "RUNNING"))
    gone = emr.list_instances(ClusterId=made, InstanceGroupId=group, InstanceStates=["TERMINATED"])["Instances"]
    assert [each["Ec2InstanceId"] for each in gone] == [first]
    assert gone[0]["Status"]["Timeline"]["EndDateTime"]
    change = {"InstanceGroupId": group, "EC2InstanceIdsToTerminate": [nodes[1]["Ec2InstanceId"]] * 2}
    emr.modify_instance_groups(ClusterId=made, InstanceGroups=[change])
    until(lambda: counts(core(endpoint, made)), lambda now: now == (2, 2, "RUNNING"))


def test_a_group_is_resizing_while_its_nodes_come_and_go(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    emr, made = endpoint.client(), endpoint.running()
    group = core(endpoint, made)["Id"]
    want = endpoint.nodes.want
    wanted: list[Any] = []
    monkeypatch.setattr(endpoint.nodes, "want", lambda *request: wanted.append(request))
    for count in (3, 1):
        emr.modify_instance_groups(ClusterId=made, InstanceGroups=[{"InstanceGroupId": group, "InstanceCount": count}])
        until(lambda: [each[3] for each in wanted[-1:]], [count].__eq__)
        assert counts(core(endpoint, made)) == (count, 2, "RESIZING")
    want(*wanted[-1])
    until(lambda: counts(core(endpoint, made)), lambda now: now == (1, 1, "RUNNING"))


def test_a_group_that_cannot_have_its_nodes_is_suspended(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    emr, made = endpoint.client(), endpoint.running()
    group, want = core(endpoint, made)["Id"], endpoint.nodes.want

    def full(*_: Any) -> None:
        raise ValueError("this machine has no room")

    monkeypatch.setattr(endpoint.nodes, "want", full)
    emr.modify_instance_groups(ClusterId=made, InstanceGroups=[{"InstanceGroupId": group, "InstanceCount": 9}])
    found = until(lambda: core(endpoint, made), lambda found: found["Status"]["State"] == "SUSPENDED")
    assert found["Status"]["StateChangeReason"]["Message"] == "this machine has no room"
    status = endpoint.reaches(endpoint.cluster(), "TERMINATED_WITH_ERRORS")
    assert status["StateChangeReason"] == {"Code": "VALIDATION_ERROR", "Message": "this machine has no room"}
    monkeypatch.setattr(endpoint.nodes, "want", want)
    emr.modify_instance_groups(ClusterId=made, InstanceGroups=[{"InstanceGroupId": group, "InstanceCount": 2}])
    until(lambda: counts(core(endpoint, made)), lambda now: now == (2, 2, "RUNNING"))


def test_a_lost_core_node_is_replaced_and_a_lost_primary_node_ends_the_cluster(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), endpoint.running(bash("sleep 60"))
    group = core(endpoint, made)["Id"]
    endpoint.nodes.lose(made, group)
    gone = until(
        lambda: emr.list_instances(ClusterId=made, InstanceGroupId=group, InstanceStates=["TERMINATED"])["Instances"],
        bool,
    )
    assert gone[0]["Status"]["StateChangeReason"]["Code"] == "INSTANCE_FAILURE"
    until(lambda: counts(core(endpoint, made)), lambda now: now == (2, 2, "RUNNING"))
    master = emr.list_instances(ClusterId=made, InstanceGroupTypes=["MASTER"])["Instances"][0]["InstanceGroupId"]
    endpoint.nodes.lose(made, master)
    status = endpoint.reaches(made, "TERMINATED_WITH_ERRORS")
    assert status["StateChangeReason"] == {"Code": "INSTANCE_FAILURE", "Message": "The master node was terminated"}
    assert endpoint.states(made) == ["INTERRUPTED"]


def test_what_a_group_may_not_is_refused_and_nothing_is_changed(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), endpoint.running()
    groups = {
        each["InstanceGroupType"]: each["Id"] for each in emr.list_instance_groups(ClusterId=made)["InstanceGroups"]
    }
    good = {"InstanceGroupId": groups["CORE"], "InstanceCount": 5}
    for bad in (
        {"InstanceGroupId": groups["CORE"], "InstanceCount": 0},
        {"InstanceGroupId": groups["MASTER"], "InstanceCount": 3},
        {"InstanceGroupId": "ig-NONE", "InstanceCount": 3},
        {"InstanceGroupId": groups["CORE"], "InstanceCount": 2_000_000},
        {"InstanceGroupId": groups["CORE"], "EC2InstanceIdsToTerminate": ["i-0"]},
    ):
        code, _ = refused(emr.modify_instance_groups, ClusterId=made, InstanceGroups=[good, bad])
        assert code == "ValidationException"
    assert core(endpoint, made)["RequestedInstanceCount"] == 2
    emr.terminate_job_flows(JobFlowIds=[made])
    endpoint.reaches(made, "TERMINATED")
    code, said = refused(emr.modify_instance_groups, ClusterId=made, InstanceGroups=[good])
    assert (code, "running or waiting" in said) == ("ValidationException", True)


def test_task_groups_are_added_and_go_down_to_nothing(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), endpoint.running()
    task = {"InstanceRole": "TASK", "InstanceType": "m5.xlarge", "InstanceCount": 2, "Market": "SPOT", "Name": "spot"}
    (id,) = emr.add_instance_groups(JobFlowId=made, InstanceGroups=[task])["InstanceGroupIds"]

    def found() -> Any:
        return emr.list_instance_groups(ClusterId=made)["InstanceGroups"][-1]

    until(lambda: counts(found()), lambda now: now == (2, 2, "RUNNING"))
    assert (found()["Id"], found()["Market"]) == (id, "SPOT")
    assert {each["Market"] for each in emr.list_instances(ClusterId=made, InstanceGroupId=id)["Instances"]} == {"SPOT"}
    emr.modify_instance_groups(ClusterId=made, InstanceGroups=[{"InstanceGroupId": id, "InstanceCount": 0}])
    until(lambda: counts(found()), lambda now: now == (0, 0, "RUNNING"))
    for wrong in (GROUPS[1], {**task, "InstanceCount": 2001}):
        assert refused(emr.add_instance_groups, JobFlowId=made, InstanceGroups=[wrong])[0] == "ValidationException"


def test_the_configurations_of_a_group_are_replaced_or_merged(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), endpoint.running()
    group = core(endpoint, made)["Id"]
    for how, properties in (("OVERWRITE", {"a": "1", "b": "1"}), ("MERGE", {"b": "2", "c": "2"})):
        new = [{"Classification": "yarn-site", "Properties": properties}]
        change = {"InstanceGroupId": group, "Configurations": new, "ReconfigurationType": how}
        emr.modify_instance_groups(ClusterId=made, InstanceGroups=[change])
    found = core(endpoint, made)
    assert found["Configurations"] == [{"Classification": "yarn-site", "Properties": {"a": "1", "b": "2", "c": "2"}}]
    assert found["ConfigurationsVersion"] == 3


def test_fleets_are_told_with_the_capacity_that_they_have(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), with_fleets(endpoint)
    assert endpoint.described(made)["InstanceCollectionType"] == "INSTANCE_FLEET"
    fleet = emr.list_instance_fleets(ClusterId=made)["InstanceFleets"][1]
    assert (fleet["TargetOnDemandCapacity"], fleet["TargetSpotCapacity"]) == (3, 4)
    # Nodes of two units each: what is wanted is reached, or exceeded.
    assert (fleet["ProvisionedOnDemandCapacity"], fleet["ProvisionedSpotCapacity"]) == (4, 4)
    assert fleet["Status"]["State"] == "RUNNING"
    assert fleet["LaunchSpecifications"] == FLEETS[1]["LaunchSpecifications"]
    (kind,) = fleet["InstanceTypeSpecifications"]
    assert (kind["InstanceType"], kind["WeightedCapacity"], kind["BidPriceAsPercentageOfOnDemandPrice"]) == (
        "m7g.xlarge",
        2,
        100.0,
    )
    nodes = emr.list_instances(ClusterId=made, InstanceFleetId=fleet["Id"])["Instances"]
    assert [each["Market"] for each in nodes] == ["ON_DEMAND", "ON_DEMAND", "SPOT", "SPOT"]
    assert emr.list_instances(ClusterId=made, InstanceFleetType="CORE")["Instances"] == nodes


def test_a_fleet_is_resized_and_a_task_fleet_is_added_once(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), with_fleets(endpoint)

    def fleet(number: int) -> Any:
        return emr.list_instance_fleets(ClusterId=made)["InstanceFleets"][number]

    def capacity(number: int) -> tuple[int, int, str]:
        now = fleet(number)
        return now["ProvisionedOnDemandCapacity"], now["ProvisionedSpotCapacity"], now["Status"]["State"]

    change = {"InstanceFleetId": fleet(1)["Id"], "TargetOnDemandCapacity": 6, "TargetSpotCapacity": 0}
    emr.modify_instance_fleet(ClusterId=made, InstanceFleet=change)
    until(lambda: capacity(1), lambda now: now == (6, 0, "RUNNING"))
    task = {
        "InstanceFleetType": "TASK",
        "TargetSpotCapacity": 2,
        "InstanceTypeConfigs": [{"InstanceType": "m6g.xlarge"}],
    }
    emr.add_instance_fleet(ClusterId=made, InstanceFleet=task)
    until(lambda: capacity(2), lambda now: now == (0, 2, "RUNNING"))
    assert refused(emr.add_instance_fleet, ClusterId=made, InstanceFleet=task)[0] == "InvalidRequestException"
    wrongs: list[dict[str, Any]] = [
        {"TargetOnDemandCapacity": 4001},
        {"InstanceTypeConfigs": []},
        {"InstanceTypeConfigs": [{"InstanceType": "m7g.xlarge", "WeightedCapacity": 0}]},
    ]
    for wrong in wrongs:
        change = {"InstanceFleetId": fleet(1)["Id"], **wrong}
        assert refused(emr.modify_instance_fleet, ClusterId=made, InstanceFleet=change)[0] == "ValidationException"
    master = {"InstanceFleetId": fleet(0)["Id"], "TargetOnDemandCapacity": 2}
    assert refused(emr.modify_instance_fleet, ClusterId=made, InstanceFleet=master)[0] == "InvalidRequestException"


def test_groups_and_fleets_do_not_go_together(endpoint: Endpoint) -> None:
    emr = endpoint.client()
    fleets, groups = with_fleets(endpoint), endpoint.running()
    code, said = refused(emr.list_instance_groups, ClusterId=fleets)
    assert code == "InvalidRequestException"
    assert said.startswith("Instance fleets and instance groups are mutually exclusive.")
    code, said = refused(emr.list_instance_fleets, ClusterId=groups)
    assert code == "InvalidRequestException"
    assert said.endswith("Use the ListInstanceGroups operation instead.")


def test_policies_of_scaling_are_kept_and_told(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), endpoint.running()
    assert "ManagedScalingPolicy" not in emr.get_managed_scaling_policy(ClusterId=made)
    limits = {"UnitType": "Instances", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 8}
    emr.put_managed_scaling_policy(ClusterId=made, ManagedScalingPolicy={"ComputeLimits": limits})
    assert emr.get_managed_scaling_policy(ClusterId=made)["ManagedScalingPolicy"] == {"ComputeLimits": limits}
    for wrong in (
        {"MinimumCapacityUnits": 9},
        {"MinimumCapacityUnits": 0},
        {"MaximumCoreCapacityUnits": 9},
        {"UnitType": "InstanceFleetUnits"},
    ):
        policy = {"ComputeLimits": {**limits, **wrong}}
        code, said = refused(emr.put_managed_scaling_policy, ClusterId=made, ManagedScalingPolicy=policy)
        assert (code, "Invalid configuration for managed scaling" in said) == ("ValidationException", True)
    emr.remove_managed_scaling_policy(ClusterId=made)
    assert "ManagedScalingPolicy" not in emr.get_managed_scaling_policy(ClusterId=made)
    rule: dict[str, Any] = {
        "Name": "more",
        "Action": {"SimpleScalingPolicyConfiguration": {"ScalingAdjustment": 1}},
        "Trigger": {
            "CloudWatchAlarmDefinition": {
                "ComparisonOperator": "LESS_THAN",
                "MetricName": "YARNMemoryAvailablePercentage",
                "Period": 300,
                "Threshold": 15.0,
            }
        },
    }
    scaling = {"Constraints": {"MinCapacity": 1, "MaxCapacity": 4}, "Rules": [rule]}
    group = core(endpoint, made)["Id"]
    emr.put_auto_scaling_policy(ClusterId=made, InstanceGroupId=group, AutoScalingPolicy=scaling)
    assert core(endpoint, made)["AutoScalingPolicy"] == {**scaling, "Status": {"State": "ATTACHED"}}
    emr.remove_auto_scaling_policy(ClusterId=made, InstanceGroupId=group)
    assert "AutoScalingPolicy" not in core(endpoint, made)
