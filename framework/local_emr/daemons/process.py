"""Processes that outlive nobody: started in a session of their own, found again by a mark, ended with what they began.

A mark is an environment variable, and whatever a process starts inherits it: YARN's containers too, which are in
sessions of their own and live on when their NodeManager is killed. What has dropped its environment is found as a
descendant of the process that adopts: on Linux only, and for as long as that process lives.
"""

import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from framework.process import Process, lives, process

MARK = "LOCAL_EMR_FOLDER"
NODE_MARK = "LOCAL_EMR_NODE"
GRACE_SECONDS = 2.0
POLL_SECONDS = 0.05
BURY_SECONDS = 10.0
SET_CHILD_SUBREAPER = 36  # of Linux's prctl


def start(command: Sequence[str], environment: Mapping[str, str], log: Path, *, tied: bool = False) -> Process:
    """Start a process whose output goes to a log, and return it at once.

    With `tied` its standard input ends when this process does, however that ends.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        child = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE if tied else subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # Waited for, so that it is gone once it has ended, and no zombie of this process.
    threading.Thread(target=_reap, args=(child,), daemon=True, name=f"reap {child.pid}").start()
    return process(child.pid)


def stop(known: Iterable[Process], mark: Mapping[str, str], grace: float = GRACE_SECONDS) -> None:
    """End processes: those that are known, and all that have the mark; first asked, after the grace killed.

    Returns when none is left: what starts more meanwhile is found again.
    """
    known = tuple(known)
    deadline = time.monotonic() + grace
    _send(signal.SIGTERM, left := _left(known, mark))
    while left and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        left = _left(known, mark)
    kill(known, mark)


def kill(known: Iterable[Process], mark: Mapping[str, str]) -> None:
    """End processes as a machine does that loses its power: none can do or say anything before."""
    known = tuple(known)
    while left := _left(known, mark):
        _send(signal.SIGKILL, left)
        time.sleep(POLL_SECONDS)


def adopt() -> None:
    """Keep all that this process starts among its descendants, whatever becomes of their parents. Linux only.

    Of what has ended, whatever is still a zombie after a while is taken away: so this process's own children are to be
    waited for from the start.
    """
    if _parents():
        ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        threading.Thread(target=_bury, daemon=True, name="bury").start()


def kill_descendants() -> None:
    """End all that descends from this process; elsewhere than on Linux it is not known what does."""
    while left := {each for each in map(process, _descendants(os.getpid())) if lives(each)}:
        _send(signal.SIGKILL, left)
        time.sleep(POLL_SECONDS)


def marked(mark: Mapping[str, str]) -> tuple[Process, ...]:
    """Return the processes of this user whose environment has these variables, but for this process.

    No variables mark none.
    """
    if not mark:
        return ()
    wanted = {f"{name}={value}" for name, value in mark.items()}
    reader = _environments_of_proc if Path("/proc/self/environ").exists() else _environments_of_ps
    pids = [pid for pid, says in reader() if pid != os.getpid() and says(wanted)]
    return tuple(found for found in map(process, pids) if found.started)


def _environments_of_proc() -> Iterable[tuple[int, Callable[[set[str]], bool]]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                variables = set((folder / "environ").read_bytes().decode(errors="replace").split("\0"))
            except OSError:  # ended meanwhile, or somebody else's
                continue
            yield int(folder.name), variables.issuperset


def _environments_of_ps() -> Iterable[tuple[int, Callable[[set[str]], bool]]]:
    said = subprocess.run(["ps", "-axww", "-E", "-o", "pid=,command="], capture_output=True, text=True, check=False)
    for line in said.stdout.splitlines():
        pid, _, words = line.strip().partition(" ")
        spaced = f" {words} "
        yield int(pid), lambda wanted, spaced=spaced: all(f" {each} " in spaced for each in wanted)  # type: ignore[misc]


def _parents() -> dict[int, tuple[int, str]]:
    """Return the parent and the state of each process; nothing without Linux's /proc."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # ended meanwhile
            state, parent = file.read_text(errors="replace").rpartition(")")[2].split()[:2]
            found[int(file.parent.name)] = (int(parent), state)
    return found


def _descendants(above: int) -> Iterator[int]:
    parents = _parents()
    known = {above}
    while found := {pid for pid, (parent, _) in parents.items() if parent in known} - known:
        yield from found
        known |= found


def _bury() -> None:
    before: set[int] = set()
    while True:
        time.sleep(BURY_SECONDS)
        dead = {pid for pid, (parent, state) in _parents().items() if (parent, state) == (os.getpid(), "Z")}
        for pid in dead & before:
            with suppress(ChildProcessError):  # somebody has waited for it
                os.waitpid(pid, os.WNOHANG)
        before = dead


def _left(known: Sequence[Process], mark: Mapping[str, str]) -> set[Process]:
    return {each for each in known if lives(each)} | {each for each in marked(mark) if lives(each)}


def _send(number: signal.Signals, processes: Iterable[Process]) -> None:
    for each in processes:
        try:
            os.kill(each.pid, number)
        except ProcessLookupError:
            continue


def _reap(child: subprocess.Popen[bytes]) -> None:
    child.wait()
    if child.stdin:
        child.stdin.close()
