"""A daemon of Hadoop's: what runs it, where it listens, what it alone is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from framework.local_emr.daemons import ports

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Daemon:
    """One daemon. Its settings, where it listens among them, win over those that all share."""

    name: str
    main: str
    host: str
    settings: Mapping[str, str]
    heap_mb: int = 256
    variables: Mapping[str, str] = field(default_factory=dict)


def addresses(host: str, *names: str) -> dict[str, str]:
    """Return a free address for each of these settings."""
    return {name: f"{host}:{port}" for name, port in zip(names, ports.free(len(names), host), strict=True)}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are below the folder in which it all runs."""

    folder: Path

    @property
    def conf(self) -> Path:
        """What clients are configured by: HADOOP_CONF_DIR."""
        return self.folder / "conf"

    @property
    def excluded(self) -> Path:
        """The hosts that the ResourceManager is to take out of service, each with the seconds that it may take."""
        return self.conf / "excluded.xml"

    @property
    def hosts(self) -> Path:
        """All the names that the daemons know: they ask no name server."""
        return self.conf / "hosts"

    @property
    def staging(self) -> Path:
        """Where clients put what an application needs, if there is no HDFS."""
        return self.folder / "staging"

    @property
    def web(self) -> Path:
        """Folders that HDFS looks for on the class path, and Maven's jars lack."""
        return self.folder / "web"

    @property
    def temporary(self) -> Path:
        """What hadoop.tmp.dir is for the clients, and the temporary folder of all."""
        return self.folder / "tmp"

    @property
    def logs(self) -> Path:
        """The logs of the daemons."""
        return self.folder / "logs"

    def log(self, daemon: str) -> Path:
        """The log of a daemon."""
        return self.logs / f"{daemon}.log"

    def own(self, daemon: str) -> Path:
        """A daemon's own folder."""
        return self.folder / daemon
