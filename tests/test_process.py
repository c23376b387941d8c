import os
import platform
import subprocess
import sys
import time

from framework.process import Holder, Process, boot_id, lives, process


def test_this_process_lives_and_is_always_the_same() -> None:
    this = process(os.getpid())
    assert this.pid == os.getpid()
    assert this == process(os.getpid())
    assert lives(this)


def test_a_process_that_has_ended_does_not_live_whether_somebody_has_noticed_or_not() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    there = process(child.pid)
    assert lives(there)
    child.kill()
    deadline = time.monotonic() + 10
    while lives(there) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not lives(there)  # a zombie until its parent waits for it
    child.communicate()
    assert not lives(there)
    assert process(child.pid) == Process(child.pid, "")
    assert not lives(process(child.pid))


def test_another_process_of_the_same_number_is_another_one() -> None:
    assert not lives(Process(os.getpid(), "1"))
    assert not lives(None)


def test_a_name_with_brackets_and_blanks_hides_no_start() -> None:
    rename = "open('/proc/self/comm', 'w').write('a) Z 1 (b')" if sys.platform == "linux" else "pass"
    with subprocess.Popen(
        [sys.executable, "-c", f"{rename}; print(flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        before = process(child.pid)
        child.stdout.readline()
        assert lives(before)
        assert lives(process(child.pid))
        child.kill()


def test_a_holder_is_here_only_on_this_machine_since_its_last_start() -> None:
    here = Holder(platform.node(), boot_id(), process(os.getpid()), None)
    assert here.is_here
    assert here.said == f"process {os.getpid()} on {platform.node()}"
    assert not Holder("elsewhere", boot_id(), here.python, None).is_here
    assert not Holder(platform.node(), "an earlier start", here.python, None).is_here
    assert boot_id() == boot_id() != ""
