"""What Hadoop is told so that s3:// is an S3 on this machine, read and written as EMR 7.10 and later do: with S3A."""

from pathlib import Path
from typing import Any

from framework import aws
from framework.config import AwsSettings

SCHEMES = ("s3", "s3n")
ACCESS = ("LOCALEMR", "of-no-account-of-aws")  # the id of a key, and the key, which no step may have in its arguments
KEYS = dict(zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ACCESS, strict=True))
REGION = "us-east-1"


def settings(endpoint: str) -> dict[str, str]:
    """Return Hadoop's settings for an endpoint such as http://127.0.0.1:20131."""
    return {
        **{f"fs.{scheme}.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem" for scheme in SCHEMES},
        **{f"fs.AbstractFileSystem.{scheme}.impl": "org.apache.hadoop.fs.s3a.S3A" for scheme in SCHEMES},
        "fs.s3a.endpoint": endpoint,
        "fs.s3a.endpoint.region": REGION,
        "fs.s3a.path.style.access": "true",
        "fs.s3a.connection.ssl.enabled": "false",
        "fs.s3a.access.key": KEYS["AWS_ACCESS_KEY_ID"],
        "fs.s3a.secret.key": KEYS["AWS_SECRET_ACCESS_KEY"],
    }


def variables(endpoint: str) -> dict[str, str]:
    """Return the environment that boto3 and the AWS CLI need for it."""
    return {**KEYS, "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": endpoint}


def client(service: str, endpoint: str) -> Any:
    """Make a client of a service at an endpoint, S3 among them."""
    return aws.client(service, AwsSettings(region=REGION, endpoint_url=endpoint), keys=ACCESS)


def put(endpoint: str, folder: Path, address: str) -> int:
    """Upload what is below a folder to s3://BUCKET/PREFIX, into a new bucket or one that is there; return how much."""
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    there, files = client("s3", endpoint), sorted(each for each in folder.rglob("*") if each.is_file())
    there.create_bucket(Bucket=bucket)
    for file in files:
        there.upload_file(
            str(file), bucket, "/".join(filter(None, [prefix.strip("/"), *file.relative_to(folder).parts]))
        )
    return len(files)
