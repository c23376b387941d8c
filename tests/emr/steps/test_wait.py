from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from framework.emr.steps.state import StepState
from framework.emr.steps.wait import wait
from framework.errors import AwsRefusedError, ClusterEndedError, StepTimeoutError
from tests.emr.amazon import Amazon, refusal
from tests.emr.things import Time, cluster, step

DENIED = refusal("ListSteps", "AccessDeniedException")


def told(*states: str) -> dict[str, Any]:
    return {"Steps": [step(number, state) for number, state in enumerate(states, start=1) if state]}


def client(*answers: Any, state: str = "RUNNING") -> Amazon:
    return Amazon(list_steps=list(answers), describe_cluster=[cluster(state, reason="it was time")])


@pytest.mark.parametrize("end", ["COMPLETED", "FAILED", "CANCELLED", "INTERRUPTED"])
def test_every_end_is_one(end: str) -> None:
    seen: list[StepState] = []
    emr = client(told("PENDING"), told("RUNNING"), told("RUNNING"), told(end))
    (ended,) = wait(emr, "j-1", ["s-1"], pace=Time().pace, observe=seen.append)
    assert ended.state == end
    assert [each.state for each in seen] == ["PENDING", "RUNNING", end]


def test_a_step_that_is_about_to_be_cancelled_has_not_ended() -> None:
    emr = client(told("CANCEL_PENDING"), told("CANCELLED"))
    assert wait(emr, "j-1", ["s-1"], pace=Time().pace)[0].state == "CANCELLED"


def test_why_a_step_failed_is_kept() -> None:
    details = {"Reason": "Unknown Error.", "Message": "Exception in thread main", "LogFile": "s3://logs/stderr.gz"}
    emr = client({"Steps": [step(1, "FAILED", FailureDetails=details)]})
    (ended,) = wait(emr, "j-1", ["s-1"], pace=Time().pace)
    assert (ended.reason, ended.log_file) == ("Unknown Error.: Exception in thread main", "s3://logs/stderr.gz")


def test_a_chain_is_waited_for_to_its_last_step_and_what_has_ended_is_not_asked_for_again() -> None:
    emr = client(told("COMPLETED", "RUNNING"), told("", "FAILED"))
    assert [each.state for each in wait(emr, "j-1", ["s-1", "s-2"], pace=Time().pace)] == ["COMPLETED", "FAILED"]
    assert [asked["StepIds"] for asked in emr.asked("list_steps")] == [["s-1", "s-2"], ["s-2"]]


def test_more_than_ten_steps_are_asked_for_by_tens() -> None:
    emr = Amazon(list_steps=lambda StepIds, **_: {"Steps": [step(int(i[2:]), "COMPLETED") for i in StepIds]})
    ids = [f"s-{n}" for n in range(1, 24)]
    assert [each.id for each in wait(emr, "j-1", ids, pace=Time().pace)] == ids
    assert [len(asked["StepIds"]) for asked in emr.asked("list_steps")] == [10, 10, 3]


def test_it_asks_less_often_while_nothing_changes_and_at_once_again_when_something_does() -> None:
    time = Time()
    emr = client(*[told("PENDING")] * 8, told("RUNNING"), told("COMPLETED"))
    wait(emr, "j-1", ["s-1"], pace=time.pace)
    assert time.slept == [5.0, 7.5, 11.25, 16.875, 25.3125, 30.0, 30.0, 30.0, 5.0]


def test_those_who_wait_do_not_call_at_the_same_moment() -> None:
    time = Time(chance=lambda: 0.0)
    wait(client(told("RUNNING"), told("COMPLETED")), "j-1", ["s-1"], pace=time.pace)
    assert time.slept == [2.5]


def test_the_deadline_is_kept_to_the_second() -> None:
    time = Time()
    with pytest.raises(StepTimeoutError, match=r"s-2 did not end within 60 s") as late:
        wait(client(told("COMPLETED", "RUNNING")), "j-1", ["s-1", "s-2"], pace=time.pace, timeout=60)
    assert time.seconds == 60
    assert late.value.steps == ("s-2",)


def test_a_step_that_ends_with_the_deadline_has_ended() -> None:
    emr = Amazon(
        list_steps=lambda **_: told("COMPLETED" if time.seconds >= 60 else "RUNNING"), describe_cluster=[cluster()]
    )
    time = Time()
    assert wait(emr, "j-1", ["s-1"], pace=time.pace, timeout=60)[0].state == "COMPLETED"


def test_throttling_and_a_network_that_fails_for_a_while_are_waited_out() -> None:
    network = ConnectTimeoutError(endpoint_url="https://emr")
    throttled = refusal("ListSteps", "ThrottlingException")
    time = Time()
    emr = client(throttled, network, told("RUNNING"), throttled, told("COMPLETED"))
    assert wait(emr, "j-1", ["s-1"], pace=time.pace)[0].state == "COMPLETED"
    assert time.slept == [7.5, 11.25, 5.0, 7.5]


def test_a_network_that_stays_away_is_said_after_a_while_and_a_refusal_at_once() -> None:
    time = Time()
    with pytest.raises(AwsRefusedError):
        wait(client(ConnectTimeoutError(endpoint_url="https://emr")), "j-1", ["s-1"], pace=time.pace)
    assert 300 < time.seconds < 1200
    time = Time()
    with pytest.raises(AwsRefusedError, match="AccessDenied"):
        wait(client(DENIED), "j-1", ["s-1"], pace=time.pace)
    assert time.slept == []


@pytest.mark.parametrize("state", ["TERMINATED", "TERMINATED_WITH_ERRORS"])
def test_a_cluster_that_has_gone_is_not_waited_for(state: str) -> None:
    with pytest.raises(ClusterEndedError, match=f"{state}: it was time; s-1 did not end"):
        wait(client(told("RUNNING"), state=state), "j-1", ["s-1"], pace=Time().pace)


def test_a_step_that_went_down_with_its_cluster_is_told_of_a_moment_later() -> None:
    emr = client(told("RUNNING"), told("RUNNING"), told("CANCELLED"), state="TERMINATED")
    assert wait(emr, "j-1", ["s-1"], pace=Time().pace)[0].state == "CANCELLED"


def test_a_cluster_that_is_ending_is_still_waited_for() -> None:
    emr = client(told("RUNNING"), told("RUNNING"), told("RUNNING"), told("FAILED"), state="TERMINATING")
    assert wait(emr, "j-1", ["s-1"], pace=Time().pace)[0].state == "FAILED"
