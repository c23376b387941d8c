"""The whole of it, started and stopped by the command as a process of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from framework.errors import NotStartedError
from framework.local_emr import control, served
from framework.local_emr.control import Wanted
from framework.local_emr.daemons import hadoop, process
from framework.local_emr.served import Served
from framework.process import lives
from tests.command import ROOT, Said, fresh
from tests.local_emr.daemons.cluster import until
from tests.local_emr.listening import listening

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("whole") / "it"
    yield made
    control.stop(made)
    assert _marked(made) == ()


@pytest.fixture
def up(folder: Path) -> Served:
    """What runs in the folder; started unless the test before has left it so."""
    return control.start(folder, Wanted())[0]


def _call(folder: Path, *arguments: str) -> Said:
    command = (sys.executable, "-m", "framework", "local-emr", *arguments)
    return fresh(folder.parent, *command, LAKEGATE_LOCAL_EMR=str(folder), PYTHONPATH=str(ROOT))


def _marked(folder: Path) -> tuple[Any, ...]:
    return process.marked({process.MARK: str(folder)})


def _listening(folder: Path) -> set[tuple[str, int]]:
    """Return the addresses and ports at which its processes listen."""
    return listening(each.pid for each in _marked(folder))


def _in_service(folder: Path) -> list[str]:
    return [node.name for node in control.status(folder).nodes if node.state == "RUNNING"]


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) != 0


def _client(up: Served, service: str) -> Any:
    return boto3.Session("local-emr", "local-emr", region_name="us-east-1").client(service, endpoint_url=up.endpoint)


def test_a_start_tells_where_all_is_and_a_second_one_too(folder: Path) -> None:
    first = _call(folder, "start")
    assert first.code == 0, first.err
    said = re.fullmatch(r"(?s)Up after [\d.]+ s\.\nendpoint  (http://127\.0\.0\.1:\d+)\nYARN      http.*", first.out)
    assert said
    assert f"logs      {folder}/logs\n" in first.out
    assert "HDFS" not in first.out
    second = _call(folder, "start")
    assert second.code == 0
    assert second.out.startswith(f"It runs already.\nendpoint  {said[1]}\n")
    other = _call(folder, "start", "--hdfs")
    assert (other.code, other.out) == (1, "")
    assert "it has no HDFS" in other.err
    shown = _call(folder, "status").out
    assert "node-1    127.0.0.2 RUNNING, 0 containers\nnode-2    127.0.0.3 RUNNING, 0 containers\nno clusters" in shown


def test_it_listens_on_loopback_only(folder: Path, up: Served) -> None:
    found = _listening(folder)
    assert ("127.0.0.1", up.port) in found
    assert len(found) > 10
    assert {address for address, _ in found if not address.startswith("127.")} == set()


def test_an_account_has_the_roles_that_emr_needs(up: Served) -> None:
    (profile,) = _client(up, "iam").list_instance_profiles()["InstanceProfiles"]
    assert profile["InstanceProfileName"] == "EMR_EC2_DefaultRole"
    assert [role["RoleName"] for role in profile["Roles"]] == ["EMR_EC2_DefaultRole"]
    _client(up, "iam").get_role(RoleName="EMR_DefaultRole")


def test_a_cluster_has_its_nodes_runs_a_step_and_loses_a_node(folder: Path, up: Served) -> None:
    emr = _client(up, "emr")
    step = {"Jar": "command-runner.jar", "Args": ["bash", "-c", "sleep 1"]}
    group = {"InstanceType": "m5.xlarge"}
    made = emr.run_job_flow(
        Name="three",
        ReleaseLabel="emr-spark-8.2.0" if "/.venv/" in sys.executable else "emr-7.14.0",
        Applications=[{"Name": "Spark"}],
        ServiceRole="EMR_DefaultRole",
        JobFlowRole="EMR_EC2_DefaultRole",
        Instances={
            "InstanceGroups": [
                {"InstanceRole": "MASTER", "InstanceCount": 1, **group},
                {"InstanceRole": "CORE", "InstanceCount": 3, **group},
            ],
            "KeepJobFlowAliveWhenNoSteps": True,
        },
        Steps=[{"Name": "s", "ActionOnFailure": "CONTINUE", "HadoopJarStep": step}],
    )["JobFlowId"]

    def state() -> str:
        return str(emr.describe_cluster(ClusterId=made)["Cluster"]["Status"]["State"])

    until(lambda: state() == "WAITING", 60)
    assert emr.list_steps(ClusterId=made)["Steps"][0]["Status"]["State"] == "COMPLETED"
    assert f"node-3    127.0.0.4 RUNNING, 0 containers, counts for {made}\n" in _call(folder, "status").out
    assert _call(folder, "fault", "--s3-slow", "0.01").out == "The faults are made.\n"
    assert _call(folder, "fault", "--lose-containers", "node-1").out.startswith(
        "0 processes of the containers of node-1"
    )
    assert _call(folder, "fault", "--kill-node", "node-3").out == "node-3 is killed.\n"
    assert "fault     s3_slow 0.01\n" in _call(folder, "status").out

    def instances(*states: str) -> list[str]:
        found = emr.list_instances(ClusterId=made, InstanceStates=list(states))["Instances"]
        return sorted(each["PrivateIpAddress"] for each in found)

    until(lambda: instances("TERMINATED") == ["127.0.0.4"], 10)
    until(lambda: instances("RUNNING") == ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.5"], 60)
    emr.terminate_job_flows(JobFlowIds=[made])
    until(lambda: state() == "TERMINATED", 60)
    until(
        lambda: [each.name for each in control.status(folder).nodes if each.state == "RUNNING"] == ["node-1", "node-2"]
    )


def test_a_reset_begins_anew_as_it_was(folder: Path, up: Served) -> None:
    _client(up, "s3").create_bucket(Bucket="kept")
    (folder / "logs" / "stale").touch()
    (folder / "theirs").touch()
    said = _call(folder, "reset")
    assert said.code == 0, said.err
    again = control.running(folder)
    assert (again.endpoint, again.hdfs) == (up.endpoint, None)
    assert again.process != up.process
    assert _client(again, "s3").list_buckets()["Buckets"] == []
    assert not (folder / "logs" / "stale").exists()
    assert "Not made by it, and left: theirs." in said.out
    assert control.start(folder, Wanted())[1] is False


def test_a_stop_leaves_no_process_and_no_port(folder: Path, up: Served) -> None:
    ports = _listening(folder)
    said = _call(folder, "stop")
    assert (said.code, said.out) == (0, "Stopped.\n")
    assert (_marked(folder), lives(up.process)) == ((), False)
    assert [place for place in ports if not _is_free(*place)] == []
    assert _call(folder, "stop").out == f"Nothing runs in {folder}.\n"
    assert _call(folder, "status").code == 1


@pytest.mark.parametrize("killed", ["server", "guard", "both"])
def test_so_does_a_stop_after_kill_9(killed: str, folder: Path, up: Served) -> None:
    ports, found = _listening(folder), hadoop.running(folder)
    assert found.guard
    victims = {"server": [up.process], "guard": [found.guard], "both": [found.guard, up.process]}[killed]
    for each in victims:
        os.kill(each.pid, signal.SIGKILL)
    until(lambda: not any(lives(each) for each in victims), 5)
    if killed == "both":
        time.sleep(1)
        assert len(_marked(folder)) >= 3  # who could have ended them is gone
    assert _call(folder, "status").code == (0 if killed == "guard" else 1)
    assert _call(folder, "stop").code == 0
    assert (_marked(folder), lives(found.guard), served.recorded(folder)) == ((), False, None)
    assert [place for place in ports if not _is_free(*place)] == []


def test_a_start_after_kill_9_of_all_that_could_clean_up_begins_anew(folder: Path, up: Served) -> None:
    found = hadoop.running(folder)
    assert found.guard
    for each in (found.guard, up.process):
        os.kill(each.pid, signal.SIGKILL)
    until(lambda: not lives(up.process), 5)
    again, new = control.start(folder, Wanted())
    assert new
    assert not any(found.alive().values())
    assert set(hadoop.running(folder).alive().values()) == {True}
    assert control.stop(folder)
    assert again.process != up.process


def test_a_start_that_is_interrupted_leaves_nothing(folder: Path) -> None:
    heard = ("env", "--default-signal=INT")  # who began the tests in the background ignores it
    command = [*heard, sys.executable, "-m", "framework", "local-emr", "start", "--folder", str(folder)]
    starting = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: len(_marked(folder)) >= 3, 30)  # the server, and two daemons
    starting.send_signal(signal.SIGINT)
    out, err = starting.communicate(timeout=60)
    assert (starting.returncode, out) == (130, ""), err
    assert _marked(folder) == ()


def test_a_start_that_fails_says_why_and_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    with pytest.raises(NotStartedError, match=r"JAVA_HOME is /nowhere.*\nThe log: .*endpoint\.log"):
        control.start(folder, Wanted())
    assert (_marked(folder), served.recorded(folder)) == ((), None)


def test_hdfs_is_there_if_it_is_asked_for(folder: Path) -> None:
    said = _call(folder, "start", "--hdfs", "--nodes", "1")
    assert said.code == 0, said.err
    assert re.search(r"(?m)^HDFS      hdfs://127\.0\.0\.1:\d+ \(pages: http://127", said.out)
    assert [node.name for node in control.status(folder).nodes] == ["node-1"]
    assert control.stop(folder)
