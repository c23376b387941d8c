"""Artifacts: the files that a job needs on a cluster, each under a name that its content gives it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from framework.config.emr import Architecture


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file to be sent."""

    path: Path
    sha256: str
    size: int

    @classmethod
    def of(cls, path: Path) -> "Artifact":
        """Return a file of this machine as an artifact."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(path, digest, path.stat().st_size)

    def address(self, folder: str) -> str:
        """Return where it is put in an s3:// folder; the same content is at the same place, and never changes there."""
        return f"{folder.rstrip('/')}/{self.sha256[:16]}/{self.path.name}"


@dataclass(frozen=True, slots=True)
class Bundle:
    """All that a job needs on the nodes of one release, Python and CPU, beside what the release has."""

    release: str
    architecture: Architecture
    python: str
    entrypoint: Artifact
    wheels: tuple[Artifact, ...]
    dependencies: Artifact
    manifest: Artifact

    def __iter__(self) -> Iterator[Artifact]:
        """Give every file of it."""
        yield from (self.entrypoint, *self.wheels, self.dependencies, self.manifest)
