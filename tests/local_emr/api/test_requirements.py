from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from framework.emr import RELEASES
from framework.local_emr.api.operations import OFFERED
from tests.local_emr.api.endpoint import GROUPS, Endpoint, bash, refused

MASTER, CORE = GROUPS
TASK = {"InstanceRole": "TASK", "InstanceType": "m5.xlarge", "InstanceCount": 1}
TYPE = {"InstanceType": "m5.xlarge"}
FLEET = {"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": [TYPE]}


def groups(*some: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Instances": {"InstanceGroups": list(some), **more}}


def ebs(size: int = 32, **more: Any) -> dict[str, Any]:
    volume = {"VolumeSpecification": {"VolumeType": "gp3", "SizeInGB": size}, **more}
    return {"EbsConfiguration": {"EbsBlockDeviceConfigs": [volume]}}


def own_log(uri: str) -> dict[str, Any]:
    return {"Steps": [bash("true", StepMonitoringConfiguration={"S3MonitoringConfiguration": {"LogUri": uri}})]}


def fleets(*some: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Instances": {"InstanceGroups": None, "InstanceFleets": list(some), **more}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ReleaseLabel": "emr-99.0.0"}, "The supplied release label is invalid: emr-99.0.0."),
        ({"ReleaseLabel": None}, "Must specify exactly one of the following"),
        ({"ServiceRole": None}, "ServiceRole is required for creating cluster."),
        ({"JobFlowRole": None}, "InstanceProfile is required for creating cluster."),
        ({"Applications": [{"Name": "Sparkle"}]}, "Specified application: Sparkle is not valid"),
        ({"Applications": [{"Name": "Delta"}]}, "Specified application: Delta is not valid"),
        ({"SecurityConfiguration": "none"}, "Security configuration with name 'none' does not exist."),
        ({"StepConcurrencyLevel": 300}, "The step concurrency level must be between 1 and 256"),
        ({"AutoTerminationPolicy": {"IdleTimeout": 59}}, "The idle timeout must be between 60 and 604800"),
        (
            {"ManagedScalingPolicy": {"ComputeLimits": {
                "UnitType": "Instances", "MinimumCapacityUnits": 5, "MaximumCapacityUnits": 4}}},
            "Invalid configuration for managed scaling. The min capacity cannot be higher",
        ),
        ({"Instances": {"InstanceFleets": [FLEET]}}, "one and only one of the following"),
        ({"Instances": {"InstanceCount": 3}}, "one and only one of the following"),
        ({"Instances": {"Ec2SubnetIds": ["subnet-1", "subnet-2"]}}, "Only one subnet may be specified"),
        (groups(CORE), "Zero master instance groups were supplied"),
        (groups(MASTER, MASTER), "Multiple master instance groups supplied"),
        (groups(MASTER, CORE, CORE), "Multiple core instance groups supplied"),
        (groups(MASTER, TASK), "Clusters with task nodes must also define core nodes."),
        (groups({**MASTER, "InstanceCount": 2}), "A master instance group must specify a single instance"),
        (groups(MASTER, {**CORE, "InstanceCount": 0}), "An instance group must have at least one instance"),
        (groups({**MASTER, "InstanceType": "zz.huge"}), "Instance type 'zz.huge' is not supported."),
        (groups(MASTER, {**CORE, "BidPrice": "0.1"}), "Attempted to set bid price for on demand instance group."),
        (groups(MASTER, {**CORE, "Market": "SPOT", "BidPrice": "cheap"}), "The bid price supplied"),
        (groups(MASTER, {**CORE, "Market": "SPOT", "BidPrice": "0.1234"}), "No more than 3 digits"),
        (groups(MASTER, {**CORE, "Market": "SPOT", "BidPrice": "0"}), "negative or zero"),
        (fleets({**FLEET, "InstanceFleetType": "CORE"}), "No master instance fleets were supplied"),
        (fleets({**FLEET, "TargetOnDemandCapacity": 2}), "can only have a target capacity of 1"),
        (fleets({**FLEET, "InstanceTypeConfigs": [TYPE, TYPE]}), "contains duplicate instance types [m5.xlarge]"),
        (fleets({**FLEET, "InstanceTypeConfigs": []}), "must have at least one instance type"),
        (
            fleets({**FLEET, "InstanceTypeConfigs": [{"InstanceType": f"m{n}.xlarge"} for n in range(6)]}),
            "may have at most 5 instance types",
        ),
        (fleets({**FLEET, "InstanceTypeConfigs": [{**TYPE, "WeightedCapacity": 2}]}), "weighted capacity as 1"),
        (
            fleets(FLEET, {**FLEET, "InstanceFleetType": "CORE", "TargetOnDemandCapacity": 0}),
            "should have a value of one or greater",
        ),
        (groups(MASTER, {**CORE, "InstanceCount": 2001}), "may have at most 2000 instances: 2001"),
        (
            fleets(FLEET, {**FLEET, "InstanceFleetType": "CORE", "TargetSpotCapacity": 2000}),
            "may have at most 2000 instances: 2001",
        ),
        (groups({**MASTER, **ebs(-1)}), "The size of an EBS volume is not valid: -1"),
        (groups({**MASTER, **ebs(VolumesPerInstance=-1)}), "The number of EBS volumes of an instance is not valid"),
        (groups({**MASTER, **ebs(VolumesPerInstance=26)}), "The number of EBS volumes of an instance is not valid"),
        (fleets({**FLEET, "InstanceTypeConfigs": [{**TYPE, **ebs(0)}]}), "The size of an EBS volume is not valid: 0"),
        *[({"LogUri": uri}, f"The log URI '{uri}' is not valid") for uri in
          ("/var/log/x", "x", "s3://", "s3:///x", "file:///x", "hdfs:///x", "xs3://b")],
        (own_log("file:///x"), "The log URI 'file:///x' is not valid"),
        ({"ScaleDownBehavior": "NEVER"}, "Member must satisfy enum value set"),
        (groups({**MASTER, "Market": "GIFT"}), "at 'instances.instanceGroups.1.member.market' failed to satisfy"),
        ({"Name": "x" * 257}, "Member must have length less than or equal to 256"),
        *[({"Name": f"a{letter}"}, "at 'name' failed to satisfy constraint: Member must satisfy regular expression") for
          letter in ("\ud800", "\udc00", "\x1b[31m", "\0", "\ufffe")],
    ],
)  # fmt: skip
def test_what_emr_would_not_make_is_refused(shared: Endpoint, changes: dict[str, Any], said: str) -> None:
    def strip(value: Any) -> Any:
        return (
            {name: strip(each) for name, each in value.items() if each is not None}
            if isinstance(value, dict)
            else value
        )

    code, message = refused(shared.client().run_job_flow, **strip(shared.request(**changes)))
    assert code == "ValidationException"
    assert said in message
    assert shared.client().list_clusters()["Clusters"] == []


