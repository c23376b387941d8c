"""Erasure of a person: out of every table whose rows say whom they are about, and kept out.

The order of effects: the leases of all jobs that load these tables, so that no load is under way which does not know;
the list of those who were erased; then a commit for each table; what was kept aside of malformed records and of errors;
a vacuum of what the recovery window has passed; the record. Whoever is killed between two of them erases again, and the
rest is done.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import functions as F

from framework.config import Settings
from framework.errors import ErasureRefusedError, alternatives
from framework.pipeline.job import Job
from framework.pipeline.rollback import finish_rollback
from framework.pipeline.work import at_work
from framework.quality import malformed_table
from framework.state import History
from framework.state.erased import Erasure, put_down, record_erasure, salt
from framework.state.holds import holds
from framework.state.run_log import run_log
from framework.tables import Lake
from framework.tables.erase import Person, count, digest, erase, gone_from, scrub
from framework.tables.sql import text
from framework.tables.vacuum import due, stopped_by, vacuum

SCRUBBED = "(its words were those of a person who was erased)"
APPEND_ONLY = "delta.appendOnly"


@dataclass(frozen=True, slots=True)
class Planned:
    """Who is to be erased, and how many rows of each table; `others` have such columns, and do not say what of."""

    person: Person
    words: tuple[str, ...]
    rows: Mapping[str, int]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Erased:
    """What became of one table: the rows that were removed, from when on its files and its log have none, refusals."""

    table: str
    rows: int
    files_from: datetime | None
    log_from: datetime | None
    held: tuple[str, ...]


def plan_erasure(lake: Lake, jobs: Sequence[Job], table: str, key: Mapping[str, str]) -> Planned:
    """Say what an erasure would do. Raises ErasureRefusedError where it cannot be done, with every reason."""
    known = {each.name: each for job in jobs for each in job.tables}
    if table not in known:
        raise ErasureRefusedError(table, [f"no job of this project loads it. {alternatives(table, known)}"])
    subject = tuple(sorted(known[table].subject))
    if not subject:
        raise ErasureRefusedError(table, ["it does not say whom its rows are about: declare Table(..., subject=...)"])
    if set(key) != set(subject):
        raise ErasureRefusedError(table, [f"its rows are about {' and '.join(subject)}: say --key for each of these"])
    there = [each for each in known.values() if lake.exists(each.name)]
    concerned = [each.name for each in there if tuple(sorted(each.subject)) == subject]
    columns = {each.name: lake.spark.read.format("delta").load(lake.path(each.name)).schema for each in there}
    reasons = [
        f"{name} is append-only: set {APPEND_ONLY} to false in its properties first"
        for name in concerned
        if (found := lake.snapshot(name).getProperties()).contains(APPEND_ONLY) and found.apply(APPEND_ONLY) == "true"
    ]
    kinds = {name: columns[table][name].dataType.simpleString() if table in columns else "string" for name in subject}
    values = [F.expr(f"try_cast({text(key[name])} AS {kinds[name]})") for name in subject]
    salted = salt(lake)
    told = lake.spark.range(1).select(digest(values, salted), *(each.cast("string") for each in values)).first()
    assert told is not None
    wrong = [name for name, value in zip(subject, told[1:], strict=True) if value is None]
    reasons += [f"--key {name}: the value is not of its type, {kinds[name]}" for name in wrong]
    if reasons:
        raise ErasureRefusedError(table, reasons)
    person = Person(subject, salted, told[0])
    others = (each.name for each in there if not each.subject and {*subject} <= {*columns[each.name].names})
    return Planned(person, tuple(told[1:]), {name: count(lake, name, person) for name in concerned}, tuple(others))


def erase_person(
    lake: Lake,
    settings: Settings,
    jobs: Sequence[Job],
    planned: Planned,
    *,
    clock: Callable[[], datetime],
) -> list[Erased]:
    """Erase a person as planned; raises LeaseHeldError where a job that loads one of the tables is running."""
    asked_at, concerned = clock(), sorted(planned.rows)
    loading = sorted(
        (job for job in jobs if {each.name for each in job.tables} & {*concerned}), key=lambda job: job.name
    )
    with ExitStack() as leases:
        works = [leases.enter_context(at_work(job, lake, settings, None, clock=clock)) for job in loading]
        for work in works:
            finish_rollback(work)  # which could bring rows back
        put_down(lake, planned.person, asked_at)
        rows = {}
        for name in concerned:
            with works[0].guard(name):
                rows[name] = erase(lake, name, planned.person)
        for job in loading:
            _forget(lake, job, planned)
        kept = [malformed_table(job.name) for job in loading]
        done = []
        for name in (*concerned, *(each.name for each in kept if lake.exists(each.name))):
            with works[0].guard(name):
                done.append(_vacuumed(lake, name, planned.person, rows.get(name, 0)))
        record_erasure(lake, Erasure(planned.person.digest, asked_at, clock(), rows))
    return done


def _forget(lake: Lake, job: Job, planned: Planned) -> None:
    """Remove malformed records with the words in them, and what errors have told of them."""
    for table, column, instead in ((malformed_table(job.name), "record", None), (run_log(job.name), "error", SCRUBBED)):
        if lake.exists(table.name):
            scrub(lake, table.name, column, planned.person, planned.words, instead)
    history = History(lake, job.name)
    for name in history.withdrawn.names():
        found = history.withdrawn.load(name)
        if found and all(word in found.reason for word in planned.words):
            history.withdrawn.replace(name, type(found)(found.position, SCRUBBED))


def _vacuumed(lake: Lake, table: str, person: Person, rows: int) -> Erased:
    held: tuple[str, ...] = ()
    if due(lake, table):
        held = tuple(map(str, stopped_by(lake, table, holds(lake, table))))
        if not held:
            vacuum(lake, table, {"erasure": person.digest})
    files_from, log_from = gone_from(lake, table, person) or (None, None)
    return Erased(table, rows, files_from, log_from, held)
