"""A PostgreSQL of the tests' own: one for the whole test process, on a free port of this machine, with a password.

Its time zone is not UTC, so that a test which relies on the server's zone fails.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.command import ROOT

USER, PASSWORD, ZONE = "etl", "open-sesame-7", "Asia/Kolkata"


@dataclass(frozen=True)
class Postgres:
    """A server that runs."""

    programs: Path
    port: int

    @property
    def url(self) -> str:
        """Its address for JDBC."""
        return f"jdbc:postgresql://127.0.0.1:{self.port}/postgres"

    def sql(self, statements: str) -> str:
        """Run statements in UTC; return what they print, one row a line."""
        asked: list[Any] = [self.programs / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        asked += ["-c", "SET TIME ZONE 'UTC'", "-c", statements]
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "postgres"]
        known = {**os.environ, "PGPASSWORD": PASSWORD}
        done = subprocess.run([*asked, *where], env=known, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return str(done.stdout)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL with the user `etl`, who has a password; it ends with the tests."""
    folder = Path(tempfile.mkdtemp(prefix="lakegate-postgres-"))  # not below pytest's, which is root's alone
    try:
        with _running(_programs(), folder) as server:
            yield server
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    """Return the folder of PostgreSQL's programs."""
    script: list[Any] = [ROOT / "scripts" / "setup.sh", "--postgres"]
    known = {**os.environ, "LAKEGATE_NO_INSTALL": "1"}
    asked = subprocess.run(script, env=known, capture_output=True, text=True, check=False)
    if asked.returncode:
        pytest.fail(asked.stderr, pytrace=False)
    return Path(asked.stdout.strip())


@contextmanager
def _running(programs: Path, folder: Path) -> Iterator[Postgres]:
    data, secret, log = folder / "data", folder / "password", folder / "log"
    secret.write_text(PASSWORD)
    as_whom = _unprivileged(folder)
    made: list[Any] = [programs / "initdb", "-D", data, "-U", USER, "--pwfile", secret, "-A", "scram-sha-256"]
    subprocess.run(
        [*made, "-E", "UTF8", "--no-locale", "--no-sync"], cwd=folder, stdout=subprocess.DEVNULL, check=True, **as_whom
    )
    server = Postgres(programs, _free_port())
    given = {"listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "timezone": ZONE, "fsync": "off"}
    options = [f"--{name}={value}" for name, value in given.items()]
    start: list[Any] = [programs / "postgres", "-D", data, "-p", str(server.port), *options]
    with log.open("w") as said, subprocess.Popen(start, cwd=folder, stdout=said, stderr=said, **as_whom) as process:
        try:
            _wait_for(server, process, log)
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # whoever is still connected


def _unprivileged(folder: Path) -> dict[str, Any]:
    """Return how a process is started that is not root's, which PostgreSQL refuses to be; the folder becomes its."""
    if os.geteuid() != 0:
        return {}
    names = {user.pw_name for user in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    for path in (folder, *folder.iterdir()):
        os.chown(path, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_for(server: Postgres, process: "subprocess.Popen[Any]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            server.sql("SELECT 1")
        except RuntimeError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}", pytrace=False)
