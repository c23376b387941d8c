"""Whether a bundle is of the project and the framework as they are now, by every file and by what is declared."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from framework.emr.bundle import archive, sources
from framework.emr.bundle.artifacts import Bundle
from framework.emr.bundle.declared import declared, redeclared, reinstalled
from framework.emr.bundle.entrypoint import ENTRYPOINT, entrypoint
from framework.emr.bundle.manifest import Apart, Manifest
from framework.errors import StaleBundleError


@dataclass(frozen=True, slots=True)
class Compared:
    """Wheels beside what they are made from, by the names of a project; `found` says changed, new or gone."""

    packed: Mapping[str, bytes]
    files: Mapping[str, Path]
    found: Mapping[str, str]


def require_fresh(bundle: Bundle, root: Path | None, needed: Iterable[str]) -> None:
    """Raise StaleBundleError where the project has changed since its bundle was built, or is another one.

    What already differed then is what the project leaves out of its wheel, or what its build makes: it is let pass
    while it is what it was then, unless it is needed.
    """
    said = Manifest.model_validate_json(bundle.manifest.path.read_bytes())
    needed = dict.fromkeys(needed)
    now = compare((wheel.path for wheel in bundle.wheels), root)
    left_out = [name for name in needed if name in said.apart and now.found.get(name) == "new"]
    stale = {name: how for name, how in now.found.items() if name not in said.apart or name in left_out}
    stale |= {name: how for name, how in _moved(said.apart, now, root) if name not in stale}
    if bundle.entrypoint.path.read_bytes() != entrypoint(root):
        stale[ENTRYPOINT.as_posix()] = "changed"
    stale |= redeclared(said.declared, declared(root), root) | reinstalled(said.packages, root)
    if stale:
        first = {name: stale[name] for name in needed if name in stale}
        raise StaleBundleError(first | dict(sorted(stale.items())), left_out, said.command)


def compare(wheels: Iterable[Path], root: Path | None) -> Compared:
    """Compare wheels with what they are made from: the project with this root; None: the jobs that are installed."""
    packed: dict[str, bytes] = {}
    files: dict[str, Path] = {}
    for wheel in wheels:
        content = {sources.project_name(name): each for name, each in archive.read(wheel).items()}
        content = {name: each for name, each in content.items() if ".dist-info/" not in name}
        packed |= content
        files |= sources.files(content, root)
    found = dict(_differing(packed, files))
    return Compared(packed, files, dict(sorted(found.items())))


def apart(then: Compared, root: Path | None, also: Iterable[str] = ()) -> dict[str, Apart]:
    """Return what differs in a bundle that is just built, as its manifest remembers it.

    Where the wheel has another content than the project, or a file of its own, its origin is looked for: in the project
    and in the folders `also`, which are named from its root.
    """
    made = {name: then.packed[name] for name in then.found if name in then.packed}
    alike = sources.alike(root, made, also) if root else {}
    origins = {name: dict.fromkeys(paths, sha256(then.packed[name]).hexdigest()) for name, paths in alike.items()}
    return {
        name: Apart(how=how, sha256=_digest(then.files.get(name)), origins=origins.get(name, {}))
        for name, how in then.found.items()
    }


def _moved(apart: Mapping[str, Apart], now: Compared, root: Path | None) -> Iterator[tuple[str, str]]:
    """Give what was apart already and is no longer what it was."""
    for name, then in apart.items():
        digest = _digest(now.files.get(name))
        if digest != then.sha256 and (name in now.found or not digest):
            yield name, "changed" if digest and then.sha256 else now.found.get(name, "gone")
        for origin, before in then.origins.items():
            if (digest := _digest(root / origin if root else None)) != before:
                yield origin, "changed" if digest else "gone"


def _differing(packed: Mapping[str, bytes], files: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    yield from ((name, "gone") for name in packed.keys() - files.keys())
    yield from ((name, "new") for name in files.keys() - packed.keys())
    yield from ((name, "changed") for name in packed.keys() & files.keys() if files[name].read_bytes() != packed[name])


def _digest(path: Path | None) -> str:
    """Return the hash of a file; empty where there is none, and of a folder its kind."""
    if path and path.is_file():
        return sha256(path.read_bytes()).hexdigest()
    return "folder" if path and path.is_dir() else ""
