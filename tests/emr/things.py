"""What tests of steps share: a bundle of small files, settings, steps as EMR tells of them, and a clock."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from framework.config import Settings
from framework.emr.bundle.artifacts import Artifact, Bundle
from framework.emr.pace import Pace

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BASE = {
    "environment": "prod",
    "lake": {"root": "s3://lake/tables"},
    "landing": {"root": "s3://landing/files"},
    "catalog": {"kind": "none"},
    "spark": {"jars": "provided"},
    "log": {"format": "json", "level": "info"},
}


def settings(**emr: Any) -> Settings:
    """Settings whose [emr] is what is given."""
    return Settings.model_validate({**BASE, "emr": {"artifacts": "s3://artifacts/lakegate", **emr}})


def bundle(folder: Path, release: str = "emr-spark-8.2.0") -> Bundle:
    """A bundle of small files."""

    def made(name: str) -> Artifact:
        path = folder / name
        path.write_text(name)
        return Artifact.of(path)

    return Bundle(
        release=release,
        architecture="aarch64",
        python="3.11",
        entrypoint=made("run_job.py"),
        wheels=(made("lakegate-0.1.0-py3-none-any.whl"), made("lakegate_jobs-0.1.0-py3-none-any.whl")),
        dependencies=made("deps-abc.zip"),
        manifest=made("manifest.json"),
    )


def step(number: int, state: str, age: timedelta = timedelta(0), **more: Any) -> dict[str, Any]:
    """A step as list_steps tells of it."""
    times: dict[str, Any] = {"CreationDateTime": NOW - age}
    if state not in ("PENDING", "CANCELLED"):
        times["StartDateTime"] = NOW - age
    details = {"FailureDetails": more.pop("FailureDetails")} if "FailureDetails" in more else {}
    status = {"State": state, "Timeline": times, **details}
    return {"Id": f"s-{number}", "Name": f"step {number}", "Status": status, **more}


def cluster(state: str = "WAITING", **more: Any) -> dict[str, Any]:
    """A cluster as describe_cluster tells of it."""
    return {
        "Cluster": {
            "Id": "j-1",
            "Name": "lakegate",
            "Status": {"State": state, "StateChangeReason": {"Message": more.pop("reason", "")}},
            "ReleaseLabel": "emr-spark-8.2.0",
            "InstanceCollectionType": "INSTANCE_GROUP",
            "Applications": [{"Name": "Spark", "Version": "4.1.3"}],
            "StepConcurrencyLevel": 1,
            **more,
        }
    }


@dataclass
class Time:
    """A clock that only sleeping moves."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)
    chance: Callable[[], float] = lambda: 1.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    @property
    def pace(self) -> Pace:
        """It as those who wait take it."""
        return Pace(lambda: self.seconds, self.sleep, self.chance)


def built(folder: Path) -> ModuleType:
    """The module of bundles, of which one has been built."""
    module = ModuleType("framework.emr.bundle.build")
    vars(module)["find_bundle"] = lambda *_: bundle(folder)
    return module
