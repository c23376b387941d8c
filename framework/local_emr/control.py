"""Start, look at and stop the EMR of a folder, from any process: the server that it lives in is another one."""

import fcntl
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import framework
from framework.errors import (
    FolderNameError,
    ForeignFolderError,
    LakegateError,
    LocalEmrMissingError,
    NotRunningError,
    NotStartedError,
    RunsOtherwiseError,
    StorageError,
)
from framework.local_emr import served
from framework.local_emr.api.faults import Faults
from framework.local_emr.api.server import CLUSTERS, FAULTS
from framework.local_emr.daemons import hadoop, jars, lifecycle, nodes, process, s3, web
from framework.local_emr.daemons.nodes import Node
from framework.local_emr.served import Served
from framework.local_emr.server import FAILURE
from framework.local_emr.steps.primary import shell
from framework.process import Process, lives

SERVER = "framework.local_emr.server"
NODES = 2
END_SECONDS = 60.0  # that a server has to end all in order
POLL_SECONDS = 0.1
# Hadoop takes lists of folders, and Spark's scripts words.
BREAKS = re.compile(r"""[\s,:;'"`$\\*?\[\]{}()<>|&!]""")
# What a shell has for itself is not meant for an EMR that other shells use, too.
FOREIGN = ("AWS_", "LAKEGATE_", "SPARK_", "PYSPARK_", "HADOOP_", "YARN_", "MOTO_")
NEEDED = ("moto", "flask", "flask_cors", "werkzeug")
# What would lead elsewhere, or win over the keys.
UNSET = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a start asks for; None: whatever there is, or the default."""

    port: int | None = None
    hdfs: bool | None = None
    nodes: int | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What runs: the nodes as YARN has them (none where it has failed), clusters that have not ended, faults made."""

    served: Served
    nodes: tuple[Node, ...]
    clusters: tuple[dict[str, Any], ...]
    faults: dict[str, Any]


def start(folder: Path, wanted: Wanted, say: Callable[[str], None] = lambda _: None) -> tuple[Served, bool]:
    """Start what is wanted, and return it with True; or with False what runs already, if it is that.

    Raises LocalEmrMissingError, FolderNameError, ForeignFolderError, StorageError, RunsOtherwiseError, NotStartedError
    (which has the reason).
    """
    for module in NEEDED:
        if find_spec(module) is None:
            raise LocalEmrMissingError(module)
    with _place(folder) as at, _alone(_usable(at)):
        found = served.recorded(at)
        if found and found.lives:
            _require_same(found, wanted)
            return found, False
        # Also what a start left that was killed, and has not said yet that it is up.
        _end_all(at)
        if not (jars.cache() / jars.DAEMONS.folder).is_dir():
            say("The first start fetches 90 MB of jars from Maven Central.")
        return _started(at, wanted), True


def stop(folder: Path) -> bool:
    """End the server and all that it started, whichever of it still lives; say whether anything did."""
    with _place(folder) as at:
        if not served.is_ours(at):
            return False
        with _alone(at):
            return _end_all(at)


def reset(folder: Path) -> tuple[Served | None, list[str]]:
    """Stop, remove all that was made in the folder, and start again as it was, if it ran.

    Returns what runs again, and the names of what is not ours and stays. Raises as `start` does.
    """
    with _place(folder) as at:
        if not at.exists():
            return None, []
        if not served.is_ours(at):
            raise ForeignFolderError(str(at))
        with _alone(at):
            found = served.recorded(at)
            again = Wanted(found.port, found.hdfs is not None, found.nodes) if found and found.lives else None
            _end_all(at)
            others = served.remove(at)
            if again:
                return _started(at, again), others
            served.leave(at)
            return None, others


def running(folder: Path) -> Served:
    """Return what runs. Raises NotRunningError."""
    with _place(folder) as at:
        found = served.recorded(at)
    if found is None or not found.lives:
        raise NotRunningError(str(folder))
    return found


def status(folder: Path) -> Status:
    """Return what runs, and how. Raises NotRunningError."""
    found = running(folder)
    try:
        clusters = web.ask(found.endpoint + CLUSTERS)
        faults = web.ask(found.endpoint + FAULTS)
    except OSError as error:
        raise NotRunningError(str(folder)) from error
    try:
        states = nodes.nodes(hadoop.running(found.folder))
    except NotRunningError:
        states = ()
    made = {each.name: faults[each.name] for each in fields(Faults) if faults[each.name] != _jsonable(each.default)}
    return Status(found, states, tuple(clusters), made)


