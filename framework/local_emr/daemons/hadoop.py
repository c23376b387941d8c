"""Hadoop as it runs in a folder: a value that any process can read, with what its clients need to find it.

conf/           what clients are configured by (HADOOP_CONF_DIR)
logs/           a log for each daemon
node-1/, ...    each daemon's own files; a NodeManager's containers write into its containers/
running.json    this value
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from framework.errors import NotRunningError
from framework.local_emr.daemons import hdfs, java, process, python, record, yarn
from framework.local_emr.daemons.daemon import HOST, Daemon, Layout
from framework.process import Process, lives

RECORD = "running.json"
DEFAULT_FS = "fs.defaultFS"


@dataclass(frozen=True, slots=True)
class Hadoop:
    """What runs in a folder: for whom, guarded by whom, which daemons as which processes.

    `settings` are what all daemons and clients are told, `variables` what is in the environment of the clients and
    containers; the memory and the cores are those of each node.
    """

    folder: Path
    jars: Path
    owner: Process
    settings: Mapping[str, str]
    variables: Mapping[str, str]
    memory_mb: int
    cores: int
    daemons: tuple[Daemon, ...] = ()
    processes: Mapping[str, Process] = field(default_factory=dict)
    guard: Process | None = None

    @property
    def layout(self) -> Layout:
        """Where its files are."""
        return Layout(self.folder)

    @property
    def mark(self) -> dict[str, str]:
        """The variable by which its processes are found: whatever has it in its environment ends with it."""
        return {process.MARK: str(self.folder)}

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which clients find it; one that is to end with it has the mark, too."""
        return {
            "HADOOP_CONF_DIR": str(self.layout.conf),
            "JAVA_HOME": java.home(),
            "SPARK_LOCAL_IP": HOST,
            **({"HADOOP_USER_NAME": hdfs.USER} if DEFAULT_FS in self.settings else {}),
            **self.variables,
        }

    @property
    def nodes(self) -> tuple[Daemon, ...]:
        """The NodeManagers, whether they live or not."""
        return tuple(daemon for daemon in self.daemons if daemon.name.startswith(yarn.NODE))

    def url(self, setting: str) -> str:
        """Return the address of a daemon's pages, by the setting that says it."""
        return f"http://{self.settings[setting]}"

    def alive(self) -> dict[str, bool]:
        """Say for each daemon whether its process lives."""
        return {name: lives(found) for name, found in self.processes.items()}

    def command(
        self, main: str, *arguments: str, conf: Path | None = None, heap_mb: int = 256, options: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Return the command of one of Hadoop's programs, such as org.apache.hadoop.fs.FsShell, with Java options."""
        layout = self.layout
        given = (
            f"-Xmx{heap_mb}m",
            f"-Dhadoop.log.dir={layout.logs}",
            f"-Dyarn.log.dir={layout.logs}",
            f"-Djava.io.tmpdir={layout.temporary}",
            f"-Djdk.net.hosts.file={layout.hosts}",
            *options,
        )
        return (*java.command(main, (str(conf or layout.conf), str(layout.web), f"{self.jars}/*"), given), *arguments)

    def write(self) -> None:
        """Write down what runs, at once or not at all."""
        record.write(self.folder / RECORD, _RECORD, self)


_RECORD = TypeAdapter(Hadoop)


def recorded(folder: Path) -> Hadoop | None:
    """Return what was started last in a folder and not stopped, whether it lives or not."""
    return record.read(folder / RECORD, _RECORD)


def running(folder: Path) -> Hadoop:
    """Return what runs in a folder, for this process or another. Raises NotRunningError."""
    found = recorded(folder.absolute())
    if found is None or not any(found.alive().values()):
        raise NotRunningError(str(folder))
    return found


def container_environment(hadoop: Hadoop) -> dict[str, str]:
    """Return what a daemon's environment is, and a container's: nothing of this process but what finds programs."""
    kept = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR")
    own = {name: os.environ[name] for name in kept if name in os.environ}
    # A bare `python3` of a script is that of the nodes.
    own["PATH"] = os.pathsep.join([str(Path(python.executable()).parent), own.get("PATH", os.defpath)])
    return {**own, **hadoop.environment, **hadoop.mark}
