"""Processes: which one holds a lease or was started here, and whether it still lives, as its machine can tell."""

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Process:
    """A process of a machine since its last start; the number alone would be given again."""

    pid: int
    started: str


@dataclass(frozen=True, slots=True)
class Holder:
    """The two processes of a run, and the machine that they are on."""

    host: str
    boot: str
    python: Process
    jvm: Process | None

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, since its last start: only then can it be seen whether it lives."""
        return (self.host, self.boot) == (platform.node(), boot_id())

    @property
    def said(self) -> str:
        """Where it runs, for people."""
        return f"process {self.python.pid} on {self.host}"


def this_one(spark: Any) -> Holder:
    """Return this process and the JVM of its session."""
    jvm = int(spark._jvm.java.lang.ProcessHandle.current().pid())
    return Holder(platform.node(), boot_id(), process(os.getpid()), process(jvm))


def process(pid: int) -> Process:
    """Return a process as it is now."""
    return Process(pid, _started(pid) or "")


def lives(process: Process | None) -> bool:
    """Say whether a process of this machine still lives; a zombie does not."""
    return process is not None and _started(process.pid) == process.started != ""


def boot_id() -> str:
    """Return what is another one after each start of this machine."""
    linux = Path("/proc/sys/kernel/random/boot_id")
    return linux.read_text().strip() if linux.exists() else _said("sysctl", "-n", "kern.boottime")


def _started(pid: int) -> str | None:
    """Return when a process started, in the words of its system, None where it has ended."""
    if not Path("/proc/self/stat").exists():
        return _said("ps", "-o", "lstart=", "-p", str(pid)) or None
    try:
        # The name, in brackets, may hold anything; behind it are the state and, 19 fields on, the start in clock ticks.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
