from typing import Any

import pytest
from pydantic import ValidationError

from framework.config import ClusterSettings, EmrSettings, load
from framework.errors import SettingError
from tests.command import ROOT, working_in

KEY = "arn:aws:kms:eu-north-1:123456789012:key/1"
JAR = "s3://bucket/provider.jar"
M7G = {"instance_type": "m7g.xlarge"}
FLEETS: dict[str, Any] = {"primary": {"types": [M7G]}, "core": {"on_demand": 1, "types": [M7G]}}
MANY = [{"instance_type": f"m7g.{size}xlarge"} for size in range(2, 8)]
STRATEGY = {"strategy": "lowest-price"}


def fleets(**core: Any) -> dict[str, Any]:
    return {"fleets": {**FLEETS, "core": {**FLEETS["core"], **core}}}


def primary(**primary: Any) -> dict[str, Any]:
    return {"fleets": {**FLEETS, "primary": {**FLEETS["primary"], **primary}}}


def core(**group: Any) -> dict[str, Any]:
    return {"groups": {"core": group}}


def security(**given: Any) -> dict[str, Any]:
    return {"security": given}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"groups": {}, **fleets()}, "groups or of fleets"),
    ({"subnets": ["subnet-1", "subnet-2"]}, "one subnet"),
    ({"subnets": ["vpc-1"]}, "subnet-..."),
    ({**fleets(), "subnets": ["subnet-1", "subnet-1"]}, "once"),
    ({"groups": {"primary": {"count": 2}}}, "1 primary node, or 3"),
    ({"groups": {"primary": {"count": 3, "market": "SPOT"}}}, "three primary nodes are on demand"),
    ({"placement_group": True}, "three primary nodes"),
    (core(count=0), "greater than or equal to 1"),
    (core(market="CHEAP"), "ON_DEMAND"),
    (core(bid_price="0.1"), "market SPOT"),
    (core(market="SPOT", bid_price="cheap"), "pattern"),
    (core(instance_type="large"), "pattern"),
    (core(volumes=[{"size": 0}]), "greater than or equal to 1"),
    (core(volumes=[{"size": 1025}]), "less than or equal to 1024"),
    (core(volumes=[{"size": 100, "type": "gp9"}]), "gp3"),
    (core(volumes=[{"size": 100, "type": "st1"}]), "125 GiB"),
    (core(volumes=[{"size": 100, "throughput": 100}]), "greater than or equal to 125"),
    (core(volumes=[{"size": 100, "throughput": 1001}]), "less than or equal to 1000"),
    (core(volumes=[{"size": 100, "throughput": 125, "type": "gp2"}]), "gp3 only"),
    (core(volumes=[{"size": 100, "throughput": 1000}]), "quarter"),
    (core(volumes=[{"size": 100, "iops": 2000}]), "3000 to 16000"),
    (core(volumes=[{"size": 10, "type": "io1", "iops": 600}]), "100 to 500"),
    (core(volumes=[{"size": 10, "type": "io1"}]), "needs iops"),
    (core(volumes=[{"size": 200, "type": "st1", "iops": 500}]), "gp3 and io1"),
    (core(volumes=[{"size": 10, "count": 0}]), "greater than or equal to 1"),
    (core(configurations={"spark-defaults": {"spark": {"x": 1}}}), "quotes"),
    (fleets(on_demand=0), "on_demand or spot above 0"),
    (fleets(types=[]), "at least 1"),
    (fleets(types=[M7G, M7G]), "once in a fleet"),
    (fleets(types=MANY), "more than 5"),
    (fleets(types=MANY, spot=1, on_demand_launch=STRATEGY), "more than 5"),
    (fleets(types=[{"instance_type": f"m7g.{n}xlarge"} for n in range(31)], on_demand_launch=STRATEGY), "at most 30"),
    (fleets(types=[{**M7G, "weight": 0}]), "greater than or equal to 1"),
    (fleets(types=[{**M7G, "priority": 1}]), "priority is for"),
    (fleets(types=[{**M7G, "priority": 1}], on_demand_launch=STRATEGY), "priority is for"),
    (fleets(types=[{**M7G, "bid_percent": 50}]), "spot capacity"),
    (fleets(types=[{**M7G, "bid_percent": 50, "bid_price": "1"}], spot=1), "not both"),
    (fleets(spot=1, spot_launch={"timeout": 4}), "greater than or equal to 5"),
    (fleets(spot=1, spot_launch={"timeout": 1441}), "less than or equal to 1440"),
    (fleets(spot=1, spot_launch={"on_timeout": "WAIT"}), "SWITCH_TO_ON_DEMAND"),
    (fleets(spot=1, spot_launch={"strategy": "prioritized"}), "capacity-optimized"),
    (fleets(on_demand_launch={"strategy": "diversified"}), "lowest-price"),
    (fleets(on_demand_launch={"reservations": {"preference": "open"}}), "need an allocation strategy"),
    (fleets(on_demand_launch={**STRATEGY, "reservations": {}}), "say usage"),
    (fleets(on_demand_launch={**STRATEGY, "reservations": {"resource_group": KEY}}), "use-capacity-reservations-first"),
    (
        fleets(
            on_demand_launch={
                **STRATEGY,
                "reservations": {"preference": "none", "usage": "use-capacity-reservations-first"},
            }
        ),
        "preference none",
    ),
    (primary(on_demand=2), "1 primary node"),
    (primary(on_demand=0, spot=3), "1 primary node"),
    (primary(types=[{**M7G, "weight": 2}]), "weighs 1"),
    ({"scaling": {"minimum": 5, "maximum": 4}}, "above maximum"),
    ({"scaling": {"maximum": 4, "maximum_core": 5}}, "maximum_core is above"),
    ({"scaling": {"maximum": 4, "maximum_on_demand": 5}}, "maximum_on_demand is above"),
    ({"scaling": {"unit": "InstanceFleetUnits"}}, "Instances or VCPU"),
    ({**fleets(), "scaling": {"unit": "VCPU"}}, "InstanceFleetUnits"),
    ({"scaling": {"strategy": "ADVANCED"}}, "go together"),
    ({"scaling": {"performance_index": 50}}, "go together"),
    ({"scaling": {"strategy": "ADVANCED", "performance_index": 60}}, "1, 25, 50, 75, 100"),
    ({"idle_timeout": 59}, "60 to 604800"),
    ({"idle_timeout": 604801}, "60 to 604800"),
    ({"step_concurrency": 0}, "greater than or equal to 1"),
    ({"step_concurrency": 257}, "less than or equal to 256"),
    ({"applications": ["Spark", "presto", "Trino"]}, "Presto and Trino"),
    ({"custom_ami": "ami-1", **core(custom_ami="ami-2")}, "not both"),
    ({"custom_ami": "image-1"}, "pattern"),
    ({"repo_upgrade": "NONE"}, "goes with custom_ami"),
    ({"custom_ami": "ami-1", "os_release": "2023.1"}, "operating system"),
    ({**core(custom_ami="ami-1"), "os_release": "2023.1"}, "operating system"),
    ({"log_key": KEY}, "goes with log_uri"),
    ({"log_uri": "http://logs"}, "pattern"),
    ({"s3_logs": {"system": "on-customer-s3only"}}, "goes with log_uri"),
    ({"s3_logs": {"persistent_ui": "on-customer-s3only"}}, "emr-managed"),
    ({"security_groups": {"primary": "sg-1"}}, "go together"),
    ({"root_volume": {"throughput": 1000}}, "quarter"),
    ({"bootstrap": [{"name": "a", "path": "/tmp/x.sh"}]}, "pattern"),
    ({"bootstrap": [{"name": "a", "path": "s3:/x.sh"}]}, "pattern"),
    ({"bootstrap": [{"name": "a", "path": "s3://b/x.sh"}] * 17}, "at most 16"),
    ({"dynamic_allocation": {"min_executors": 5, "max_executors": 4}}, "at most max_executors"),
    ({"dynamic_allocation": {"initial_executors": 1, "min_executors": 2}}, "at least min_executors"),
    ({"security_configuration": "theirs", **security(imds=1)}, "take [emr.cluster.security] out"),
    ({"kerberos": {"realm": "EC2.INTERNAL"}}, "Kerberos needs both"),
    (security(kdc={}), "Kerberos needs both"),
    ({"kerberos": {"realm": "R", "cross_realm": True}, **security(kdc={})}, "go together"),
    (
        {"groups": {"primary": {"count": 3}}, "kerberos": {"realm": "R"}, **security(kdc={})},
        "ExternalKdc",
    ),
    (security(kdc={"provider": "ExternalKdc"}), "needs admin_server"),
    (security(kdc={"active_directory": {"realm": "R", "domain": "d"}}), "ExternalKdc"),
    (security(disk={}), "AwsKms needs kms_key"),
    (security(disk={"provider": "Custom", "ebs": True, "s3_object": JAR, "provider_class": "c"}), "needs the provider"),
    (security(disk={"provider": "Custom", "s3_object": JAR}), "needs provider_class"),
    (security(disk={"kms_key": KEY, "provider_class": "c"}), "is for provider Custom"),
    (security(s3={"mode": "SSE-KMS"}), "needs kms_key"),
    (security(s3={"mode": "SSE-S3", "kms_key": KEY}), "kms_key is for"),
    (security(s3={"mode": "CSE-Custom"}), "needs s3_object"),
    (security(s3={"overrides": [{"bucket": "abc", "mode": "CSE-KMS"}]}), "needs kms_key"),
    (security(in_transit={"s3_object": JAR, "provider": "Custom"}), "needs provider_class"),
    (security(imds=3), "less than or equal to 2"),
    (security(imds_hops=65), "less than or equal to 64"),
]


