"""Start and stop: Hadoop in a folder runs for the process that started it, and leaves nothing behind.

However that process ends, a guard beside it ends the daemons and their containers; where both were killed, `stop` and
the next `start` do.
"""

import fcntl
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import framework
from framework.errors import AlreadyRunningError, DaemonFailedError
from framework.local_emr.daemons import hdfs, jars, process, site, web, yarn
from framework.local_emr.daemons.daemon import HOST, Daemon, Layout
from framework.local_emr.daemons.hadoop import DEFAULT_FS, RECORD, Hadoop, container_environment, recorded
from framework.process import Process, lives
from framework.process import process as process_of

READY_SECONDS = 60.0
POLL_SECONDS = 0.1
GUARD = "framework.local_emr.daemons.guard"


def start(
    folder: Path,
    *,
    nodes: int = 2,
    with_hdfs: bool = False,
    settings: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    memory_mb: int = 4096,
    cores: int = 4,
    cache: Path | None = None,
) -> Hadoop:
    """Start the daemons for this process, and return when they are ready.

    Jars that are not here are fetched first. Raises AlreadyRunningError, JarsMissingError, JavaError, LoopbackError and
    DaemonFailedError; after an error nothing runs that was started.
    """
    folder = folder.absolute()
    fetched = jars.fetched(jars.DAEMONS, cache)
    with alone(folder):
        found = recorded(folder)
        if found and lives(found.owner) and any(found.alive().values()):
            raise AlreadyRunningError(str(folder), found.owner.pid)
        owner = process_of(os.getpid())
        hadoop = Hadoop(folder, fetched, owner, settings or {}, variables or {}, memory_mb, cores)
        _end(found or hadoop)
        try:
            hadoop, daemons = _laid_out(hadoop, nodes, with_hdfs)
            # Before the daemons, so that there is somebody to end them.
            hadoop = replace(hadoop, guard=guarded(folder))
            for daemon in daemons:
                if daemon.main == hdfs.NAME_NODE and not hdfs.is_formatted(hadoop.layout):
                    _format(hadoop)
                hadoop = launch(hadoop, daemon)
            _wait_until_ready(hadoop)
        except BaseException:
            _end(recorded(folder) or hadoop)
            raise
    return hadoop


def stop(folder: Path) -> bool:
    """End all that runs in a folder, whoever started it; say whether anything did. What HDFS keeps stays."""
    folder = folder.absolute()
    if not folder.is_dir():
        return False
    with alone(folder):
        found = recorded(folder)
        if found is None:
            return False
        ran = any(found.alive().values())
        _end(found)
        return ran


def end_for(folder: Path, guard: Process) -> None:
    """End what runs in a folder where it is this guard's."""
    with alone(folder):
        found = recorded(folder)
        if found and found.guard == guard:
            _end(replace(found, guard=None))


def guarded(folder: Path) -> Process:
    """Start a guard for what this process runs in a folder; it is not marked, as it outlives what it ends."""
    above = str(Path(framework.__file__).parents[1])
    path = os.pathsep.join(filter(None, [above, os.environ.get("PYTHONPATH")]))
    command = (sys.executable, "-m", GUARD, str(folder))
    return process.start(command, {**os.environ, "PYTHONPATH": path}, Layout(folder).log("guard"), tied=True)


def launch(hadoop: Hadoop, *daemons: Daemon) -> Hadoop:
    """Start daemons, and return what runs with them. Each is written down before the next one starts."""
    for daemon in daemons:
        conf = hadoop.layout.own(daemon.name) / "conf"
        site.write(conf, {**hadoop.settings, **daemon.settings})
        started = process.start(
            hadoop.command(daemon.main, conf=conf, heap_mb=daemon.heap_mb),
            {**container_environment(hadoop), **daemon.variables},
            hadoop.layout.log(daemon.name),
        )
        others = tuple(each for each in hadoop.daemons if each.name != daemon.name)
        hadoop = replace(hadoop, daemons=(*others, daemon), processes={**hadoop.processes, daemon.name: started})
        hadoop.write()
    return hadoop


