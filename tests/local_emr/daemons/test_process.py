import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from framework.local_emr.daemons import process
from framework.process import Process, lives
from framework.process import process as process_of

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
# As YARN starts a container: in a session of its own, by a process that does not wait for it.
PARENT = (
    "import subprocess, time; "
    "print(subprocess.Popen(['sleep', '600'], start_new_session=True).pid, flush=True); time.sleep(600)"
)


@pytest.fixture
def mark(tmp_path: Path) -> dict[str, str]:
    return {process.MARK: str(tmp_path)}


def _start(mark: dict[str, str], log: Path, code: str) -> Process:
    started = process.start([sys.executable, "-c", code], {**os.environ, **mark}, log)
    _until(lambda: bool(log.read_text()))
    return started


def _until(said: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not said():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_a_process_began_in_a_session_of_its_own_is_found_by_its_mark_and_ended(
    mark: dict[str, str], tmp_path: Path
) -> None:
    parent = _start(mark, tmp_path / "log", PARENT)
    child = process_of(int((tmp_path / "log").read_text()))
    assert {parent, child} <= set(process.marked(mark))
    os.kill(parent.pid, signal.SIGKILL)
    _until(lambda: not lives(parent))
    assert lives(child)
    process.stop([parent], mark)
    assert not lives(child)
    assert process.marked(mark) == ()


def test_one_that_does_not_end_when_asked_is_killed_after_the_grace(mark: dict[str, str], tmp_path: Path) -> None:
    stubborn = _start(mark, tmp_path / "log", STUBBORN)
    began = time.monotonic()
    process.stop([stubborn], {}, grace=0.3)
    assert time.monotonic() - began >= 0.3
    assert not lives(stubborn)


def test_one_that_is_killed_is_not_asked_before(tmp_path: Path) -> None:
    asked = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True)); "
    log = tmp_path / "log"
    process.kill([_start({}, log, asked + "print('up', flush=True); time.sleep(600)")], {})
    assert log.read_text() == "up\n"


def test_another_process_that_got_the_number_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "600"]) as other:
        process.stop([Process(other.pid, "1")], {})
        assert other.poll() is None
        other.kill()


def test_no_mark_marks_nothing_and_another_folders_processes_are_not_marked(
    mark: dict[str, str], tmp_path: Path
) -> None:
    ours = _start(mark, tmp_path / "log", STUBBORN)
    assert process.marked({}) == ()
    assert process.marked({process.MARK: f"{tmp_path}/other"}) == ()
    assert process.marked({**mark, process.NODE_MARK: "node-1"}) == ()
    process.kill([ours], {})
    assert not lives(ours)


def test_its_output_is_in_the_log_and_it_is_no_zombie_at_its_end(tmp_path: Path) -> None:
    started = process.start(["sh", "-c", "echo out; echo err >&2"], dict(os.environ), tmp_path / "deep" / "log")
    _until(lambda: not Path(f"/proc/{started.pid}").exists() if sys.platform == "linux" else not lives(started))
    assert (tmp_path / "deep" / "log").read_text() == "out\nerr\n"


# A process that adopts, and one that drops its parent, its session and its environment; another one that ends at once.
ADOPTER = """
import subprocess, sys, time
from pathlib import Path
from framework.local_emr.daemons import process

process.BURY_SECONDS = 0.05
process.adopt()
said = subprocess.check_output(["bash", "-c", "setsid env -i sleep 600 >&2 & echo $!; true & echo $!"], text=True)
print(said, end="", flush=True)
sys.stdin.readline()
process.kill_descendants()
print("ended", flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_what_drops_its_environment_is_a_descendant_of_the_one_that_adopts_and_ends_with_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ADOPTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as adopter:
        assert adopter.stdin
        assert adopter.stdout
        unmarked, short = process_of(int(adopter.stdout.readline())), int(adopter.stdout.readline())
        _until(lambda: not Path(f"/proc/{short}").exists())
        assert lives(unmarked)
        print(file=adopter.stdin, flush=True)
        assert adopter.stdout.readline() == "ended\n"
        assert not lives(unmarked)
        adopter.kill()
