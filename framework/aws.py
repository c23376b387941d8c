"""The one place that makes AWS clients; boto3 is imported when one is made, not before."""

from typing import Any

from framework.config import AwsSettings


def failures() -> tuple[type[Exception], ...]:
    """Return the errors that a call of AWS can end with: its own answers, and those of the way there."""
    from botocore.exceptions import BotoCoreError, ClientError

    return (BotoCoreError, ClientError)


def client(service: str, settings: AwsSettings) -> Any:
    """Make a client of an AWS service with adaptive retries; credentials come from boto3's own chain."""
    import boto3
    from botocore.config import Config

    retries = Config(retries={"mode": "adaptive", "max_attempts": 10})
    return boto3.client(service, region_name=settings.region, endpoint_url=settings.endpoint_url, config=retries)


def code(error: Exception) -> str:
    """Return AWS's own name of a refusal, such as NoSuchKey; empty where there was no answer."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def reason(error: Exception) -> str:
    """Return what AWS, or the way there, said of a failure."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Message", "") or error)