def node(hadoop: Hadoop, number: int) -> Daemon:
    """Return the NodeManager of a number, not started yet."""
    inherited = (*hadoop.variables, *hadoop.mark)
    return yarn.node_manager(hadoop.layout, number, hadoop.memory_mb, hadoop.cores, inherited)


def require_alive(hadoop: Hadoop, *names: str) -> None:
    """Raise DaemonFailedError where one of these daemons has ended."""
    for name in names:
        if not lives(hadoop.processes[name]):
            raise _failed(hadoop, name, "ended")


def _laid_out(hadoop: Hadoop, nodes: int, with_hdfs: bool) -> tuple[Hadoop, list[Daemon]]:
    """Choose the daemons and their ports, and write what all of them and their clients read."""
    layout = hadoop.layout
    for made in (layout.conf, layout.staging, layout.temporary):
        made.mkdir(parents=True, exist_ok=True)
    layout.excluded.write_text(site.excluded({}))
    # All that the daemons ask for by name; so they ask no name server, and find no other address of this machine.
    layout.hosts.write_text(f"{HOST} localhost {platform.node()}\n")
    manager = yarn.resource_manager()
    daemons = [manager]
    daemons += [node(hadoop, number + 1) for number in range(nodes)]
    settings = {"hadoop.tmp.dir": str(layout.temporary), **yarn.shared(layout, hadoop.jars, manager)}
    if with_hdfs:
        hdfs.make_web_folders(layout)
        name_node = hdfs.name_node(layout)
        daemons += [name_node, hdfs.data_node(layout)]
        settings |= hdfs.shared(name_node)
    hadoop = replace(hadoop, settings={**settings, **hadoop.settings})
    site.write(layout.conf, hadoop.settings)
    return hadoop, daemons


def _format(hadoop: Hadoop) -> None:
    log = hadoop.layout.log("namenode")
    log.parent.mkdir(parents=True, exist_ok=True)
    command = hadoop.command(hdfs.NAME_NODE, "-format", "-nonInteractive")
    with log.open("ab") as out:
        said = subprocess.run(
            command, env=container_environment(hadoop), stdout=out, stderr=out, stdin=subprocess.DEVNULL, check=False
        )
    if said.returncode:
        raise _failed(hadoop, "namenode", "could not be formatted")


def _wait_until_ready(hadoop: Hadoop) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while missing := _not_ready(hadoop):
        require_alive(hadoop, *hadoop.processes)
        if time.monotonic() > deadline:
            raise _failed(hadoop, missing, f"was not ready within {READY_SECONDS:g} s")
        time.sleep(POLL_SECONDS)
    if DEFAULT_FS in hadoop.settings:
        hdfs.make_folders(hadoop.url(hdfs.WEB))


def _not_ready(hadoop: Hadoop) -> str | None:
    """Return a daemon that is not ready yet, None where all are."""
    if DEFAULT_FS in hadoop.settings and not hdfs.has_data_node(hadoop.url(hdfs.WEB)):
        return "datanode"
    try:
        metrics = web.ask(f"{hadoop.url(yarn.WEB)}/ws/v1/cluster/metrics")["clusterMetrics"]
    except OSError:
        return yarn.RESOURCE_MANAGER
    return None if metrics["activeNodes"] >= len(hadoop.nodes) else hadoop.nodes[0].name


def _failed(hadoop: Hadoop, name: str, reason: str) -> DaemonFailedError:
    log = hadoop.layout.log(name)
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    return DaemonFailedError(name, reason, str(log), "\n".join(lines[-15:]))


def _end(hadoop: Hadoop) -> None:
    """End the guard first, as it would do the same, then all else."""
    process.kill((hadoop.guard,) if hadoop.guard else (), {})
    process.stop(hadoop.processes.values(), hadoop.mark)
    (hadoop.folder / RECORD).unlink(missing_ok=True)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let no other process start or stop anything in a folder meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
