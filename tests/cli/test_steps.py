from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from framework import aws
from framework.cli.steps import took
from framework.emr import pace
from framework.errors import SettingError, UnknownClusterError
from tests.command import Said, lakegate, project
from tests.emr.amazon import Amazon, refusal
from tests.emr.things import NOW, Time, step


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project; no cluster is real."""
    return project(tmp_path_factory.mktemp("steps") / "shop")


@pytest.fixture(autouse=True)
def _time(monkeypatch: pytest.MonkeyPatch) -> None:
    paced = Time().pace
    monkeypatch.setattr(pace.Pace.__init__, "__defaults__", (paced.now, paced.sleep, paced.chance))
    monkeypatch.setattr("framework.cli.start.clock", lambda: NOW)


def call(shop: Path, monkeypatch: pytest.MonkeyPatch, emr: Amazon, *arguments: str) -> Said:
    monkeypatch.setattr(aws, "client", lambda service, settings, **_: {"emr": emr}[service])
    return lakegate(shop, *arguments, "--set", "emr.cluster_id=j-1")


def test_steps_are_listed_newest_first_with_how_long_they_took_and_why_they_failed(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = step(1, "FAILED", timedelta(hours=3), FailureDetails={"Reason": "Unknown Error.", "LogFile": "s3://l"})
    failed["Status"]["Timeline"]["EndDateTime"] = NOW - timedelta(minutes=58, seconds=50)
    told = [step(3, "PENDING"), step(2, "RUNNING", timedelta(seconds=187)), failed]
    said = call(shop, monkeypatch, Amazon(list_steps=[{"Steps": told}]), "steps")
    assert said.code == 0, said.err
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.out.splitlines() if "│" in line]
    assert rows == [
        ["s-3", "step 3", "PENDING", "2026-11-21 12:00:00", "", ""],
        ["s-2", "step 2", "RUNNING", "2026-11-21 11:56:53", "3m 07s", ""],
        ["s-1", "step 1", "FAILED", "2026-11-21 09:00:00", "2h 01m", "Unknown Error."],
    ]


def test_the_newest_are_shown_and_all_of_them_by_wish(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def client() -> Amazon:
        pages: list[Any] = [
            {"Steps": [step(n, "COMPLETED") for n in range(30, 10, -1)], "Marker": "m"},
            {"Steps": [step(n, "COMPLETED") for n in range(10, 0, -1)]},
        ]
        return Amazon(list_steps=pages)

    some = call(shop, monkeypatch, client(), "steps")
    assert "s-11 " in some.out
    assert "s-10 " not in some.out
    assert "--all" in some.out
    everything = call(shop, monkeypatch, client(), "steps", "--all")
    assert "s-1 " in everything.out
    assert "--all" not in everything.out


def test_a_cluster_without_steps_says_so(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "has no step yet" in call(shop, monkeypatch, Amazon(list_steps=[{"Steps": []}]), "steps").out


def test_cancel_says_what_became_of_each_and_how_its_application_ends(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: dict[str, Any] = {"AdditionalInfo": {"ResourceManagerApplicationIds": ["application_1_0001"]}}
    emr = Amazon(
        list_steps=[
            {"Steps": [step(1, "RUNNING", **ran), step(2, "PENDING"), step(3, "RUNNING")]},
            {"Steps": [step(1, "CANCELLED"), step(2, "CANCELLED"), step(3, "CANCELLED")]},
            {"Steps": [step(1, "CANCELLED", **ran), step(2, "CANCELLED"), step(3, "CANCELLED")]},
        ],
        cancel_steps=[{"CancelStepsInfoList": [{"StepId": f"s-{n}", "Status": "SUBMITTED"} for n in (1, 2, 3)]}],
        add_job_flow_steps=[{"StepIds": ["s-4"]}],
    )
    said = call(shop, monkeypatch, emr, "cancel", "s-1", "s-2", "s-3")
    assert said.code == 0, said.err
    assert said.out.splitlines() == [
        "step 1  CANCELLED",
        "  its YARN application is killed by step s-4, after the steps that wait before it",
        "step 2  CANCELLED",
        "step 3  CANCELLED",
        "  a YARN application of it may still run (EMR names no YARN application of it): `yarn application -list` and "
        "`yarn application -kill ID` on the primary node",
    ]


def test_a_step_that_goes_on_or_is_unknown_ends_cancel_with_one(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = {"StepId": "s-1", "Status": "FAILED", "Reason": "not now"}
    emr = Amazon(list_steps=[{"Steps": [step(1, "PENDING")]}], cancel_steps=[{"CancelStepsInfoList": [info]}])
    said = call(shop, monkeypatch, emr, "cancel", "s-1", "s-9")
    assert said.code == 1
    assert said.out.splitlines() == ["step 1  PENDING, not cancelled: not now", "s-9 is no step of j-1"]


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, ""), (0, "0s"), (59.4, "59s"), (60, "1m 00s"), (3599.6, "1h 00m"), (90_000, "25h 00m")]
)
def test_a_time_is_said_in_its_largest_units(seconds: float | None, said: str) -> None:
    assert took(seconds) == said


@pytest.mark.parametrize("command", [["steps"], ["cancel", "s-1"], ["logs", "s-1"], ["why", "s-1"], ["why", "j-1"]])
def test_without_a_region_the_setting_is_named(shop: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps what it once found
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    said = lakegate(shop, *command, AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/nonexistent")
    assert (said.code, type(said.error)) == (2, SettingError)
    assert "'aws.region'" in said.err


def test_a_cluster_that_emr_does_not_know_is_said(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = refusal("ListSteps", "InvalidRequestException", "Cluster id 'j-1' is not valid.")
    said = call(shop, monkeypatch, Amazon(list_steps=[unknown]), "steps")
    assert (said.code, type(said.error)) == (1, UnknownClusterError)


def test_steps_and_cancel_take_the_cluster(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emr = Amazon(list_steps=[{"Steps": [step(1, "COMPLETED")]}])
    assert call(shop, monkeypatch, emr, "steps", "--cluster", "j-OTHER").code == 0
    assert call(shop, monkeypatch, emr, "cancel", "s-1", "--cluster", "j-OTHER").code == 0
    assert {asked["ClusterId"] for asked in emr.asked("list_steps")} == {"j-OTHER"}
