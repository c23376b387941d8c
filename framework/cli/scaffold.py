"""`lakegate new` and `lakegate init`: a job or a project from templates, all its files or none."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path

import typer

from framework.cli import project
from framework.errors import DeclarationError, FileExistsRefusedError, NotAProjectError, SettingError

TEMPLATES = files("framework.cli") / "templates"
PROJECT_FILES = {
    "Makefile": "Makefile",
    "README.md": "README.md",
    "pyproject.toml": "pyproject.toml",
    ".gitignore": "gitignore",
    "conf/local.toml": "conf/local.toml",
    "conf/test.toml": "conf/test.toml",
    "conf/prod.toml": "conf/prod.toml",
    "conf/local-emr.toml": "conf/local-emr.toml",
    "scripts/run_job.py": "scripts/run_job.py",
}


def new_job(name: str) -> None:
    """Make jobs/NAME.py, its test, and a sample input under the landing folder of the environment `local`."""
    here = project.find()
    if here.root is None:
        raise NotAProjectError(str(Path.cwd()))
    here.enter()
    from framework.config import load

    landing = load("local").landing.root
    if "://" in landing:
        raise SettingError("landing.root", "the sample input is a file, so it needs a folder", landing)
    _write(_job_files(name, Path(landing)))
    typer.echo(f"Try it: lakegate check {name}, lakegate run {name}, and the test.")


def new_project(folder: Path) -> None:
    """Make a project with the job `orders` in a folder that is empty or does not exist."""
    if folder.is_file() or (folder.exists() and any(folder.iterdir())):
        raise FileExistsRefusedError([str(folder)])
    version, source = _installed()
    values = {"project": _distribution_name(folder), "version": version, "lakegate": source}
    made = {Path(path): _filled(f"project/{template}", values) for path, template in PROJECT_FILES.items()}
    made[Path("jobs/__init__.py")] = '"""The jobs of this project: one file each."""\n'
    made |= _job_files("orders", Path("data"))
    _write({folder / path: text for path, text in made.items()})
    typer.echo(f"Try it: cd {folder} && make run && make test")


def _job_files(name: str, landing: Path) -> dict[Path, str]:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise DeclarationError(
            f"Job {name!r}", "name it in lower-case letters, digits and _: it names files and tables"
        )
    model = "".join(word.title() for word in name.split("_"))
    words = {"name": name, "Name": model, "NAME": name.upper(), "models": ", ".join(sorted([model, f"Raw{model}"]))}
    job, test = _filled("job.py", words), _filled("test_job.py", words)
    for text in (job, test):
        _require_python(name, text)
    return {
        Path(f"jobs/{name}.py"): job,
        Path(f"tests/jobs/test_{name}.py"): test,
        landing / name / "2024-01-02.csv": _filled("sample.csv", words),
    }


def _require_python(name: str, text: str) -> None:
    """Refuse a job name that makes a template no Python (`class`), or one of its names mean two things (`table`)."""
    try:
        bound = list(_bound(ast.parse(text)))
    except SyntaxError:
        raise DeclarationError(f"Job {name!r}", "Python has that word for itself; choose another name") from None
    if twice := sorted({word for word in bound if bound.count(word) > 1}):
        raise DeclarationError(f"Job {name!r}", f"its file would have two {twice[0]!r}; choose another name")


def _bound(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        if isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _filled(template: str, values: Mapping[str, str]) -> str:
    text = (TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def _write(made: Mapping[Path, str]) -> None:
    if existing := [str(path) for path in made if path.exists()]:
        raise FileExistsRefusedError(existing)
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        typer.echo(f"made {path}")


def _distribution_name(folder: Path) -> str:
    return re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-") or "jobs"


def _installed() -> tuple[str, str]:
    """Return lakegate's version and where it was installed from, so that a new project gets the same."""
    try:
        found = distribution("lakegate")
    except PackageNotFoundError:
        return "0", _with("spark")
    name = _with("spark35" if _spark().startswith("3.5") else "spark")
    origin = json.loads(found.read_text("direct_url.json") or "{}").get("url")
    return found.version, f"{name} @ {origin}" if origin else f"{name}=={found.version}"


def _with(spark: str) -> str:
    return f"lakegate[{spark},emr,local-emr]"


def _spark() -> str:
    try:
        return distribution("pyspark").version
    except PackageNotFoundError:
        return ""
