"""The manifest of a bundle: what is in it, and for which nodes. It holds no time, user, host, path or secret."""

from pathlib import Path

from pydantic import Field, ValidationError

from framework.config import Section
from framework.config.emr import Architecture
from framework.emr.bundle.artifacts import Artifact, Bundle
from framework.errors import BundleDamagedError, BundleMissingError, FileExistsRefusedError


def file_name(release: str, architecture: Architecture, python: str) -> str:
    """Name the manifest of a bundle; no two platforms have the same."""
    return f"bundle-{release}-{architecture}-py{python}.json"


def package_command(release: str, architecture: Architecture, python: str) -> str:
    """Return the command that builds a bundle for these nodes, whatever the settings of the shell's environment say."""
    return f"lakegate package --release {release} --arch {architecture} --set emr.python={python}"


def put(made: Path, place: Path) -> None:
    """Put a file that was made in its place. Raises FileExistsRefusedError where a folder is there."""
    try:
        made.replace(place)
    except IsADirectoryError:
        raise FileExistsRefusedError([str(place)]) from None


class Entry(Section):
    """One file beside the manifest."""

    file: str
    sha256: str
    size: int

    @classmethod
    def of(cls, path: Path) -> "Entry":
        """Return a file as its manifest names it."""
        artifact = Artifact.of(path)
        return cls(file=path.name, sha256=artifact.sha256, size=artifact.size)

    def verified(self, folder: Path, command: str) -> Artifact:
        """Return the file as an artifact. Raises BundleDamagedError; `command` builds it again."""
        path = folder / self.file
        if not path.is_file():
            raise BundleDamagedError(str(path), "it is gone", command)
        artifact = Artifact.of(path)
        if artifact.sha256 != self.sha256:
            raise BundleDamagedError(str(path), "it has changed since the bundle was built", command)
        return artifact


class Package(Section):
    """One distribution of the dependencies, as it says of itself."""

    name: str
    version: str
    license: str
    tags: tuple[str, ...]


class Apart(Section):
    """A file of the project that is not in its wheel as it is in the project, or is in the wheel only.

    `how` says new, for what the wheel lacks, changed, or gone, for what the project lacks; `sha256` is of the project's
    file. `origins` are the files of the project, with their hashes, that the wheel seems to have its content from.
    """

    how: str
    sha256: str
    origins: dict[str, str] = Field(default_factory=dict)


class Manifest(Section):
    """What a bundle is.

    `inputs` is the hash of all that its dependencies were made from; `apart` is what differed from the project already
    when it was built, and `declared` are hashes of what else it was made from.
    """

    release: str
    architecture: Architecture
    python: str
    glibc: str
    entrypoint: Entry
    wheels: tuple[Entry, ...]
    dependencies: Entry
    inputs: str
    packages: tuple[Package, ...]
    declared: dict[str, str]
    apart: dict[str, Apart] = Field(default_factory=dict)

    @property
    def command(self) -> str:
        """Return the command that builds it again."""
        return package_command(self.release, self.architecture, self.python)

    def write(self, dist: Path) -> None:
        """Write it; a reader finds the old one or the new one."""
        path = dist / file_name(self.release, self.architecture, self.python)
        scratch = path.with_suffix(".tmp")
        scratch.write_text(self.model_dump_json(indent=2) + "\n", "utf-8")
        put(scratch, path)


def read(dist: Path, release: str, architecture: Architecture, python: str) -> Manifest:
    """Return the manifest of the bundle for these nodes. Raises BundleMissingError, BundleDamagedError."""
    path, command = dist / file_name(release, architecture, python), package_command(release, architecture, python)
    try:
        found = Manifest.model_validate_json(path.read_bytes())
    except IsADirectoryError:
        raise BundleDamagedError(str(path), "it is a folder", command) from None
    except (FileNotFoundError, NotADirectoryError):
        raise BundleMissingError(path.name, str(dist), command) from None
    except ValidationError:
        raise BundleDamagedError(str(path), "it is no manifest of this version of Lakegate", command) from None
    if (found.release, found.architecture, found.python) != (release, architecture, python):
        raise BundleDamagedError(str(path), "it is of another release, CPU or Python than its name says", command)
    return found


def find_bundle(dist: Path, release: str, architecture: Architecture, python: str) -> Bundle:
    """Return the bundle that was built for these nodes.

    Raises BundleMissingError where there is none, BundleDamagedError where one of its files is gone or has changed
    since: perhaps the jobs were packaged again for other nodes.
    """
    found = read(dist, release, architecture, python)
    return Bundle(
        release=release,
        architecture=architecture,
        python=python,
        entrypoint=found.entrypoint.verified(dist, found.command),
        wheels=tuple(wheel.verified(dist, found.command) for wheel in found.wheels),
        dependencies=found.dependencies.verified(dist, found.command),
        manifest=Artifact.of(dist / file_name(release, architecture, python)),
    )
