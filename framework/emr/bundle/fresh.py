"""Whether a bundle is of the project and the framework as they are now, by the content of every file."""

from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import framework
from framework.emr.bundle import archive
from framework.emr.bundle.artifacts import Bundle
from framework.emr.bundle.entrypoint import ENTRYPOINT, entrypoint
from framework.emr.bundle.manifest import Manifest
from framework.errors import StaleBundleError


def require_fresh(bundle: Bundle, root: Path | None, needed: Iterable[str]) -> None:
    """Raise StaleBundleError where the project has changed since its bundle was built, or is another one.

    What already differed then is what the project leaves out of its wheel, or what its build makes: it is let pass,
    unless it is needed.
    """
    apart = Manifest.model_validate_json(bundle.manifest.path.read_bytes()).apart
    needed = dict.fromkeys(needed)
    found = differences((wheel.path for wheel in bundle.wheels), root)
    stale = {name: how for name, how in found.items() if name not in apart or (name in needed and how == "new")}
    if bundle.entrypoint.path.read_bytes() != entrypoint(root):
        stale[ENTRYPOINT.as_posix()] = "changed"
    if stale:
        first = {name: stale[name] for name in needed if name in stale}
        raise StaleBundleError(first | stale, [name for name in first if name in apart])


def differences(wheels: Iterable[Path], root: Path | None) -> dict[str, str]:
    """Return each file that differs between wheels and what they are made from: changed, new or gone.

    The project is the one with this root; None: the jobs that are installed. Files have the names that they have in a
    project, where conf/ is not under jobs/.
    """
    found: dict[str, str] = {}
    for wheel in wheels:
        packed = {_name(name): content for name, content in archive.read(wheel).items() if ".dist-info/" not in name}
        found |= _compared(packed, dict(_files(packed, root)))
    return dict(sorted(found.items()))


def _compared(packed: Mapping[str, bytes], files: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    yield from ((name, "gone") for name in packed.keys() - files.keys())
    yield from ((name, "new") for name in files.keys() - packed.keys())
    yield from ((name, "changed") for name in packed.keys() & files.keys() if files[name].read_bytes() != packed[name])


def _files(packed: Iterable[str], root: Path | None) -> Iterator[tuple[str, Path]]:
    """Give the files that a wheel with these names is made from."""
    tops = {name.split("/")[0] for name in packed}
    for top in sorted(tops | ({"conf"} if "jobs" in tops else set())):
        place = _place(top, root)
        if place.is_file():
            yield top, place
        for path in place.rglob("*"):
            parts = path.relative_to(place).parts
            if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in parts):
                yield _name("/".join((top, *parts))), path
    if "framework" in tops:
        yield from _packaged_conf()


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


def _name(packed: str) -> str:
    return packed.removeprefix("jobs/") if packed.startswith("jobs/conf/") else packed
