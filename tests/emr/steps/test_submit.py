import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, NoCredentialsError, ReadTimeoutError

from framework.arguments import pack
from framework.config.steps import Bash, CustomJar, StepSettings
from framework.emr.steps.same import _arguments
from framework.emr.steps.step import AddRequest, add_request, chain
from framework.emr.steps.submit import add
from framework.errors import AwsRefusedError, LostAnswerError, OtherArgumentsError, OtherStepsError
from tests.emr.amazon import Amazon, refusal
from tests.emr.things import NOW, Time, settings, step

TIMEOUT = ReadTimeoutError(endpoint_url="https://emr")
CLOSED = ConnectionClosedError(endpoint_url="https://emr")
BROKEN = refusal("AddJobFlowSteps", "InternalServerError")
THROTTLED = refusal("AddJobFlowSteps", "ThrottlingException")
WORKS = [Bash(kind="bash", name="a", command="x"), Bash(kind="bash", name="b", command="y")]


def request(token: str = "abc", works: Sequence[StepSettings] = WORKS) -> AddRequest:
    return add_request("j-1", chain(works, settings(), None, on_failure="continue", token=token), settings().emr)


class Steps:
    """The steps of a cluster: the call of `lose` adds, and its answer does not arrive; each failure comes before."""

    def __init__(self, *failures: Exception, lose: Exception | None = None, late: int = 0) -> None:
        self.failures, self.lose, self.late = list(failures), lose, late
        self.added: list[dict[str, Any]] = [step(99, "COMPLETED", Config={"Properties": {"a": "b"}, "Args": ["x"]})]
        self.emr = Amazon(add_job_flow_steps=self.add, list_steps=self.listed)

    def add(self, **asked: Any) -> Any:
        if self.failures:
            return self.failures.pop(0)
        first = len(self.added)
        for number, each in enumerate(asked["Steps"], start=first):
            jar = each["HadoopJarStep"]
            properties = {pair["Key"]: pair["Value"] for pair in jar["Properties"]}
            config = {name: jar[name] for name in ("Jar", "Args", "MainClass") if name in jar}
            config["Properties"] = properties
            told = {"Name": each["Name"], "ActionOnFailure": each["ActionOnFailure"], "Config": config}
            self.added.insert(0, step(number, "PENDING", **told))
        lost, self.lose = self.lose, None
        return lost or {"StepIds": [f"s-{number}" for number in range(first, len(self.added))]}

    def listed(self, **_: Any) -> Any:
        self.late -= 1
        return {"Steps": self.added if self.late < 0 else []}


def submit(emr: Amazon, time: Time, **more: Any) -> list[str]:
    return add(emr, request(), "abc", clock=lambda: NOW, pace=time.pace, **more)


def test_steps_are_added_with_one_call_and_nothing_else_is_asked() -> None:
    steps, time = Steps(), Time()
    assert submit(steps.emr, time) == ["s-1", "s-2"]
    assert [name for name, _ in steps.emr.calls] == ["add_job_flow_steps"]
    assert time.slept == []


@pytest.mark.parametrize("lost", [TIMEOUT, CLOSED, BROKEN], ids=["timeout", "closed", "broken"])
def test_steps_whose_answer_is_lost_are_found_and_not_added_again(lost: Exception) -> None:
    steps = Steps(lose=lost)
    assert submit(steps.emr, Time()) == ["s-1", "s-2"]
    assert len(steps.emr.asked("add_job_flow_steps")) == 1
    assert len(steps.added) == 3


def test_steps_that_are_listed_late_are_waited_for() -> None:
    steps, time = Steps(lose=TIMEOUT, late=2), Time()
    assert submit(steps.emr, time) == ["s-1", "s-2"]
    assert len(steps.added) == 3
    assert time.slept == [2.0, 5.0, 10.0]


def test_a_call_that_did_not_arrive_is_made_again() -> None:
    steps = Steps(TIMEOUT)
    assert submit(steps.emr, Time()) == ["s-1", "s-2"]
    assert len(steps.emr.asked("add_job_flow_steps")) == 2
    assert len(steps.added) == 3


