"""Nodes: what the ResourceManager says of them, and what becomes of one: it joins, leaves in order, or is lost."""

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from framework.errors import NodeStateError, NotRunningError, UnknownNodeError
from framework.local_emr.daemons import process, site, web, yarn
from framework.local_emr.daemons.daemon import Daemon
from framework.local_emr.daemons.hadoop import Hadoop, container_environment, running
from framework.local_emr.daemons.lifecycle import alone, launch, require_alive
from framework.local_emr.daemons.lifecycle import node as new_node
from framework.process import lives

ADMIN = "org.apache.hadoop.yarn.client.cli.RMAdminCLI"
ALL = "new,running,unhealthy,decommissioning,decommissioned,lost,rebooted,shutdown"
SERVICE = ("RUNNING", "UNHEALTHY", "DECOMMISSIONING")
POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the ResourceManager sees it; the state in YARN's words, such as RUNNING, DECOMMISSIONING, LOST."""

    name: str
    host: str
    state: str
    containers: int
    used_mb: int


def nodes(hadoop: Hadoop) -> tuple[Node, ...]:
    """Return the nodes in their order. Raises NotRunningError where no ResourceManager answers."""
    try:
        said = web.ask(f"{hadoop.url(yarn.WEB)}/ws/v1/cluster/nodes?states={ALL}")
    except OSError as error:
        raise NotRunningError(str(hadoop.folder)) from error
    # A host that was started anew is there as what it was, too: the newest report counts.
    known = sorted((said["nodes"] or {}).get("node", []), key=lambda each: int(each["lastHealthUpdate"]))
    latest = {each["nodeHostName"]: each for each in known}
    return tuple(_node(daemon, latest.get(daemon.host)) for daemon in _ordered(hadoop))


def join(folder: Path, count: int = 1) -> tuple[str, ...]:
    """Start more NodeManagers, and return their names when they are in service."""
    with alone(folder):
        hadoop = running(folder)
        first = max((_number(node) for node in hadoop.nodes), default=0) + 1
        added = [new_node(hadoop, number) for number in range(first, first + count)]
        hadoop = launch(hadoop, *added)
        for node in added:
            _wait(hadoop, node.name, ("RUNNING",), 60)
    return tuple(node.name for node in added)


def decommission(folder: Path, name: str, timeout: float) -> None:
    """Begin to take a node out of service: it gets no new containers, and leaves when no application needs it.

    That is waited for by the ResourceManager, for `timeout` seconds at most; `wait_for` waits here.
    """
    with alone(folder):
        hadoop = running(folder)
        host = _known(hadoop, name).host
        _exclude(hadoop, {**_excluded(hadoop), host: timeout})


def recommission(folder: Path, name: str) -> None:
    """Put a node back into service, and return when it is: one that has left is started anew."""
    with alone(folder):
        hadoop = running(folder)
        node = _known(hadoop, name)
        _exclude(hadoop, {host: timeout for host, timeout in _excluded(hadoop).items() if host != node.host})
        state = {each.name: each.state for each in nodes(hadoop)}[name]
        if state not in SERVICE or not lives(hadoop.processes[name]):
            process.kill([hadoop.processes[name]], _mark(hadoop, name))
            hadoop = launch(hadoop, new_node(hadoop, _number(node)))
            require_alive(hadoop, name)
        _wait(hadoop, name, ("RUNNING",), 60)


def kill(folder: Path, name: str) -> None:
    """Lose a node at once with all its containers, as when its machine goes. YARN notices after ten seconds."""
    hadoop = running(folder)
    _known(hadoop, name)
    process.kill([hadoop.processes[name]], _mark(hadoop, name))


def lose_containers(folder: Path, name: str) -> int:
    """Kill a node's containers and leave its NodeManager alone; return how many processes that were."""
    hadoop = running(folder)
    _known(hadoop, name)
    there = [each for each in process.marked(_mark(hadoop, name)) if each != hadoop.processes[name]]
    process.kill(there, {})
    return len(there)


def wait_for(hadoop: Hadoop, name: str, *states: str, seconds: float) -> None:
    """Return when a node is in one of these states. Raises NodeStateError where it is not in time."""
    _known(hadoop, name)
    _wait(hadoop, name, states, seconds)


def container_logs(hadoop: Hadoop, application: str) -> dict[str, Path]:
    """Return the folders of logs of an application's containers, on whichever nodes they were, by their ids."""
    return {
        found.name: found
        for node in hadoop.nodes
        for found in sorted((hadoop.layout.own(node.name) / yarn.CONTAINERS).glob(f"{application}/container_*"))
    }


def _exclude(hadoop: Hadoop, hosts: Mapping[str, float]) -> None:
    """Have the ResourceManager see which hosts are to leave: one that is leaving already keeps a timeout of its own."""
    draft = hadoop.layout.excluded.with_suffix(".draft")
    draft.write_text(site.excluded(hosts))
    draft.replace(hadoop.layout.excluded)
    command = hadoop.command(ADMIN, "-refreshNodes", "-g", "-server")
    environment = container_environment(hadoop)
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if said.returncode:
        raise NotRunningError(str(hadoop.folder)) from OSError(said.stderr)


def _excluded(hadoop: Hadoop) -> dict[str, float]:
    return site.read_excluded(hadoop.layout.excluded.read_text())


def _wait(hadoop: Hadoop, name: str, states: tuple[str, ...], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (found := {node.name: node.state for node in nodes(hadoop)}[name]) not in states:
        if time.monotonic() > deadline:
            raise NodeStateError(name, " or ".join(states), found, seconds)
        time.sleep(POLL_SECONDS)


def _node(daemon: Daemon, said: dict[str, str] | None) -> Node:
    if said is None:
        return Node(daemon.name, daemon.host, "NEW", 0, 0)
    return Node(daemon.name, daemon.host, said["state"], int(said["numContainers"]), int(said["usedMemoryMB"]))


def _known(hadoop: Hadoop, name: str) -> Daemon:
    found = {node.name: node for node in hadoop.nodes}
    if name not in found:
        raise UnknownNodeError(name, list(found))
    return found[name]


def _ordered(hadoop: Hadoop) -> list[Daemon]:
    return sorted(hadoop.nodes, key=_number)


def _number(node: Daemon) -> int:
    return int(node.name.removeprefix(yarn.NODE))


def _mark(hadoop: Hadoop, name: str) -> dict[str, str]:
    return {**hadoop.mark, process.NODE_MARK: name}
