"""What starts and stops, with a process that stands for the daemons."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from framework.errors import AlreadyRunningError, DaemonFailedError, LoopbackError, NotRunningError
from framework.local_emr.daemons import hadoop, jars, lifecycle, ports, process
from framework.local_emr.daemons.daemon import Daemon
from framework.local_emr.daemons.hadoop import Hadoop
from framework.process import lives
from framework.process import process as process_of

# An owner: it writes down a daemon that sleeps, has a guard, and says so.
OWNER = """
import os, sys, time
from dataclasses import replace
from pathlib import Path
from framework.local_emr.daemons import lifecycle, process
from framework.local_emr.daemons.daemon import Daemon
from framework.local_emr.daemons.hadoop import Hadoop
from framework.process import process as process_of

folder = Path(sys.argv[1])
this = process_of(os.getpid())
running = Hadoop(folder, folder, this, {}, {}, 1, 1, guard=lifecycle.guarded(folder))
sleeping = process.start(["sleep", "600"], {**os.environ, **running.mark}, folder / "log")
replace(running, daemons=(Daemon("sleep", "", "", {}),), processes={"sleep": sleeping}).write()
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture
def owner(tmp_path: Path) -> subprocess.Popen[str]:
    """A process for which something runs in the folder."""
    started = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert started.stdout
    assert started.stdout.readline() == "up\n"
    return started


def _end(owner: "subprocess.Popen[str]") -> None:
    owner.kill()
    owner.communicate()


def _runs(folder: Path) -> bool:
    try:
        return bool(hadoop.running(folder))
    except NotRunningError:
        return False


def _until_it_ended(folder: Path) -> None:
    deadline = time.monotonic() + 30
    while _runs(folder) or hadoop.recorded(folder):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def no_jars(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Java without Hadoop, which starts nothing."""
    monkeypatch.setattr(jars, "fetched", lambda *_: tmp_path / "none")


def test_what_runs_is_known_to_every_process(owner: "subprocess.Popen[str]", tmp_path: Path) -> None:
    found = hadoop.running(tmp_path)
    assert found.owner.pid == owner.pid
    assert found.alive() == {"sleep": True}
    assert lives(found.guard)
    _end(owner)
    _until_it_ended(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_its_owner(number: signal.Signals, owner: "subprocess.Popen[str]", tmp_path: Path) -> None:
    found = hadoop.running(tmp_path)
    owner.send_signal(number)
    owner.communicate()
    _until_it_ended(tmp_path)
    assert found.alive() == {"sleep": False}
    assert process.marked(found.mark) == ()


def test_where_the_guard_was_killed_too_stop_ends_it(owner: "subprocess.Popen[str]", tmp_path: Path) -> None:
    found = hadoop.running(tmp_path)
    assert found.guard
    os.kill(found.guard.pid, signal.SIGKILL)
    _end(owner)
    assert found.alive() == {"sleep": True}
    assert lifecycle.stop(tmp_path)
    assert found.alive() == {"sleep": False}
    assert not lifecycle.stop(tmp_path)


def test_stop_ends_what_another_process_started_and_its_guard(owner: "subprocess.Popen[str]", tmp_path: Path) -> None:
    found = hadoop.running(tmp_path)
    assert lifecycle.stop(tmp_path)
    assert found.alive() == {"sleep": False}
    assert not lives(found.guard)
    assert owner.poll() is None
    _end(owner)


def test_a_guard_leaves_alone_what_was_started_after_its_own(owner: "subprocess.Popen[str]", tmp_path: Path) -> None:
    found = hadoop.running(tmp_path)
    lifecycle.end_for(tmp_path, process_of(os.getpid()))
    assert found.alive() == {"sleep": True}
    lifecycle.stop(tmp_path)
    _end(owner)


@pytest.mark.usefixtures("no_jars")
def test_a_second_start_says_for_whom_it_runs(owner: "subprocess.Popen[str]", tmp_path: Path) -> None:
    with pytest.raises(AlreadyRunningError, match=f"for process {owner.pid}"):
        lifecycle.start(tmp_path)
    assert _runs(tmp_path)
    lifecycle.stop(tmp_path)
    _end(owner)


@pytest.mark.usefixtures("no_jars")
def test_a_daemon_that_does_not_start_is_said_with_its_log_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(DaemonFailedError, match=r"(?s)resourcemanager ended.*ClassNotFoundException"):
        lifecycle.start(tmp_path, nodes=0)
    assert hadoop.recorded(tmp_path) is None
    assert process.marked({process.MARK: str(tmp_path)}) == ()


@pytest.mark.usefixtures("no_jars")
def test_a_node_without_an_address_of_its_own_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "has", lambda host: host == "127.0.0.2")
    with pytest.raises(LoopbackError, match=r"127\.0\.0\.3"):
        lifecycle.start(tmp_path, nodes=2)
    assert hadoop.recorded(tmp_path) is None


def test_nothing_runs_where_nothing_was_started(tmp_path: Path) -> None:
    assert not lifecycle.stop(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(NotRunningError):
        hadoop.running(tmp_path)


def test_what_is_written_down_is_read_as_it_was(tmp_path: Path) -> None:
    this = process_of(os.getpid())
    daemon = Daemon("node-1", "Main", "127.0.0.2", {"a": "b"}, variables={"c": "d"})
    written = Hadoop(tmp_path, tmp_path / "jars", this, {"x": "y"}, {}, 4096, 4, (daemon,), {"node-1": this}, this)
    written.write()
    assert hadoop.recorded(tmp_path) == written
    assert [path.name for path in tmp_path.iterdir()] == [hadoop.RECORD]
