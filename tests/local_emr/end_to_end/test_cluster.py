"""A cluster's life beside its runs: two at once, fewer nodes and more, and a lake on HDFS."""

from collections import Counter
from pathlib import Path

import pytest

from tests.local_emr.end_to_end.emr import LocalEmr, Rows, is_as_on_the_laptop, until

pytestmark = pytest.mark.heavy
FILES, ROWS = 4, 25


def _landed(emr: LocalEmr, folder: Path, name: str, first: int) -> None:
    for number in range(FILES):
        file = folder / f"{name}-{number}.csv"
        ids = range(first + number * ROWS, first + (number + 1) * ROWS)
        file.write_text("id\n" + "".join(f"{each}\n" for each in ids))
        emr.put(f"landing/{name}", file)


def test_two_steps_at_once_that_write_one_table_lose_no_commit(emr: LocalEmr, tmp_path: Path) -> None:
    cluster = emr.cluster("emr.cluster.step_concurrency=2")
    _landed(emr, tmp_path, "one", 0)
    _landed(emr, tmp_path, "other", 1000)
    lake = ("lake.root=s3://lakegate/shared",)
    one, other = emr.submit(cluster, "one", sets=lake), emr.submit(cluster, "other", sets=lake)
    until(lambda: {one.state, other.state} == {"RUNNING"})
    assert (one.ended(), other.ended()) == ("COMPLETED", "COMPLETED"), (one.why(), other.why())
    wanted = [*range(FILES * ROWS), *range(1000, 1000 + FILES * ROWS)]
    assert emr.rows("shared", "silver/entries") == Counter((each,) for each in wanted)
    emr.end(cluster)


def _core(emr: LocalEmr, cluster: str, count: int) -> None:
    """Change how many core nodes a cluster has."""
    client = emr.client("emr")
    groups = client.list_instance_groups(ClusterId=cluster)["InstanceGroups"]
    (core,) = [each["Id"] for each in groups if each["InstanceGroupType"] == "CORE"]
    client.modify_instance_groups(ClusterId=cluster, InstanceGroups=[{"InstanceGroupId": core, "InstanceCount": count}])


def _states(emr: LocalEmr) -> list[str]:
    return sorted(each.state for each in emr.nodes.values())


def test_a_run_completes_while_its_cluster_gets_fewer_nodes_and_a_next_one_uses_more(
    emr: LocalEmr, laptop: dict[str, Rows]
) -> None:
    cluster = emr.cluster()
    step = emr.submit(cluster, "flights", sets=("lake.root=s3://lakegate/fewer",))
    until(lambda: bool(emr.keys("fewer/bronze/flights/_delta_log/00000000000000000001")), 300)
    assert _states(emr) == ["RUNNING", "RUNNING"]
    _core(emr, cluster, 1)
    until(lambda: "DECOMMISSIONING" in _states(emr) or "DECOMMISSIONED" in _states(emr))
    assert step.ended() == "COMPLETED", step.why()
    until(lambda: _states(emr) == ["DECOMMISSIONED", "RUNNING"])
    is_as_on_the_laptop(emr, "fewer", laptop)

    # All that three nodes have room for: executors of 2 of 4 cores, and one for the driver.
    more = ("lake.root=s3://lakegate/more", "emr.conf.spark.dynamicAllocation.minExecutors=4")
    step = emr.submit(cluster, "flights", sets=more)
    until(lambda: emr.nodes_in_use() == 1)
    _core(emr, cluster, 3)
    until(lambda: emr.nodes_in_use() == 3, 300)
    assert step.ended() == "COMPLETED", step.why()
    is_as_on_the_laptop(emr, "more", laptop)
    emr.end(cluster)


def test_a_lake_on_hdfs_has_the_same_tables(emr: LocalEmr, laptop: dict[str, Rows]) -> None:
    cluster = emr.cluster()
    on_hdfs = emr.submit(cluster, "flights", sets=("lake.root=hdfs:///lake",))
    assert on_hdfs.ended() == "COMPLETED", on_hdfs.why()
    copied = emr.hadoop(cluster, "fs", "-cp", "hdfs:///lake", "s3://lakegate/copied")
    assert copied == "COMPLETED"
    is_as_on_the_laptop(emr, "copied", laptop)
    emr.end(cluster)
