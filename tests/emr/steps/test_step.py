from pathlib import Path
from typing import Any

import pytest

from framework.arguments import SAFE, unpack
from framework.config import Settings
from framework.config.steps import Bash, CustomJar, HiveScript, S3DistCp
from framework.emr.steps.credentials import refuse_properties
from framework.emr.steps.spark import SparkJob
from framework.emr.steps.step import Chain, add_request, chain, step_requests
from framework.errors import CredentialRefusedError, SettingError, StepTooLongError
from tests.emr.amazon import faults
from tests.emr.things import bundle, settings

FLIGHTS = SparkJob("flights", "prod", {"max_gap_hours": "2"}, ("lake.root=s3://other/lake",))
HELLO = Bash(kind="bash", name="hello", command="echo hello")


def made(tmp_path: Path, *works: Any, given: Settings | None = None, **more: Any) -> Chain:
    more = {"on_failure": "continue", "token": "abc", **more}
    return chain(works, given or settings(), bundle(tmp_path), **more)


def test_a_job_is_run_by_spark_in_cluster_mode_with_all_that_it_needs(tmp_path: Path) -> None:
    sent = bundle(tmp_path)
    at = [f"s3://artifacts/lakegate/{each.sha256[:16]}/{each.path.name}" for each in sent]
    entrypoint, lakegate, jobs, deps, _ = at
    (request,) = step_requests(made(tmp_path, FLIGHTS, region="eu-west-1"))
    args = request["HadoopJarStep"]["Args"]
    confs = [args[n + 1] for n, arg in enumerate(args) if arg == "--conf"]
    assert request["HadoopJarStep"]["Jar"] == "command-runner.jar"
    assert args[:5] == ["spark-submit", "--deploy-mode", "cluster", "--name", "flights"]
    jars = "local:/usr/share/aws/delta/lib/delta-spark.jar,local:/usr/share/aws/delta/lib/delta-storage.jar"
    assert args[5:9] == ["--jars", jars, "--archives", f"{lakegate}.zip#wheel1,{jobs}.zip#wheel2,{deps}#deps"]
    assert confs == [
        "spark.yarn.maxAppAttempts=1",
        "spark.yarn.appMasterEnv.PYTHONPATH=wheel1:wheel2:deps",
        "spark.yarn.appMasterEnv.PYSPARK_PYTHON=/usr/bin/python3.11",
        "spark.yarn.appMasterEnv.AWS_DEFAULT_REGION=eu-west-1",
        "spark.executorEnv.PYTHONPATH=wheel1:wheel2:deps",
        "spark.executorEnv.PYSPARK_PYTHON=/usr/bin/python3.11",
        "spark.yarn.tags=lakegate-abc-001",
    ]
    job = ["flights", "--env", "prod", "--max-gap-hours=2", "--set=lake.root=s3://other/lake"]
    assert args[9 + 2 * len(confs) :] == [entrypoint, *job]


def test_the_settings_add_properties_and_cannot_take_away_what_the_job_needs(tmp_path: Path) -> None:
    conf = {
        "spark.yarn.maxAppAttempts": 2,
        "spark.dynamicAllocation.enabled": True,
        "spark.executorEnv.PYTHONPATH": "mine",
        "spark.yarn.tags": "team",
    }
    (request,) = made(tmp_path, FLIGHTS, given=settings(conf=conf, python="3.13")).requests
    args = request["HadoopJarStep"]["Args"]
    assert "spark.yarn.maxAppAttempts=2" in args
    assert "spark.dynamicAllocation.enabled=true" in args
    assert "spark.executorEnv.PYTHONPATH=wheel1:wheel2:deps" in args
    assert "spark.yarn.tags=team,lakegate-abc-001" in args
    assert "spark.executorEnv.PYSPARK_PYTHON=/usr/bin/python3.13" in args


