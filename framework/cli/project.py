"""The project that a command is run in: its root comes first on the path, and its `jobs` is the one that is used."""

import ast
import os
import sys
import traceback
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from framework.errors import ForeignJobsError, JobImportError, LakegateError, NotAProjectError, UnknownJobError

if TYPE_CHECKING:
    from framework.pipeline import Job


@dataclass(frozen=True, slots=True)
class Project:
    """A folder `jobs`, in a project's root or, outside any project, as it was installed."""

    jobs: Path
    root: Path | None

    def enter(self) -> None:
        """Make the root the working directory, so that relative settings mean the same from each of its folders."""
        if self.root:
            os.chdir(self.root)

    def names(self) -> dict[str, str]:
        """Return each job's name and the first line of its docstring, read from the files without importing them."""
        found = {}
        for file in sorted(self.jobs.glob("*.py")):
            if not file.name.startswith("_"):
                described = _described(file)
                if described is not None:
                    found[file.stem] = described
        return found

    def load(self, name: str) -> "Job":
        """Import jobs/<name>.py and return its job. Raises UnknownJobError, ForeignJobsError or JobImportError."""
        from framework.pipeline import Job

        if not (self.jobs / f"{name}.py").is_file():
            raise UnknownJobError(name, list(self.names()))
        if self.root:
            sys.path.insert(0, str(self.root))
        package = self._imported("jobs", name)
        found = [Path(place).resolve() for place in package.__path__]
        if found != [self.jobs.resolve()]:
            raise ForeignJobsError(", ".join(map(str, found)), str(self.jobs))
        module = self._imported(f"jobs.{name}", name)
        job = getattr(module, "job", None)
        if not isinstance(job, Job):
            raise JobImportError(name, "it defines no `job = Job(...)`")
        if job.name != name:
            raise JobImportError(name, f"its job is called {job.name!r}; a job has the name of its file")
        return job

    def _imported(self, module: str, job: str) -> ModuleType:
        """Import a module; what its top level raises is said with the line of jobs/ that it is about."""
        try:
            return import_module(module)
        except Exception as error:
            where = _where(error, self.jobs)
            if isinstance(error, LakegateError):  # how the job is written: it says that itself
                error.add_note(where)
                raise
            in_spark = "pyspark" in traceback.extract_tb(error.__traceback__)[-1].filename
            hint = ". Spark is not there yet when a job file is imported: call it inside a function" if in_spark else ""
            said = error.msg if isinstance(error, SyntaxError) else error
            raise JobImportError(job, f"{where}: {type(error).__name__}: {said}".removesuffix(": ") + hint) from error


def find(start: Path | None = None) -> Project:
    """Return the project of the working directory or of a folder above it, else the installed one."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        # Beside one of these: tests/jobs/ is no project.
        marked = (folder / "pyproject.toml").is_file() or (folder / "conf").is_dir()
        if marked and any((folder / "jobs").glob("*.py")):
            return Project(folder / "jobs", folder)
    # The console script's own folder is not the project's; look among what is installed.
    spec = find_spec("jobs")
    for place in (spec.submodule_search_locations or []) if spec else []:
        return Project(Path(place), None)
    raise NotAProjectError(str(here))


def has_pyspark() -> bool:
    """Return whether jobs can be imported here: each imports pyspark."""
    return find_spec("pyspark") is not None


def _where(error: Exception, jobs: Path) -> str:
    """Return the line where the function of the stage that an error names begins, else the one that was running."""
    if isinstance(error, SyntaxError):
        return f"jobs/{Path(error.filename or '').name}:{error.lineno}"
    lines = [line for line in traceback.extract_tb(error.__traceback__) if Path(line.filename).parent == jobs]
    if not lines:
        return "jobs"
    file, stage = Path(lines[-1].filename), getattr(error, "stage", None)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == stage:
            return f"jobs/{file.name}:{node.lineno} in {stage}"
    return f"jobs/{file.name}:{lines[-1].lineno}"


def _described(file: Path) -> str | None:
    """Return the first docstring line of a file that assigns `job`, None of any other."""
    try:
        module = ast.parse(file.read_text(encoding="utf-8"))
    except SyntaxError as error:
        return f"(cannot be read: {error.msg}, line {error.lineno})"
    assigned = [target for node in module.body for target in _targets(node)]
    if not any(isinstance(target, ast.Name) and target.id == "job" for target in assigned):
        return None
    return (ast.get_docstring(module) or "").split("\n", 1)[0]


def _targets(node: ast.stmt) -> list[ast.expr]:
    """Return what a statement assigns to: `job = ...` and `job: Job = ...` alike."""
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign) else []
