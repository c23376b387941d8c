import io
import json
import re
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from framework import aws
from framework.cli import clusters
from framework.emr.cluster.request import CREATION
from framework.errors import ClusterFailedError, UnknownClusterError
from tests.command import ROOT, Said, lakegate
from tests.emr.amazon import Amazon, faults, refusal

ACCOUNT, PASSWORD, PROPERTY = "123456789012", "kerberos-pw-1", "AKIAIOSFODNN7EXAMPLE"
KEY = f"arn:aws:kms:eu-north-1:{ACCOUNT}:key/1"
PROD = (ROOT / "conf" / "prod.toml").read_text()
MISSING = refusal("DescribeSecurityConfiguration", "InvalidRequestException")
SECURED = {"Name": "n", "CreationDateTime": "2026-11-21T00:00:00Z"}
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
Clients = dict[str, Any]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a project with the sample prod.toml of this repository."""
    for name in ("jobs", "conf"):
        (tmp_path / name).mkdir()
    (tmp_path / "jobs" / "flights.py").write_text("job = None\n")
    (tmp_path / "conf" / "prod.toml").write_text(PROD)
    return tmp_path


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    """Return the clients that the command is given, by service; one that is not here must not be made."""
    made: Clients = {}

    def client(service: str, _: Any, *, retries: bool = True) -> Any:
        found = made["once" if service == "emr" and not retries and "once" in made else service]
        found.meta = SimpleNamespace(region_name="eu-north-1", endpoint_url="https://aws.amazon.com")
        return found

    monkeypatch.setattr(aws, "client", client)
    monkeypatch.setattr(clusters, "clock", lambda: NOW)
    # Nobody is there to answer a question.
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return made


def call(home: Path, *arguments: str, **variables: Any) -> Said:
    return lakegate(home, "cluster", *arguments, "--env", "prod", **variables)


def first_json(text: str) -> Any:
    return json.JSONDecoder().raw_decode(text[text.index("{") :])[0]


# -- plan --------------------------------------------------------------------------------------------------------------


def test_the_sample_settings_make_a_request_that_aws_knows_and_plan_asks_nobody(home: Path, clients: Clients) -> None:
    said = call(home, "plan")
    assert said.code == 0, said.err
    request = first_json(said.out)
    assert faults("RunJobFlow", request) == []
    assert (request["ReleaseLabel"], request["LogUri"]) == ("emr-spark-8.2.0", "s3://your-bucket/logs/emr/")
    fleets = {each["InstanceFleetType"]: each for each in request["Instances"]["InstanceFleets"]}
    targets = [{name: n for name, n in fleets[role].items() if "Target" in name} for role in ("MASTER", "CORE", "TASK")]
    assert targets == [{"TargetOnDemandCapacity": 1}, {"TargetOnDemandCapacity": 1}, {"TargetSpotCapacity": 1}]
    limits = request["ManagedScalingPolicy"]["ComputeLimits"]
    assert (limits["MaximumCoreCapacityUnits"], limits["MaximumOnDemandCapacityUnits"]) == (1, 1)
    assert "aws emr create-cluster" in said.out
    advice = set(re.findall(r"^(unsafe|costly|unchecked)\s+(\S+):", said.out, re.MULTILINE))
    assert advice == {
        ("unsafe", "emr.cluster.subnets"),
        ("unsafe", "emr.cluster.security.disk"),
        ("unsafe", "emr.cluster.security.in_transit"),
    }


def test_plan_says_whether_subnets_are_public_or_that_nobody_looked(home: Path, clients: Clients) -> None:
    subnet = "--set=emr.cluster.subnets=subnet-1"
    tables = [{"Associations": [{"Main": True}], "Routes": [{"GatewayId": "igw-1"}]}]
    clients["ec2"] = Amazon(
        "ec2",
        describe_subnets=[{"Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1"}]}],
        describe_route_tables=[{"RouteTables": tables}],
    )
    assert "subnet-1 is public" in call(home, "plan", subnet).out
    clients["ec2"] = Amazon("ec2", describe_subnets=[refusal("DescribeSubnets", "UnauthorizedOperation")])
    assert "was not checked (DescribeSubnets: UnauthorizedOperation)" in call(home, "plan", subnet).out


def test_plan_works_where_there_is_no_region_and_no_credentials(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials that it once found
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    nowhere = {"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}
    said = call(home, "plan", "--set=emr.cluster.subnets=subnet-1", AWS_EC2_METADATA_DISABLED="true", **nowhere)
    assert said.code == 0, said.err
    assert "was not checked (You must specify a region. Set it, or AWS_DEFAULT_REGION.)" in said.out
    refused = call(home, "list", AWS_EC2_METADATA_DISABLED="true", **nowhere)
    assert (refused.code, "'aws.region'" in refused.err) == (2, True)
    known = {"AWS_DEFAULT_REGION": "eu-north-1", "AWS_EC2_METADATA_DISABLED": "true"}
    said = call(home, "plan", "--set=emr.cluster.subnets=subnet-1", **known, **nowhere)
    assert "Unable to locate credentials)" in said.out


def test_plan_doubts_a_region_that_may_be_new_and_refuses_what_is_none(home: Path, clients: Clients) -> None:
    said = call(home, "plan", "--set=aws.region=eu-nowhere-1")
    assert said.code == 0, said.err
    assert re.search(r"^unchecked aws.region: 'eu-nowhere-1' is not among", said.out, re.MULTILINE)
    refused = call(home, "plan", "--set=aws.region=nowhere")
    assert (refused.code, refused.out, "'nowhere' is no region" in refused.err) == (2, "", True)
    refused = call(home, "plan", "--set=aws.endpoint_url=localhost:5000")
    assert (refused.code, refused.out, "'aws.endpoint_url'" in refused.err) == (2, "", True)


def test_no_secret_and_no_number_of_an_account_is_printed(home: Path, clients: Clients) -> None:
    given = {
        "kerberos": {"realm": "EC2.INTERNAL"},
        "security": {"kdc": {}, "disk": {"kms_key": KEY}},
        "log_key": KEY,
        "cloudwatch": {"kms_key": KEY},
        "bootstrap": [{"name": "setup", "path": "s3://b/setup.sh", "arguments": ["--pw", PASSWORD]}],
        "configurations": {"hive-site": {"javax.jdo.option.ConnectionPassword": PROPERTY}},
    }
    variables = {f"LAKEGATE_EMR__CLUSTER__{name.upper()}": json.dumps(each) for name, each in given.items()}
    variables["LAKEGATE_EMR__CLUSTER__LOG_KEY"] = KEY
    secret = {"LAKEGATE_SECRETS__KDC_ADMIN_PASSWORD": PASSWORD}
    role = f"--set=emr.runtime_role=arn:aws:iam::{ACCOUNT}:role/steps"
    said = call(home, "plan", role, **variables, **secret)
    assert said.code == 0, said.err
    assert ACCOUNT not in said.out + said.err
    assert PASSWORD not in said.out + said.err
    assert PROPERTY not in said.out + said.err
    assert "arn:aws:kms:eu-north-1:ACCOUNT:key/1" in said.out
    attributes = first_json(said.out)["KerberosAttributes"]
    assert attributes == {"Realm": "EC2.INTERNAL", "KdcAdminPassword": "**********"}

    clients["emr"] = Amazon(
        describe_security_configuration=[MISSING],
        create_security_configuration=[SECURED],
        run_job_flow=[refusal("RunJobFlow", "ValidationException", f"no role in {ACCOUNT}")],
        list_clusters=[{"Clusters": []}],
    )
    failed = call(home, "create", "--yes", role, **variables, **secret)
    assert failed.code == 1
    assert ACCOUNT not in failed.out + failed.err
    assert PASSWORD not in failed.out + failed.err
    assert PROPERTY not in failed.out + failed.err
    (sent,) = clients["emr"].asked("run_job_flow")
    assert sent["KerberosAttributes"]["KdcAdminPassword"] == PASSWORD


def test_a_password_that_is_missing_is_said_before_anything_is_made(home: Path, clients: Clients) -> None:
    variables = {
        "LAKEGATE_EMR__CLUSTER__KERBEROS": '{"realm": "R"}',
        "LAKEGATE_EMR__CLUSTER__SECURITY": '{"kdc": {}}',
        "LAKEGATE_AWS__SECRETS": "false",
    }
    said = call(home, "create", "--yes", **variables)
    assert said.code == 1
    assert "LAKEGATE_SECRETS__KDC_ADMIN_PASSWORD" in said.err


def test_what_does_not_fit_is_refused_with_the_name_of_the_setting(home: Path, clients: Clients) -> None:
    said = call(home, "plan", "--set=emr.cluster.idle_timeout=5")
    assert (said.code, "'emr.cluster.idle_timeout'" in said.err) == (2, True)
    said = call(home, "plan", "--set=emr.architecture=x86_64")
    assert (said.code, "m7g.xlarge" in said.err) == (1, True)
    said = call(home, "plan", "--set=emr.release=emr-99.0.0")
    assert (said.code, "No EMR release" in said.err) == (1, True)


def command(out: str) -> list[str]:
    """Return the words of the printed command, as a shell takes them apart."""
    text = out[out.index("aws emr create-cluster") :].partition("\n\n")[0]
    lexer = shlex.shlex(text.replace("\\\n", ""), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


def test_the_printed_command_can_be_pasted_where_an_account_is_masked(home: Path, clients: Clients) -> None:
    uri = f"--set=emr.cluster.log_uri=s3://logs-{ACCOUNT}-eu/emr"
    said = call(
        home,
        "plan",
        uri,
        "--set=aws.region=eu-west-1",
        "--set=emr.cluster.name=the secret-1",
        LAKEGATE_SECRETS__DB="secret-1",
    )
    words = command(said.out)
    assert words[words.index("--log-uri") + 1] == "s3://logs-ACCOUNT-eu/emr"
    assert words[words.index("--region") + 1] == "eu-west-1"
    assert words[words.index("--name") + 1] == "the **********"
    assert "ACCOUNT stands for the number of the account" in said.err


def test_a_secret_too_short_to_be_told_from_a_word_masks_no_word(home: Path, clients: Clients) -> None:
    assert "Name" in first_json(call(home, "plan", LAKEGATE_SECRETS__DB="a").out)


# -- create ------------------------------------------------------------------------------------------------------------


def creating(**more: Any) -> Amazon:
    given = {
        "describe_security_configuration": [MISSING],
        "create_security_configuration": [SECURED],
        "run_job_flow": [{"JobFlowId": "j-1"}],
        "list_clusters": [{"Clusters": []}],
    }
    return Amazon(**{**given, **more})


def test_create_asks_makes_both_and_says_how_to_follow(
    home: Path, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients["emr"] = emr = creating()
    refused = call(home, "create")
    assert (refused.code, [name for name, _ in emr.calls]) == (2, ["list_clusters"])
    assert "--yes" in refused.err
    said = call(home, "create", "--yes")
    assert said.code == 0, said.err
    assert "unsafe    emr.cluster.subnets" in said.out
    assert "j-1  lakegate" in said.out
    assert "#/clusterDetails/j-1" in said.out
    assert "`lakegate cluster show j-1 --env prod`" in said.out
    assert "`lakegate cluster terminate j-1 --env prod`" in said.out
    (sent,) = emr.asked("run_job_flow")
    (secured,) = emr.asked("create_security_configuration")
    assert sent["SecurityConfiguration"] == secured["Name"]
    assert CREATION in [tag["Key"] for tag in sent["Tags"]]


def test_two_creations_have_two_tokens_and_one_that_is_named_is_looked_for_first(home: Path, clients: Clients) -> None:
    def token(emr: Amazon) -> str:
        return next(str(tag["Value"]) for tag in emr.asked("run_job_flow")[0]["Tags"] if tag["Key"] == CREATION)

    tokens = []
    for _ in range(2):
        clients["emr"] = creating()
        assert call(home, "create", "--yes").code == 0
        tokens.append(token(clients["emr"]))
    assert tokens[0] != tokens[1]
    tagged = {"Cluster": {"Id": "j-5", "Status": {"State": "WAITING"}, "Tags": [{"Key": CREATION, "Value": "t1"}]}}
    clients["emr"] = emr = Amazon(
        list_clusters=[{"Clusters": [{"Id": "j-5", "Name": "lakegate"}]}], describe_cluster=[tagged]
    )
    said = call(home, "create", "--yes", "--creation", "t1")
    assert (said.code, "j-5  lakegate" in said.out) == (0, True)
    assert emr.asked("run_job_flow") == []
    clients["emr"] = creating(list_clusters=[{"Clusters": []}])
    assert call(home, "create", "--yes", "--creation", "t1").code == 0
    assert token(clients["emr"]) == "t1"


def test_create_says_that_a_cluster_of_the_same_name_is_there(home: Path, clients: Clients) -> None:
    there = [{"Id": "j-8", "Name": "lakegate"}, {"Id": "j-9", "Name": "other"}]
    clients["emr"] = creating(list_clusters=[{"Clusters": there}])
    said = call(home, "create", "--yes")
    assert "j-8 is active under the same name" in said.out
    assert "j-9" not in said.out


def test_the_call_that_makes_a_cluster_is_never_repeated_by_boto3(home: Path, clients: Clients) -> None:
    clients["emr"] = creating()
    clients["once"] = once = Amazon(run_job_flow=[{"JobFlowId": "j-7"}])
    assert "j-7  lakegate" in call(home, "create", "--yes").out
    assert len(once.calls) == 1
    assert clients["emr"].asked("run_job_flow") == []


def test_create_waits_until_it_is_up_and_fails_when_it_ends(home: Path, clients: Clients) -> None:
    clients["emr"] = creating(describe_cluster=[{"Cluster": {"Status": {"State": "WAITING"}}}])
    said = call(home, "create", "--yes", "--wait")
    assert (said.code, said.out.splitlines()[-1]) == (0, "  WAITING")
    why = {"Code": "BOOTSTRAP_FAILURE", "Message": "exit 1"}
    ended = {"Cluster": {"Status": {"State": "TERMINATED_WITH_ERRORS", "StateChangeReason": why}}}
    clients["emr"] = creating(describe_cluster=[ended])
    said = call(home, "create", "--yes", "--wait")
    assert (said.code, "BOOTSTRAP_FAILURE: exit 1" in said.err) == (1, True)


def test_the_token_is_said_before_the_call(home: Path, clients: Clients) -> None:
    def interrupted(**_: Any) -> Any:
        raise KeyboardInterrupt

    clients["emr"] = creating()
    clients["once"] = once = Amazon(run_job_flow=interrupted)
    said = call(home, "create", "--yes")
    assert said.code == 130
    (sent,) = once.asked("run_job_flow")
    token = next(tag["Value"] for tag in sent["Tags"] if tag["Key"] == CREATION)
    assert f"Creation {token}:" in said.out


@pytest.mark.parametrize("state", ["TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"])
def test_a_creation_whose_cluster_has_ended_is_an_error(home: Path, clients: Clients, state: str) -> None:
    status = {"State": state, "StateChangeReason": {"Code": "USER_REQUEST"}}
    tagged = {"Cluster": {"Id": "j-5", "Status": status, "Tags": [{"Key": CREATION, "Value": "t1"}]}}
    clients["emr"] = emr = Amazon(
        list_clusters=[{"Clusters": [{"Id": "j-5", "Name": "lakegate"}]}], describe_cluster=[tagged]
    )
    said = call(home, "create", "--yes", "--creation", "t1")
    assert (said.code, type(said.error)) == (1, ClusterFailedError)
    assert f"j-5 is {state}: USER_REQUEST" in said.err
    assert emr.asked("run_job_flow") == []


# -- list, show, resize, terminate -------------------------------------------------------------------------------------


def test_list_shows_active_clusters_or_says_that_there_is_none(home: Path, clients: Clients) -> None:
    status = {"State": "WAITING", "Timeline": {"CreationDateTime": NOW}}
    found = {"Id": "j-1", "Name": "nightly", "Status": status, "NormalizedInstanceHours": 1234}
    clients["emr"] = Amazon(list_clusters=[{"Clusters": [found]}])
    said = call(home, "list")
    assert all(word in said.out for word in ("j-1", "nightly", "WAITING", "2026-11-21 12:00", "1,234"))
    clients["emr"] = Amazon(list_clusters=[{"Clusters": []}])
    assert "--all" in call(home, "list").out
    assert call(home, "list", "--all").out == "There is no cluster.\n"


def test_list_shows_the_whole_of_ids_and_names_also_where_there_is_little_room(home: Path, clients: Clients) -> None:
    status = {"State": "WAITING", "Timeline": {"CreationDateTime": NOW}}
    found = {"Id": "j-MSG4TKX8SQT4U", "Name": "lakegate-transient-1a2b3c4d", "Status": status}
    clients["emr"] = Amazon(list_clusters=[{"Clusters": [found]}])
    said = call(home, "list", COLUMNS="80")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.out.splitlines() if "│" in line]
    assert rows[0][0] == "j-MSG4TKX8SQT4U"
    assert "".join(row[1] for row in rows) == "lakegate-transient-1a2b3c4d"


def test_show_says_how_a_cluster_is(home: Path, clients: Clients) -> None:
    cluster = {
        "Id": "j-1",
        "Name": "lakegate",
        "ReleaseLabel": "emr-7.14.0",
        "LogUri": "s3n://b/logs/",
        "Status": {"State": "RUNNING", "Timeline": {"CreationDateTime": datetime(2026, 11, 21, 9, 30, tzinfo=UTC)}},
    }
    group = {
        "Id": "ig-1",
        "Name": "core",
        "InstanceGroupType": "CORE",
        "InstanceType": "m7g.xlarge",
        "Market": "SPOT",
        "RequestedInstanceCount": 3,
        "RunningInstanceCount": 2,
        "Status": {"State": "RESIZING"},
    }
    clients["emr"] = Amazon(
        list_clusters=[{"Clusters": [{"Id": "j-1", "Name": "lakegate"}]}],
        describe_cluster=[{"Cluster": cluster}],
        list_steps=[{"Steps": [{"Status": {"State": "PENDING"}}]}],
        list_instance_groups=[{"InstanceGroups": [group]}],
    )
    measured = {"MetricDataResults": [{"Id": "m0", "Values": [5.0]}]}
    clients["cloudwatch"] = Amazon("cloudwatch", get_metric_data=[measured])
    said = call(home, "show")
    assert said.code == 0, said.err
    for words in (
        "j-1  lakegate: RUNNING",
        "is up for 2:30:00",
        "0 running, 1 pending",
        "s3://b/logs/",
        "https://eu-north-1.console.aws.amazon.com/emr/home?region=eu-north-1#/clusterDetails/j-1",
        "YARNMemoryAvailablePercentage 5",
        "core: 2 of 3 running (RESIZING)",
        "YARN has less than 10 %",
    ):
        assert words in said.out


def test_resize_changes_bounds_and_nodes_and_refuses_what_it_cannot_read(home: Path, clients: Clients) -> None:
    limits = {"UnitType": "Instances", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 9}
    group = {
        "Id": "ig-1",
        "Name": "core",
        "InstanceGroupType": "CORE",
        "InstanceType": "m7g.xlarge",
        "Status": {"State": "RUNNING"},
    }
    clients["emr"] = emr = Amazon(
        get_managed_scaling_policy=[{"ManagedScalingPolicy": {"ComputeLimits": limits}}],
        put_managed_scaling_policy=[{}],
        describe_cluster=[{"Cluster": {"InstanceCollectionType": "INSTANCE_GROUP"}}],
        list_instance_groups=[{"InstanceGroups": [group]}],
        modify_instance_groups=[{}],
    )
    said = call(home, "resize", "j-1", "--max", "20", "--nodes", "core=2")
    assert "j-1 scales between 1 and 20 Instances." in said.out
    assert "`lakegate cluster show j-1 --env prod`" in said.out
    assert emr.asked("modify_instance_groups")[0]["InstanceGroups"] == [{"InstanceGroupId": "ig-1", "InstanceCount": 2}]
    assert call(home, "resize", "j-1").code == 2
    assert call(home, "resize", "j-1", "--nodes", "core").code == 2


@pytest.mark.parametrize(("arguments", "code"), [((), 1), (("--unprotect",), 0)])
def test_terminate_heeds_protection(home: Path, clients: Clients, arguments: tuple[str, ...], code: int) -> None:
    protected = {"Cluster": {"TerminationProtected": True, "Status": {"State": "WAITING"}}}
    clients["emr"] = emr = Amazon(
        describe_cluster=[protected], set_termination_protection=[{}], terminate_job_flows=[{}]
    )
    said = call(home, "terminate", "j-1", "--yes", *arguments)
    assert said.code == code
    assert bool(emr.asked("terminate_job_flows")) == (code == 0)


def test_terminate_asks_unless_it_is_told_not_to(home: Path, clients: Clients) -> None:
    clients["emr"] = emr = Amazon(
        describe_cluster=[{"Cluster": {"Status": {"State": "WAITING"}}}], terminate_job_flows=[{}]
    )
    assert call(home, "terminate", "j-1").code == 2
    assert emr.calls == []
    assert call(home, "terminate", "j-1", "--yes").out == "j-1 is terminating.\n"


def test_a_cluster_lives_and_ends_with_the_clients_that_boto3_makes(home: Path) -> None:
    (home / "conf" / "prod.toml").write_text(PROD.partition("# What must not go away")[0])  # groups, which moto knows
    with mock_aws():

        def called(*arguments: str) -> str:
            keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
            said = call(home, *arguments, AWS_DEFAULT_REGION="eu-north-1", **keys)
            assert said.code == 0, said.err
            return said.out

        first = called("create", "--yes", "--wait")
        assert "Made the security configuration lakegate-" in first
        assert first.endswith("  WAITING\n")
        assert "Made the security configuration" not in called("create", "--yes", "--set=emr.cluster.name=second")
        assert "lakegate: WAITING" in called("show")
        assert "second" in called("list")
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        for verb in (["show"], ["terminate", "--yes"]):
            said = call(home, *verb, "j-NOPE", AWS_DEFAULT_REGION="eu-north-1", **keys)
            assert (said.code, type(said.error)) == (1, UnknownClusterError)
        assert "is terminating" in called("terminate", "--yes")
        assert "is terminating" in called("terminate", "second", "--yes")
        assert called("list") == "There is no active cluster; --all lists those that ended.\n"


@pytest.mark.parametrize("verb", ["plan", "create", "list", "show", "resize", "terminate"])
def test_each_verb_has_help(verb: str, home: Path) -> None:
    said = lakegate(home, "cluster", verb, "--help")
    assert (said.code, "--env" in said.out) == (0, True)
