from dataclasses import replace
from typing import Any

import pytest

from framework.config import EmrSettings
from framework.emr.cluster.request import CREATION, run_job_flow, shown, transient
from framework.emr.releases.release import RELEASES
from framework.errors import (
    MixedArchitectureError,
    TransientClusterError,
    UnknownApplicationError,
    UnknownReleaseError,
    UnsupportedSettingError,
)
from tests.emr.amazon import faults

APPLICATIONS = ["AmazonCloudWatchAgent", "Delta", "Flink", "HBase", "Hadoop", "Hive", "Hudi", "Iceberg"]
APPLICATIONS += ["JupyterEnterpriseGateway", "Livy", "Presto", "Spark", "TensorFlow", "Trino"]
ALL = replace(RELEASES["emr-7.14.0"], applications=dict.fromkeys(APPLICATIONS), pythons=("3.9", "3.11"))
KEY = "arn:aws:kms:eu-north-1:123456789012:key/1"
GROUP = "arn:aws:resource-groups:eu-north-1:123456789012:group/reserved"
STEP = {
    "Name": "flights",
    "ActionOnFailure": "CONTINUE",
    "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["spark-submit"]},
}


@pytest.fixture(autouse=True)
def _releases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a release with every application, and older ones that differ by their label only."""
    for label in ("emr-7.14.0", "emr-7.0.0", "emr-6.15.0", "emr-6.12.0", "emr-6.11.0", "emr-6.9.1", "emr-6.9.0"):
        monkeypatch.setitem(RELEASES, label, replace(ALL, label=label))


def settings(release: str = "emr-7.14.0", *, emr: dict[str, Any] | None = None, **cluster: Any) -> EmrSettings:
    return EmrSettings.model_validate({"release": release, **(emr or {}), "cluster": cluster})


def request(release: str = "emr-7.14.0", *, emr: dict[str, Any] | None = None, **cluster: Any) -> dict[str, Any]:
    made = run_job_flow(settings(release, emr=emr, **cluster), "none")
    assert faults("RunJobFlow", made) == []
    return made


FLEETS: dict[str, Any] = {
    "primary": {"types": [{"instance_type": "m7g.xlarge"}]},
    "core": {"on_demand": 2, "types": [{"instance_type": "m7g.xlarge"}]},
    "task": {
        "spot": 3,
        "types": [{"instance_type": "r7g.xlarge", "weight": 1}, {"instance_type": "r7g.2xlarge", "weight": 2}],
        "spot_launch": {"strategy": "price-capacity-optimized"},
    },
}


# -- what a cluster is by default --------------------------------------------------------------------------------------


def test_a_cluster_of_no_settings_is_small_safe_and_ends_itself() -> None:
    made = request()
    assert made["Instances"] == {
        "InstanceGroups": [
            {"Name": name, "InstanceRole": role, "InstanceType": "m7g.xlarge", "InstanceCount": 1, "Market": market}
            for name, role, market in (
                ("primary", "MASTER", "ON_DEMAND"),
                ("core", "CORE", "ON_DEMAND"),
                ("spot", "TASK", "SPOT"),
            )
        ],
        "KeepJobFlowAliveWhenNoSteps": True,
        "TerminationProtected": False,
    }
    assert made["AutoTerminationPolicy"] == {"IdleTimeout": 3600}
    assert made["SecurityConfiguration"].startswith("lakegate-")
    assert made["Applications"] == [{"Name": "Spark"}]
    assert "LogUri" not in made


def test_what_scaling_adds_is_on_spot() -> None:
    limits = request(groups={"core": {"count": 2}})["ManagedScalingPolicy"]["ComputeLimits"]
    assert limits == {
        "UnitType": "Instances",
        "MinimumCapacityUnits": 1,
        "MaximumCapacityUnits": 10,
        "MaximumOnDemandCapacityUnits": 2,
        "MaximumCoreCapacityUnits": 2,
    }
    in_fleets = request(fleets=FLEETS)["ManagedScalingPolicy"]["ComputeLimits"]
    assert in_fleets == {**limits, "UnitType": "InstanceFleetUnits"}


def test_without_task_nodes_core_nodes_come_and_go() -> None:
    limits = request(groups={"tasks": {}}, scaling={"maximum": 3})["ManagedScalingPolicy"]["ComputeLimits"]
    assert limits == {"UnitType": "Instances", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 3}


def test_limits_that_are_set_are_kept_and_units_that_cannot_be_counted_have_none() -> None:
    scaling = {"maximum": 64, "unit": "VCPU", "strategy": "ADVANCED", "performance_index": 25}
    policy = request(scaling=scaling)["ManagedScalingPolicy"]
    assert policy["ComputeLimits"] == {"UnitType": "VCPU", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 64}
    assert (policy["ScalingStrategy"], policy["UtilizationPerformanceIndex"]) == ("ADVANCED", 25)
    stated = request(scaling={"maximum_core": 4, "maximum_on_demand": 5})["ManagedScalingPolicy"]["ComputeLimits"]
    assert (stated["MaximumCoreCapacityUnits"], stated["MaximumOnDemandCapacityUnits"]) == (4, 5)
    assert "ManagedScalingPolicy" not in request(scaling={"enabled": False})


def test_a_fleet_says_how_it_is_launched_and_groups_and_fleets_take_their_own_subnets() -> None:
    reserved = {
        "strategy": "lowest-price",
        "reservations": {"usage": "use-capacity-reservations-first", "resource_group": GROUP},
    }
    core = {**FLEETS["core"], "on_demand_launch": reserved, "on_demand_resize": {**reserved, "timeout": 30}}
    made = request(fleets={**FLEETS, "core": core}, subnets=["subnet-1", "subnet-2"])["Instances"]
    assert made["Ec2SubnetIds"] == ["subnet-1", "subnet-2"]
    primary, core, task = made["InstanceFleets"]
    options = {"UsageStrategy": "use-capacity-reservations-first", "CapacityReservationResourceGroupArn": GROUP}
    on_demand = {"AllocationStrategy": "lowest-price", "CapacityReservationOptions": options}
    assert core["LaunchSpecifications"] == {"OnDemandSpecification": on_demand}
    assert core["ResizeSpecifications"] == {"OnDemandResizeSpecification": {**on_demand, "TimeoutDurationMinutes": 30}}
    assert task["LaunchSpecifications"]["SpotSpecification"] == {
        "TimeoutDurationMinutes": 20,
        "TimeoutAction": "SWITCH_TO_ON_DEMAND",
        "AllocationStrategy": "price-capacity-optimized",
    }
    assert [each["WeightedCapacity"] for each in task["InstanceTypeConfigs"]] == [1, 2]
    assert "LaunchSpecifications" not in primary
    assert request(subnets=["subnet-1"])["Instances"]["Ec2SubnetId"] == "subnet-1"


# -- what depends on the release ---------------------------------------------------------------------------------------


def test_an_unknown_release_is_refused() -> None:
    with pytest.raises(UnknownReleaseError):
        request("emr-99.0.0")


def test_applications_are_spelled_as_emr_does_and_those_that_are_built_in_are_enabled() -> None:
    made = request(applications=["spark", "HIVE", "CloudWatchAgent", "hudi", "iceberg", "delta", "Spark"])
    assert made["Applications"] == [{"Name": "Spark"}, {"Name": "Hive"}, {"Name": "AmazonCloudWatchAgent"}]
    assert {"Classification": "iceberg-defaults", "Properties": {"iceberg.enabled": "true"}} in made["Configurations"]


def test_an_application_that_the_release_lacks_is_refused_with_what_there_is() -> None:
    with pytest.raises(UnknownApplicationError, match="Did you mean 'Hive'"):
        request(applications=["Spark", "Hivee"])
    with pytest.raises(UnknownApplicationError, match="emr-spark-8"):
        request("emr-spark-8.2.0", applications=["Spark", "HBase"])


@pytest.mark.parametrize(
    ("setting", "first", "last", "given"),
    [
        ("emr.cluster.root_volume", "emr-6.15.0", "emr-6.12.0", {"root_volume": {"iops": 4000}}),
        (
            "emr.cluster.scaling.strategy",
            "emr-7.0.0",
            "emr-6.15.0",
            {"scaling": {"strategy": "ADVANCED", "performance_index": 1}},
        ),
        ("emr.cluster.sessions", "emr-spark-8.2.0", "emr-7.14.0", {"sessions": True}),
        (
            "emr.cluster.fleets.primary.on_demand",
            "emr-6.12.0",
            "emr-6.11.0",
            {"fleets": {**FLEETS, "primary": {**FLEETS["primary"], "on_demand": 3}}},
        ),
        (
            "emr.cluster.fleets.primary.on_demand",
            "emr-6.9.1",
            "emr-6.9.0",
            {"fleets": {**FLEETS, "primary": {**FLEETS["primary"], "on_demand": 3}}},
        ),
    ],
)
def test_what_came_with_a_release_is_refused_for_the_one_before(
    setting: str, first: str, last: str, given: dict[str, Any]
) -> None:
    request(first, **given)
    with pytest.raises(UnsupportedSettingError) as error:
        request(last, **given)
    assert error.value.setting == setting


def test_a_python_that_the_release_lacks_is_refused() -> None:
    with pytest.raises(UnsupportedSettingError, match=r"Python 3\.9 and 3\.11, not 3\.13"):
        request(emr={"python": "3.13"})


def test_nodes_of_another_cpu_than_the_bundles_are_refused_also_where_only_some_are() -> None:
    with pytest.raises(MixedArchitectureError, match=r"m5\.xlarge"):
        request(groups={"core": {"instance_type": "m5.xlarge"}})
    with pytest.raises(MixedArchitectureError, match=r"r7g\.xlarge"):
        request(emr={"architecture": "x86_64"}, groups={"tasks": {"spot": {"instance_type": "r7g.xlarge"}}})
    mixed = {**FLEETS["task"], "types": [{"instance_type": "r7g.xlarge"}, {"instance_type": "r6i.xlarge"}]}
    with pytest.raises(MixedArchitectureError) as error:
        request(fleets={**FLEETS, "task": mixed})
    assert error.value.others == ("r6i.xlarge",)


def test_types_that_are_not_named_have_the_cpu_of_the_bundles_and_are_in_the_release() -> None:
    def types(made: dict[str, Any]) -> set[str]:
        return {group["InstanceType"] for group in made["Instances"]["InstanceGroups"]}

    assert types(request(emr={"architecture": "x86_64"})) == {"m7i.xlarge"}
    assert types(request("emr-6.9.0")) == {"m6g.xlarge"}


# -- secrets, tags and tokens ------------------------------------------------------------------------------------------


def test_passwords_are_asked_for_by_name_and_hidden_where_nobody_asks() -> None:
    trust = {"realm": "AD", "domain": "ad", "admin_server": "a", "kdc_server": "k"}
    kerberos = {"realm": "EC2.INTERNAL", "cross_realm": True, "ad_join_user": "joiner"}
    described = settings(security={"kdc": {"trust": trust}}, kerberos=kerberos)
    assert run_job_flow(described, "none", str.upper)["KerberosAttributes"] == {
        "Realm": "EC2.INTERNAL",
        "KdcAdminPassword": "KDC_ADMIN_PASSWORD",
        "CrossRealmTrustPrincipalPassword": "CROSS_REALM_TRUST_PASSWORD",
        "ADDomainJoinUser": "joiner",
        "ADDomainJoinPassword": "AD_DOMAIN_JOIN_PASSWORD",
    }
    assert run_job_flow(described, "none")["KerberosAttributes"]["KdcAdminPassword"] == "**********"


def test_what_is_shown_of_a_request_has_no_credential_and_what_only_sounds_like_one() -> None:
    site = {
        "javax.jdo.option.ConnectionPassword": "hunter2",
        "javax.jdo.option.ConnectionURL": "jdbc:mysql:" + "//u:hunter2@h/db",
        "hive.metastore.partition.keys": "day",
        "hadoop.security.key.provider.path": "kms://http@h:9600/kms",
    }
    bootstrap = [{"name": "b", "path": "s3://b/x.sh", "arguments": ["--password", "hunter2", "--token=hunter2", "8"]}]
    made = shown(request(configurations={"hive-site": site}, bootstrap=bootstrap))
    assert "hunter2" not in str(made)
    (properties,) = [each["Properties"] for each in made["Configurations"] if each["Classification"] == "hive-site"]
    assert properties["hive.metastore.partition.keys"] == "day"
    assert properties["hadoop.security.key.provider.path"] == "kms://http@h:9600/kms"
    (script,) = [each["ScriptBootstrapAction"] for each in made["BootstrapActions"]]
    assert script["Args"] == ["--password", "**********", "**********", "8"]
    assert script["Path"] == "s3://b/x.sh"


def test_the_token_of_a_creation_is_a_tag_beside_the_users() -> None:
    made = run_job_flow(settings(emr={"tags": {"team": "data"}}), "none", token="t1")
    assert made["Tags"] == [{"Key": "team", "Value": "data"}, {"Key": CREATION, "Value": "t1"}]
    assert "Tags" not in request()


# -- transient ---------------------------------------------------------------------------------------------------------


def test_a_transient_cluster_runs_its_steps_with_their_role_and_ends_itself() -> None:
    kept = request(step_concurrency=2)
    made = transient(kept, [STEP, STEP], "arn:aws:iam::123456789012:role/steps")
    assert faults("RunJobFlow", made) == []
    assert made["Steps"] == [STEP, STEP]
    assert made["StepExecutionRoleArn"].endswith("role/steps")
    assert made["Instances"]["KeepJobFlowAliveWhenNoSteps"] is False
    assert "AutoTerminationPolicy" not in made
    assert kept["Instances"]["KeepJobFlowAliveWhenNoSteps"] is True
    assert "StepExecutionRoleArn" not in transient(kept, [STEP])


@pytest.mark.parametrize(
    ("cluster", "steps", "said"),
    [
        ({"step_concurrency": 2}, [STEP, {**STEP, "ActionOnFailure": "TERMINATE_CLUSTER"}], "only CONTINUE"),
        ({"step_concurrency": 2}, [{**STEP, "ActionOnFailure": "CANCEL_AND_WAIT"}], "CANCEL_AND_WAIT"),
        ({"termination_protection": True}, [STEP], "termination protection"),
        ({"groups": {"primary": {"count": 3}}}, [STEP], "three primary nodes"),
        ({"fleets": {**FLEETS, "primary": {**FLEETS["primary"], "on_demand": 3}}}, [STEP], "three primary nodes"),
        ({}, [], "0 steps"),
        ({}, [STEP] * 257, "257 steps"),
    ],
)
def test_a_cluster_that_would_not_end_or_whose_steps_emr_refuses_is_not_transient(
    cluster: dict[str, Any], steps: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(TransientClusterError, match=said):
        transient(request(**cluster), steps)


def test_with_one_step_at_a_time_a_failure_may_end_the_chain() -> None:
    made = transient(request(), [{**STEP, "ActionOnFailure": "TERMINATE_CLUSTER"}] * 256)
    assert faults("RunJobFlow", made) == []


@pytest.mark.parametrize(
    ("name", "expected"), [("lakegate", "lakegate-transient-ab1"), ("n" * 256, "n" * 242 + "-transient-ab1")]
)
def test_a_transient_cluster_has_a_name_of_its_own_that_says_so(name: str, expected: str) -> None:
    made = transient(request(name=name), [STEP], token="ab1")
    assert made["Name"] == expected
    assert faults("RunJobFlow", made) == []
