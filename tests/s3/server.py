"""S3 on this machine: moto's server, an empty bucket in it, and what a process needs to use it, Spark too."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from deltalake import DeltaTable, QueryBuilder

from framework.local_emr.daemons.jars import BUNDLES, PRESENT, S3A
from framework.session import lane

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "moto", "AWS_SECRET_ACCESS_KEY": "moto", "AWS_DEFAULT_REGION": "us-east-1"}
EXCLUDES = [*BUNDLES, *PRESENT]


@dataclass(frozen=True)
class Bucket:
    """An empty bucket."""

    name: str
    endpoint: str
    client: Any

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a process whose lake and landing folder are here."""
        s3a = {
            "impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
            "endpoint": self.endpoint,
            "endpoint.region": "us-east-1",
            "path.style.access": "true",
            "connection.ssl.enabled": "false",
        }
        conf = {f"spark.hadoop.fs.{'s3' if name == 'impl' else 's3a'}.{name}": value for name, value in s3a.items()}
        return {
            **CREDENTIALS,
            "LAKEGATE_AWS__ENDPOINT_URL": self.endpoint,
            "LAKEGATE_LAKE__ROOT": f"s3://{self.name}/lake",
            "LAKEGATE_LANDING__ROOT": f"s3://{self.name}/landing",
            "LAKEGATE_SPARK__PACKAGES": json.dumps(S3A[lane().spark]),
            "LAKEGATE_SPARK__PACKAGE_EXCLUDES": json.dumps(EXCLUDES),
            "LAKEGATE_SPARK__CONF": json.dumps(conf),
        }

    def put(self, key: str, text: str = "") -> str:
        """Make an object; return its etag."""
        return str(self.client.put_object(Bucket=self.name, Key=key, Body=text.encode())["ETag"]).strip('"')

    def text(self, key: str) -> str:
        """Return an object's text."""
        return str(self.client.get_object(Bucket=self.name, Key=key)["Body"].read(), "utf-8")

    def keys(self, prefix: str) -> list[str]:
        """Return the keys below a prefix, in order."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def rows(self, table: str, wanted: str = "*", root: str = "lake") -> list[tuple[Any, ...]]:
        """Return a table's rows in the order of their text, by deltalake."""
        options = {**CREDENTIALS, "AWS_ENDPOINT_URL": self.endpoint, "AWS_ALLOW_HTTP": "true"}
        there = DeltaTable(f"s3://{self.name}/{root}/{table.replace('.', '/')}", storage_options=options)
        found: Any = QueryBuilder().register("t", there).execute(f"SELECT {wanted} FROM t").read_all()
        columns = [[value.as_py() for value in column] for column in found.columns]
        return sorted(zip(*columns, strict=True), key=str)

    def log(self, table: str, root: str = "lake") -> dict[str, str]:
        """Return the commits of a table's log by their names."""
        keys = self.keys(f"{root}/{table.replace('.', '/')}/_delta_log/")
        return {Path(key).name: self.text(key) for key in keys if key.endswith(".json")}


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Moto's server; it ends with the tests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [f"{sys.prefix}/bin/moto_server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()


@pytest.fixture(scope="module")
def bucket(server: str, request: pytest.FixtureRequest) -> Iterator[Bucket]:
    """An empty bucket of the module's own; boto3 in this process has credentials for it."""
    name = request.module.__name__.rsplit(".", 1)[-1].replace("_", "-")
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in CREDENTIALS.items():
            patch.setenv(variable, value)
        client = boto3.client("s3", endpoint_url=server)
        client.create_bucket(Bucket=name)
        yield Bucket(name, server, client)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
    pytest.fail("moto_server did not start", pytrace=False)