def test_a_chain_is_one_call_that_amazon_s_model_allows(tmp_path: Path) -> None:
    role, key = "arn:aws:iam::123456789012:role/steps", "arn:aws:kms:eu-west-1:123456789012:key/k"
    given = settings(runtime_role=role, step_log_uri="s3://logs/steps", step_log_key=key)
    request = add_request("j-1", made(tmp_path, FLIGHTS, HELLO, given=given, on_failure="cancel-and-wait"), given.emr)
    assert faults("AddJobFlowSteps", dict(request)) == []
    assert request["ExecutionRoleArn"] == role
    assert [each["Name"] for each in request["Steps"]] == ["flights", "hello"]
    assert {each["ActionOnFailure"] for each in request["Steps"]} == {"CANCEL_AND_WAIT"}
    logs = {"S3MonitoringConfiguration": {"LogUri": "s3://logs/steps", "EncryptionKeyArn": key}}
    assert [each["StepMonitoringConfiguration"] for each in request["Steps"]] == [logs, logs]
    marks = [each["HadoopJarStep"]["Properties"][-1] for each in request["Steps"]]
    assert marks == [{"Key": "lakegate.submission", "Value": f"lakegate-abc-00{n}"} for n in (1, 2)]


def test_what_is_not_set_is_not_said(tmp_path: Path) -> None:
    request = add_request("j-1", made(tmp_path, HELLO), settings().emr)
    assert set(request) == {"JobFlowId", "Steps"}
    assert set(request["Steps"][0]) == {"Name", "ActionOnFailure", "HadoopJarStep"}
    assert set(request["Steps"][0]["HadoopJarStep"]) == {"Jar", "Args", "Properties"}


@pytest.mark.parametrize(("choice", "action"), [("continue", "CONTINUE"), ("terminate", "TERMINATE_CLUSTER")])
def test_what_a_failure_does_is_said_of_each_step(tmp_path: Path, choice: Any, action: str) -> None:
    assert {each["ActionOnFailure"] for each in made(tmp_path, FLIGHTS, HELLO, on_failure=choice).requests} == {action}


def test_the_strings_of_a_step_are_counted_to_the_last_one(tmp_path: Path) -> None:
    def jar(argument: str) -> CustomJar:
        return CustomJar(
            kind="jar", name="it", jar="s3://b/x.jar", main_class="M", args=(argument,), properties={"a": "b"}
        )

    sent = ["s3://b/x.jar", "M", "a", "b", "lakegate.submission", "lakegate-abc-001"]
    room = 10_240 - sum(map(len, sent))
    (request,) = made(tmp_path, jar("x" * room)).requests
    assert request["HadoopJarStep"]["Args"] == ["x" * room]
    with pytest.raises(StepTooLongError, match=r"'it' have 10,241 characters, and EMR takes 10,240.*'xxx"):
        made(tmp_path, jar("x" * (room + 1)))


def test_a_job_needs_a_folder_for_its_artifacts(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"emr\.artifacts"):
        made(tmp_path, FLIGHTS, given=settings(artifacts=None))
    made(tmp_path, HELLO, given=settings(artifacts=None))


@pytest.mark.parametrize(
    ("work", "conf", "where"),
    [
        (FLIGHTS, {"spark.hadoop.fs.s3a.secret.key": "hunter2hunter2"}, "spark.hadoop.fs.s3a.secret.key"),
        (FLIGHTS, {"spark.mine": "AKIAIOSFODNN7EXAMPLE"}, "spark.mine"),
        (FLIGHTS, {"spark.url": "jdbc:postgresql://u:hunter2" + "@host/db"}, "spark.url"),
        (SparkJob("a", "prod", {}, ("spark.conf.spark.password=hunter2",)), {}, "spark.conf.spark.password"),
        (SparkJob("a", "prod", {"x": "AKIAIOSFODNN7EXAMPLE"}), {}, "Parameter 'x' of job 'a'"),
        (SparkJob("a", "prod", {"x": "say hunter2 aloud"}), {}, "step 'a'"),
        (HELLO.model_copy(update={"command": "echo hunter2"}), {}, "step 'hello'"),
    ],
)
def test_a_credential_is_refused_and_not_repeated(tmp_path: Path, work: Any, conf: Any, where: str) -> None:
    with pytest.raises(CredentialRefusedError) as refused:
        made(tmp_path, work, given=settings(conf=conf), secrets=["hunter2", "", "a"])
    assert where in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert "AKIA" not in str(refused.value)


