"""What the tests of the command share: a project of their own, and the command as a call or as a fresh process."""

import importlib
import io
import json
import logging
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable, QueryBuilder

from framework.cli import main

ROOT = Path(__file__).parent.parent
SPARK = tomllib.loads((ROOT / "conf" / "test.toml").read_text())["spark"]
PACKAGES = ("packages", "package_excludes")
PLANS = {name: value for name, value in SPARK["conf"].items() if name.startswith("spark.sql.codegen.")}
LOGGER = logging.getLogger("lakegate")


@dataclass(frozen=True)
class Said:
    """How a command ended, what it printed, and the error that it reported, where that can be seen."""

    code: int
    out: str
    err: str
    error: Any = None


def lakegate(folder: Path, *arguments: str, path: tuple[Path, ...] = (), **variables: str) -> Said:
    """Call the command in a folder as a process there would run it, with the Spark session of this one."""
    out, err = io.StringIO(), io.StringIO()
    with working_in(folder, *path, **variables), redirect_stdout(out), redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as ended:
            return Said(int(ended.code or 0), out.getvalue(), err.getvalue(), ended.__context__)
    raise AssertionError("the command did not exit")


@contextmanager
def working_in(folder: Path, *path: Path, **variables: str) -> Iterator[None]:
    """Be for a while as a process in this folder that has imported no jobs, with these places to import from."""
    log = (LOGGER.handlers, LOGGER.level, LOGGER.propagate)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in [name for name in os.environ if name.startswith("LAKEGATE_")]:
            patch.delenv(name)
        # The session of this process is every test's, whoever makes it: with what this repository's tests need.
        packages = {f"LAKEGATE_SPARK__{name.upper()}": json.dumps(SPARK[name]) for name in PACKAGES}
        for name, value in {"COLUMNS": "200", "LAKEGATE_ENV": "test", **packages, **variables}.items():
            patch.setenv(name, value)
        ours = {str(ROOT), os.getcwd(), ""}
        patch.setattr(sys, "path", [*map(str, path), *(place for place in sys.path if place not in ours)])
        for name in _jobs_modules():
            patch.delitem(sys.modules, name)
        importlib.invalidate_caches()
        try:
            yield
        finally:
            for name in _jobs_modules():
                del sys.modules[name]
            LOGGER.handlers, LOGGER.propagate = log[0], log[2]
            LOGGER.setLevel(log[1])


def fresh(folder: Path, *command: str, **variables: str) -> Said:
    """Run a command of this environment as a process of its own, without this one's settings and Python path."""
    known = environment_of(**variables)
    done = subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, check=False)
    return Said(done.returncode, done.stdout, done.stderr)


def environment_of(**variables: str) -> dict[str, str]:
    """Return what a fresh process of this environment finds in its own."""
    foreign = ("LAKEGATE_", "PYTHONPATH", "SPARK_HOME", "PYSPARK_", "AWS_", "MAKE", "MFLAGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    # A process that ends soon gains nothing from good machine code, neither its own nor its plans'.
    options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *(f"-D{name}={value}" for name, value in PLANS.items())]
    kept["SPARK_SUBMIT_OPTS"] = " ".join(options)
    kept["PATH"] = f"{sys.prefix}/bin{os.pathsep}{kept['PATH']}"
    return {**kept, **variables}


def project(folder: Path) -> Path:
    """Make a project with the job `orders` from the templates, as `lakegate init` does."""
    made = lakegate(folder.parent, "init", str(folder))
    assert made.code == 0, made.err
    return folder


def rows_at(path: Path, wanted: str = "*") -> list[tuple[Any, ...]]:
    """Return the rows of the table at a path, in the order of their text, by deltalake and so without Spark."""
    found: Any = QueryBuilder().register("t", DeltaTable(str(path))).execute(f"SELECT {wanted} FROM t").read_all()
    columns = [[value.as_py() for value in column] for column in found.columns]
    return sorted(zip(*columns, strict=True), key=str)


def wheels(folder: Path) -> tuple[Path, Path]:
    """Run `make build` in a copy of the repository with this environment; return lakegate's wheel and the jobs'."""
    for name in ("framework", "jobs", "conf", "tests"):
        shutil.copytree(ROOT / name, folder / name)
    for name in (".gitignore", "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    (folder / ".venv").symlink_to(sys.prefix)
    built = fresh(folder, "make", "-o", "setup", "build")
    assert built.code == 0, built.err
    (framework,), (jobs,) = (folder / "dist").glob("lakegate-*.whl"), (folder / "dist").glob("lakegate_jobs-*.whl")
    return framework, jobs


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Return each file under a folder with its size and the time when it was last written."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}


def _jobs_modules() -> list[str]:
    return [name for name in sys.modules if name == "jobs" or name.startswith("jobs.")]
