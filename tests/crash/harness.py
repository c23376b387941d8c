"""Starting, killing and judging the processes of a chain."""

import hashlib
import json
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from deltalake import DeltaTable, QueryBuilder
from pyspark.sql import SparkSession

from framework import fault
from framework.config import Settings
from framework.session import lane
from tests.crash.scenarios import SCENARIOS, Place

ROOT = Path(__file__).parent.parent.parent
# The JVM's classes as one file that is mapped: a process starts in half the time. Made by `make`, and not needed.
CLASS_PATH = (ROOT / "framework" / "session.py").read_bytes() + (ROOT / "pyproject.toml").read_bytes()
ARCHIVE = ROOT / "build" / f"crash-{lane().spark}-{hashlib.sha256(CLASS_PATH).hexdigest()[:8]}.jsa"
OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xlog:disable"
Rows = list[tuple[Any, ...]]


class Process:
    """A process that plays a step: its Python, and the JVM of its session."""

    alive: ClassVar[list["Process"]] = []
    killed: ClassVar[set[int]] = set()

    def __init__(
        self,
        scenario: str,
        step: int,
        place: Place,
        targets: Sequence[str] = (),
        *settings: str,
        stop: bool = False,
        options: str = f"-XX:SharedArchiveFile={ARCHIVE}" if ARCHIVE.exists() else "",
    ) -> None:
        self.points_before = len(points(place))
        self.place = place
        java = f"spark.conf.spark.driver.extraJavaOptions={OPTIONS} {options}"
        told = {
            "scenario": scenario,
            "step": step,
            "folder": str(place.folder),
            "landing": str(place.landing),
            "targets": list(targets),
            "settings": [java, *settings],
            "stop": stop,
        }
        self._errors = place.folder / f"errors-{secrets.token_hex(4)}"
        with open(self._errors, "w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.process", json.dumps(told)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self.jvm = 0
        self.alive.append(self)

    def started(self) -> "Process":
        """Wait until it has its session."""
        assert self._process.stdout
        self.jvm = int(self._process.stdout.readline() or 0)
        return self

    def ended(self, within: float | None = None) -> int:
        """Return how it ended: 0, 1 with an error, -9 killed. Raises TimeoutExpired."""
        code = self._process.wait(within)
        assert self._process.stdout
        self._process.stdout.close()
        self.alive.remove(self)
        if code == -signal.SIGKILL:
            self.killed.add(self._process.pid)
        return code

    def send(self, number: signal.Signals, *, whole: bool = False) -> None:
        """Send a signal to the Python, or to the JVM as well."""
        (os.killpg if whole else os.kill)(self._process.pid, number)

    def send_jvm(self, number: signal.Signals) -> None:
        """Send a signal to the JVM alone."""
        os.kill(self.jvm, number)

    @classmethod
    def end_all(cls) -> None:
        """End what a test that failed has left."""
        for process in list(cls.alive):
            process.send(signal.SIGKILL, whole=True)
            process.ended()

    @property
    def stopped(self) -> bool:
        """Whether its Python stands still."""
        return Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    @property
    def error(self) -> str:
        """What it said at the end."""
        return (self._errors.read_text().strip().splitlines() or [""])[-1]

    @property
    def points(self) -> list[str]:
        """The points that it passed, the one at which it was killed too."""
        return points(self.place)[self.points_before :]


def points(place: Place) -> list[str]:
    """Return the points that all processes of a place have passed, each behind the number of batches finished."""
    there = place.folder / "points"
    return there.read_text().splitlines() if there.exists() else []


def tables(lake: Path) -> dict[str, DeltaTable]:
    """Return the tables of a lake but the run log, by their names; one that has no commit yet is none."""
    found = (log.parent for log in sorted(lake.glob("*/*/_delta_log")) if any(log.glob("*.json")))
    return {f"{at.parent.name}.{at.name}": DeltaTable(str(at)) for at in found if not at.name.startswith("runs_")}


def rows(table: DeltaTable, wanted: str = "*") -> Rows:
    """Return the rows of a table in the order of their text, without Spark."""
    found: Any = QueryBuilder().register("t", table).execute(f"SELECT {wanted} FROM t").read_all()
    values = [[value.as_py() for value in column] for column in found.columns]
    return sorted(zip(*values, strict=True), key=str)


@dataclass
class Oracle:
    """What a run that nobody interrupts leaves: each table's rows, the batches, and the points that it passes."""

    tables: dict[str, Rows]
    history: dict[str, list[Rows]]
    batches: Rows
    points: list[str]
    published: set[str]


def oracle(name: str, spark: SparkSession, settings: Settings, folder: Path) -> Oracle:
    """Play a scenario in a fresh lake in this process."""
    scenario, place = SCENARIOS[name], Place(folder, folder / "landing")
    place.lake.mkdir(parents=True)
    os.environ["CRASH_TOLD"] = str(folder / "told")
    passed: list[str] = []
    for number, step in enumerate(scenario.steps):
        step.arrive(place)
        if not step.calm:
            fault.reached = lambda point: passed.append(place.point(point))
        try:
            scenario.play(number, spark, settings, place)
        finally:
            fault.reached = None
    history = {}
    for table, now in tables(place.lake).items():
        history[table] = [_rows(now, folder, v) for v in range(now.version() + 1) if _is_whole(now, v)]
    final = {table: states[-1] for table, states in history.items()}
    return Oracle(final, history, batches(place, name), passed, set(published(place, name)))


def prepared(name: str, spark: SparkSession, settings: Settings, folder: Path) -> Place:
    """Play the calm steps of a scenario in this process; with none of them the place is empty."""
    place = Place(folder, folder / "landing")
    place.lake.mkdir(parents=True)
    for number, step in enumerate(SCENARIOS[name].steps):
        if step.calm:
            step.arrive(place)
            SCENARIOS[name].play(number, spark, settings, place)
    return place


def copied(place: Place, folder: Path) -> Place:
    """Copy a lake; its plans name the files of the landing folder, which stays where it is."""
    shutil.copytree(place.lake, folder / "lake")
    return Place(folder, place.landing)


@dataclass(frozen=True)
class Kill:
    """A line of the table: where a process was killed, what the next one did, and whether the tables were right."""

    scenario: str
    point: str
    at: str
    outcome: str = ""
    equal: str = ""


@dataclass
class Chain:
    """Processes one after the other on one lake, each killed at the first of the points that are left."""

    name: str
    place: Place
    expected: Oracle
    kills: list[Kill] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def run(self, targets: Sequence[str]) -> list[Kill]:
        """Play all steps, killing at each of the targets once; a target is a point of a batch, or of any.

        Behind a commit a batch has several points, and it passes them once: what is `left` then is for another chain.
        """
        left, done = list(targets), list[Kill]()
        for number, step in enumerate(SCENARIOS[self.name].steps):
            if step.calm:
                continue
            step.arrive(self.place)
            while True:
                process = Process(self.name, number, self.place, left).started()
                code = process.ended()
                if done and not done[-1].outcome:
                    outcome = _outcome(process.points)
                    done[-1] = Kill(self.name, done[-1].point, done[-1].at, outcome, done[-1].equal)
                assert code in (0, -9), process.error
                wrong = partial(self.place, self.expected)
                assert not wrong, f"after {done[-1] if done else 'the start'}: {wrong}"
                if code == 0:
                    break
                finished, _, point = process.points[-1].partition(" ")
                left.remove(point if point in left else process.points[-1])
                done.append(Kill(self.name, point, f"step {number + 1}, {finished} finished", "", "yes"))
        self.left = left
        require_as_if_nothing_had_happened(self.name, self.place, self.expected)
        return done


def partial(place: Place, expected: Oracle) -> dict[str, Rows]:
    """Return the tables that hold what an uninterrupted run never lets be seen."""
    now = {table: _rows(found, place.folder) for table, found in tables(place.lake).items()}
    return {table: found for table, found in now.items() if found not in expected.history[table]}


def require_as_if_nothing_had_happened(name: str, place: Place, expected: Oracle) -> None:
    """Compare everything that can be seen with what an uninterrupted run has left."""
    there = tables(place.lake)
    assert {table: _rows(found, place.folder) for table, found in there.items()} == expected.tables
    assert batches(place, name) == expected.batches
    left = published(place, name)
    assert left == {table: there[table].version() for table in expected.published}
    assert not held(place)


def published(place: Place, name: str) -> dict[str, int]:
    """Return the versions that the latest publication of the job names."""
    found = [path for path in place.state("published") if path.parent.name == SCENARIOS[name].job.name]
    latest = max(found, key=lambda path: path.stem)  # a backfill's comes behind the batch whose name it begins with
    return dict(json.loads(latest.read_text())["tables"])


def batches(place: Place, name: str) -> Rows:
    """Return the rows of the run log of batches that are done."""
    log = place.lake / "_lakegate" / f"runs_{SCENARIOS[name].job.name}"
    return rows(DeltaTable(str(log)), "epoch, batch, backfill IS NULL, outcome")


def held(place: Place) -> list[str]:
    """Return the leases that nobody has released, but those of tables which a process held when it was killed.

    Whoever wants such a table next takes its lease over; a load that was in by then is not done again, and needs none.
    """
    newest = {path.parent.name: json.loads(path.read_text()) for path in place.state("leases")}
    return [
        name
        for name, grant in newest.items()
        if not grant["released"]
        and not (name.startswith("table-") and grant["holder"]["python"]["pid"] in Process.killed)
    ]


def distinct(found: Sequence[str]) -> list[str]:
    """Return points without the batch that passed them, each once."""
    return list(dict.fromkeys(point.partition(" ")[2] for point in found))


def sample(found: Sequence[str], number: int, seed: int) -> list[str]:
    """Choose some of the points, the same ones each time."""
    return random.Random(seed).sample(sorted(distinct(found)), number)


def _is_whole(table: DeltaTable, version: int) -> bool:
    """Say whether the files of a version are there, and not vacuumed."""
    uris = DeltaTable(table.table_uri, version=version).file_uris()
    return all(Path(uri.removeprefix("file://")).exists() for uri in uris)


def _rows(table: DeltaTable, folder: Path, version: int | None = None) -> Rows:
    if version is not None:
        table = DeltaTable(table.table_uri, version=version)
    names = sorted(field.name for field in table.schema().fields)
    found = rows(table, ", ".join(f'"{name}"' for name in names))
    # A batch that is taken up is believed later than one that was not: what counts is the order of these times.
    system = [place for place, name in enumerate(names) if name.startswith("system_")]
    order = {at: n for n, at in enumerate(sorted({row[place] for row in found for place in system}))}
    known = (
        tuple(order[value] if place in system else _without(value, folder) for place, value in enumerate(row))
        for row in found
    )
    return sorted(known, key=str)


def _without(value: Any, folder: Path) -> Any:
    return value.rpartition("/landing/")[2] if isinstance(value, str) else value


def _outcome(passed: Sequence[str]) -> str:
    """Say what a process began with, once it had the lease."""
    begun = {
        "before plans": "planned a batch",
        "before attempts": "took the batch up",
        "before rollbacks": "rolled back",
        "before fence": "finished the rollback",
        "before restore": "finished the rollback",
        "before backfills": "began the backfill",
        "before release": "found nothing to do",
    }
    for point in passed:
        for prefix, said in begun.items():
            if point.partition(" ")[2].startswith(prefix):
                return said
    return "was killed before it began"
