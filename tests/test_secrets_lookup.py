import json
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from framework.config import AwsSettings, Settings, load
from framework.errors import SecretMissingError, SetupError
from framework.secrets import secret, variable
from framework.sources import Reading
from tests.command import ROOT, fresh

SECRET = "hunter2"
REGION = "eu-central-1"


def settings(monkeypatch: pytest.MonkeyPatch, *, aws: bool = False, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    known = load("test")
    return known.model_copy(update={"aws": AwsSettings(region=REGION, secrets=aws)})


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """AWS Secrets Manager with some secrets."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("secretsmanager", region_name=REGION)
        client.create_secret(Name="orders_db", SecretString=json.dumps({"password": SECRET, "port": 5432}))
        client.create_secret(Name="plain", SecretString=SECRET)
        client.create_secret(Name="team/dotted.name", SecretString=SECRET)
        client.create_secret(Name="bytes", SecretBinary=SECRET.encode())
        yield client


def missing(name: str, known: Settings) -> SecretMissingError:
    with pytest.raises(SecretMissingError) as refused:
        secret(name, known)
    assert SECRET not in "".join(traceback.format_exception(refused.value))
    return refused.value


# -- the environment --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["orders_db.password", "orders-db/password", "ORDERS_DB_PASSWORD", "orders..db--password"]
)
def test_a_variable_serves_a_secret_whose_name_a_variable_cannot_have(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    known = settings(monkeypatch, LAKEGATE_SECRETS__ORDERS_DB_PASSWORD=SECRET)
    assert secret(name, known) == SECRET
    assert variable(name) == "LAKEGATE_SECRETS__ORDERS_DB_PASSWORD"


def test_the_variable_of_all_secrets_may_name_them_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        secret("orders.password", settings(monkeypatch, LAKEGATE_SECRETS=f'{{"orders.password": "{SECRET}"}}'))
        == SECRET
    )


def test_the_environment_comes_before_aws(monkeypatch: pytest.MonkeyPatch, manager: Any) -> None:
    known = settings(monkeypatch, aws=True, LAKEGATE_SECRETS__ORDERS_DB_PASSWORD="of the environment")
    assert secret("orders_db.password", known) == "of the environment"


# -- AWS --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("orders_db.password", SECRET),
        ("orders_db.port", "5432"),
        ("orders_db", f'{{"password": "{SECRET}", "port": 5432}}'),
        ("plain", SECRET),
        ("team/dotted.name", SECRET),
    ],
)
def test_aws_has_a_secret_by_its_name_and_the_parts_of_a_json_object_by_their_keys(
    monkeypatch: pytest.MonkeyPatch, manager: Any, name: str, value: str
) -> None:
    assert secret(name, settings(monkeypatch, aws=True)) == value


@pytest.mark.parametrize(
    ("name", "looked"),
    [
        ("nowhere", ["'nowhere'"]),
        ("nowhere.password", ["'nowhere'", "'nowhere.password'"]),
        ("orders_db.user", ["no JSON object with the key 'user'", "'orders_db.user'"]),
        ("plain.password", ["no JSON object with the key 'password'", "'plain.password'"]),
        ("bytes", ["it is binary"]),
    ],
)
def test_what_aws_does_not_have_is_missing_with_the_places_that_were_asked(
    monkeypatch: pytest.MonkeyPatch, manager: Any, name: str, looked: list[str]
) -> None:
    first, *others = missing(name, settings(monkeypatch, aws=True)).looked
    assert first == "the environment"
    assert [words in place for words, place in zip(looked, others, strict=True)] == [True] * len(looked)


def test_aws_is_asked_only_where_the_settings_say_so(monkeypatch: pytest.MonkeyPatch, manager: Any) -> None:
    refused = missing("plain", settings(monkeypatch, aws=False))
    assert (refused.name, refused.variable, refused.looked) == (
        "plain",
        "LAKEGATE_SECRETS__PLAIN",
        ("the environment",),
    )
    assert "aws.secrets" in str(refused)
    assert [load(name).aws.secrets for name in ("local", "test", "prod")] == [False, False, True]


def test_an_aws_that_cannot_be_asked_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it keeps the credentials of whoever made it
    assert "Unable to locate credentials" in missing("plain", settings(monkeypatch, aws=True)).looked[1]


# -- readings ---------------------------------------------------------------------------------------------------------


def test_a_reading_that_was_given_no_secrets_says_so() -> None:
    reading = Reading(None, "", datetime(2024, 1, 1, tzinfo=UTC))  # type: ignore[arg-type]
    with pytest.raises(SecretMissingError) as refused:
        reading.secret("orders_db.password")
    assert refused.value.variable == "LAKEGATE_SECRETS__ORDERS_DB_PASSWORD"
    assert isinstance(refused.value, SetupError)


def test_no_aws_is_imported_before_it_is_asked() -> None:
    script = """
import sys
from framework.config import load
from framework.errors import SecretMissingError
from framework.secrets import secret
try:
    secret("plain", load("test"))
except SecretMissingError:
    print([name for name in ("boto3", "botocore", "pyspark") if name in sys.modules])
"""
    assert fresh(ROOT, sys.executable, "-c", script).out == "[]\n"
