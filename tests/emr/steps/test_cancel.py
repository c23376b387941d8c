import subprocess
from pathlib import Path
from typing import Any

from framework.emr.steps.cancel import cancel, kill_arguments
from framework.emr.steps.state import StepState
from tests.emr.amazon import Amazon, refusal
from tests.emr.things import Time, step

TAGGED = {"Args": ["spark-submit", "--conf", "spark.yarn.tags=team,lakegate-abc-001"]}
KNOWN = {"ResourceManagerApplicationIds": ["application_1_0001", "application_1_0002"]}


class Cluster:
    """Steps that end some seconds after a signal; one that ignores SIGTERM ends by SIGKILL only."""

    def __init__(self, time: Time, *steps: dict[str, Any], after: float = 0, ignores: bool = False) -> None:
        self.time, self.after, self.ignores = time, after, ignores
        self.steps = {each["Id"]: each for each in steps}
        self.ends: dict[str, float] = {}
        self.emr = Amazon(
            list_steps=self.listed, cancel_steps=self.cancel, add_job_flow_steps=[{"StepIds": ["s-kill"]}]
        )

    def listed(self, StepIds: list[str], **_: Any) -> Any:
        for each, end in self.ends.items():
            if self.time.seconds >= end:
                self.steps[each]["Status"]["State"] = "CANCELLED"
        return {"Steps": [self.steps[each] for each in StepIds if each in self.steps]}

    def cancel(self, StepIds: list[str], StepCancellationOption: str, **_: Any) -> Any:
        for each in StepIds:
            if not self.ignores or StepCancellationOption == "TERMINATE_PROCESS":
                self.ends[each] = self.time.seconds + self.after
        return {"CancelStepsInfoList": [{"StepId": each, "Status": "SUBMITTED"} for each in StepIds]}


def kill(emr: Amazon) -> list[Any]:
    return [each["Steps"][0]["HadoopJarStep"]["Args"] for each in emr.asked("add_job_flow_steps")]


def test_a_step_that_heeds_the_signal_is_asked_once_and_its_application_is_killed() -> None:
    time = Time()
    there = Cluster(time, step(1, "RUNNING", Config=TAGGED, AdditionalInfo=KNOWN), after=5)
    (done,) = cancel(there.emr, "j-1", ["s-1"], pace=time.pace)
    assert (done.step.state, done.kill, done.refused, done.unkilled) == ("CANCELLED", "s-kill", "", "")
    (asked,) = there.emr.asked("cancel_steps")
    assert asked == {"ClusterId": "j-1", "StepIds": ["s-1"], "StepCancellationOption": "SEND_INTERRUPT"}
    (added,) = there.emr.asked("add_job_flow_steps")
    assert added["Steps"][0]["ActionOnFailure"] == "CONTINUE"
    assert kill(there.emr) == [["yarn", "application", "-kill", "application_1_0001", "application_1_0002"]]


def test_a_step_that_does_not_heed_it_is_killed_after_half_a_minute() -> None:
    time = Time()
    there = Cluster(time, step(1, "RUNNING", Config=TAGGED), ignores=True)
    (done,) = cancel(there.emr, "j-1", ["s-1"], pace=time.pace)
    assert done.step.state == "CANCELLED"
    assert [asked["StepCancellationOption"] for asked in there.emr.asked("cancel_steps")] == [
        "SEND_INTERRUPT",
        "TERMINATE_PROCESS",
    ]
    assert time.seconds == 30


def test_a_step_that_never_began_has_nothing_to_kill() -> None:
    time = Time()
    there = Cluster(time, step(1, "PENDING", Config=TAGGED), after=5)
    (done,) = cancel(there.emr, "j-1", ["s-1"], pace=time.pace)
    assert (done.step.state, done.kill, done.unkilled) == ("CANCELLED", None, "")
    assert kill(there.emr) == []


def test_a_step_that_has_ended_is_left_alone_and_one_that_is_unknown_is_left_out() -> None:
    time = Time()
    there = Cluster(time, step(1, "COMPLETED", Config=TAGGED))
    (done,) = cancel(there.emr, "j-1", ["s-1", "s-9"], pace=time.pace)
    assert (done.step.state, done.kill) == ("COMPLETED", None)
    assert [name for name, _ in there.emr.calls] == ["list_steps", "list_steps"]


def test_an_application_that_nobody_can_name_is_said() -> None:
    time = Time()
    there = Cluster(time, step(1, "RUNNING", Config={"Args": ["hadoop-streaming"]}))
    (done,) = cancel(there.emr, "j-1", ["s-1"], pace=time.pace)
    assert done.kill is None
    assert "no YARN application" in done.unkilled


def test_a_kill_that_is_refused_is_said() -> None:
    time = Time()
    there = Cluster(time, step(1, "RUNNING", Config=TAGGED))
    there.emr.answers["add_job_flow_steps"] = [refusal("AddJobFlowSteps", "ValidationException", "it is ending")]
    assert cancel(there.emr, "j-1", ["s-1"], pace=time.pace)[0].unkilled == "it is ending"


def test_what_emr_refuses_to_cancel_is_said() -> None:
    time = Time()
    there = Cluster(time, step(1, "RUNNING", Config=TAGGED))
    info = {"StepId": "s-1", "Status": "FAILED", "Reason": "not now"}
    there.emr.answers["cancel_steps"] = [{"CancelStepsInfoList": [info]}]
    (done,) = cancel(there.emr, "j-1", ["s-1"], pace=time.pace)
    assert (done.step.state, done.refused) == ("RUNNING", "not now")


def test_an_application_is_found_by_its_tag_where_emr_knows_no_id(tmp_path: Path) -> None:
    listed = "Total number of applications:1\\nApplication-Id\\tName\\napplication_7_0001\\tflights\\n"
    (tmp_path / "yarn").write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n[ "$2" = -list ] && printf "{listed}"\nexit 0\n'
    )
    (tmp_path / "yarn").chmod(0o755)
    arguments = kill_arguments(StepState.of(step(1, "CANCELLED", Config=TAGGED)))
    subprocess.run(arguments, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[0].startswith("application -list -appTags lakegate-abc-001 -appStates ")
    assert asked[1:] == ["application -kill application_7_0001"]
