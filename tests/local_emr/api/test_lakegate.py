"""Lakegate's own commands, which know nothing of this endpoint but its address."""

import re
import time
from pathlib import Path

import pytest

from framework.emr.pace import Pace
from framework.local_emr.api.faults import Faults
from tests.command import lakegate, project
from tests.local_emr.api.endpoint import Endpoint, until

CONF = """
[lake]
root = "s3://{bucket}/lake"

[landing]
root = "s3://{bucket}/landing"

[aws]
region = "us-east-1"
endpoint_url = "{address}"

[emr]
release = "emr-7.14.0"
architecture = "x86_64"
artifacts = "s3://{bucket}/artifacts"

[emr.cluster]
name = "lakegate"
log_uri = "s3://{bucket}/logs/"

[[emr.steps]]
name = "hello"
kind = "bash"
command = "echo hello from a step"

[[emr.steps]]
name = "broken"
kind = "bash"
command = "python3 -c 'import pandas_of_nobody'"

[[emr.steps]]
name = "long"
kind = "bash"
command = "sleep 100"
"""
FLEETS = """
[emr.cluster.fleets.primary]
types = [{ instance_type = "m5.xlarge" }]

[emr.cluster.fleets.core]
on_demand = 2
types = [{ instance_type = "m5.xlarge" }, { instance_type = "m5a.xlarge" }]
"""
GROUPS = """
[emr.cluster.groups.primary]
instance_type = "m5.xlarge"

[emr.cluster.groups.core]
instance_type = "m5.xlarge"
count = 2
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("lakegate") / "shop")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    now, _, chance = Pace.__init__.__defaults__ or ()
    monkeypatch.setattr(Pace.__init__, "__defaults__", (now, lambda seconds: time.sleep(min(seconds, 0.1)), chance))


class Shop:
    """The command in a project whose `local-emr` is the endpoint."""

    def __init__(self, folder: Path, endpoint: Endpoint, more: str) -> None:
        self.folder = folder
        conf = CONF.format(bucket=endpoint.bucket, address=endpoint.server.address) + more
        (folder / "conf" / "local-emr.toml").write_text(conf)

    def says(self, *arguments: str, code: int = 0) -> str:
        said = lakegate(
            self.folder, *arguments, "--env", "local-emr", AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local"
        )
        assert said.code == code, said.out + said.err
        return said.out + said.err

    def row(self, name: str, *arguments: str) -> list[str]:
        """Return the cells of the row that begins with a name."""
        lines = [line.split("│")[1:-1] for line in self.says(*arguments).splitlines() if "│" in line]
        rows = [[cell.strip() for cell in line] for line in lines]
        return next(row for row in rows if name in row)


@pytest.mark.parametrize("nodes", [GROUPS, FLEETS], ids=["groups", "fleets"])
def test_a_cluster_is_made_resized_and_ended(endpoint: Endpoint, shop: Path, nodes: str) -> None:
    here = Shop(shop, endpoint, nodes)
    (id,) = re.findall("j-[A-Z0-9]{13}  lakegate\n", here.says("cluster", "create", "--yes", "--wait"))
    id = id.split()[0]
    assert here.row(id, "cluster", "list")[1:3] == ["lakegate", "WAITING"]
    assert here.row("core", "cluster", "show")[-3:] == ["RUNNING", "2", "2"]
    here.says("cluster", "resize", "--nodes", "core=3")
    until(lambda: here.row("core", "cluster", "show")[-3:], ["RUNNING", "3", "3"].__eq__)
    here.says("cluster", "resize", "--max", "5")
    here.says("cluster", "terminate", "--yes")
    endpoint.reaches(id, "TERMINATED")
    assert "There is no active cluster" in here.says("cluster", "list")
    assert here.row(id, "cluster", "list", "--all")[2] == "TERMINATED"
    assert "Terminated by user request" in here.says("why", id)


def test_steps_are_submitted_waited_for_explained_and_cancelled(endpoint: Endpoint, shop: Path) -> None:
    here = Shop(shop, endpoint, GROUPS)
    here.says("cluster", "create", "--yes", "--wait")
    (hello, _) = re.findall("s-[A-Z0-9]{20}", here.says("submit", "hello", "--wait"))
    assert "hello from a step" in here.says("logs", hello, "--stdout")
    broken = re.findall("s-[A-Z0-9]{20}", here.says("submit", "broken", "--wait", code=1))[0]
    assert "No module named 'pandas_of_nobody'" in here.says("why", broken)
    long = re.findall("s-[A-Z0-9]{20}", here.says("submit", "long"))[0]
    assert here.row(long, "steps")[1:3] == ["long", "RUNNING"]
    here.says("cancel", long)
    assert [here.row(each, "steps")[2] for each in (long, broken, hello)] == ["CANCELLED", "FAILED", "COMPLETED"]


def test_a_transient_cluster_runs_its_steps_and_ends(endpoint: Endpoint, shop: Path) -> None:
    here = Shop(shop, endpoint, GROUPS)
    said = here.says("submit", "hello", "--transient", "--wait")
    (id,) = set(re.findall("j-[A-Z0-9]{13}", said))
    assert endpoint.reaches(id, "TERMINATED")["StateChangeReason"]["Code"] == "ALL_STEPS_COMPLETED"


def test_throttling_is_waited_out_and_a_bootstrap_action_that_fails_is_explained(
    endpoint: Endpoint, shop: Path
) -> None:
    body = b"echo no route to the index >&2; exit 7"
    endpoint.client("s3").put_object(Bucket=endpoint.bucket, Key="setup.sh", Body=body)
    action = f'[[emr.cluster.bootstrap]]\nname = "setup"\npath = "s3://{endpoint.bucket}/setup.sh"\n'
    here = Shop(shop, endpoint, GROUPS + action)
    endpoint.faults.set(Faults(throttle_next=3))
    said = here.says("cluster", "create", "--yes", "--wait", code=1)
    assert endpoint.faults.made["throttled"] == 3
    assert "bootstrap action 1 returned a non-zero return code" in said
    told = here.says("why", re.findall("j-[A-Z0-9]{13}", said)[0])
    assert "bootstrap action failed" in told
    assert "no route to the index" in told