def test_a_throttled_call_is_made_again_with_longer_and_longer_pauses_and_nothing_is_looked_for() -> None:
    steps, time = Steps(THROTTLED, THROTTLED, THROTTLED), Time()
    assert submit(steps.emr, time) == ["s-1", "s-2"]
    assert steps.emr.asked("list_steps") == []
    assert time.slept == [2.0, 4.0, 8.0]


def test_throttling_that_does_not_end_is_said() -> None:
    with pytest.raises(AwsRefusedError, match="ThrottlingException"):
        submit(Steps(*[THROTTLED] * 6).emr, Time())


@pytest.mark.parametrize(
    "failure",
    [refusal("AddJobFlowSteps", "ValidationException"), NoCredentialsError()],
    ids=["refused", "no credentials"],
)
def test_a_refusal_is_final(failure: Exception) -> None:
    steps = Steps(failure)
    with pytest.raises(AwsRefusedError):
        submit(steps.emr, Time())
    assert len(steps.emr.calls) == 1


def test_where_nothing_can_be_asked_the_way_on_is_said() -> None:
    def lost(**_: Any) -> Any:
        return TIMEOUT

    with pytest.raises(LostAnswerError, match="--submission abc"):
        submit(Amazon(add_job_flow_steps=lost, list_steps=lost), Time())
    with pytest.raises(LostAnswerError, match="--submission abc"):
        submit(Amazon(add_job_flow_steps=lost, list_steps=[{"Steps": []}]), Time())


def test_a_submission_that_is_repeated_by_its_id_finds_its_steps() -> None:
    steps = Steps()
    assert submit(steps.emr, Time()) == submit(steps.emr, Time(), again=True) == ["s-1", "s-2"]
    assert len(steps.emr.asked("add_job_flow_steps")) == 1
    other = add(steps.emr, request("other"), "other", clock=lambda: NOW, pace=Time().pace, again=True)
    assert other == ["s-3", "s-4"]


def test_steps_of_long_ago_are_not_paged_through() -> None:
    old = [step(n, "COMPLETED", timedelta(days=8)) for n in range(3)]
    pages: Callable[..., Any] = lambda **_: {"Steps": old, "Marker": "more"}  # noqa: E731
    emr = Amazon(list_steps=pages, add_job_flow_steps=[{"StepIds": ["s-1", "s-2"]}])
    assert submit(emr, Time(), again=True) == ["s-1", "s-2"]
    assert len(emr.asked("list_steps")) == 1


@pytest.mark.parametrize(
    "names", ["a", "b", "aba", "abb", "ac", "ba"], ids=["fewer", "the last", "more", "one more", "another", "order"]
)
def test_an_id_whose_steps_are_others_than_those_submitted_is_refused_with_what_is_there(names: str) -> None:
    steps = Steps()
    submit(steps.emr, Time())
    works = [Bash(kind="bash", name=name, command="x") for name in names]
    with pytest.raises(OtherStepsError, match=r"it has 'a' \(s-1\), 'b' \(s-2\)") as refused:
        add(steps.emr, request(works=works), "abc", clock=lambda: NOW, pace=Time().pace, again=True)
    assert refused.value.found == ("s-1", "s-2")
    assert len(steps.emr.asked("add_job_flow_steps")) == 1


JAR = CustomJar(kind="jar", name="j", jar="s3://b/x.jar", main_class="M", args=("a", "b", "c"), properties={"p": "1"})


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"args": ("a", "B", "c")}, "an argument was 'b', and is now 'B'"),
        ({"args": ("a", "b")}, "arguments were 'c', and are now none"),
        ({"args": ("a", "b", "--much", "c")}, "arguments were none, and are now '--much'"),
        ({"jar": "s3://b/y.jar"}, "the jar was 's3://b/x.jar', and is now 's3://b/y.jar'"),
        ({"main_class": "N"}, "the main class was 'M', and is now 'N'"),
        ({"main_class": None}, "the main class was 'M', and is now none"),
        ({"properties": {"p": "2"}}, "property p was '1', and is now '2'"),
        ({"args": ("x" * 90 + "1", "b", "c")}, f"an argument was 'a', and is now '{'x' * 80}...'"),
    ],
)
def test_an_id_whose_steps_do_something_else_is_refused_with_what_differs(other: dict[str, Any], said: str) -> None:
    steps = Steps()
    add(steps.emr, request(works=[JAR, JAR]), "abc", clock=lambda: NOW, pace=Time().pace)
    changed = request(works=[JAR, JAR.model_copy(update=other)])
    with pytest.raises(OtherArgumentsError) as refused:
        add(steps.emr, changed, "abc", clock=lambda: NOW, pace=Time().pace, again=True)
    assert refused.value.differences == {"s-2 (j)": (said,)}
    assert said in str(refused.value)
    assert len(steps.emr.asked("add_job_flow_steps")) == 1


