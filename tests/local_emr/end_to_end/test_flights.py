"""The job `flights` as a step: the rows that it has on a laptop, whatever is killed meanwhile."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from framework.local_emr.daemons import nodes, process
from framework.local_emr.daemons.process import NODE_MARK
from tests.local_emr.end_to_end.emr import LocalEmr, Rows, Step, is_as_on_the_laptop, options, until
from tests.local_emr.listening import connected, listening

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def cluster(emr: LocalEmr) -> Iterator[str]:
    made = emr.cluster()
    yield made
    emr.end(made)


def _flights(emr: LocalEmr, cluster: str, lake: str) -> Step:
    return emr.submit(cluster, "flights", sets=(f"lake.root=s3://lakegate/{lake}",))


def _java(emr: LocalEmr, node: str, main: str) -> list[int]:
    """Return the Java processes of a node's containers that run a class."""
    found = []
    for each in process.marked({**emr.mark, NODE_MARK: node}):
        try:
            words = Path(f"/proc/{each.pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if words[0].endswith("java") and any(main in word for word in words):
            found.append(each.pid)
    return found


def _in_the_middle(emr: LocalEmr, cluster: str, root: str) -> Step:
    """Start a run, and return it when its first table is written."""
    step = _flights(emr, cluster, root)
    until(lambda: bool(emr.keys(f"{root}/bronze/flights/_delta_log/00000000000000000001")), 300)
    return step


def _heard(emr: LocalEmr) -> set[str]:
    """Return the addresses on which the processes of the EMR listen, and those that they talk to."""
    pids = [each.pid for each in process.marked(emr.mark)]
    return {address for address, _ in listening(pids)} | connected(pids)


def test_the_step_has_the_rows_of_the_laptop_and_its_tasks_ran_on_both_nodes(
    emr: LocalEmr, cluster: str, laptop: dict[str, Rows]
) -> None:
    step = _flights(emr, cluster, "plain")
    heard: set[str] = set()
    while step.state in ("PENDING", "RUNNING"):
        heard |= _heard(emr)
        time.sleep(1)
    assert step.state == "COMPLETED", step.why()
    assert heard
    assert {address for address in heard if not address.startswith("127.")} == set()
    is_as_on_the_laptop(emr, "plain", laptop)
    logs = emr.keys(f"logs/{cluster}/")
    (application,) = step.applications
    own = {key.rpartition("/")[2] for key in logs if f"/steps/{step.id}/" in key}
    assert own == {"controller.gz", "stderr.gz", "stdout.gz", "syslog.gz"}
    stages: dict[str, set[str]] = {}
    for key in logs:
        if f"/containers/{application}/" in key and key.endswith("/stderr.gz"):
            text = emr.text(key)
            for host in re.findall(r"Starting executor ID \d+ on host (\S+)", text):
                for stage in re.findall(r"Finished task \S+ in stage (\d+)", text):
                    stages.setdefault(stage, set()).add(host)
    assert max(len(hosts) for hosts in stages.values()) == 2
    assert "gold.delays" in emr.lakegate("logs", step.id, "--cluster", cluster).stdout
    shown = emr.lakegate("table", "gold.delays", "--limit", "3", *options("lake.root=s3://lakegate/plain")).stdout
    assert f"3 of {laptop['gold/delays'].total():,} rows" in shown


def test_a_run_goes_on_when_an_executor_is_killed(emr: LocalEmr, cluster: str, laptop: dict[str, Rows]) -> None:
    step = _in_the_middle(emr, cluster, "executor")
    victims = [pid for name in emr.nodes for pid in _java(emr, name, "YarnCoarseGrainedExecutorBackend")]
    os.kill(victims[0], signal.SIGKILL)
    assert step.ended() == "COMPLETED", step.why()
    is_as_on_the_laptop(emr, "executor", laptop)


def test_a_run_whose_driver_is_killed_fails_and_the_next_one_takes_it_up(
    emr: LocalEmr, cluster: str, laptop: dict[str, Rows]
) -> None:
    step = _in_the_middle(emr, cluster, "driver")
    (driver,) = [pid for name in emr.nodes for pid in _java(emr, name, "deploy.yarn.ApplicationMaster")]
    os.kill(driver, signal.SIGKILL)
    assert step.ended() == "FAILED"
    again = _flights(emr, cluster, "driver")
    assert again.ended() == "COMPLETED", again.why()
    is_as_on_the_laptop(emr, "driver", laptop)


def test_a_run_goes_on_when_a_node_is_lost_and_the_group_gets_another(
    emr: LocalEmr, cluster: str, laptop: dict[str, Rows]
) -> None:
    step = _in_the_middle(emr, cluster, "node")
    drivers = {name for name in emr.nodes if _java(emr, name, "deploy.yarn.ApplicationMaster")}
    (lost,) = {name for name, each in emr.nodes.items() if each.state == "RUNNING"} - drivers
    emr.lakegate("local-emr", "fault", "--kill-node", lost)
    assert step.ended() == "COMPLETED", step.why()
    is_as_on_the_laptop(emr, "node", laptop)
    instances = emr.client("emr").list_instances(ClusterId=cluster, InstanceGroupTypes=["CORE"])["Instances"]
    assert sorted(each["Status"]["State"] for each in instances) == ["RUNNING", "RUNNING", "TERMINATED"]


def test_a_run_goes_on_while_s3_refuses_one_request_in_twenty(
    emr: LocalEmr, cluster: str, laptop: dict[str, Rows]
) -> None:
    emr.lakegate("local-emr", "fault", "--s3-overloaded", "0.05")
    try:
        step = _flights(emr, cluster, "overloaded")
        ended = step.ended(600)
    finally:
        emr.lakegate("local-emr", "fault")
    assert ended == "COMPLETED", step.why()
    is_as_on_the_laptop(emr, "overloaded", laptop)


def test_containers_that_are_lost_come_back(emr: LocalEmr, cluster: str) -> None:
    step = _flights(emr, cluster, "lost")
    until(lambda: bool(emr.keys("lost/bronze/flights/_delta_log/00000000000000000001")), 300)
    drivers = {name for name in emr.nodes if _java(emr, name, "deploy.yarn.ApplicationMaster")}
    (other, *_) = [name for name, each in emr.nodes.items() if name not in drivers and each.state == "RUNNING"]
    assert nodes.lose_containers(emr.folder, other) > 0
    assert step.ended() == "COMPLETED", step.why()
