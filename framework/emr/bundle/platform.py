"""Platforms: what a bundle is built for, and which wheels run there."""

from dataclasses import dataclass

from framework.config.emr import Architecture
from framework.emr.releases.fit import require_fit
from framework.emr.releases.release import release as release_of

# The names of glibc versions that uv knows for both CPUs, as `<cpu>-manylinux_2_<minor>`.
KNOWN = (17, 28, *range(31, 41))
# The first glibc that wheels are made for, and its older names (PEP 600).
OLDEST: dict[Architecture, int] = {"x86_64": 5, "aarch64": 17}
LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True, slots=True)
class Platform:
    """The nodes of one release with one CPU, and the Python that is used there."""

    release: str
    delta: str
    architecture: Architecture
    python: str
    glibc: tuple[int, int]

    @classmethod
    def of(cls, release: str, architecture: Architecture, python: str) -> "Platform":
        """Return the platform of a release. Raises UnknownReleaseError, ReleaseMismatchError if no job runs on it."""
        found = release_of(release)
        require_fit(found, python=python)
        return cls(release, found.delta.split("-")[0], architecture, python, found.glibc)

    def __str__(self) -> str:
        """Name it in a message."""
        major, minor = self.glibc
        return f"{self.release} (Python {self.python}, {self.architecture}, glibc {major}.{minor})"

    @property
    def uv(self) -> str:
        """Name it as uv does: the newest glibc that uv knows and that is not newer than the nodes'."""
        return f"{self.architecture}-manylinux_2_{max(minor for minor in KNOWN if minor <= self.glibc[1])}"

    @property
    def tags(self) -> frozenset[str]:
        """Return the tags of the wheels that run there, such as cp311-cp311-manylinux_2_28_aarch64."""
        from packaging.tags import compatible_tags, cpython_tags

        version = [int(part) for part in self.python.split(".")]
        platforms = [
            f"{name}_{self.architecture}"
            for minor in range(self.glibc[1], OLDEST[self.architecture] - 1, -1)
            for name in (f"manylinux_2_{minor}", LEGACY.get(minor))
            if name
        ]
        interpreter = f"cp{''.join(map(str, version))}"
        native = cpython_tags(version, [interpreter], platforms)
        return frozenset(map(str, (*native, *compatible_tags(version, interpreter, platforms))))
