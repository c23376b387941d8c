import http.client
import json
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from framework.local_emr.api import life
from framework.local_emr.api.faults import Faults
from framework.local_emr.api.model import Cluster, Step
from framework.local_emr.api.server import CLUSTERS, FAULTS, Server
from framework.local_emr.api.world import World
from tests.local_emr.api.endpoint import Endpoint, bash, refused


def asked(endpoint: Endpoint, method: str, path: str, body: bytes = b"", /, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.server.port, timeout=10)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def listening(table: str) -> dict[int, str]:
    """Return the ports of this machine at which somebody listens, and the address of each."""
    lines = [line.split() for line in Path("/proc/net", table).read_text().splitlines()[1:]]
    places = [line[1].split(":") for line in lines if line[3] == "0A"]
    return {int(port, 16): address for address, port in places}


def test_it_listens_on_loopback_alone(endpoint: Endpoint) -> None:
    assert listening("tcp")[endpoint.server.port] == "0100007F"
    assert endpoint.server.port not in listening("tcp6")


def test_a_port_that_is_taken_is_an_error_and_one_that_is_free_again_is_taken(endpoint: Endpoint) -> None:
    world = World(endpoint.runner, lambda: datetime.now(UTC), endpoint.nodes)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            Server(world, port=port).start()
    for _ in range(2):
        with Server(world, port=port) as server:
            assert asked_status(server) == 200


def asked_status(server: Server) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", FAULTS)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def test_other_services_are_moto_s_at_the_same_address(endpoint: Endpoint) -> None:
    s3 = endpoint.client("s3")
    s3.put_object(Bucket=endpoint.bucket, Key="a/b", Body=b"x" * 200_000)
    assert s3.get_object(Bucket=endpoint.bucket, Key="a/b")["Body"].read() == b"x" * 200_000
    assert endpoint.client("sts").get_caller_identity()["Account"] == "123456789012"
    table = endpoint.client("dynamodb").create_table(
        TableName=endpoint.bucket,
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    assert table["TableDescription"]["TableStatus"] == "ACTIVE"
    for service, call in (
        ("glue", "get_databases"),
        ("iam", "list_roles"),
        ("kms", "list_keys"),
        ("secretsmanager", "list_secrets"),
        ("sns", "list_topics"),
        ("cloudwatch", "list_metrics"),
    ):
        getattr(endpoint.client(service), call)()


@pytest.mark.parametrize(
    "header",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:80"},
        {"Host": "evillocalhost"},
        {"Host": ""},
    ],
)
def test_a_page_of_a_browser_is_told_nothing(shared: Endpoint, header: dict[str, str]) -> None:
    target = {"X_Amz_Target": "ElasticMapReduce.ListClusters"}
    preflight = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "x-amz-target"}
    assert asked(shared, "OPTIONS", "/", **preflight, **header)[0] == 403
    assert asked(shared, "POST", "/", b"{}", **target, **header)[0] == 403
    assert asked(shared, "GET", CLUSTERS, **header)[0] == 403
    assert asked(shared, "PUT", FAULTS, b'{"expired": true}', **header)[0] == 403
    assert asked(shared, "GET", f"/{shared.bucket}", **header)[0] == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:80", "LOCALHOST", "bucket.localhost:80"])
def test_the_names_of_loopback_are_answered(shared: Endpoint, host: str) -> None:
    assert asked(shared, "GET", CLUSTERS, Host=host, Sec_Fetch_Site="none") == (200, b"[]")


