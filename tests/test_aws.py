import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from framework import aws
from framework.cli import clients
from framework.config import AwsSettings, EmrSettings, Settings
from framework.config.steps import Bash
from framework.emr.pace import Pace
from framework.emr.steps.step import add_request, chain
from framework.emr.steps.submit import add
from framework.errors import NotLocalError, SettingError
from tests.emr.things import BASE, settings
from tests.s3.server import CREDENTIALS

AT_ONCE = Pace(sleep=lambda _: None)


class Emr:
    """EMR's wire: `hangs_up` closes the connection of the first addition, after or before it was done."""

    def __init__(self, hangs_up: str = "", status: int = 200) -> None:
        self.hangs_up, self.status = hangs_up, status
        self.asked: list[str] = []
        self.steps: list[dict[str, Any]] = []

    def answer(self, operation: str, request: Any) -> Any:
        """Return what is answered, or None where the connection is closed."""
        self.asked.append(operation)
        if operation == "ListSteps":
            return {"Steps": self.steps}
        hangs_up, self.hangs_up = self.hangs_up, ""
        if hangs_up == "before":
            return None
        for each in request["Steps"]:
            jar = each["HadoopJarStep"]
            config = {"Properties": {pair["Key"]: pair["Value"] for pair in jar["Properties"]}, "Args": jar["Args"]}
            told = {"Id": f"s-{len(self.steps)}", "Name": each["Name"], "Status": {"State": "PENDING"}}
            self.steps.insert(0, {**told, "Config": config})
        return None if hangs_up else {"StepIds": [each["Id"] for each in reversed(self.steps)]}


@contextmanager
def served(emr: Emr) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found = emr.answer(self.headers["X-Amz-Target"].rpartition(".")[2], json.loads(body))
            if found is None:
                self.connection.close()
                return
            said = json.dumps(found).encode()
            self.send_response(emr.status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def submitted(emr: Emr, *, retries: bool = False) -> list[str]:
    made = chain([Bash(kind="bash", name="a", command="x")], settings(), None, on_failure="continue", token="t")
    with served(emr) as url:
        client = aws.client("emr", AwsSettings(region="eu-west-1", endpoint_url=url), retries=retries)
        request = add_request("j-1", made, EmrSettings())
        return add(client, request, "t", clock=lambda: datetime.now(UTC), pace=AT_ONCE)


def test_a_connection_that_breaks_after_the_steps_were_added_adds_them_once() -> None:
    emr = Emr(hangs_up="after")
    assert submitted(emr) == ["s-0"]
    assert emr.asked == ["AddJobFlowSteps", "ListSteps"]


def test_a_connection_that_breaks_before_they_were_added_adds_them_then() -> None:
    emr = Emr(hangs_up="before")
    assert submitted(emr) == ["s-0"]
    assert emr.asked == ["AddJobFlowSteps", *["ListSteps"] * 3, "AddJobFlowSteps"]


def test_a_client_that_retries_by_itself_would_have_added_them_twice() -> None:
    emr = Emr(hangs_up="after")
    submitted(emr, retries=True)
    assert emr.asked == ["AddJobFlowSteps", "AddJobFlowSteps"]
    assert len(emr.steps) == 2


def error(code: str, status: int, message: str = "no") -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "AddJobFlowSteps")


@pytest.mark.parametrize(
    ("failure", "lost", "throttled"),
    [
        (error("ThrottlingException", 400), False, True),
        (error("RequestLimitExceeded", 503), False, True),
        (error("ValidationException", 400), False, False),
        (error("InternalServerException", 200), True, False),
        (error("Anything", 500), True, False),
        (EndpointConnectionError(endpoint_url="http://x"), True, False),
        (NoCredentialsError(), False, False),
        (ValueError("no"), False, False),
    ],
)
def test_an_answer_that_is_lost_and_a_call_that_was_one_too_many_are_told_apart(
    failure: Exception, lost: bool, throttled: bool
) -> None:
    assert (aws.is_lost(failure), aws.is_throttled(failure)) == (lost, throttled)


def test_the_number_of_an_account_is_not_repeated() -> None:
    said = aws.reason(error("AccessDenied", 403, "arn:aws:iam::123456789012:role/a in 1234567890123"))
    assert said == "arn:aws:iam::<account>:role/a in 1234567890123"


def test_the_region_is_that_of_a_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    assert aws.region(AwsSettings(region="eu-west-1")) == "eu-west-1"
    assert aws.region(AwsSettings()) == aws.client("emr", AwsSettings()).meta.region_name == "us-east-1"
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    (tmp_path / "config").write_text("[default]\nregion = sa-east-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert aws.region(AwsSettings()) == "sa-east-1"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert aws.region(AwsSettings()) is None


def test_a_profile_that_does_not_exist_names_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_PROFILE", "nobody-has-this-profile")
    assert aws.region(AwsSettings()) is None


@pytest.mark.parametrize("region", ["eu-west-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1", "us-iso-east-1"])
def test_a_region_that_is_known_is_in_no_doubt(region: str) -> None:
    assert aws.doubts(AwsSettings(region=region)) == []


def test_a_region_that_may_be_new_is_doubted_and_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ((setting, said),) = aws.doubts(AwsSettings(region="eu-nowhere-1"))
    assert setting == "aws.region"
    assert "'eu-nowhere-1' is not among the regions that botocore" in said
    assert "Did you mean 'eu-north-1'?" in said
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-nowhere-1")
    ((setting, _),) = aws.doubts(AwsSettings())
    assert setting == "AWS_DEFAULT_REGION"


@pytest.mark.parametrize("region", ["nowhere", "eu-west-1a", "EU-WEST-1", "eu_west_1", "eu-west", "aws-global", "a b"])
def test_what_can_be_no_region_is_refused(region: str) -> None:
    with pytest.raises(SettingError, match=rf"'aws.region'.*'{region}' is no region of AWS"):
        aws.doubts(AwsSettings(region=region))


def test_another_endpoint_has_regions_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert aws.doubts(AwsSettings(region="auto", endpoint_url="https://storage.example.com")) == []
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:5000")
    assert aws.doubts(AwsSettings(region="garage")) == []


@pytest.fixture
def profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two profiles in files of their own."""
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n[profile etl-prod]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name in ("AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_a_profile_that_is_not_there_is_said_and_which_are(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "etl-prd")
    said = "no profile is called 'etl-prd'.*There is: 'default', 'etl-prod'. Did you mean 'etl-prod'?"
    with pytest.raises(SettingError, match=f"'{variable}' of the environment variables.*{said}"):
        clients.client("emr", Settings.model_validate(BASE))
    ((setting, doubt),) = aws.doubts(AwsSettings())
    assert setting == variable
    assert re.match(said, doubt)
    monkeypatch.setenv(variable, "etl-prod")
    assert aws.doubts(AwsSettings()) == []


@pytest.mark.usefixtures("profiles")
def test_a_file_of_aws_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("what is this")
    with pytest.raises(SettingError, match=r"'aws' of the files of AWS.*Unable to parse config file"):
        clients.client("emr", Settings.model_validate(BASE))


def test_settings_of_this_machine_reach_no_account_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    here = AwsSettings(region="us-east-1", local=True)
    with pytest.raises(NotLocalError, match=r"elasticmapreduce\.us-east-1\.amazonaws\.com"):
        aws.client("emr", here)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert aws.client("emr", here).meta.endpoint_url == "http://127.0.0.1:4566"
