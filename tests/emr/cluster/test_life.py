from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from framework.config import ClusterSettings, EmrSettings
from framework.emr.cluster.life import clusters, create, identify, made, terminate, wait
from framework.emr.cluster.request import CREATION, run_job_flow
from framework.emr.pace import Pace
from framework.errors import (
    AwsRefusedError,
    ClusterFailedError,
    ClusterNotFoundError,
    ClusterProtectedError,
    ClusterTimeoutError,
    LostClusterError,
)
from tests.emr.amazon import Amazon, refusal

SINCE = datetime(2026, 11, 21, tzinfo=UTC)
REQUEST = run_job_flow(EmrSettings(), "none", token="t1")
LOST = ReadTimeoutError(endpoint_url="https://emr")
THROTTLED = refusal("RunJobFlow", "ThrottlingException")
OURS = {"Cluster": {"Id": "j-2", "Tags": [{"Key": CREATION, "Value": "t1"}]}}
OTHER = {"Cluster": {"Id": "j-1", "Tags": [{"Key": CREATION, "Value": "t0"}]}}
LISTED = {"Clusters": [{"Id": "j-1", "Name": "lakegate"}, {"Id": "j-2", "Name": "lakegate"}]}


class Time:
    """Time that only passes while somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def pass_(self, seconds: float) -> None:
        self.now += seconds

    @property
    def pace(self) -> Pace:
        return Pace(now=lambda: self.now, sleep=self.pass_, chance=lambda: 1.0)


def created(emr: Amazon, once: Amazon) -> str:
    return create(emr, once, REQUEST, "t1", SINCE, Time().pace)


def test_a_cluster_is_made_with_one_call() -> None:
    once = Amazon(run_job_flow=[{"JobFlowId": "j-1"}])
    assert created(Amazon(), once) == "j-1"
    assert once.asked("run_job_flow") == [REQUEST]


@pytest.mark.parametrize(
    "lost", [LOST, ConnectionClosedError(endpoint_url="x"), refusal("RunJobFlow", "InternalError")]
)
def test_after_a_lost_answer_the_cluster_is_looked_for_and_not_made_again(lost: Exception) -> None:
    once = Amazon(run_job_flow=[lost, {"JobFlowId": "j-3"}])
    emr = Amazon(list_clusters=[LISTED], describe_cluster=[OTHER, OURS])
    assert created(emr, once) == "j-2"
    assert len(once.asked("run_job_flow")) == 1
    assert emr.asked("list_clusters") == [{"CreatedAfter": SINCE}]


def test_a_new_cluster_that_is_in_the_list_a_moment_later_is_not_made_again() -> None:
    once = Amazon(run_job_flow=[LOST, {"JobFlowId": "j-3"}])
    emr = Amazon(list_clusters=[{"Clusters": []}, LISTED], describe_cluster=[OTHER, OURS])
    assert created(emr, once) == "j-2"


def test_what_was_not_made_is_tried_again() -> None:
    once = Amazon(run_job_flow=[LOST, THROTTLED, {"JobFlowId": "j-3"}])
    assert created(Amazon(list_clusters=[{"Clusters": []}]), once) == "j-3"
    assert once.asked("run_job_flow") == [REQUEST] * 3


def test_a_refusal_is_final() -> None:
    once = Amazon(run_job_flow=[refusal("RunJobFlow", "ValidationException", "no such role")])
    with pytest.raises(AwsRefusedError, match="no such role"):
        created(Amazon(), once)
    assert len(once.asked("run_job_flow")) == 1


def test_what_nobody_can_tell_is_said_with_how_to_go_on() -> None:
    denied = refusal("ListClusters", "AccessDeniedException")
    with pytest.raises(LostClusterError, match="--creation t1") as error:
        created(Amazon(list_clusters=[denied]), Amazon(run_job_flow=[LOST]))
    assert error.value.token == "t1"
    with pytest.raises(LostClusterError):
        created(Amazon(list_clusters=[{"Clusters": []}]), Amazon(run_job_flow=[LOST]))
    with pytest.raises(AwsRefusedError, match="Throttling"):
        created(Amazon(list_clusters=[{"Clusters": []}]), Amazon(run_job_flow=[THROTTLED]))


def test_a_cluster_of_a_token_is_found_among_those_of_its_name() -> None:
    emr = Amazon(list_clusters=[{"Clusters": [{"Id": "j-9", "Name": "other"}]}])
    assert made(emr, "lakegate", "t1", SINCE) is None
    assert emr.asked("describe_cluster") == []


def test_a_cluster_is_named_by_its_id_its_name_or_the_settings() -> None:
    settings = EmrSettings(cluster_id="j-7", cluster=ClusterSettings(name="nightly"))
    emr = Amazon(list_clusters=[{"Clusters": [{"Id": "j-1", "Name": "hourly"}, {"Id": "j-2", "Name": "nightly"}]}])
    assert identify(emr, settings, None) == "j-7"
    assert identify(emr, settings, "j-9") == "j-9"
    assert identify(emr, settings, "hourly") == "j-1"
    assert identify(emr, EmrSettings(cluster=settings.cluster), None) == "j-2"
    with pytest.raises(ClusterNotFoundError, match="'weekly'"):
        identify(emr, settings, "weekly")


def test_active_clusters_are_listed_or_all() -> None:
    found = {"Id": "j-1", "Name": "n", "Status": {"State": "WAITING"}, "NormalizedInstanceHours": 8}
    emr = Amazon(list_clusters=[{"Clusters": [found]}])
    (one,) = clusters(emr)
    assert (one.id, one.state, one.instance_hours) == ("j-1", "WAITING", 8)
    assert list(clusters(emr, every=True)) == [one]
    active, every = emr.asked("list_clusters")
    assert active == {"ClusterStates": ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]}
    assert every == {}


def state(name: str, **more: Any) -> dict[str, Any]:
    return {"Cluster": {"Status": {"State": name, **more}}}


@pytest.mark.parametrize("last", ["RUNNING", "WAITING"])
def test_waiting_ends_when_the_cluster_is_up_and_tells_each_new_state(last: str) -> None:
    answers = [state("STARTING"), state("STARTING"), LOST, THROTTLED, state("BOOTSTRAPPING"), state(last)]
    told: list[str] = []
    emr = Amazon(describe_cluster=answers)
    assert wait(emr, "j-1", pace=Time().pace, timeout=600, observe=told.append) == last
    assert told == ["STARTING", "BOOTSTRAPPING", last]


@pytest.mark.parametrize("over", ["TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"])
def test_a_cluster_that_ends_instead_is_told_with_its_reason(over: str) -> None:
    why = {"Code": "BOOTSTRAP_FAILURE", "Message": "On the master instance"}
    emr = Amazon(describe_cluster=[state(over, StateChangeReason=why, ErrorDetails=[{"ErrorMessage": "exit 1"}])])
    with pytest.raises(ClusterFailedError, match="BOOTSTRAP_FAILURE: On the master instance: exit 1") as error:
        wait(emr, "j-1", pace=Time().pace, timeout=600)
    assert error.value.state == over


def test_waiting_has_an_end() -> None:
    time = Time()
    with pytest.raises(ClusterTimeoutError, match="still STARTING after 600 s"):
        wait(Amazon(describe_cluster=[state("STARTING")]), "j-1", pace=time.pace, timeout=600)
    assert time.now == 600


def test_a_refusal_and_a_network_that_stays_away_end_the_waiting() -> None:
    with pytest.raises(AwsRefusedError, match="AccessDenied"):
        wait(
            Amazon(describe_cluster=[refusal("DescribeCluster", "AccessDenied")]), "j-1", pace=Time().pace, timeout=9e9
        )
    emr = Amazon(describe_cluster=[LOST])
    with pytest.raises(AwsRefusedError, match="timeout"):
        wait(emr, "j-1", pace=Time().pace, timeout=9e9)
    assert len(emr.asked("describe_cluster")) == 21


def described(name: str = "WAITING", *, protected: bool = False) -> dict[str, Any]:
    return {"Cluster": {"Id": "j-1", "TerminationProtected": protected, "Status": {"State": name}}}


def test_a_cluster_is_ended() -> None:
    emr = Amazon(describe_cluster=[described()], terminate_job_flows=[{}])
    assert terminate(emr, "j-1") is True
    assert emr.asked("terminate_job_flows") == [{"JobFlowIds": ["j-1"]}]


def test_one_that_has_ended_is_left_alone() -> None:
    emr = Amazon(describe_cluster=[described("TERMINATED", protected=True)])
    assert terminate(emr, "j-1", unprotect=True) is False
    assert [name for name, _ in emr.calls] == ["describe_cluster"]


def test_protection_is_taken_off_only_when_that_is_asked_for() -> None:
    emr = Amazon(
        describe_cluster=[described(protected=True)], set_termination_protection=[{}], terminate_job_flows=[{}]
    )
    with pytest.raises(ClusterProtectedError, match="--unprotect"):
        terminate(emr, "j-1")
    assert [name for name, _ in emr.calls] == ["describe_cluster"]
    assert terminate(emr, "j-1", unprotect=True) is True
    assert emr.asked("set_termination_protection") == [{"JobFlowIds": ["j-1"], "TerminationProtected": False}]
    assert emr.calls[-1][0] == "terminate_job_flows"
