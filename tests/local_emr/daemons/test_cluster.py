"""Real daemons and real applications on them."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from framework.errors import AlreadyRunningError, UnknownNodeError
from framework.local_emr.daemons import hadoop, lifecycle, nodes, process
from framework.process import lives
from tests.local_emr.daemons.cluster import Cluster, cluster, until
from tests.local_emr.listening import listening
from tests.s3.server import bucket, server

__all__ = ["bucket", "cluster", "server"]

pytestmark = pytest.mark.heavy
FS = "org.apache.hadoop.fs.FsShell"


def _states(cluster: Cluster) -> dict[str, str]:
    return {node.name: node.state for node in nodes.nodes(hadoop.running(cluster.hadoop.folder))}


def _containers(cluster: Cluster) -> dict[str, int]:
    return {node.name: node.containers for node in nodes.nodes(hadoop.running(cluster.hadoop.folder))}


def _listening(mark: dict[str, str]) -> set[str]:
    """Return the addresses on which marked processes listen."""
    return {address for address, _ in listening(each.pid for each in process.marked(mark))}


def test_a_second_start_is_refused_and_the_first_goes_on(cluster: Cluster) -> None:
    with pytest.raises(AlreadyRunningError):
        lifecycle.start(cluster.hadoop.folder)
    assert hadoop.running(cluster.hadoop.folder) == cluster.hadoop
    assert set(cluster.hadoop.alive().values()) == {True}


def test_what_is_put_into_hdfs_is_got_again(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("what is kept\n")
    put = cluster.run(FS, "-put", str(tmp_path / "there"), "/tmp/kept")
    assert put.returncode == 0, put.stderr
    got = cluster.run(FS, "-get", "hdfs:///tmp/kept", str(tmp_path / "back"))
    assert got.returncode == 0, got.stderr
    assert (tmp_path / "back").read_text() == "what is kept\n"


def test_distcp_copies_from_s3_to_hdfs(cluster: Cluster) -> None:
    cluster.bucket.put("from/a.txt", "copied")
    done = cluster.run(
        "org.apache.hadoop.tools.DistCp", f"s3://{cluster.bucket.name}/from", "hdfs:///user/hadoop/copied"
    )
    assert done.returncode == 0, done.stderr
    assert cluster.run(FS, "-cat", "copied/a.txt").stdout == "copied"


def test_an_application_in_cluster_mode_has_executors_on_both_nodes_and_listens_on_loopback_only(
    cluster: Cluster,
) -> None:
    job = cluster.submit("both", tasks=12)
    daemons = {job.client.pid, *(each.pid for each in cluster.hadoop.processes.values())}
    seen: set[str] = set()
    containers: set[int] = set()
    while job.client.poll() is None:
        seen |= _listening(cluster.hadoop.mark)
        containers |= {each.pid for each in process.marked(cluster.hadoop.mark)} - daemons
        time.sleep(0.5)
    assert job.ended() == 0, "".join(job.said[-40:])
    assert {row["host"] for row in job.rows} == {"127.0.0.2", "127.0.0.3"}
    assert sum(int(row["rows"]) for row in job.rows) == 120
    assert len(containers) > 6  # a driver and two executors: a shell, a JVM and Python each
    assert {address for address in seen if not address.startswith("127.")} == set()
    application = next(iter(job.rows))["container"].replace("container", "application").rsplit("_", 2)[0]
    logs = nodes.container_logs(cluster.hadoop, application)
    assert {row["container"] for row in job.rows} < set(logs)
    assert any("driver on" in (folder / "stdout").read_text() for folder in logs.values())


def test_a_node_leaves_in_order_while_an_application_runs_and_comes_back(cluster: Cluster) -> None:
    folder = cluster.hadoop.folder
    job = cluster.submit("leaving", tasks=24, seconds=2)
    until(lambda: min(_containers(cluster).values()) > 0 and sum(_containers(cluster).values()) == 3)
    leaving = min(_containers(cluster), key=lambda name: _containers(cluster)[name])  # not the driver's
    host = {node.name: node.host for node in nodes.nodes(cluster.hadoop)}[leaving]
    nodes.decommission(folder, leaving, 300)
    assert _states(cluster)[leaving] == "DECOMMISSIONING"
    assert job.ended() == 0, "".join(job.said[-40:])
    assert len(job.rows) == 24
    assert host in {row["host"] for row in job.rows}  # it went on with what it had
    nodes.wait_for(cluster.hadoop, leaving, "DECOMMISSIONED", seconds=60)
    until(lambda: not lives(cluster.hadoop.processes[leaving]))
    nodes.recommission(folder, leaving)
    assert set(_states(cluster).values()) == {"RUNNING"}


def test_a_node_is_called_back_before_it_has_left(cluster: Cluster) -> None:
    folder = cluster.hadoop.folder
    job = cluster.submit("called", tasks=8, seconds=2)
    until(lambda: sum(_containers(cluster).values()) == 3)
    before = hadoop.running(folder).processes
    nodes.decommission(folder, "node-2", 300)
    assert _states(cluster)["node-2"] == "DECOMMISSIONING"
    nodes.recommission(folder, "node-2")
    assert _states(cluster)["node-2"] == "RUNNING"
    assert hadoop.running(folder).processes == before
    assert job.ended() == 0, "".join(job.said[-40:])


def test_an_application_survives_the_loss_of_a_node(cluster: Cluster) -> None:
    folder = cluster.hadoop.folder
    job = cluster.submit("lost", tasks=24, seconds=2)
    until(lambda: min(_containers(cluster).values()) > 0 and sum(_containers(cluster).values()) == 3)
    lost = min(_containers(cluster), key=lambda name: _containers(cluster)[name])
    mark = {**cluster.hadoop.mark, process.NODE_MARK: lost}
    until(lambda: len(process.marked(mark)) > 1)  # its executor besides
    nodes.kill(folder, lost)
    assert process.marked(mark) == ()
    nodes.wait_for(cluster.hadoop, lost, "LOST", seconds=60)
    assert job.ended() == 0, "".join(job.said[-40:])
    assert len(job.rows) == 24
    nodes.recommission(folder, lost)
    assert set(_states(cluster).values()) == {"RUNNING"}


def test_a_node_joins_and_is_lost_with_what_is_on_it(cluster: Cluster) -> None:
    assert nodes.join(cluster.hadoop.folder) == ("node-3",)
    assert _states(cluster) == dict.fromkeys(("node-1", "node-2", "node-3"), "RUNNING")
    with pytest.raises(UnknownNodeError, match="node-3"):
        nodes.kill(cluster.hadoop.folder, "node-4")
    nodes.decommission(cluster.hadoop.folder, "node-3", 0)
    nodes.wait_for(hadoop.running(cluster.hadoop.folder), "node-3", "DECOMMISSIONED", seconds=60)


def test_kill_9_of_who_started_it_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    start = "import sys; from pathlib import Path; from framework.local_emr.daemons import lifecycle; "
    start += "lifecycle.start(Path(sys.argv[1]), with_hdfs=True); print('up', flush=True); input()"
    owner = subprocess.Popen(
        [sys.executable, "-c", start, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout
    assert owner.stdout.readline() == "up\n"
    found = hadoop.running(tmp_path)
    web = [value for setting, value in found.settings.items() if setting.endswith(("webapp.address", "http-address"))]
    assert [_answers(address) for address in web] == [True, True]
    os.kill(owner.pid, signal.SIGKILL)
    owner.communicate()
    # One that is ending loses its environment, and so its mark, a moment before it is gone.
    until(lambda: process.marked(found.mark) == () and not any(found.alive().values()), 30)
    assert [_answers(address) for address in web] == [False, False]


def _answers(address: str) -> bool:
    host, _, port = address.partition(":")
    try:
        socket.create_connection((host, int(port)), 2).close()
    except OSError:
        return False
    return True
