"""Erasure of a person: out of every table whose rows say whom they are about, and kept out.

The order of effects: the leases of all jobs that load these tables, so that no load is under way which does not know;
the list of those who were erased; then a commit for each table; the malformed records and the errors of all jobs that
have the person's words in them; a vacuum of what the recovery window has passed; the record. Whoever is killed between
two of them erases again, and the rest is done.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from pyspark.sql import functions as F
from pyspark.sql.types import DataType, NumericType, StringType

from framework.config import Settings
from framework.errors import ErasureRefusedError, alternatives
from framework.pipeline.job import Job
from framework.pipeline.rollback import finish_rollback
from framework.pipeline.work import at_work
from framework.quality import malformed_table
from framework.state import History
from framework.state.erased import Begun, Erasure, begin_erasure, put_down, record_erasure, salt
from framework.state.holds import holds
from framework.state.run_log import run_log
from framework.tables import Lake, Table
from framework.tables.alter import schema_of
from framework.tables.erase import Where, count, erase, gone_from, removed_since
from framework.tables.lake import properties_of
from framework.tables.maintain import Maintain
from framework.tables.model import schema
from framework.tables.person import Person, canonical, mentions, untold, words
from framework.tables.sql import text
from framework.tables.vacuum import due, now, stopped_by, vacuum

SCRUBBED = "(its words were those of a person who was erased)"
APPEND_ONLY = "delta.appendOnly"


@dataclass(frozen=True, slots=True)
class Planned:
    """Who is to be erased, and from where, with how many rows.

    `others` have such columns, and are not about such a person; those that are `missing` are declared, and not there.
    """

    table: str
    person: Person
    rows: Mapping[Where, int]
    others: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Erased:
    """What became of one table: the rows that had to do with the person, from when on its files and its log have none.

    `held` says who needs the old files still.
    """

    where: Where
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
    places = _places(lake, jobs, table, subject)
    person = _person(lake, known[table], {name: key[name] for name in subject})
    others = (each for each in known if {*known[each].subject} != {*subject} and lake.exists(each))
    others = (each for each in others if {*subject} <= {*schema_of(lake.snapshot(each)).names})
    missing = tuple(each for each in _about(jobs, subject) if not lake.exists(each))
    return Planned(table, person, {where: count(lake, where, person) for where in places}, tuple(others), missing)


def erase_person(
    lake: Lake,
    settings: Settings,
    jobs: Sequence[Job],
    planned: Planned,
    *,
    clock: Callable[[], datetime],
) -> list[Erased]:
    """Erase a person as planned, and from what has been made since.

    Raises LeaseHeldError where a job that loads one of the tables is running, and ErasureRefusedError where a table
    does not let it; then nothing has been changed.
    """
    asked_at, person = clock(), planned.person
    loading = sorted((job for job in jobs if _about([job], person.subject)), key=lambda job: job.name)
    retired = {node.name: node.does.retired for job in jobs for node in job.nodes if isinstance(node.does, Maintain)}
    with ExitStack() as leases:
        works = [leases.enter_context(at_work(job, lake, settings, None, clock=clock)) for job in loading]
        for work in works:
            finish_rollback(work)  # which could bring rows back
        places = _places(lake, jobs, planned.table, person.subject)
        put_down(lake, person, asked_at)
        versions = {where.table: int(lake.snapshot(where.table).version()) for where in places}
        name, begun = begin_erasure(lake, Begun(person.digest, asked_at, versions))
        rows = dict[Where, int]()
        for where in places:
            with works[0].guard(where.table):
                rows[where] = erase(lake, where, person)
        for job in jobs:
            _forget_reasons(lake, job.name, person)
        done = []
        for where in places:
            files_from, log_from = gone_from(lake, where.table, person) or (None, None)
            with works[0].guard(where.table):
                held = _vacuumed(lake, where.table, person, files_from, retired.get(where.table, ()))
            done.append(Erased(where, rows[where], files_from, log_from, held))
        removed = {at.table: removed_since(lake, at.table, begun.versions[at.table], person) for at in places}
        record_erasure(lake, name, Erasure(person.digest, begun.asked_at, clock(), removed))
    return done


def _places(lake: Lake, jobs: Sequence[Job], table: str, subject: Sequence[str]) -> list[Where]:
    """Return where such a person can be now. Raises ErasureRefusedError with every reason against removing one."""
    concerned = [name for name in _about(jobs, subject) if lake.exists(name)]
    if reasons := [reason for name in concerned for reason in _against(lake, name, subject)]:
        raise ErasureRefusedError(table, reasons)
    return [*map(Where, concerned), *(where for job in jobs for where in _words(job) if lake.exists(where.table))]


def _about(jobs: Sequence[Job], subject: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(each.name for job in jobs for each in job.tables if sorted(each.subject) == [*subject]))


def _against(lake: Lake, name: str, subject: Sequence[str]) -> Iterator[str]:
    snapshot = lake.snapshot(name)
    columns = schema_of(snapshot)
    yield from (f"{name}: {wrong}" for wrong in untold(columns, subject))
    if missing := sorted({*subject} - {*columns.names}):
        yield f"{name} has no {' and '.join(missing)} yet: run its job, or `lakegate migrate {name}`, first"
    if properties_of(snapshot).get(APPEND_ONLY) == "true":
        yield f"{name} is append-only: set {APPEND_ONLY} to false in its properties first"


def _person(lake: Lake, table: Table, key: Mapping[str, str]) -> Person:
    """Return whom a key names: its values are taken as the columns' types are, so that 017 is 17."""
    if table.model is None and not lake.exists(table.name):
        raise ErasureRefusedError(table.name, ["it is not there yet, and has no row model: run its job first"])
    columns = schema(table.model) if table.model else schema_of(lake.snapshot(table.name))
    kinds = {name: columns[name].dataType for name in key}
    typed = {name: F.expr(f"try_cast({text(key[name])} AS {kind.simpleString()})") for name, kind in kinds.items()}
    texts = [canonical(typed[name], kind) for name, kind in kinds.items()]
    told = lake.spark.range(1).select(F.array(*texts), F.array(*(F.size(words(each)) for each in texts))).first()
    assert told is not None
    if wrong := [name for name, taken in zip(key, told[0], strict=True) if not _is_said(key[name], taken, kinds[name])]:
        raise ErasureRefusedError(
            table.name, [f"--key {name}: the value is not {_wanted(kinds[name])}, exactly" for name in wrong]
        )
    return Person.told_by(tuple(key), salt(lake), *told)