def test_a_body_that_is_none_of_emr_s_is_refused(endpoint: Endpoint) -> None:
    emr = {"Content_Type": "application/x-amz-json-1.1"}

    def call(operation: str, body: bytes) -> tuple[int, str]:
        status, told = asked(endpoint, "POST", "/", body, X_Amz_Target=f"ElasticMapReduce.{operation}", **emr)
        return status, json.loads(told)["__type"]

    assert call("ListClusters", b"{") == (400, "SerializationException")
    assert call("ListClusters", b'{"Marker": 1}') == (400, "SerializationException")
    assert call("DescribeCluster", b"{}") == (400, "ValidationException")
    assert call("ListClusters", b'{"Newest": true}') == (501, "NotImplemented")
    assert call("MakeCoffee", b"{}") == (400, "UnknownOperationException")
    for moment in (b"1e20", b"1e400", b"-1e13", b"NaN", b"-Infinity"):
        assert call("ListClusters", b'{"CreatedAfter": ' + moment + b"}") == (400, "SerializationException")
    nested = b'{"Configurations": [' * 900 + b"]}" * 900
    for deep in (b"[" * 100_000, nested):
        assert call("RunJobFlow", deep) == (400, "SerializationException")
    for length in ("abc", "-1", "9" * 18):
        told = asked(endpoint, "POST", "/", b"{}", Content_Length=length, X_Amz_Target="ElasticMapReduce.ListClusters")
        assert told == (400, b"no request has such a length\n")


def test_the_next_calls_are_throttled_and_clients_try_again(endpoint: Endpoint) -> None:
    endpoint.faults.set(Faults(throttle_next=2))
    assert refused(endpoint.client().list_clusters) == ("ThrottlingException", "Rate exceeded")
    assert endpoint.client(attempts=3).list_clusters()["ResponseMetadata"]["RetryAttempts"] == 1
    assert endpoint.faults.made["throttled"] == 2
    endpoint.client().list_clusters()


def test_a_share_of_some_calls_is_throttled(endpoint: Endpoint) -> None:
    endpoint.faults.set(Faults(throttle_share=0.3, throttle_only=("ListClusters",)))
    emr, refusals = endpoint.client(), 0
    for _ in range(200):
        emr.list_release_labels()
        try:
            emr.list_clusters()
        except ClientError:
            refusals += 1
    assert 30 < refusals < 90


def test_credentials_can_expire_for_every_service(endpoint: Endpoint) -> None:
    endpoint.faults.set(Faults(expired=True))
    assert refused(endpoint.client().list_clusters)[0] == "ExpiredTokenException"
    assert refused(endpoint.client("s3").list_buckets)[0] == "ExpiredToken"
    assert refused(endpoint.client("dynamodb").list_tables)[0] == "ExpiredTokenException"
    assert refused(endpoint.client("sts").get_caller_identity)[0] == "ExpiredToken"
    endpoint.faults.set(Faults())
    endpoint.client("s3").list_buckets()


def test_a_share_of_requests_to_s3_is_answered_with_503_and_the_rest_is_whole(endpoint: Endpoint) -> None:
    endpoint.faults.set(Faults(s3_overloaded=0.2))
    s3, again = endpoint.client("s3"), endpoint.client("s3", attempts=8)
    seen = set()
    for n in range(25):
        try:
            s3.put_object(Bucket=endpoint.bucket, Key=f"once/{n}", Body=b"y" * 50_000)
        except ClientError as error:
            seen.add((error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]))
        again.put_object(Bucket=endpoint.bucket, Key=f"again/{n}", Body=str(n).encode() * 1000)
    assert seen == {("SlowDown", 503)}
    bodies = [again.get_object(Bucket=endpoint.bucket, Key=f"again/{n}")["Body"].read() for n in range(25)]
    assert bodies == [str(n).encode() * 1000 for n in range(25)]
    endpoint.client("dynamodb").list_tables()


def test_s3_can_be_slow(endpoint: Endpoint) -> None:
    waited: list[float] = []
    endpoint.faults.sleep = waited.append
    endpoint.faults.set(Faults(s3_slow=1.0, s3_delay=2.5))
    endpoint.client("s3").list_buckets()
    endpoint.client("sts").get_caller_identity()
    assert waited == [2.5]
    endpoint.faults.sleep = time.sleep
    endpoint.faults.set(Faults(s3_slow=1.0, s3_delay=0.3))
    began = time.monotonic()
    endpoint.client("s3").list_buckets()
    assert time.monotonic() - began >= 0.3


