from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from framework.emr.cluster.health import METRICS, console, health
from tests.emr.amazon import Amazon, refusal

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CORE = {
    "Id": "ig-2",
    "Name": "core",
    "InstanceGroupType": "CORE",
    "InstanceType": "m7g.xlarge",
    "Market": "ON_DEMAND",
    "RequestedInstanceCount": 3,
    "RunningInstanceCount": 3,
    "Status": {"State": "RUNNING"},
}


def cluster(state: str = "WAITING", collection: str = "INSTANCE_GROUP", **more: Any) -> list[Any]:
    found = {
        "Id": "j-1",
        "Name": "nightly",
        "ReleaseLabel": "emr-7.14.0",
        "InstanceCollectionType": collection,
        "LogUri": "s3n://b/logs/",
        "TerminationProtected": True,
        "Status": {"State": state, "Timeline": {"CreationDateTime": NOW}},
        **more,
    }
    return [{"Cluster": found}]


def emr(group: dict[str, Any] | None = None, **answers: Any) -> Amazon:
    steps = [{"Status": {"State": state}} for state in ("PENDING", "PENDING", "RUNNING")]
    given = {
        "describe_cluster": cluster(),
        "list_steps": [{"Steps": steps}],
        "list_instance_groups": [{"InstanceGroups": [{**CORE, **(group or {})}]}],
    }
    return Amazon(**{**given, **answers})


def measured(**values: float) -> Amazon:
    results = [
        {"Id": f"m{number}", "Values": [values[name], 1e9] if name in values else []}
        for number, name in enumerate(METRICS)
    ]
    return Amazon("cloudwatch", get_metric_data=[{"MetricDataResults": results}])


def test_a_cluster_is_shown_with_nodes_steps_and_the_newest_measures() -> None:
    cloudwatch = measured(YARNMemoryAvailablePercentage=62.5, HDFSUtilization=3, LiveDataNodes=3)
    found = health(emr(), cloudwatch, "j-1", NOW)
    assert (found.name, found.state, found.release, found.created) == ("nightly", "WAITING", "emr-7.14.0", NOW)
    assert (found.pending, found.running, found.protected) == (2, 1, True)
    assert found.log_uri == "s3://b/logs/"
    (core,) = found.nodes
    assert (core.name, core.role, core.types, core.market) == ("core", "CORE", ("m7g.xlarge",), "on demand")
    assert (core.requested, core.running) == (3, 3)
    assert found.metrics == {"YARNMemoryAvailablePercentage": 62.5, "HDFSUtilization": 3, "LiveDataNodes": 3}
    assert (found.unmeasured, found.faults) == ("", ())
    (asked,) = cloudwatch.asked("get_metric_data")
    assert asked["ScanBy"] == "TimestampDescending"
    first = asked["MetricDataQueries"][0]["MetricStat"]["Metric"]
    assert first["Namespace"] == "AWS/ElasticMapReduce"
    assert first["Dimensions"] == [{"Name": "JobFlowId", "Value": "j-1"}]


def test_a_fleet_counts_in_units_of_both_markets() -> None:
    fleet = {
        "Id": "if-1",
        "InstanceFleetType": "TASK",
        "TargetOnDemandCapacity": 1,
        "TargetSpotCapacity": 4,
        "ProvisionedOnDemandCapacity": 1,
        "ProvisionedSpotCapacity": 2,
        "InstanceTypeSpecifications": [{"InstanceType": "m7g.xlarge"}, {"InstanceType": "r7g.xlarge"}],
        "Status": {"State": "RESIZING"},
    }
    in_fleets = Amazon(
        describe_cluster=cluster(collection="INSTANCE_FLEET"),
        list_steps=[{"Steps": []}],
        list_instance_fleets=[{"InstanceFleets": [fleet]}],
    )
    (task,) = health(in_fleets, measured(), "j-1", NOW).nodes
    assert (task.name, task.market, task.requested, task.running) == ("task", "1 on demand + 4 on spot", 5, 3)
    assert task.types == ("m7g.xlarge", "r7g.xlarge")


@pytest.mark.parametrize(
    ("metrics", "group", "said"),
    [
        ({"YARNMemoryAvailablePercentage": 9}, {}, "YARN has less than 10 %"),
        ({"HDFSUtilization": 81}, {}, "more than 80 % full"),
        ({"MRUnhealthyNodes": 2}, {}, "2 node(s) that YARN calls unhealthy"),
        ({"MRLostNodes": 1}, {}, "1 node(s) that YARN has lost"),
        ({"MissingBlocks": 5}, {}, "5 block(s) of HDFS missing"),
        ({"CorruptBlocks": 5}, {}, "5 block(s) of HDFS corrupt"),
        ({}, {"RunningInstanceCount": 1, "Status": {"State": "RESIZING"}}, "core: 1 of 3 running (RESIZING)"),
    ],
)
def test_what_is_not_as_it_should_be_is_said(metrics: dict[str, float], group: dict[str, Any], said: str) -> None:
    (fault,) = health(emr(group), measured(**metrics), "j-1", NOW).faults
    assert said in fault


def test_without_cloudwatch_the_rest_is_there() -> None:
    denied = Amazon("cloudwatch", get_metric_data=[refusal("GetMetricData", "AccessDenied")])
    found = health(emr(), denied, "j-1", NOW)
    assert (found.unmeasured, found.metrics, len(found.nodes)) == ("GetMetricData: AccessDenied", {}, 1)
    assert "no value" in health(emr(), measured(), "j-1", NOW).unmeasured


def test_one_that_has_ended_is_not_measured_and_lacks_no_nodes() -> None:
    why = {"State": "TERMINATED_WITH_ERRORS", "StateChangeReason": {"Code": "BOOTSTRAP_FAILURE", "Message": "exit 1"}}
    over = emr({"RunningInstanceCount": 0}, describe_cluster=cluster(Status=why))
    found = health(over, Amazon("cloudwatch"), "j-1", NOW)
    assert (found.reason, found.unmeasured, found.faults) == ("BOOTSTRAP_FAILURE: exit 1", "it has ended", ())


@pytest.mark.parametrize(
    ("region", "domain"),
    [("eu-north-1", "aws.amazon.com"), ("cn-north-1", "amazonaws.cn"), ("us-gov-west-1", "amazonaws-us-gov.com")],
)
def test_the_console_is_that_of_the_region(region: str, domain: str) -> None:
    made = boto3.client("emr", region_name=region)
    assert console(made, "j-1") == (f"https://{region}.console.{domain}/emr/home?region={region}#/clusterDetails/j-1")


def test_an_endpoint_on_this_machine_has_no_console_of_aws() -> None:
    here = boto3.client("emr", region_name="us-east-1", endpoint_url="http://127.0.0.1:4566")
    assert console(here, "j-1") == "http://127.0.0.1:4566"
