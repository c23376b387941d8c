"""What tests of steps share: a bundle of small files, settings, steps as EMR tells of them, and a clock."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import framework
from framework.config import Settings
from framework.config.emr import Architecture
from framework.emr.bundle import archive
from framework.emr.bundle.artifacts import Artifact, Bundle
from framework.emr.bundle.declared import declared
from framework.emr.bundle.manifest import Entry, Manifest
from framework.emr.pace import Pace

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FOR_EVER = 30 * 24 * 3600.0
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
        assert self.seconds < FOR_EVER, "it waits for ever"

    @property
    def pace(self) -> Pace:
        """It as those who wait take it."""
        return Pace(lambda: self.seconds, self.sleep, self.chance)


def built(root: Path, release: str = "emr-7.14.0", python: str = "3.11") -> Path:
    """Put a bundle of a project into its dist/, as it would be built but for the dependencies."""
    dist = root / "dist"
    dist.mkdir(exist_ok=True)
    source = Path(framework.__file__).parent
    ours = _contents(source, "framework") | {"framework/conf/base.toml": source.parent / "conf" / "base.toml"}
    wheels = {"lakegate": ours, "jobs": _contents(root / "jobs", "jobs") | _contents(root / "conf", "jobs/conf")}
    for name, files in wheels.items():
        if name == "jobs" or not (dist / "lakegate-0.1.0-py3-none-any.whl").exists():
            archive.write(dist / f"{name}-0.1.0-py3-none-any.whl", files)
    (dist / "deps-abc.zip").write_text("deps")
    (dist / "run_job.py").write_bytes((root / "scripts" / "run_job.py").read_bytes())
    cpus: tuple[Architecture, ...] = ("aarch64", "x86_64")
    for cpu in cpus:
        Manifest(
            release=release,
            architecture=cpu,
            python=python,
            glibc="2.34",
            entrypoint=Entry.of(dist / "run_job.py"),
            wheels=tuple(Entry.of(dist / f"{name}-0.1.0-py3-none-any.whl") for name in wheels),
            dependencies=Entry.of(dist / "deps-abc.zip"),
            inputs="",
            packages=(),
            declared=declared(root),
        ).write(dist)
    return dist


def _contents(folder: Path, top: str) -> dict[str, Path]:
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {f"{top}/{path.relative_to(folder).as_posix()}": path for path in files}
