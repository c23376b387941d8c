"""A job that goes on and on, as a process of its own: it takes in what lands, and ends cleanly when it is asked to."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.command import environment_of, lakegate, project, rows_at

SETTINGS = ("--set", "lake.root=lake", "--set", "landing.root=data", "--set", "run.interval=0.5")
LONGEST = 120
DAY_3 = "id,status,amount,updated_at\n4,open,1.0,2024-01-03T10:00:00Z\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("projects") / "shop")


@contextmanager
def _going_on(shop: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [f"{sys.prefix}/bin/lakegate", "run", "orders", "--continuous", "--env", "local", *SETTINGS]
    known = environment_of(LAKEGATE_SPARK__MASTER="local[2]")
    with subprocess.Popen(
        command, cwd=shop, env=known, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        try:
            yield run
        finally:
            run.kill()


def _wait_for(path: Path, run: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + LONGEST
    while not path.exists():
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < end, f"{path.name} did not come"
        time.sleep(0.02)


def test_what_lands_is_taken_in_until_stop_is_called(shop: Path) -> None:
    published = shop / "lake" / "_lakegate" / "published" / "orders"
    with _going_on(shop) as run:
        _wait_for(published / "0000-0000000001.json", run)
        (shop / "data" / "orders" / "2024-01-03.csv").write_text(DAY_3)
        _wait_for(published / "0000-0000000002.json", run)
        asked = lakegate(shop, "stop", "orders", "--env", "local", *SETTINGS[:2])
        out, err = run.communicate(timeout=LONGEST)
    assert (asked.code, asked.out) == (
        0,
        f"orders ends after its batch (process {run.pid} on {os.uname().nodename}).\n",
    )
    assert run.returncode == 0, err
    assert "orders, batch 2" in out
    assert rows_at(shop / "lake" / "silver" / "orders", "id") == [(1,), (2,), (4,)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_batch_in_hand_and_the_next_run_goes_on(shop: Path, number: signal.Signals) -> None:
    state = shop / "lake" / "_lakegate"
    batch = 1 + len(list((state / "published" / "orders").glob("*.json")))
    (shop / "data" / "orders" / f"2024-02-{batch:02}.csv").write_text(DAY_3.replace("4,", f"{10 + batch},"))
    with _going_on(shop) as run:
        _wait_for(state / "plans" / "orders" / f"0000-{batch:010}.json", run)
        run.send_signal(number)
        _, err = run.communicate(timeout=LONGEST)
    assert run.returncode == 0, err
    assert (state / "published" / "orders" / f"0000-{batch:010}.json").exists()
    assert (10 + batch,) in rows_at(shop / "lake" / "silver" / "orders", "id")