def test_faults_are_set_from_another_process(endpoint: Endpoint) -> None:
    status, told = asked(endpoint, "PUT", FAULTS, b'{"throttle_next": 1, "throttle_only": ["ListSteps"]}')
    assert (status, json.loads(told)["throttle_next"]) == (200, 1)
    assert endpoint.faults.faults == Faults(throttle_next=1, throttle_only=("ListSteps",))
    for wrong in (
        b'{"throttle": 1}',
        b'{"s3_slow": 2}',
        b'{"s3_slow": NaN}',
        b'{"s3_slow": null}',
        b'{"expired": 1}',
        b"[]",
        b"{",
        b"[" * 100_000,
        b'{"throttle_next": true}',
        b'{"throttle_next": 0.5}',
        b'{"throttle_next": -1}',
        b'{"throttle_only": [1]}',
        b'{"throttle_only": "ListSteps"}',
        b'{"s3_delay": 1e300}',
        b'{"s3_delay": Infinity}',
        b'{"s3_delay": NaN}',
        b'{"s3_delay": -1}',
    ):
        status, said = asked(endpoint, "PUT", FAULTS, wrong)
        assert (status, said.strip() != b"") == (400, True)
    assert endpoint.faults.faults.throttle_next == 1
    assert json.loads(asked(endpoint, "GET", FAULTS)[1])["throttle_only"] == ["ListSteps"]
    assert asked(endpoint, "DELETE", FAULTS)[0] == 405
    assert asked(endpoint, "PUT", FAULTS, b"{}")[0] == 200
    assert endpoint.faults.faults == Faults()


def test_an_error_of_its_own_ends_one_call_or_one_cluster(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lives = endpoint.running()

    def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(endpoint.runner, "start", broken)
    dies = endpoint.cluster(bash("true"))
    status = endpoint.reaches(dies, "TERMINATED_WITH_ERRORS")
    assert status["StateChangeReason"] == {"Code": "INTERNAL_ERROR", "Message": "RuntimeError: broken"}
    endpoint.reaches(lives, "WAITING")
    monkeypatch.undo()
    (step,) = endpoint.add(lives, bash("sleep 60"))
    endpoint.all_are(lives, "RUNNING")
    handle: Any = endpoint.world.running[step]
    monkeypatch.setattr(handle, "poll", broken)
    status = endpoint.reaches(lives, "TERMINATED_WITH_ERRORS")
    assert status["StateChangeReason"]["Code"] == "INTERNAL_ERROR"
    assert endpoint.states(lives) == ["INTERRUPTED"]
    assert handle.process.wait(timeout=10) != 0
    monkeypatch.setattr("framework.local_emr.api.world.Call.clusters", broken)
    assert refused(endpoint.client().list_clusters) == ("InternalServerException", "RuntimeError: broken")
    assert [record.exc_info is not None for record in caplog.records] == [True] * 4


def test_what_was_started_beside_a_step_that_broke_ends_with_its_cluster(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, made = endpoint.runner.start, endpoint.running(StepConcurrencyLevel=2)

    def second_breaks(step: Step, cluster: Cluster) -> Any:
        if step.config["Name"] == "second":
            raise RuntimeError("broken")
        return start(step, cluster)

    monkeypatch.setattr(endpoint.runner, "start", second_breaks)
    endpoint.add(made, bash("sleep 60", name="first"), bash("sleep 60", name="second"))
    endpoint.reaches(made, "TERMINATED_WITH_ERRORS")
    assert [each.process.poll() is None for each in endpoint.runner.started] == [False]


def test_all_that_runs_ends_at_once_with_the_endpoint(endpoint: Endpoint) -> None:
    made = endpoint.running(bash("trap '' TERM; sleep 60; sleep 60"))
    endpoint.all_are(made, "RUNNING")
    life.shut(endpoint.world)
    assert endpoint.runner.started[0].process.wait(timeout=10) != 0
    assert endpoint.runner.ended == [made]