def _is_said(typed: str, taken: str | None, kind: DataType) -> bool:
    """Say whether what was typed is what it is taken for, and not what a cast has rounded or filled up."""
    if taken is None or isinstance(kind, StringType):
        return taken is not None
    if isinstance(kind, NumericType):
        return Decimal(typed.strip()) == Decimal(taken)
    return typed.strip().removesuffix("Z").replace("T", " ") == taken


def _wanted(kind: DataType) -> str:
    form = {"date": ", such as 2024-01-31", "timestamp": ", such as 2024-01-31 12:00:00, UTC"}
    return f"of its type, {kind.simpleString()}{form.get(kind.simpleString(), '')}"


def _words(job: Job) -> tuple[Where, Where]:
    return Where(malformed_table(job.name).name, "record"), Where(run_log(job.name).name, "error", SCRUBBED)


def _forget_reasons(lake: Lake, job: str, person: Person) -> None:
    """Take out of the reasons why batches were withdrawn, those of backfills too, what has the person's words."""
    for withdrawn in (history.withdrawn for history in History(lake, job).with_backfills()):
        found = {name: each for name in withdrawn.names() if (each := withdrawn.load(name))}
        reasons = F.array(*(F.lit(each.reason) for each in found.values()))
        told = lake.spark.range(1).select(F.explode(reasons).alias("reason")).where(mentions(F.col("reason"), [person]))
        about = {row["reason"] for row in told.collect()} if found else set()
        for name, each in found.items():
            if each.reason in about:
                withdrawn.replace(name, replace(each, reason=SCRUBBED))


def _vacuumed(
    lake: Lake, table: str, person: Person, files_from: datetime | None, retired: Sequence[str]
) -> tuple[str, ...]:
    """Vacuum a table whose recovery window has passed for the person's files; return who does not let that be."""
    if files_from and files_from.timestamp() * 1000 > now(lake, table):
        return ()
    held: tuple[str, ...] = ()
    if due(lake, table) and not (held := tuple(map(str, stopped_by(lake, table, holds(lake, table, retired))))):
        vacuum(lake, table, {"vacuumed_for": person.digest})
    return held
