"""What a bundle was declared by: dependencies, the lock, and how the wheels are built, each as a hash of its meaning.

Order, comments, and what else stands in a pyproject.toml (its tests, its linters, its groups) change no bundle.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from pathlib import Path

from framework.emr.bundle.dependencies import LOCK, PROVIDED, canonical, needed
from framework.emr.bundle.manifest import Package
from framework.emr.bundle.wheels import lakegate_checkout, source_of_jobs

UV_LOCK = Path("uv.lock")
SETUPTOOLS = "setuptools"
# Of [project]: what says which files and versions a wheel has.
BUILD = ("name", "version", "requires-python", "dynamic", "scripts", "entry-points")

# Of [tool.hatch], [tool.poetry] and [tool.uv]: what is for who works on the project.
ASIDE = ("envs", "group", "dev-dependencies")


def declared(root: Path | None) -> dict[str, str]:
    """Return the hash of each thing that a bundle of this project is made from, beside the files in its wheels.

    None: of the jobs that are installed. uv.lock counts where there is no requirements/runtime.txt, since then the
    dependencies are those of the environment that it is for.
    """
    if root:
        found = dict(_of(source_of_jobs(root), root))
    else:
        name = packages_distributions().get("jobs", ["jobs"])[0]
        found = {f"dependencies of {name}": _needed(_requires(name))}
    # Its files are compared one by one, so its own build need not be.
    found["dependencies of lakegate"] = _needed(_of_lakegate())
    if root:
        found |= _files(root, [LOCK] if (root / LOCK).is_file() else [UV_LOCK])
    return found


def redeclared(then: Mapping[str, str], now: Mapping[str, str], root: Path | None) -> dict[str, str]:
    """Return what is not declared as it was: changed, new or gone."""
    changed = {name: "changed" for name in then.keys() & now.keys() if then[name] != now[name]}
    new = dict.fromkeys(now.keys() - then.keys(), "new")
    # What is there and counts no longer is not gone.
    gone = {name: "gone" for name in then.keys() - now.keys() if not (root and (root / name).exists())}
    return dict(sorted((changed | new | gone).items()))


def reinstalled(packages: Sequence[Package], root: Path | None) -> dict[str, str]:
    """Return the packages of a bundle that are installed here in another version, where no lock says which to take."""
    if root and (root / LOCK).is_file():
        return {}
    found = {}
    for package in packages:
        if canonical(package.name) not in PROVIDED:
            try:
                here = version(package.name)
            except PackageNotFoundError:  # nothing here says otherwise
                continue
            if here != package.version:
                found[f"{package.name} {package.version}"] = f"{here} is installed here"
    return found


def _of(source: Path, above: Path) -> Iterator[tuple[str, str]]:
    """Give what a pyproject.toml says, and what setuptools reads instead of it."""
    file = source / "pyproject.toml"
    if not file.is_file():
        return
    name = file.relative_to(above).as_posix()
    try:
        said = tomllib.loads(file.read_text("utf-8"))
    except ValueError:  # nothing can be built of it, which the build says better
        yield f"build in {name}", _digest(file.read_bytes().hex())
        return
    project, tools, system = said.get("project", {}), said.get("tool", {}), said.get("build-system", {})
    backend = system.get("build-backend", SETUPTOOLS)
    # hatchling's is [tool.hatch], poetry.core's [tool.poetry], uv_build's [tool.uv], which says the index, too.
    own = {key: value for key, value in tools.items() if backend.startswith(key) or key == "uv"}
    read = {tool: {key: each for key, each in given.items() if key not in ASIDE} for tool, given in own.items()}
    yield f"dependencies in {name}", _needed(project.get("dependencies", []))
    yield f"build in {name}", _digest([{key: project.get(key) for key in BUILD}, system, read])
    others = ["setup.py", "setup.cfg"] if backend.startswith(SETUPTOOLS) else []
    if "dependencies" in project.get("dynamic", []):
        others += sorted(path.name for path in source.glob("requirements*.txt"))
    yield from ((str(Path(name).parent / each), digest) for each, digest in _files(source, map(Path, others)))


def _files(folder: Path, names: Iterable[Path]) -> Iterator[tuple[str, str]]:
    for name in names:
        if (folder / name).is_file():
            yield name.as_posix(), sha256((folder / name).read_bytes()).hexdigest()


def _of_lakegate() -> Sequence[str]:
    source = lakegate_checkout()
    if source:
        project = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["project"]
        return [str(each) for each in project.get("dependencies", [])]
    return _requires("lakegate")


def _requires(name: str) -> Sequence[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:  # on the path, and never installed
        return []


def _needed(requirements: Iterable[str]) -> str:
    """Return the hash of requirements, however they are spaced: a wheel's metadata says them without spaces."""
    return _digest(sorted({re.sub(r"\s", "", text) for text in needed(requirements)}))


def _digest(value: object) -> str:
    return sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
