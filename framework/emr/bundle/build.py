"""Bundles: everything that a job needs on a cluster beside Spark and Delta's jars, built without Docker.

A bundle is the wheel of lakegate, that of the jobs, the entrypoint, and the dependencies for one release, CPU and
Python. The same input makes the same bytes: what is sent once need not be sent again, and who wonders what runs on a
cluster can build it again and compare. (Among machines this holds where Python's zlib is the same.)
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from framework.emr.bundle import archive, contents, dependencies, fresh, manifest, wheels
from framework.emr.bundle.artifacts import Artifact, Bundle
from framework.emr.bundle.declared import declared
from framework.emr.bundle.entrypoint import ENTRYPOINT, entrypoint
from framework.emr.bundle.manifest import Entry, Manifest, Package, find_bundle
from framework.emr.bundle.platform import Platform
from framework.errors import (
    BundleDamagedError,
    BundleMissingError,
    BundleToolMissingError,
    FileExistsRefusedError,
    UnfitDependencyError,
)

__all__ = ["build", "find_bundle"]


def build(root: Path | None, platform: Platform, dist: Path) -> Bundle:
    """Build the bundle of the project with this root (None: of the jobs that are installed) into a folder.

    Nothing in the folder changes until all is built and checked. The dependencies are taken as they are there where
    the same ones were built before. Raises WheelError, NoWheelError, UnreachableIndexError, DependencyError,
    UnfitDependencyError with every fault, BundleToolMissingError.
    """
    _require_tools()
    try:
        dist.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise FileExistsRefusedError([str(dist)]) from None
    with TemporaryDirectory(dir=dist, prefix=".building-") as folder:
        scratch = Path(folder)
        built = (wheels.lakegate(scratch), wheels.jobs(root, scratch))
        _require_python(built, platform)
        requirements = dependencies.needed(text for wheel in built for text in wheel.requires)
        lock = dependencies.lock(root)
        # The wheel of lakegate says how the rest was built.
        inputs = _digest(str(platform), Artifact.of(built[0].path).sha256, *built[1].requires, lock)
        packed = _reused(dist, platform, inputs)
        if not packed:
            fetched = scratch / "dependencies"
            dependencies.fetch(requirements, lock, platform, fetched)
            content = dependencies.contents(fetched, all_services=_uses_boto(built[1].requires))
            contents.require_fit(content, lock, platform)
            packed = (_pack(content, scratch), tuple(dependencies.packages(content)))
        script = scratch / ENTRYPOINT.name
        script.write_bytes(entrypoint(root))
        compared = fresh.compare([wheel.path for wheel in built], root)
        Manifest(
            release=platform.release,
            architecture=platform.architecture,
            python=platform.python,
            glibc=".".join(map(str, platform.glibc)),
            entrypoint=_placed(script, dist),
            wheels=tuple(_placed(wheel.path, dist) for wheel in built),
            dependencies=_placed(packed[0], dist),
            inputs=inputs,
            packages=packed[1],
            declared=declared(root),
            apart=fresh.apart(compared, root, wheels.included(root)),
        ).write(dist)
    return find_bundle(dist, platform.release, platform.architecture, platform.python)


def _pack(content: Mapping[str, Path], into: Path) -> Path:
    path = into / "deps.zip"
    archive.write(path, content)
    return path.rename(into / f"deps-{Artifact.of(path).sha256[:16]}.zip")


def _placed(made: Path, dist: Path) -> Entry:
    """Put a file that was made in its place; one that is there stays, with its time."""
    entry, place = Entry.of(made), dist / made.name
    if not place.is_file() or Entry.of(place) != entry:
        manifest.put(made, place)
    return entry


def _reused(dist: Path, platform: Platform, inputs: str) -> tuple[Path, tuple[Package, ...]] | None:
    """Return the dependencies of the last bundle for this platform, if they were made from the same and are whole."""
    try:
        said = manifest.read(dist, platform.release, platform.architecture, platform.python)
        path = said.dependencies.verified(dist, said.command).path
    except (BundleMissingError, BundleDamagedError):
        return None
    return (path, said.packages) if said.inputs == inputs else None


def _require_python(built: tuple[wheels.Wheel, ...], platform: Platform) -> None:
    from packaging.specifiers import SpecifierSet

    if faults := [
        f"{wheel.name} {wheel.version} needs Python {wheel.python}"
        for wheel in built
        if f"{platform.python}.99" not in SpecifierSet(wheel.python)
    ]:
        raise UnfitDependencyError(str(platform), faults)


def _require_tools() -> None:
    """Refuse at once where the extra is not installed; uv is looked for when it is called."""
    from importlib.util import find_spec

    for module, name in {"packaging": "packaging", "elftools": "pyelftools"}.items():
        if not find_spec(module):
            raise BundleToolMissingError(name)


def _uses_boto(requires: tuple[str, ...]) -> bool:
    """Tell whether the jobs call AWS themselves: then the descriptions of all services travel."""
    from packaging.requirements import Requirement

    return any(dependencies.canonical(Requirement(text).name) in ("boto3", "botocore") for text in requires)


def _digest(*texts: str) -> str:
    return sha256("\0".join(texts).encode()).hexdigest()