@pytest.mark.parametrize(("given", "said"), REFUSED, ids=[f"{n}-{said[:20]}" for n, (_, said) in enumerate(REFUSED)])
def test_what_emr_would_refuse_is_refused_where_it_is_set(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ClusterSettings.model_validate(given)
    assert said in str(refused.value)
    assert "123456789012" not in str(refused.value)


@pytest.mark.parametrize(
    "tags", [{"": "x"}, {"k" * 129: "x"}, {"k": "v" * 257}, {"aws:team": "x"}, {f"k{n}": "" for n in range(50)}]
)
def test_what_is_no_tag_of_aws_is_refused(tags: dict[str, str]) -> None:
    EmrSettings(tags={"k" * 128: "v" * 256})
    with pytest.raises(ValidationError):
        EmrSettings(tags=tags)


@pytest.mark.parametrize("tags", [{"db_password": "hunter2"}, {"note": "AKIAPLANTED123456789"}])
def test_a_tag_that_is_a_credential_is_refused_and_not_repeated(tags: dict[str, str]) -> None:
    EmrSettings(tags={"token-kind": "daily", "owner": "data"})
    with pytest.raises(ValidationError, match="whoever may list clusters reads it") as found:
        EmrSettings(tags=tags)
    assert not any(value in str(found.value) for value in tags.values())


ACCEPTED: list[dict[str, Any]] = [
    core(volumes=[{"size": 100, "iops": 4000, "throughput": 1000}]),
    core(volumes=[{"size": 10, "type": "io1", "iops": 500}]),
    core(market="SPOT", bid_price="0.05"),
    core(configurations={"spark-env": {"export": {"A": "b"}}}),
    fleets(types=MANY, on_demand_launch=STRATEGY),
    fleets(types=[{**M7G, "priority": 1}], on_demand_launch={"strategy": "prioritized"}),
    {**fleets(), "subnets": ["subnet-1", "subnet-2"]},
    primary(on_demand=0, spot=1),
    primary(on_demand=3),
    {"idle_timeout": 0},
    {"log_uri": "s3://logs"},
    {"bootstrap": [{"name": "a", "path": "file:/usr/share/aws/x.sh"}]},
    {"idle_timeout": 60},
    {"idle_timeout": 604800},
    {"security_configuration": "theirs", "kerberos": {"realm": "R"}},
    security(disk={"provider": "Custom", "s3_object": JAR, "provider_class": "c"}),
]


@pytest.mark.parametrize("given", ACCEPTED)
def test_what_lies_beside_a_rule_is_taken(given: dict[str, Any]) -> None:
    ClusterSettings.model_validate(given)


def refused(*overrides: str, **variables: str) -> SettingError:
    with working_in(ROOT, **variables), pytest.raises(SettingError) as found:
        load("test", overrides)
    return found.value


def test_a_flag_that_is_refused_is_named_and_the_reason_said_plainly() -> None:
    error = refused("emr.cluster.idle_timeout=3")
    assert error.setting == "emr.cluster.idle_timeout"
    assert str(error).endswith("is refused: it is 0, for never, or 60 to 604800 seconds")
    assert refused("emr.cluster.groups.tasks.spot.nme=1").setting == "emr.cluster.groups.tasks.spot.nme"
    assert "quotes in TOML" in str(refused("emr.cluster.configurations.spark-defaults.spark.executor.memory=4g"))


@pytest.mark.parametrize("text", ["Spark,Hive", '["Spark", "Hive"]', "['Spark', 'Hive']"])
def test_a_list_may_be_said_by_commas_or_as_in_the_file(text: str) -> None:
    with working_in(ROOT):
        assert load("test", [f"emr.cluster.applications={text}"]).emr.cluster.applications == ("Spark", "Hive")


def test_a_list_that_does_not_end_is_said_to_be_none() -> None:
    assert "write it as a,b" in str(refused('emr.cluster.applications=["Spark"'))


def test_flags_and_variables_reach_every_depth() -> None:
    volumes = '[{"size": 100}]'
    given = {
        "LAKEGATE_EMR__CLUSTER__GROUPS__CORE__VOLUMES": volumes,
        "LAKEGATE_EMR__CLUSTER__GROUPS__TASKS__SPOT__COUNT": "4",
        "LAKEGATE_EMR__CLUSTER__APPLICATIONS": '["Spark", "Hive"]',
        "LAKEGATE_EMR__CLUSTER__CONFIGURATIONS": '{"spark-defaults": {"spark.executor.memory": "4g"}}',
    }
    with working_in(ROOT, **given):
        cluster = load("test", ["emr.cluster.subnets=subnet-1", "emr.cluster.groups.primary.count=3"]).emr.cluster
    assert cluster.groups is not None
    assert (cluster.groups.primary.count, cluster.groups.core.volumes[0].size) == (3, 100)
    assert cluster.groups.tasks["spot"].count == 4
    assert (cluster.applications, cluster.subnets) == (("Spark", "Hive"), ("subnet-1",))
    assert cluster.configurations == {"spark-defaults": {"spark.executor.memory": "4g"}}


@pytest.mark.parametrize("place", ["s3://", "s3:///logs", "s3://b x/logs"])
def test_a_place_for_logs_of_steps_names_a_bucket(place: str) -> None:
    with pytest.raises(ValidationError, match="step_log_uri"):
        EmrSettings(step_log_uri=place)
    assert EmrSettings(step_log_uri="s3://b").step_log_uri == "s3://b"
