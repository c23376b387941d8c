"""Every request that settings can make, against botocore's model of RunJobFlow."""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import botocore.session
import pytest
from pydantic import ValidationError

from framework.config import EmrSettings
from framework.config import cluster as cluster_section
from framework.config.nodes import Market, OnDemandStrategy, ReservationSettings, SpotSettings, SpotStrategy
from framework.config.software import UploadPolicy
from framework.emr.cluster.request import run_job_flow
from framework.emr.releases.release import RELEASES
from tests.emr.amazon import faults

APPLICATIONS = ["AmazonCloudWatchAgent", "Delta", "Flink", "HBase", "Hadoop", "Hive", "Hudi", "Iceberg"]
APPLICATIONS += ["JupyterEnterpriseGateway", "Livy", "Presto", "Spark", "TensorFlow", "Trino"]
SEVEN = "emr-7.14.0"
KEY = "arn:aws:kms:eu-north-1:123456789012:key/1"
GROUP = "arn:aws:resource-groups:eu-north-1:123456789012:group/reserved"


@pytest.fixture(autouse=True)
def _release(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a release with every application."""
    all_of_them = replace(RELEASES[SEVEN], applications=dict.fromkeys(APPLICATIONS), pythons=("3.9", "3.11"))
    monkeypatch.setitem(RELEASES, SEVEN, all_of_them)


def anything(chance: random.Random) -> dict[str, Any]:
    """Return settings of a cluster, most of which fit together."""

    def maybe(likely: float, **given: Any) -> dict[str, Any]:
        return given if chance.random() < likely else {}

    def pick(*values: Any) -> Any:
        return chance.choice(values)

    def volume() -> dict[str, Any]:
        return {
            "type": pick("gp3", "gp2", "io1", "st1", "sc1", "standard"),
            "size": pick(125, 1024),
            **maybe(0.4, iops=3500, count=2),
            **maybe(0.1, throughput=250),
        }

    def hardware() -> dict[str, Any]:
        return {
            **maybe(0.3, volumes=[volume()]),
            **maybe(0.2, ebs_optimized=pick(True, False)),
            **maybe(0.1, custom_ami="ami-0a"),
            **maybe(0.2, configurations={"spark-env": {"export": {"A": 1}}, "spark-defaults": {"spark.x": True}}),
        }

    def group() -> dict[str, Any]:
        return {
            **hardware(),
            "count": pick(1, 3),
            **maybe(0.5, instance_type="m6g.xlarge"),
            **maybe(0.3, market=pick(*get_args(Market))),
            **maybe(0.05, bid_price="0.1"),
        }

    def fleet() -> dict[str, Any]:
        reservations = pick(
            {"usage": "use-capacity-reservations-first"},
            {"preference": pick("open", "none")},
            {"usage": "use-capacity-reservations-first", "resource_group": GROUP},
        )
        on_demand = {"strategy": pick(*get_args(OnDemandStrategy)), **maybe(0.3, reservations=reservations)}
        spot = {"strategy": pick(*get_args(SpotStrategy)), "timeout": pick(5, 1440)}
        return {
            "types": [
                {**hardware(), "instance_type": name, **maybe(0.3, weight=2), **maybe(0.05, bid_percent=80)}
                for name in chance.sample(["m7g.xlarge", "m6g.xlarge", "r7g.xlarge", "c7gn.2xlarge"], pick(1, 3))
            ],
            "on_demand": pick(0, 1, 4),
            "spot": pick(0, 1, 4),
            **maybe(0.5, on_demand_launch=on_demand),
            **maybe(0.5, spot_launch={**spot, "on_timeout": pick("SWITCH_TO_ON_DEMAND", "TERMINATE_CLUSTER")}),
            **maybe(0.3, on_demand_resize={**on_demand, **maybe(0.5, timeout=10)}, spot_resize=spot),
        }

    in_fleets = chance.random() < 0.5
    nodes: dict[str, Any] = {"groups": {"primary": group(), "core": group(), "tasks": {"a": group(), "b": group()}}}
    if in_fleets:
        first = {"types": [{"instance_type": "m7g.xlarge"}], "on_demand": pick(1, 3)}
        nodes = {"fleets": {"primary": first, "core": fleet(), **maybe(0.7, task=fleet())}}
    kerberos = {"realm": "EC2.INTERNAL", **maybe(0.3, ad_join_user="joiner")}
    external = {"provider": "ExternalKdc", "admin_server": "a:749", "kdc_server": "k:88"}
    kdc = pick({}, {**external, **maybe(0.5, active_directory={"realm": "R", "domain": "d"})})
    return {
        **maybe(0.8, **nodes),
        "name": pick("lakegate", "a b", "x" * 256),
        "scaling": {
            "enabled": pick(True, True, False),
            "maximum": pick(1, 20),
            **maybe(0.1, unit=pick("Instances", "VCPU", "InstanceFleetUnits")),
            **maybe(0.3, strategy="ADVANCED", performance_index=pick(1, 25, 50, 75, 100)),
        },
        "idle_timeout": pick(0, 60, 3600),
        "step_concurrency": pick(1, 256),
        "termination_protection": pick(True, False),
        "scale_down": pick("TERMINATE_AT_INSTANCE_HOUR", "TERMINATE_AT_TASK_COMPLETION"),
        **maybe(0.3, unhealthy_node_replacement=pick(True, False)),
        **maybe(0.1, placement_group=True),
        "applications": chance.sample(APPLICATIONS, pick(1, 4)),
        **maybe(0.3, bootstrap=[{"name": "setup", "path": "s3://b/setup.sh", "arguments": ["-x", "1"]}]),
        **maybe(0.2, custom_ami="ami-0b", repo_upgrade=pick("SECURITY", "NONE")),
        **maybe(0.2, os_release="2023.6.20250303.0"),
        **maybe(0.4, root_volume={"size": 100, **maybe(0.5, iops=4000, throughput=500)}),
        **maybe(0.8, log_uri="s3://b/logs/", **maybe(0.5, log_key=KEY)),
        **maybe(0.3, cloudwatch={"log_group": "g", "stream_prefix": "p", "kms_key": KEY, "driver": ["STDOUT"]}),
        **maybe(0.3, s3_logs={"system": pick(*get_args(UploadPolicy)), "persistent_ui": "disabled"}),
        **maybe(0.5, subnets=pick(["subnet-1"], ["subnet-1", "subnet-2"])),
        **maybe(0.3, security_groups={"primary": "sg-1", "nodes": "sg-2", "service": "sg-3", "more_nodes": ["sg-4"]}),
        **maybe(0.2, key_pair="key"),
        **maybe(0.3, kerberos=kerberos, security={"kdc": kdc}),
        **maybe(0.3, dynamic_allocation={"enabled": pick(True, False), "max_executors": 20, "idle_timeout": 30}),
        **maybe(0.3, decommissioning={"timeout": 600, "spot_threshold": 120, "migrate_blocks": True}),
    }


def accepted() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give a few hundred settings that are taken, each with its request; the same ones each time."""
    chance = random.Random(20261121)
    for _ in range(1000):
        given = anything(chance)
        try:
            described = EmrSettings.model_validate({"release": SEVEN, "tags": {"team": "data"}, "cluster": given})
        except ValidationError:
            continue
        yield given, run_job_flow(described, chance.choice(["none", "glue"]), token="t")


def test_every_request_of_settings_that_are_taken_fits_the_model_of_aws() -> None:
    seen = 0
    members: set[str] = set()
    for given, made in accepted():
        assert faults("RunJobFlow", made) == [], given
        nodes = made["Instances"]
        assert ("InstanceGroups" in nodes) != ("InstanceFleets" in nodes)
        assert ("Ec2SubnetId" in nodes) <= ("InstanceGroups" in nodes)
        assert ("Ec2SubnetIds" in nodes) <= ("InstanceFleets" in nodes)
        assert all(isinstance(v, str) for each in made["Configurations"] for v in each["Properties"].values())
        seen += 1
        members |= set(made)
    assert seen > 100
    # Everything that RunJobFlow takes is either among these or left out on purpose.
    model = botocore.session.get_session().get_service_model("emr").operation_model("RunJobFlow").input_shape
    assert set(model.members) - members == {
        "SessionEnabled",  # emr-spark-8 only; tested above
        "Steps",  # transient
        "StepExecutionRoleArn",  # transient
        "AdditionalInfo",
        "AmiVersion",
        "AutoScalingRole",
        "ExtendedSupport",
        "NewSupportedProducts",
        "SupportedProducts",
        "VisibleToAllUsers",
    }
    left_out = cluster_section.__doc__ or ""
    assert "VisibleToAllUsers" in left_out
    assert "AdditionalInfo" in left_out


def enums(shape: Any, seen: dict[str, list[str]] | None = None) -> dict[str, list[str]]:
    """Return each enumeration below a shape by the name of its own."""
    found = {} if seen is None else seen
    if shape.name in found:
        return found
    found[shape.name] = shape.metadata.get("enum", [])
    inner = [shape.member] if shape.type_name == "list" else [shape.value] if shape.type_name == "map" else []
    for each in [*inner, *(shape.members.values() if shape.type_name == "structure" else [])]:
        enums(each, found)
    return found


def test_each_value_that_aws_knows_is_taken_or_left_out_on_purpose() -> None:
    scaling, top = cluster_section.ScalingSettings.model_fields, cluster_section.ClusterSettings.model_fields

    def literals(annotation: Any) -> set[str]:
        found = [{each} if isinstance(each, str) else literals(each) for each in get_args(annotation)]
        return set().union(*found)

    roles = {"MASTER", "CORE", "TASK"}
    taken = {
        "MarketType": literals(Market),
        "InstanceRoleType": roles,
        "InstanceFleetType": roles,
        "SpotProvisioningTimeoutAction": literals(SpotSettings.model_fields["on_timeout"].annotation),
        "SpotProvisioningAllocationStrategy": literals(SpotStrategy),
        "OnDemandProvisioningAllocationStrategy": literals(OnDemandStrategy),
        "OnDemandCapacityReservationUsageStrategy": literals(ReservationSettings.model_fields["usage"].annotation),
        "OnDemandCapacityReservationPreference": literals(ReservationSettings.model_fields["preference"].annotation),
        "ActionOnFailure": {"TERMINATE_CLUSTER", "CANCEL_AND_WAIT", "CONTINUE"},  # of [[emr.steps]] and submit
        "ScaleDownBehavior": literals(top["scale_down"].annotation),
        "RepoUpgradeOnBoot": literals(top["repo_upgrade"].annotation),
        "ComputeLimitsUnitType": literals(scaling["unit"].annotation),
        "ScalingStrategy": literals(scaling["strategy"].annotation),
        "PlacementGroupStrategy": {"SPREAD"},
        "LogUploadPolicyValue": literals(UploadPolicy),
    }
    left_out = {
        "ActionOnFailure": {"TERMINATE_JOB_FLOW"},  # the old name of TERMINATE_CLUSTER
        "PlacementGroupStrategy": {"PARTITION", "CLUSTER", "NONE"},  # EMR refuses them
    }
    custom_scaling = {"AdjustmentType", "ComparisonOperator", "Statistic", "Unit"}
    model = botocore.session.get_session().get_service_model("emr").operation_model("RunJobFlow").input_shape
    known = {name: set(values) for name, values in enums(model).items() if values and name not in custom_scaling}
    assert known == {name: values | left_out.get(name, set()) for name, values in taken.items()}