def variables(found: Served, environment: Mapping[str, str]) -> dict[str, str | None]:
    """Return what is to be set in an environment so that the tools of AWS, and Lakegate's, find it; None: unset.

    Hadoop's own configuration is not in it: with HADOOP_CONF_DIR each local Spark of the shell would have another
    default file system. Spark's is, so that it reads s3:// and Delta's tables.
    """
    elsewhere = sorted(name for name in environment if name.startswith("AWS_ENDPOINT_URL_"))
    unset = [name for name in (*UNSET, *elsewhere) if name in environment]
    own = s3.variables(found.endpoint)
    if "AWS_REGION" in environment:
        own["AWS_REGION"] = s3.REGION
    own |= _past_proxies(environment)
    with _place(found.folder) as at:
        own |= shell(at, found.endpoint)
    return {**dict.fromkeys(unset), **own, "LAKEGATE_LOCAL_EMR": str(found.folder)}


def set_faults(folder: Path, faults: Faults) -> None:
    """Make these faults from now on, and no others. Raises NotRunningError."""
    found = running(folder)
    try:
        web.ask(found.endpoint + FAULTS, "PUT", asdict(faults))
    except OSError as error:
        raise NotRunningError(str(folder)) from error


def _jsonable(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _require_same(found: Served, wanted: Wanted) -> None:
    has_hdfs = found.hdfs is not None
    said = [
        f"its port is {found.port}" if wanted.port not in (None, found.port) else "",
        f"it has {'' if has_hdfs else 'no '}HDFS" if wanted.hdfs not in (None, has_hdfs) else "",
        f"it began with {found.nodes} nodes" if wanted.nodes not in (None, found.nodes) else "",
    ]
    if other := [each for each in said if each]:
        raise RunsOtherwiseError(found.endpoint, other)


def _past_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what keeps a proxy out of the way to this machine; nothing where there is none."""
    if not any(name.lower() in ("http_proxy", "https_proxy", "all_proxy") for name in environment):
        return {}
    known = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    direct = ",".join(dict.fromkeys([*filter(None, known.split(",")), "127.0.0.1", "localhost"]))
    return {"NO_PROXY": direct, "no_proxy": direct}


def _started(folder: Path, wanted: Wanted) -> Served:
    """Start the server in a session of its own, and wait until it says that it is up, or why not."""
    failure, log = folder / FAILURE, served.log(folder)
    failure.unlink(missing_ok=True)
    said_before = log.stat().st_size if log.exists() else 0
    nodes = NODES if wanted.nodes is None else wanted.nodes
    options = ["--port", str(wanted.port or 0), "--nodes", str(nodes), *(["--hdfs"] if wanted.hdfs else [])]
    above = str(Path(framework.__file__).parents[1])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    path = os.pathsep.join(filter(None, [above, kept.get("PYTHONPATH")]))
    # -P: no module of the folder that this is typed in is taken for another one.
    command = [sys.executable, "-P", "-m", SERVER, str(folder), *options]
    environment = {**kept, **_past_proxies(kept), "PYTHONPATH": path, process.MARK: str(folder)}
    child = process.start(command, environment, log)
    try:
        while True:
            lived = lives(child)
            found = served.recorded(folder)
            if found and found.process == child:
                return found
            if not lived:
                said = failure.read_bytes() if failure.exists() else log.read_bytes()[said_before:]
                reason = "\n".join(said.decode(errors="replace").splitlines()[-15:])
                raise NotStartedError(reason or "It ended without a word; is the disk full?", str(log))
            time.sleep(POLL_SECONDS)
    except BaseException:
        _end(child)
        lifecycle.stop(folder)
        raise


def _end(server: Process) -> None:
    """Ask a server to end all that it has, and wait for it; kill it where that takes too long."""
    deadline = time.monotonic() + END_SECONDS
    if lives(server):
        os.kill(server.pid, signal.SIGTERM)
    while lives(server):
        if time.monotonic() > deadline:
            process.kill((server,), {})
        time.sleep(POLL_SECONDS)


def _end_all(folder: Path) -> bool:
    """End what runs in a folder, recorded or not; say whether anything did."""
    found = served.recorded(folder)
    ran = found is not None and found.lives
    if found:
        _end(found.process)
    ran |= lifecycle.stop(folder)
    mark = {process.MARK: str(folder)}
    ran |= bool(process.marked(mark))
    process.stop((), mark)
    served.forget(folder)
    return ran


@contextmanager
def _place(folder: Path) -> Iterator[Path]:
    """Give where a folder really is. Raises StorageError where it cannot be used."""
    at = folder.resolve()
    try:
        yield at
    except OSError as error:
        if isinstance(error, LakegateError):
            raise
        raise StorageError(str(error.filename or at), error.strerror or type(error).__name__) from error


def _usable(folder: Path) -> Path:
    """Return the folder as ours. Raises FolderNameError, or ForeignFolderError where it is somebody else's."""
    if found := BREAKS.search(str(folder)):
        raise FolderNameError(str(folder), found.group())
    if not served.claim(folder):
        raise ForeignFolderError(str(folder))
    return folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let nobody else start, stop or reset what is in a folder meanwhile; the server has a lock of its own."""
    path = folder / served.LOCK
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            # Who waited for a reset has the lock of a folder that is no more.
            if path.exists() and path.stat().st_ino == os.fstat(held.fileno()).st_ino:
                served.claim(folder)
                yield
                return
