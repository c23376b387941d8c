"""What a process that shares a table with others is asked to do; each act says what came of it in plain values."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import sleep

from framework import fault
from framework.batch import Position
from framework.config import LandingSettings
from framework.pipeline import Job, extract, run
from framework.pipeline import load as into
from framework.process import this_one
from framework.sources import files, incremental
from framework.state import Lease
from framework.tables import RowModel, Table, append, upsert
from framework.tables.commit import Transaction
from framework.tables.load import load
from framework.testing import NOON
from tests.processes import lake, session, settings


class Entry(RowModel):
    id: int
    writer: str
    batch: int


ENTRIES = Table("silver.entries", Entry, keys="id")
BOTH = 0  # the row that each upsert writes
raw = extract(raw=incremental(files("entries", Entry, format="csv")))
slow_job = Job("entries", [raw, into(raw, into=ENTRIES, write=append())])


@dataclass
class Wrote:
    """How many events of each kind there were."""

    events: dict[str, int] = field(default_factory=dict)


def get_ready() -> None:
    """Have a session, so that the processes begin at the same time."""
    session().range(1).count()


def write(writer: str, first: int, batches: int, *, root: str) -> Wrote:
    """Load so many batches: appends of one row each and, every third time, an upsert of a row and of `BOTH`.

    Each holds the table's lease, as in a run.
    """
    there, me = lake(root), this_one(session())
    with _events() as seen:
        for batch in range(1, batches + 1):
            upserts = batch % 3 == 0
            new = [(first + batch, writer, batch), *([(BOTH, writer, batch)] if upserts else [])]
            rows = session().createDataFrame(new, "id bigint NOT NULL, writer string NOT NULL, batch bigint NOT NULL")
            transaction = Transaction(f"{writer}/entries", Position(0, batch))
            with Lease(there, f"table-{ENTRIES.name}", me).held(expiry=60, wait=120):
                load(there, ENTRIES, upsert() if upserts else append(), rows, transaction)
    return seen


def run_slowly(root: str, landing: str, began: str) -> tuple[list[str], list[str]]:
    """Run the job; where another run has begun, wait. Return the outcomes of its loads, and the events."""

    def slow_down(point: str) -> None:
        if point.startswith("before commit"):
            Path(began).touch()
            sleep(5)

    chosen = settings().model_copy(update={"landing": LandingSettings(root=landing)})
    fault.reached = slow_down
    with _events() as seen:
        report = run(slow_job, lake(root), chosen, {}, clock=lambda: NOON + timedelta(hours=1))
    return [s.outcome for b in report.batches for s in b.stages if s.kind == "load"], list(seen.events)


@contextmanager
def _events() -> Iterator[Wrote]:
    """Count what is logged."""
    seen = Wrote()

    class Counting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            name = record.getMessage()
            seen.events[name] = seen.events.get(name, 0) + 1

    logger, counting = logging.getLogger("lakegate"), Counting()
    logger.addHandler(counting)
    logger.setLevel(logging.INFO)
    try:
        yield seen
    finally:
        logger.removeHandler(counting)
