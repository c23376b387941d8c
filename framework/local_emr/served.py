"""What is served from a folder, and by which process: a record that any other process can read."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from framework.local_emr.daemons import record
from framework.local_emr.daemons.daemon import Layout
from framework.process import Process, lives

RECORD = "endpoint.json"
MARKER = "made-by-lakegate"
LOG = "endpoint"
LOCK = "control.lock"
# All that is ever made in it, by whatever runs there; somebody's own files are beside it.
MADE = (
    *("conf", "logs", "clusters", "shell", "staging", "tmp", "web", "hdfs", "lock", "failure"),
    *("resourcemanager", "namenode", "datanode", "node-*", "*.json", ".*.json.*"),
)


@dataclass(frozen=True, slots=True)
class Served:
    """An endpoint that is up, with what it was started with, and the addresses beside it."""

    folder: Path
    process: Process
    lakegate: str
    port: int
    endpoint: str
    nodes: int
    resource_manager: str
    hdfs: str | None
    hdfs_pages: str | None

    @property
    def lives(self) -> bool:
        """Whether its process does."""
        return lives(self.process)

    @property
    def logs(self) -> Path:
        """Where the logs of the daemons and of its own process are."""
        return Layout(self.folder).logs

    def write(self) -> None:
        """Write the record, at once or not at all."""
        record.write(self.folder / RECORD, _RECORD, self)


_RECORD = TypeAdapter(Served)


def recorded(folder: Path) -> Served | None:
    """Return what was served last from a folder and not ended in order, whether it lives or not."""
    return record.read(folder / RECORD, _RECORD)


def forget(folder: Path) -> None:
    """Remove the record."""
    (folder / RECORD).unlink(missing_ok=True)


def log(folder: Path) -> Path:
    """Return the log of the process."""
    return Layout(folder).log(LOG)


def is_ours(folder: Path) -> bool:
    """Say whether a folder was made for this, so that it may be removed."""
    return (folder / MARKER).is_file()


def remove(folder: Path) -> list[str]:
    """Remove what was made in a folder, and return the names of what was not, which stays.

    So does what says whose the folder is, and the lock, for whoever holds it: see `leave`. Raises OSError.
    """
    made = {each for pattern in MADE for each in folder.glob(pattern)}
    for each in made:
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        else:
            each.unlink()
    return sorted(each.name for each in folder.iterdir() if each.name not in (LOCK, MARKER))


def leave(folder: Path) -> None:
    """Make a folder from which all was removed nobody's, and remove it where it is empty."""
    for name in (MARKER, LOCK):
        (folder / name).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def claim(folder: Path) -> bool:
    """Make a folder, or take an empty one; say whether it is ours now."""
    folder.mkdir(parents=True, exist_ok=True)
    if not is_ours(folder) and any(each.name != LOCK for each in folder.iterdir()):
        return False
    (folder / MARKER).write_text("The files of an EMR on this machine; `lakegate local-emr reset` removes them.\n")
    return True