def test_a_key_by_its_address_and_a_switch_are_no_credentials(tmp_path: Path) -> None:
    key = "arn:aws:kms:eu-west-1:123456789012:key/k"
    conf = {"spark.hadoop.fs.s3a.encryption.key": key, "spark.security.credentials.hive.enabled": False}
    (request,) = made(tmp_path, FLIGHTS, given=settings(conf=conf)).requests
    assert f"spark.hadoop.fs.s3a.encryption.key={key}" in request["HadoopJarStep"]["Args"]


def test_a_chain_knows_what_the_cluster_must_have(tmp_path: Path) -> None:
    assert made(tmp_path, FLIGHTS, HELLO).applications == {"Spark"}
    assert made(tmp_path, HELLO).applications == frozenset()


def test_what_a_shell_would_change_is_packed_and_the_rest_stays_readable(tmp_path: Path) -> None:
    job = SparkJob("a", "prod", {"note": "`id`", "day": "2026-11-21"}, ('lake.root=s3://{"x"}',))
    (request,) = made(tmp_path, job).requests
    args = request["HadoopJarStep"]["Args"][-6:]
    assert args[:3] == ["a", "--env", "prod"]
    assert args[4] == "--day=2026-11-21"
    assert all(SAFE.fullmatch(each) for each in args)
    assert tuple(unpack(args)) == job.args


def test_a_secret_of_this_shell_is_found_in_what_is_packed(tmp_path: Path) -> None:
    for text in ("`hunter2`", "{AKIAIOSFODNN7EXAMPLE}"):
        with pytest.raises(CredentialRefusedError, match="'a'"):
            made(tmp_path, SparkJob("a", "prod", {"x": text}), secrets=["hunter2"])


JAR = CustomJar(kind="jar", name="it", jar="s3://b/x.jar")
HIVE = HiveScript(kind="hive-script", name="it", script="s3://b/x.hql")


