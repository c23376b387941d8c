import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import framework
from framework import emr

ROOT = Path(__file__).parent.parent
PACKAGES = [f"framework.{module.name}" for module in pkgutil.iter_modules(framework.__path__) if module.ispkg]


def _fresh(code: str) -> str:
    """Run code in an interpreter of its own, in the repository, and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _loads(statement: str, *heavy: str) -> list[str]:
    """Return which of the heavy modules an import statement loads, itself or through others."""
    return _fresh(f"{statement}; import sys; print(*[m for m in {heavy!r} if m in sys.modules])").split()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_front_door_names_what_it_opens_in_order(package: str) -> None:
    door = import_module(package)
    assert list(door.__all__) == sorted(set(door.__all__))
    assert [name for name in door.__all__ if not hasattr(door, name)] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_front_door_imports_from_its_rooms_it_names(package: str) -> None:
    door = import_module(package)
    public = {n for n, v in vars(door).items() if not n.startswith("_") and getattr(v, "__module__", "") == package}
    opened = {n for n, v in vars(door).items() if getattr(v, "__module__", "").startswith(package + ".")}
    assert (public | opened) - set(door.__all__) == set()


def test_importing_the_framework_loads_nothing() -> None:
    assert _fresh("import framework, sys; print(*[m for m in sys.modules if m.startswith('framework.')])") == ""


@pytest.mark.parametrize(
    "module", ["framework.config", "framework.aws", "framework.log", "framework.emr", "framework.testing"]
)
def test_settings_and_aws_need_no_spark(module: str) -> None:
    assert _loads(f"import {module}", "pyspark", "delta", "boto3", "botocore") == []


def test_no_room_of_emr_needs_spark() -> None:
    rooms = [module.name for module in pkgutil.walk_packages(emr.__path__, f"{emr.__name__}.")]
    assert "framework.emr.steps.submit" in rooms
    assert _loads(f"import {', '.join(rooms)}", "pyspark", "delta", "boto3", "botocore") == []


def test_the_heavy_modules_would_be_seen() -> None:
    assert _loads("import framework.tables", "pyspark", "boto3") == ["pyspark"]


def test_a_job_is_imported_without_a_live_spark() -> None:
    # Without a JVM a Column cannot be made: so that the job was imported at all says that it makes none.
    said = _fresh(
        "from jobs.flights import job\n"
        "from pyspark import SparkContext\n"
        "from pyspark.sql import functions as F\n"
        "print(job.name, SparkContext._active_spark_context, SparkContext._gateway)\n"
        "try:\n"
        "    F.col('x')\n"
        "except AssertionError:\n"
        "    print('no Column')\n"
    )
    assert said.splitlines() == ["flights None None", "no Column"]
