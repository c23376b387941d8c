"""The files that wheels are made from, each by the name that it has in a project, where conf/ is not under jobs/."""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

import framework

# What editors, file managers, linters and Python leave beside a file: no wheel has it, and no bundle changes by it.
SCRAP = re.compile(
    r"(?:^|/)(?:__pycache__|[^/]+\.egg-info|\.(?:[a-z]+_cache|ipynb_checkpoints|idea|vscode|git|venv)"
    r"|[^/]+~|#[^/]+#|\.#[^/]*|\._[^/]*|\.[^/]+\.(?:sw[a-p]|kate-swp)|[^/]+___jb_(?:tmp|old)___"
    r"|\.DS_Store|Thumbs\.db)(?:/|$)"
)
# What says how jobs/ is built, where that is a project of its own; declared.py compares what it says.
RECIPES = {"jobs/pyproject.toml", "jobs/setup.py", "jobs/setup.cfg"}
# Where a file of a wheel does not come from.
ELSEWHERE = {"__pycache__", "node_modules", "dist", "build"}


def is_scrap(name: str) -> bool:
    """Return whether a file, or a folder above it, is what a program left there and nobody wrote."""
    return SCRAP.search(name) is not None


def project_name(packed: str) -> str:
    """Return what a file of a wheel is called in a project."""
    return packed.removeprefix("jobs/") if packed.startswith("jobs/conf/") else packed


def files(packed: Collection[str], root: Path | None) -> dict[str, Path]:
    """Return the files that a wheel with these names is made from.

    The project is the one with this root; None: the jobs that are installed. Hidden files, and what is behind a link to
    a folder, count where the wheel has them; of another such link only its own name is there, with a / behind it.
    """
    tops = {name.split("/")[0] for name in packed}
    known = {str(part) for name in packed for part in (PurePosixPath(name), *PurePosixPath(name).parents)}
    found: dict[str, Path] = {}
    for top in sorted(tops | ({"conf"} if "jobs" in tops else set())):
        place = _place(top, root)
        if place.is_file():
            found[top] = place
        elif place.is_dir():
            found |= _below(place, top, known, (place.resolve(),))
    if "framework" in tops:
        found |= _packaged_conf()
    return found


def alike(root: Path, contents: Mapping[str, bytes], also: Iterable[str]) -> dict[str, list[str]]:
    """Return for each name the files below a project's root, or in folders beside it, that have the same content.

    An empty file is like those of its own name only.
    """
    wanted: dict[int, list[str]] = {}
    for name, content in contents.items():
        wanted.setdefault(len(content), []).append(name)
    found: dict[str, list[str]] = {}
    for path in _everywhere([root, *(root / each for each in also)]) if wanted else ():
        names = wanted.get(path.stat().st_size, ())
        content = path.read_bytes() if names else b""
        for name in names:
            if content == contents[name] and (content or name.rpartition("/")[2] == path.name):
                found.setdefault(name, []).append(Path(os.path.relpath(path, root)).as_posix())
    return {name: sorted(set(paths)) for name, paths in found.items()}


def _below(folder: Path, name: str, known: Collection[str], above: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
    for path in folder.iterdir():
        own = project_name(f"{name}/{path.name}")
        if is_scrap(own) or (own not in known and (own in RECIPES or path.name.startswith("."))):
            continue
        if path.is_file():
            yield own, path
        elif path.is_dir():
            real = path.resolve()
            if path.is_symlink() and (own not in known or real in above):
                yield f"{own}/", path
            else:
                yield from _below(path, f"{name}/{path.name}", known, (*above, real))


def _everywhere(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if place.is_file():
            yield place
        for folder, folders, names in os.walk(place):
            inner = [each for each in folders if each not in ELSEWHERE and not each.startswith(".")]
            folders[:] = [each for each in inner if not (Path(folder) / each / "pyvenv.cfg").is_file()]
            yield from (path for name in names if not is_scrap(name) and (path := Path(folder) / name).is_file())


def _place(top: str, root: Path | None) -> Path:
    if top == "framework":
        return Path(framework.__file__).parent
    if root:
        return next((place for place in (root / top, root / "src" / top) if place.exists()), root / top)
    found = find_spec("jobs")
    jobs = Path(found.submodule_search_locations[0]) if found and found.submodule_search_locations else Path("jobs")
    return jobs / "conf" if top == "conf" else jobs.parent / top


def _packaged_conf() -> Iterator[tuple[str, Path]]:
    """Give the settings that travel in the framework's wheel; a checkout has them beside the framework."""
    beside = Path(framework.__file__).parent.parent / "conf" / "base.toml"
    if not (Path(framework.__file__).parent / "conf").is_dir():
        yield "framework/conf/base.toml", beside
