"""Nodes of clusters on real daemons."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from framework.local_emr.daemons import applications, hadoop, nodes
from framework.local_emr.nodes import YarnNodes
from tests.local_emr.daemons.cluster import Cluster, cluster, until
from tests.s3.server import bucket, server

__all__ = ["bucket", "cluster", "server"]

pytestmark = pytest.mark.heavy
FIRST = ["node-1", "node-2"]


@pytest.fixture
def yarn(cluster: Cluster) -> Iterator[YarnNodes]:
    """Nodes that are looked after, with a cluster `j-1` of a primary and two core nodes; the first ones are back after.

    No test leaves a cluster behind.
    """
    made = YarnNodes(cluster.hadoop.folder, most=4)
    made.begin()
    made.want("j-1", "master", "MASTER", 1)
    made.want("j-1", "core", "CORE", 2)
    yield made
    for each in ("j-1", "j-2"):
        made.drop(each)
    until(lambda: _in_service(cluster) == FIRST)
    made.end()


def _in_service(cluster: Cluster) -> list[str]:
    return [each.name for each in nodes.nodes(hadoop.running(cluster.hadoop.folder)) if each.state == "RUNNING"]


def _states(cluster: Cluster) -> dict[str, str]:
    return {each.name: each.state for each in nodes.nodes(hadoop.running(cluster.hadoop.folder))}


def _ids(yarn: YarnNodes, group: str = "core", cluster: str = "j-1") -> list[str]:
    return [node.id for node in yarn.have(cluster, group)]


def test_the_nodes_that_run_are_handed_out_at_once(yarn: YarnNodes, cluster: Cluster) -> None:
    assert _ids(yarn) == FIRST
    assert [node.address for node in yarn.have("j-1", "core")] == ["127.0.0.2", "127.0.0.3"]
    (primary,) = yarn.have("j-1", "master")
    assert (primary.id, primary.host, primary.address) == ("primary-1", "localhost", "127.0.0.1")
    time.sleep(3)
    assert _in_service(cluster) == FIRST


def test_more_join_and_those_named_leave(yarn: YarnNodes, cluster: Cluster) -> None:
    began = time.monotonic()
    yarn.want("j-1", "core", "CORE", 3)
    assert time.monotonic() - began < 0.1
    until(lambda: _ids(yarn) == ["node-1", "node-2", "node-3"])
    assert _in_service(cluster) == ["node-1", "node-2", "node-3"]
    yarn.want("j-1", "core", "CORE", 2, ["node-1"])
    until(lambda: _ids(yarn) == ["node-2", "node-3"])
    assert _in_service(cluster) == ["node-2", "node-3"]


def test_too_many_are_refused_and_what_was_wanted_stays(yarn: YarnNodes) -> None:
    with pytest.raises(ValueError, match="4 core and task nodes at most; 2 are others', and 3 were asked for"):
        yarn.want("j-1", "task", "TASK", 3)
    assert _ids(yarn) == FIRST


def test_a_lost_node_is_gone_at_once_and_replaced(yarn: YarnNodes, cluster: Cluster) -> None:
    until(lambda: _ids(yarn) == FIRST)
    nodes.kill(cluster.hadoop.folder, "node-2")
    until(lambda: _ids(yarn) == ["node-1"], 5)
    until(lambda: _ids(yarn) == ["node-1", "node-3"])
    assert _in_service(cluster)[-1] == "node-3"


def test_a_primary_node_alone_has_one_node_of_yarns(yarn: YarnNodes, cluster: Cluster) -> None:
    yarn.want("j-2", "master", "MASTER", 1)
    yarn.drop("j-1")
    until(lambda: _in_service(cluster) == ["node-1"])
    assert yarn.have("j-1", "core") == ()
    assert [node.id for node in yarn.have("j-2", "master")] == ["primary-2"]


def test_two_clusters_have_nodes_of_their_own(yarn: YarnNodes) -> None:
    yarn.want("j-2", "core", "CORE", 2)
    until(lambda: len(_ids(yarn, cluster="j-2")) == 2)
    assert set(_ids(yarn)).isdisjoint(_ids(yarn, cluster="j-2"))


def test_a_node_leaves_in_order_is_called_back_and_the_last_cluster_takes_its_applications_with_it(
    yarn: YarnNodes, cluster: Cluster
) -> None:
    until(lambda: _ids(yarn) == FIRST)
    assert not yarn.busy("j-1")
    job = cluster.submit("long", tasks=40, seconds=3)
    until(lambda: all(each.containers for each in nodes.nodes(cluster.hadoop)))
    until(lambda: yarn.busy("j-1"))
    yarn.want("j-1", "core", "CORE", 1, ["node-2"])
    until(lambda: _states(cluster)["node-2"] == "DECOMMISSIONING")
    time.sleep(3)
    assert _ids(yarn) == FIRST  # it goes on with what it has
    yarn.want("j-1", "core", "CORE", 2)
    until(lambda: _states(cluster)["node-2"] == "RUNNING")
    yarn.drop("j-1")
    until(lambda: applications.active(cluster.hadoop) == (), 20)
    assert job.ended(60) != 0
    until(lambda: not yarn.busy("j-1"), 5)


def test_a_node_that_cannot_be_had_is_said_once(
    yarn: YarnNodes, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: Path, count: int) -> None:
        raise OSError("no more loopback")

    monkeypatch.setattr(nodes, "join", refused)
    monkeypatch.setattr(nodes, "recommission", lambda folder, name: refused(folder, 1))
    until(lambda: _ids(yarn) == FIRST)
    yarn.want("j-1", "core", "CORE", 3)
    said: list[str] = []

    def look() -> bool:
        try:
            yarn.have("j-1", "core")
        except OSError as error:
            said.append(str(error))
        return bool(said)

    until(look, 10)
    assert said == ["no more loopback"]
    assert _ids(yarn) == FIRST
    yarn.want("j-1", "core", "CORE", 2)


def test_without_a_resource_manager_there_are_no_nodes(tmp_path: Path) -> None:
    made = YarnNodes(tmp_path)
    made.want("j-1", "master", "MASTER", 1)
    assert _ids(made, "master") == ["primary-1"]
    made._look()
    assert _ids(made, "master") == []
    with pytest.raises(OSError, match="ResourceManager has ended"):
        made.want("j-1", "core", "CORE", 1)
    assert threading.active_count() < 50