@pytest.mark.parametrize(
    "work",
    [
        JAR.model_copy(update={"args": ("--password", "hunter2")}),
        JAR.model_copy(update={"args": ("--db-password=hunter2",)}),
        JAR.model_copy(update={"args": ("-dbPassword", "hunter2")}),
        JAR.model_copy(update={"args": ("--conf", "db.password=hunter2")}),
        JAR.model_copy(update={"args": ("-Dpassword=hunter2",)}),
        JAR.model_copy(update={"args": ("-Djavax.net.ssl.keyStorePassword=hunter2",)}),
        JAR.model_copy(update={"args": ("--dbpassword", "hunter2")}),
        JAR.model_copy(update={"args": ("--ACCESS_KEY=hunter2",)}),
        JAR.model_copy(update={"args": ("--conf=db.password=hunter2",)}),
        JAR.model_copy(update={"args": ('{"password": "hunter2"}',)}),
        JAR.model_copy(update={"args": ("https://host/x?user=me&token=hunter2",)}),
        JAR.model_copy(update={"properties": {"db.password": "hunter2"}}),
        JAR.model_copy(update={"properties": {"fs.s3a.access.key": "hunter2"}}),
        HIVE.model_copy(update={"variables": {"api_key": "hunter2"}}),
        HELLO.model_copy(update={"command": "mysql --password hunter2 -e 'select 1'"}),
        HELLO.model_copy(update={"command": "TOKEN='hunter2' ./run it's"}),
        SparkJob("a", "prod", {"api_token": "hunter2"}),
        SparkJob("a", "prod", {"privateKey": "hunter2"}),
        SparkJob("a", "prod", {"token": "hunter2"}),
        SparkJob("a", "prod", {"client_secret": "hunter2"}),
        SparkJob("a", "prod", {"db_password": "hunter2"}),
        SparkJob("a", "prod", {"url": "jdbc:sqlserver://h;user=etl;password=hunter2"}),
        SparkJob("a", "prod", {"options": "-Dpassword=hunter2"}),
        JAR.model_copy(update={"args": ("--password", "-hunter2")}),
        JAR.model_copy(update={"args": ("--password", "-x")}),
        JAR.model_copy(update={"args": ("-u", "etl", "-p", "hunter2")}),
        JAR.model_copy(update={"args": ("-p", "hunter2", "--username=etl")}),
        JAR.model_copy(update={"args": ("-H", "My-Api-Key: hunter2")}),
        JAR.model_copy(update={"args": ("jdbc:sqlserver://h:1433;databaseName=a;user=b;password=hunter2",)}),
        JAR.model_copy(update={"args": ("jdbc:postgresql://h/db?user=etl&password=hunter2",)}),
        JAR.model_copy(update={"properties": {"mapred.child.java.opts": "-Xmx1g -Dpassword=hunter2"}}),
        JAR.model_copy(update={"properties": {"url": "jdbc:sqlserver://h;user=etl;password=hunter2"}}),
        HELLO.model_copy(update={"command": "cd /tmp && ./load -U etl -p hunter2 | tee log"}),
        HELLO.model_copy(update={"command": "export PGPASSWORD=hunter2; psql -c 'select 1'"}),
    ],
)
def test_what_has_the_name_of_a_secret_is_refused_and_not_repeated(tmp_path: Path, work: Any) -> None:
    with pytest.raises(CredentialRefusedError, match="name of a secret") as refused:
        made(tmp_path, work)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "work",
    [
        SparkJob("a", "prod", {"primary_key": "id", "keys": "a,b", "max_tokens": "5", "password": "", "monkey": "x"}),
        S3DistCp(
            kind="s3-dist-cp", name="it", src="s3://b/secret/day=1", dest="s3://b/token/x", args=("--s3ServerSide",)
        ),
        JAR.model_copy(update={"args": ("--primary-key", "id", "--password-file", "/etc/p", "--secret-id=prod/db")}),
        JAR.model_copy(update={"args": ("--token", "--verbose", "arn:aws:secretsmanager:eu-west-1:1:secret:db")}),
        JAR.model_copy(update={"properties": {"hadoop.security.credential.provider.path": "jceks://hdfs/x"}}),
        HELLO.model_copy(update={"command": 'TOKEN=$(aws x --secret-id db) && mysql --password "$TOKEN"'}),
        SparkJob(
            "a", "prod", {"next_token": "AbC123", "page_token": "x9", "nextPageToken": "x", "from_secret": "prod/db"}
        ),
        SparkJob(
            "a", "prod", {"continuation-token": "x9", "secret_manager_region": "eu-west-1", "no_password": "maybe"}
        ),
        SparkJob("a", "prod", {"account_key": "account_id", "note": "basic statistics of bearer certificates"}),
        HELLO.model_copy(update={"command": "mkdir -p /tmp/x && id -u etl; ssh -p 2222 -u etl host"}),
        JAR.model_copy(update={"args": ("-p", "orders", "-U", "etl", "-p", "5432", "-p", "s3://b/x")[2:]}),
        JAR.model_copy(
            update={"args": ("--token", "-v", "--passwords", "x", "--use-password", "--no-password", "host")}
        ),
        JAR.model_copy(update={"args": ("-H", "Authorization: Bearer $TOKEN", "https://host:8443/a?user=x@y")}),
        JAR.model_copy(update={"args": ("jdbc:postgresql://host:5432/db?user=etl", "hdfs://nn:8020/a@b")}),
        JAR.model_copy(
            update={"args": ("s3://b/npm_package_downloads_by_country_and_day/sk-analytics-pipeline-2026",)}
        ),
    ],
)
def test_what_only_sounds_like_a_secret_is_sent(tmp_path: Path, work: Any) -> None:
    assert made(tmp_path, work).requests


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("spark.jdbc.pwd", "hunter2"),
        ("spark.hadoop.fs.s3a.secret.key", "abc"),
        ("spark.driver.extraJavaOptions", "-Djavax.net.ssl.trustStorePassword=hunter2"),
    ],
)
def test_a_property_that_has_the_name_of_a_secret_is_refused(name: str, value: str) -> None:
    with pytest.raises(CredentialRefusedError) as refused:
        refuse_properties({name: value}, "Property", "emr.conf")
    assert value not in str(refused.value)


JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5NXgL0n3I9PlFUP0THsR8U"
FORMS = {
    "AKIA" + "IOSFODNN7EXAMPLE": "x AKIAIOSFODNN7EXAMPLE y",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "hunter2hunter2": "Authorization: Bearer hunter2hunter2",
    "hunter2bearer": "authorization=bearer hunter2bearer",
    "ZXRsOmh1bnRlcjI=": "Authorization: Basic ZXRsOmh1bnRlcjI=",
    "a1b2c3d4e5f6a7b8c9d0": "Bearer a1b2c3d4e5f6a7b8c9d0",
    JWT: f"of {JWT}",
    "0123456789abcdefABCDEF0123456789abcd": "ghp_" + "0123456789abcdefABCDEF0123456789abcd",
    "11ABCDEFG0_0123456789abcdef": "github_pat_" + "11ABCDEFG0_0123456789abcdef",
    "ABCDEFghij0123456789": "glpat-" + "ABCDEFghij0123456789",
    "123456789012-hunter2x": "xoxb-" + "123456789012-hunter2x",
    "hunter2x": "https://hooks.slack.com/services/T0/B0/hunter2x",
    "hunter2url": "jdbc:mysql:" + "//etl:hunter2url@db:3306/orders",
    "hunter2nobody": "redis:" + "//:hunter2nobody@h:1/0",
    "tigerx": "jdbc:oracle:thin:scott/tigerx@//h:1521/x",
    "hunter2sig": "https://a.blob/x?sv=1&sig=hunter2sig%3D&se=1",
    "0a1b2c3d4e5f": "https://b.s3.amazonaws.com/k?X-Amz-Signature=0a1b2c3d4e5f&X-Amz-Date=1",
    "MIIEhunter2": "-----BEGIN RSA PRIVATE KEY-----MIIEhunter2",
    "hunter2key": "X-Api-Key:hunter2key",
    "hunter2sql": "create user etl identified by 'hunter2sql'",
    "hunter2curl": "curl -s -u etl:hunter2curl https://h",
    "hunter2ssh": "sshpass -p hunter2ssh ssh host",
    "hunter2my": "mysql -u etl -phunter2my db",
}


@pytest.mark.parametrize(("secret", "text"), FORMS.items(), ids=list(FORMS.values()))
@pytest.mark.parametrize("place", ["argument", "command", "parameter", "property", "override"])
def test_what_has_the_form_of_a_secret_is_refused_wherever_it_stands(
    tmp_path: Path, secret: str, text: str, place: str
) -> None:
    works = {
        "argument": JAR.model_copy(update={"args": ("--note", text)}),
        "command": HELLO.model_copy(update={"command": text}),
        "parameter": SparkJob("a", "prod", {"note": text}),
        "property": JAR.model_copy(update={"properties": {"note": text}}),
        "override": SparkJob("a", "prod", {}, (f"spark.conf.spark.note={text}",)),
    }
    with pytest.raises(CredentialRefusedError) as refused:
        made(tmp_path, works[place])
    assert secret not in str(refused.value)


def test_a_secret_in_several_arguments_is_found(tmp_path: Path) -> None:
    for args in (
        ("-H", "Authorization:", "Bearer", "hunter2"),
        ("configure", "set", "aws_secret_access_key", "hunter2"),
    ):
        with pytest.raises(CredentialRefusedError):
            made(tmp_path, JAR.model_copy(update={"args": args}))


def test_everyday_properties_of_spark_are_no_credentials() -> None:
    everyday = {
        "spark.sql.mapKeyDedupPolicy": "LAST_WIN",
        "spark.hadoop.fs.s3a.aws.credentials.provider": "software.amazon.awssdk.InstanceProfileCredentialsProvider",
        "spark.conf.spark.cassandra.connection.keyspace": "shop",
        "spark.driver.extraJavaOptions": "-Duser.timezone=UTC -XX:+UseG1GC",
    }
    refuse_properties(everyday, "Property", "emr.conf")