def test_names_have_all_characters_of_xml(endpoint: Endpoint) -> None:
    name = " ~\x85é\ud7ff\ue000\ufffd\U00010000😀\U0010ffff\r\n\t"
    assert endpoint.described(endpoint.cluster(Name=name))["Name"] == name


@pytest.mark.parametrize("scheme", ["s3", "s3n", "s3a"])
def test_logs_go_to_s3_by_the_names_of_all_its_connectors(endpoint: Endpoint, scheme: str) -> None:
    made = endpoint.cluster(LogUri=f"{scheme}://b", **own_log(f"{scheme}://b/logs/"))
    assert refused(endpoint.client().add_job_flow_steps, JobFlowId=made, **own_log("x"))[0] == "ValidationException"


def test_a_release_that_lakegate_does_not_know_is_not_implemented(shared: Endpoint) -> None:
    code, said = refused(shared.client().run_job_flow, **shared.request(ReleaseLabel="emr-5.36.0"))
    assert (code, "emr-5.36.0" in said) == ("NotImplemented", True)


def test_tags_have_keys_and_values_of_a_length(endpoint: Endpoint) -> None:
    emr, made = endpoint.client(), endpoint.cluster()
    for tag in ({"Key": ""}, {"Key": "k" * 129}, {"Key": "k", "Value": "v" * 257}):
        assert refused(emr.add_tags, ResourceId=made, Tags=[tag])[0] == "InvalidRequestException"
    emr.add_tags(ResourceId=made, Tags=[{"Key": "k" * 128, "Value": "v" * 256}])


@pytest.mark.parametrize("name", ["AmiVersion", "AdditionalInfo", "SessionEnabled", "SupportedProducts"])
def test_what_would_be_kept_and_do_nothing_is_not_implemented(endpoint: Endpoint, name: str) -> None:
    value: Any = {"SessionEnabled": True, "SupportedProducts": ["mapr"]}.get(name, "x")
    code, said = refused(endpoint.client().run_job_flow, **endpoint.request(**{name: value}))
    assert (code, name in said) == ("NotImplemented", True)


def test_every_operation_is_offered_or_refused_by_its_name(endpoint: Endpoint) -> None:
    emr, service = endpoint.client(), botocore.session.get_session().get_service_model("emr")
    left = sorted(set(service.operation_names) - set(OFFERED))
    assert (len(OFFERED), set(OFFERED) - set(service.operation_names)) == (40, set())
    assert {"DescribeJobFlows", "CreateStudio", "StartNotebookExecution"} <= set(left)
    for operation in left:
        request = _least(service.operation_model(operation).input_shape)
        code, said = refused(getattr(emr, xform_name(operation)), **request)
        assert (code, operation in said, "RunJobFlow" in said) == ("NotImplemented", True, True)


