"""Rollback: every table of a job goes back to how a finished run left it, and the bookmark with them.

The intent is written first: a new epoch, the batch that it keeps, the version that each table goes back to. Then, table
by table: an empty commit that moves each of the job's transactions into the new epoch, so that Delta refuses a writer
of the old one from there on, and a RESTORE. (RESTORE does not move transactions back, so without the epoch the batches
behind would be skipped as done.) At last the batch is published in the new epoch, which ends the rollback. A run that
finds an intent without its publication finishes it first; doing a step twice changes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from framework import fault, log
from framework.batch import Position, Publication
from framework.errors import RollbackRefusedError
from framework.pipeline.work import Work
from framework.state import History, Rollback
from framework.state.history import name
from framework.tables.commit import ERASURE, MAINTENANCE, alterations_since, commits_since, same_rows
from framework.tables.lake import Lake
from framework.tables.layout import SYSTEM
from framework.tables.restore import can_restore, fence, restore

HARMLESS = (*MAINTENANCE, "CHANGE COLUMN", "COMPUTE STATS")


@dataclass(frozen=True, slots=True)
class Step:
    """One table of a rollback: where it is, where it goes, and what of its columns and properties that undoes."""

    table: str
    version: int
    target: int
    alters: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`silver.flights: version 7 back to 4, without what was altered since: widen column ...`."""
        altered = f", without what was altered since: {'; '.join(self.alters)}" if self.alters else ""
        return f"{self.table}: version {self.version} back to {self.target}{altered}"


def plan_rollback(work: Work, run_id: str) -> tuple[Rollback, tuple[Step, ...]]:
    """Say what a rollback would do. Raises UnknownRunError, or RollbackRefusedError with every reason."""
    history = History(work.lake, work.job.name)
    kept = history.run(run_id)
    lake, job = work.lake, work.job.name
    latest = history.latest().tables
    targets = {table: same_rows(lake, table, kept.tables.get(table, 0)) for table in latest if lake.exists(table)}
    steps = [
        Step(table, int(lake.snapshot(table).version()), target, alterations_since(lake, table, target))
        for table, target in targets.items()
    ]
    reasons = []
    if kept.position == history.newest() and all(step.version == step.target for step in steps):
        reasons.append("it is the newest: there is nothing to undo")
    elif history.origin(Position(history.epoch, kept.position.batch)) != history.origin(kept.position):
        reasons.append("an earlier rollback has undone it")
    for table, target in targets.items():
        reasons += [f"{table}: {reason}" for reason in _against(lake, job, table, target)]
    if reasons:
        raise RollbackRefusedError(job, run_id, reasons)
    apps = {table: tuple(_apps(lake, job, table)) for table in targets}
    return Rollback(history.epoch + 1, kept.position, kept.run_id, targets, apps), tuple(steps)


def rollback(work: Work, intent: Rollback) -> None:
    """Go back as planned."""
    history = History(work.lake, work.job.name)
    history.rollbacks.create(f"{intent.epoch:04}", intent)
    finish_rollback(work)


def finish_rollback(work: Work) -> None:
    """Finish a rollback that was begun, if there is one."""
    history = History(work.lake, work.job.name)
    intent = history.open_rollback()
    if intent is None:
        return
    opening = Position(intent.epoch, intent.kept.batch)
    log.event("rollback", job=work.job.name, to=intent.run_id, epoch=intent.epoch)
    versions = {}
    for table, target in intent.tables.items():
        work.lease.require()
        with work.guard(table):
            for app in intent.apps[table]:
                fault.point(f"before fence {table}")
                fence(work.lake, table, app, opening, {"rollback": intent.epoch, "job": work.job.name})
                fault.point(f"after fence {table}")
            fault.point(f"before restore {table}")
            notes = {"rollback": intent.epoch, "job": work.job.name, "run": intent.run_id}
            versions[table] = restore(work.lake, table, target, notes)
            fault.point(f"after restore {table}")
    now = work.clock()
    left = Publication(work.job.name, intent.run_id, opening, now, now, versions)
    history.published.create(name(opening), left)


def _against(lake: Lake, job: str, table: str, target: int) -> Iterator[str]:
    """Say what speaks against taking a table back to a version."""
    if reason := can_restore(lake, table, target):
        yield reason
    if SYSTEM in lake.properties(table):
        yield "it keeps what it believed before, and that is not to be unwritten: tell it the opposite instead"
    if others := _others(lake, job, table, target):
        yield f"others have committed to it since: {', '.join(sorted(others))}"


def _others(lake: Lake, job: str, table: str, target: int) -> frozenset[str]:
    """Return the commits of others since a version whose rows the table holds.

    A RESTORE, by hand or the job's own, brings no rows: the table holds what the version held that it went back to.
    """
    now = frozenset[str]()
    held = {target: now}
    for commit in commits_since(lake, table, target):
        who = commit.notes.get("job")
        if commit.operation == "RESTORE" and who in (None, job):
            if commit.restored is not None:
                now = frozenset() if commit.restored < target else held.get(commit.restored, now)
        elif who != job and commit.operation not in HARMLESS and commit.changes_data and ERASURE not in commit.notes:
            now |= {f"{who or 'somebody else'} ({commit.operation.lower()}, version {commit.version})"}
        held[commit.version] = now
    return now


def _apps(lake: Lake, job: str, table: str) -> Sequence[str]:
    """Return the transactions that the job, and its backfills, have in a table."""
    found = str(lake.snapshot(table).transactions().keys().mkString("\n")).split("\n")
    return sorted(app for app in found if app.startswith((f"{job}/", f"{job}@")))
