import json
import shlex
from typing import Any

from framework.config import EmrSettings
from framework.emr.cluster.request import run_job_flow
from framework.emr.command import create_cluster, unsaid


def options(**cluster: Any) -> dict[str, list[str]]:
    """Return the options of the command as a shell takes it apart."""
    settings = EmrSettings.model_validate({"tags": {"team": "data science"}, "cluster": cluster})
    # A shell joins lines that end so; shlex does not.
    words = shlex.split(create_cluster(run_job_flow(settings, "none")).replace("\\\n", ""))
    assert words[:3] == ["aws", "emr", "create-cluster"]
    found: dict[str, list[str]] = {}
    for word in words[3:]:
        if word.startswith("--"):
            found[word] = last = []
        else:
            last.append(word)
    return found


def test_a_cluster_of_groups_is_said_as_the_command_names_things() -> None:
    said = options(subnets=["subnet-1"], name="a 'b'", bootstrap=[{"name": "n", "path": "s3://b/x.sh"}])
    assert said["--name"] == ["a 'b'"]
    assert said["--tags"] == ["team=data science"]
    assert json.loads(said["--ec2-attributes"][0]) == {"InstanceProfile": "EMR_EC2_DefaultRole", "SubnetId": "subnet-1"}
    primary, _, task = json.loads(said["--instance-groups"][0])
    assert primary == {
        "Name": "primary",
        "InstanceGroupType": "MASTER",
        "InstanceType": "m7g.xlarge",
        "InstanceCount": 1,
    }
    assert task["BidPrice"] == "OnDemandPrice"
    assert json.loads(said["--bootstrap-actions"][0]) == [{"Name": "n", "Path": "s3://b/x.sh"}]
    assert said["--no-auto-terminate"] == said["--no-termination-protected"] == []


def test_the_command_names_the_region_that_is_known() -> None:
    request = run_job_flow(EmrSettings(), "none")
    assert "--region eu-west-1" in create_cluster(request, "eu-west-1")
    assert "--region" not in create_cluster(request)


def test_a_cluster_of_fleets_and_what_the_command_has_no_option_for() -> None:
    fleet = {"types": [{"instance_type": "m7g.xlarge"}], "on_demand": 1}
    said = options(fleets={"primary": fleet, "core": fleet}, termination_protection=True)
    assert [each["InstanceFleetType"] for each in json.loads(said["--instance-fleets"][0])] == ["MASTER", "CORE"]
    assert "--termination-protected" in said
    logs = EmrSettings.model_validate({"cluster": {"cloudwatch": {}}})
    assert unsaid(run_job_flow(logs, "none")) == ["MonitoringConfiguration"]
    assert unsaid(run_job_flow(EmrSettings(), "none")) == []