def _least(shape: Any) -> Any:
    """Return the smallest value that botocore sends for a shape."""
    values = {
        "string": "x" * (shape.metadata.get("min", 1) if shape else 1),
        "integer": 1,
        "long": 1,
        "boolean": True,
        "list": [],
        "map": {},
        "double": 1.0,
    }
    if shape is None or shape.type_name == "structure":
        return {name: _least(shape.members[name]) for name in (shape.required_members if shape else ())}
    return values[shape.type_name]


def test_an_unknown_cluster_is_refused_as_each_operation_does(endpoint: Endpoint) -> None:
    emr, id = endpoint.client(), "j-NONE"
    cluster = ("InvalidRequestException", f"Cluster id '{id}' is not valid.")
    assert refused(emr.describe_cluster, ClusterId=id) == cluster
    assert refused(emr.list_steps, ClusterId=id) == cluster
    assert refused(emr.describe_step, ClusterId=id, StepId="s-1") == cluster
    flow = ("ValidationException", "Specified job flow ID does not exist.")
    assert refused(emr.add_job_flow_steps, JobFlowId=id, Steps=[bash("true")]) == flow
    assert refused(emr.terminate_job_flows, JobFlowIds=[id]) == flow


def test_security_configurations_are_kept_under_their_names(endpoint: Endpoint) -> None:
    emr = endpoint.client()
    for name in ("one", "two"):
        emr.create_security_configuration(Name=name, SecurityConfiguration='{"EncryptionConfiguration": {}}')
    assert emr.describe_security_configuration(Name="one")["SecurityConfiguration"] == '{"EncryptionConfiguration": {}}'
    assert [each["Name"] for each in emr.list_security_configurations()["SecurityConfigurations"]] == ["two", "one"]
    taken = refused(emr.create_security_configuration, Name="one", SecurityConfiguration="{}")
    assert taken == ("InvalidRequestException", "Security configuration with name 'one' already exists.")
    for wrong in (
        "{",
        "[" * 100_000,
        '{"AuthorizationConfiguration": []}',
        '{"AuthorizationConfiguration": null}',
        '{"AuthorizationConfiguration": {"IAMConfiguration": 1}}',
    ):
        assert refused(emr.create_security_configuration, Name="x", SecurityConfiguration=wrong)[0] == taken[0]
    emr.delete_security_configuration(Name="one")
    gone = refused(emr.describe_security_configuration, Name="one")
    assert gone == ("InvalidRequestException", "Security configuration with name 'one' does not exist.")
    assert endpoint.client(region="eu-west-1").list_security_configurations()["SecurityConfigurations"] == []


def test_the_block_of_public_access_is_kept(endpoint: Endpoint) -> None:
    emr = endpoint.client()
    found = emr.get_block_public_access_configuration()["BlockPublicAccessConfiguration"]
    assert found["BlockPublicSecurityGroupRules"] is True
    emr.put_block_public_access_configuration(BlockPublicAccessConfiguration={"BlockPublicSecurityGroupRules": False})
    found = emr.get_block_public_access_configuration()["BlockPublicAccessConfiguration"]
    assert found["BlockPublicSecurityGroupRules"] is False


def test_releases_are_listed_and_described(endpoint: Endpoint) -> None:
    emr = endpoint.client()
    assert emr.list_release_labels()["ReleaseLabels"] == list(RELEASES)
    first = emr.list_release_labels(Filters={"Prefix": "emr-7"}, MaxResults=10)
    rest = emr.list_release_labels(Filters={"Prefix": "emr-7"}, NextToken=first["NextToken"])
    assert [*first["ReleaseLabels"], *rest["ReleaseLabels"]] == [each for each in RELEASES if each.startswith("emr-7.")]
    assert emr.list_release_labels(Filters={"Application": "spark@4.1.3"})["ReleaseLabels"] == ["emr-spark-8.2.0"]
    assert emr.list_release_labels(Filters={"Application": "MXNet", "Prefix": "emr-7"})["ReleaseLabels"] == [
        "emr-7.2.0",
        "emr-7.1.0",
        "emr-7.0.0",
    ]
    found = emr.describe_release_label(ReleaseLabel="emr-7.13.0")
    assert {"Name": "Spark", "Version": "3.5.6"} in found["Applications"]
    assert "Delta" not in {each["Name"] for each in found["Applications"]}
    assert refused(emr.describe_release_label, ReleaseLabel="emr-99.0.0")[0] == "ValidationException"


def test_instance_types_are_listed_for_a_release(endpoint: Endpoint) -> None:
    found, marker = [], {"Marker": ""}
    while marker:
        answer = endpoint.client().list_supported_instance_types(ReleaseLabel="emr-spark-8.1.0", **marker)
        found += answer["SupportedInstanceTypes"]
        marker = {"Marker": answer["Marker"]} if "Marker" in answer else {}
    graviton = next(each for each in found if each["Type"] == "m7g.xlarge")
    assert (graviton["VCPU"], graviton["Architecture"]) == (4, "AARCH64")
    assert len(found) == len({each["Type"] for each in found}) > 700