def test_another_action_on_failure_is_another_submission() -> None:
    steps = Steps()
    submit(steps.emr, Time())
    for each in steps.added[:2]:
        each["ActionOnFailure"] = "TERMINATE_JOB_FLOW"
    with pytest.raises(OtherArgumentsError, match="on failure was 'TERMINATE_CLUSTER', and is now 'CONTINUE'"):
        submit(steps.emr, Time(), again=True)
    chained = chain(WORKS, settings(), None, on_failure="terminate", token="abc")
    asked = add_request("j-1", chained, settings().emr)
    assert add(steps.emr, asked, "abc", clock=lambda: NOW, pace=Time().pace, again=True) == ["s-1", "s-2"]


def test_a_packed_argument_is_shown_as_it_was_typed() -> None:
    def call(text: str) -> AddRequest:
        return request(works=[JAR.model_copy(update={"args": tuple(pack([text]))})])

    steps = Steps()
    add(steps.emr, call("--note={1}"), "abc", clock=lambda: NOW, pace=Time().pace)
    for typed, shown in (("--note={2}", "'--note={2}'"), ("--packed=abc", "'--packed=abc'")):
        with pytest.raises(OtherArgumentsError, match=re.escape(f"was '--note={{1}}', and is now {shown}")):
            add(steps.emr, call(typed), "abc", clock=lambda: NOW, pace=Time().pace, again=True)
    assert list(_arguments(["--packed=abc"], ["--packed=WzFd"])) == [
        "an argument was '--packed=abc', and is now '--packed=WzFd'"
    ]


def test_of_long_arguments_the_part_is_shown_where_they_differ() -> None:
    folder = "s3://artifacts/" + "x" * 200
    (said,) = _arguments([f"{folder}/1{'y' * 200}"], [f"{folder}/2{'y' * 200}"])
    assert said == f"an argument was '...{'x' * 19}/1{'y' * 59}...', and is now '...{'x' * 19}/2{'y' * 59}...'"


def test_after_a_lost_answer_the_steps_of_this_call_are_not_compared() -> None:
    steps = Steps(lose=TIMEOUT)
    told = steps.listed
    steps.emr.answers["list_steps"] = lambda **_: {
        "Steps": [each | {"Config": each["Config"] | {"Jar": "as EMR writes it"}} for each in told()["Steps"]]
    }
    assert submit(steps.emr, Time()) == ["s-1", "s-2"]


def test_a_part_of_what_was_submitted_is_no_success() -> None:
    steps = Steps(lose=TIMEOUT)
    steps.emr.answers["list_steps"] = lambda **_: {"Steps": [each for each in steps.added if each["Name"] != "b"]}
    with pytest.raises(LostAnswerError, match=r"1 of 2 steps are listed: s-1.* --submission abc"):
        submit(steps.emr, Time())
    with pytest.raises(OtherStepsError, match=r"it has 'a' \(s-1\); submitted are 'a', 'b'"):
        submit(steps.emr, Time(), again=True)
    assert len(steps.emr.asked("add_job_flow_steps")) == 1


def test_a_cluster_that_lists_nothing_any_more_keeps_the_id_of_the_submission() -> None:
    gone = refusal("ListSteps", "InvalidRequestException", "Cluster id 'j-1' is not valid.")
    with pytest.raises(LostAnswerError, match=r"EMR knows no cluster 'j-1'.*--submission abc"):
        submit(Amazon(add_job_flow_steps=[TIMEOUT], list_steps=[gone]), Time())
