from pathlib import Path
from typing import Any

import pytest

from framework.config.steps import Bash, HiveScript
from framework.emr.steps.preflight import preflight
from framework.emr.steps.spark import SparkJob
from framework.emr.steps.step import chain
from framework.errors import (
    ApplicationMissingError,
    BucketError,
    ClusterArchitectureError,
    ClusterReleaseError,
    ClusterStateError,
    PreflightError,
    RuntimeRoleError,
    StepConcurrencyError,
    StepLimitError,
)
from tests.emr.amazon import Amazon, refusal
from tests.emr.things import bundle, cluster, settings, step

FLIGHTS = SparkJob("flights", "prod")
HIVE = HiveScript(kind="hive-script", name="report", script="s3://b/r.hql")
GROUPS = {"InstanceGroups": [{"InstanceType": "m7g.xlarge"}, {"InstanceType": "r8gd.2xlarge"}]}


def look(
    folder: Path,
    works: Any = (FLIGHTS,),
    *,
    told: Any = None,
    on_failure: Any = "continue",
    active: int = 0,
    nodes: Any = GROUPS,
    s3: Any = None,
    **emr: Any,
) -> tuple[Amazon, Amazon]:
    """Do a preflight; return the clients that were asked."""
    given = settings(**emr)
    steps = {"Steps": [step(n, "PENDING") for n in range(active)]}
    fleets = {"InstanceFleets": [{"InstanceTypeSpecifications": nodes["InstanceGroups"]}]}
    asked = Amazon(
        describe_cluster=[told or cluster()],
        list_steps=[steps],
        list_instance_groups=[nodes],
        list_instance_fleets=[fleets],
    )
    buckets = s3 or Amazon("s3", head_bucket=[{}])
    made = chain(works, given, bundle(folder), on_failure=on_failure, token="t")
    preflight(asked, buckets, "j-1", made, given, on_failure, needs_bundle=FLIGHTS in works)
    return asked, buckets


@pytest.mark.parametrize("state", ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"])
def test_a_cluster_that_fits_is_let_pass(tmp_path: Path, state: str) -> None:
    asked, s3 = look(tmp_path, told=cluster(state, LogUri="s3n://logs/emr/"), step_log_uri="s3://logs/steps")
    assert asked.asked("list_steps") == [{"ClusterId": "j-1", "StepStates": ["PENDING", "CANCEL_PENDING", "RUNNING"]}]
    buckets = ["artifacts", "lake", "landing", "logs"]
    assert s3.asked("head_bucket") == [{"Bucket": name} for name in buckets]


@pytest.mark.parametrize("state", ["TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"])
def test_a_cluster_that_ends_takes_no_steps(tmp_path: Path, state: str) -> None:
    with pytest.raises(ClusterStateError, match=f"{state}: by request"):
        look(tmp_path, told=cluster(state, reason="by request"))


def test_the_release_must_be_the_bundle_s(tmp_path: Path) -> None:
    with pytest.raises(ClusterReleaseError, match=r"emr-7\.14\.0, and emr\.release is emr-spark-8\.2\.0"):
        look(tmp_path, told=cluster(ReleaseLabel="emr-7.14.0"))


@pytest.mark.parametrize("kind", ["INSTANCE_GROUP", "INSTANCE_FLEET"])
def test_every_node_must_have_the_bundle_s_cpu(tmp_path: Path, kind: str) -> None:
    told = cluster(InstanceCollectionType=kind)
    look(tmp_path, told=told)
    mixed = {"InstanceGroups": [*GROUPS["InstanceGroups"], {"InstanceType": "m5.xlarge"}]}
    with pytest.raises(ClusterArchitectureError, match=r"not aarch64: m5\.xlarge\."):
        look(tmp_path, told=told, nodes=mixed)
    with pytest.raises(ClusterArchitectureError, match=r"not x86_64: m7g\.xlarge, r8gd\.2xlarge\."):
        look(tmp_path, told=told, architecture="x86_64")


def test_the_applications_of_all_steps_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ApplicationMissingError, match="lacks Hive; it has Spark"):
        look(tmp_path, [FLIGHTS, HIVE])
    with pytest.raises(ApplicationMissingError, match="lacks Spark; it has none"):
        look(tmp_path, told=cluster(Applications=[]))
    look(tmp_path, [FLIGHTS, HIVE], told=cluster(Applications=[{"Name": "Hive"}, {"Name": "Spark"}]))


def test_the_256th_step_has_room_and_the_257th_has_not(tmp_path: Path) -> None:
    look(tmp_path, active=255)
    with pytest.raises(StepLimitError, match="256 steps that wait or run, and 1 more"):
        look(tmp_path, active=256)
    with pytest.raises(StepLimitError, match="255 steps that wait or run, and 2 more"):
        look(tmp_path, [FLIGHTS, Bash(kind="bash", name="b", command="x")], active=255)


@pytest.mark.parametrize("on_failure", ["cancel-and-wait", "terminate"])
def test_where_steps_run_at_once_none_stops_another(tmp_path: Path, on_failure: str) -> None:
    look(tmp_path, on_failure=on_failure)
    look(tmp_path, told=cluster(StepConcurrencyLevel=2))
    with pytest.raises(StepConcurrencyError, match=f"up to 2 steps at once.*--on-failure {on_failure}"):
        look(tmp_path, told=cluster(StepConcurrencyLevel=2), on_failure=on_failure)


def test_a_runtime_role_needs_a_cluster_that_is_made_for_it(tmp_path: Path) -> None:
    role = "arn:aws:iam::123456789012:role/steps"
    look(tmp_path, told=cluster(SecurityConfiguration="roles"), runtime_role=role)
    with pytest.raises(RuntimeRoleError) as refused:
        look(tmp_path, runtime_role=role)
    assert "123456789012" not in str(refused.value)


def test_a_bucket_that_is_not_to_be_reached_is_named_with_its_settings(tmp_path: Path) -> None:
    def head(Bucket: str) -> Any:
        known = {"lake": "404", "landing": "403"}
        return refusal("HeadBucket", known[Bucket], "Not Found") if Bucket in known else {}

    with pytest.raises(PreflightError) as refused:
        look(tmp_path, s3=Amazon("s3", head_bucket=head))
    assert [type(fault) for fault in refused.value.faults] == [BucketError, BucketError]
    assert "Bucket 'lake' (lake.root) cannot be reached: there is none of that name" in str(refused.value)
    assert "Bucket 'landing' (landing.root) cannot be reached: access is denied" in str(refused.value)


def test_all_faults_are_said_together(tmp_path: Path) -> None:
    told = cluster(ReleaseLabel="emr-7.14.0", Applications=[], StepConcurrencyLevel=3)
    with pytest.raises(PreflightError) as refused:
        look(tmp_path, told=told, on_failure="terminate", active=256, architecture="x86_64")
    assert [type(fault) for fault in refused.value.faults] == [
        ClusterReleaseError,
        ApplicationMissingError,
        StepConcurrencyError,
        StepLimitError,
        ClusterArchitectureError,
    ]


def test_a_step_without_a_job_needs_no_bundle_and_no_lake(tmp_path: Path) -> None:
    asked, s3 = look(
        tmp_path,
        [HIVE],
        told=cluster(ReleaseLabel="emr-7.14.0", Applications=[{"Name": "Hive"}]),
        nodes={"InstanceGroups": [{"InstanceType": "m5.xlarge"}]},
    )
    assert asked.asked("list_instance_groups") == []
    assert s3.asked("head_bucket") == [{"Bucket": "artifacts"}]
