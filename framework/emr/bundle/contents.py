"""What is checked of dependencies before they are packed: that they load on the nodes, and are what was locked."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from framework.emr.bundle import native
from framework.emr.bundle.dependencies import PROVIDED, canonical, locked, packages
from framework.emr.bundle.manifest import Package
from framework.emr.bundle.platform import Platform
from framework.errors import UnfitDependencyError

DELTA = "delta-spark"


def require_fit(files: Mapping[str, Path], lock: str, platform: Platform) -> None:
    """Refuse dependencies that would fail on the nodes. Raises UnfitDependencyError with every fault."""
    faults = [
        *native.faults(files, platform),
        *(fault for package in packages(files) for fault in _faults(package, lock, platform)),
        *(f"{name}/ is Spark, which the cluster has" for name in ("pyspark", "py4j") if _has(files, name)),
    ]
    if faults:
        raise UnfitDependencyError(str(platform), faults)


def _faults(package: Package, lock: str, platform: Platform) -> Iterator[str]:
    name, it = canonical(package.name), f"{package.name} {package.version}"
    if not platform.tags.intersection(package.tags):
        yield f"{it} is a wheel for {', '.join(package.tags)}"
    if name == DELTA:
        if package.version != platform.delta:
            yield f"{it} is not the release's Delta, {platform.delta}"
        return
    if name in PROVIDED:
        yield f"{it} is what the cluster has, or a wheel of its own"
    wanted = locked(lock).get(name)
    if not wanted:
        yield f"{it} is in no lock, nor installed here"
    elif package.version not in wanted:
        yield f"{it} is locked as {', '.join(sorted(wanted))}"


def _has(files: Mapping[str, Path], package: str) -> bool:
    return any(name.startswith(f"{package}/") for name in files)
