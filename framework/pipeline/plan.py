"""Planning a batch: which one it is, and what it reads. Written down before its first commit.

A batch is open from its plan until it is published. An open batch is taken up before any other: the same inputs, the
same clock, only the loads that are missing.
"""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from framework.batch import Interval, Pin, Plan, Position
from framework.errors import LostPlanError, PlanChangedError, RestoredTableError
from framework.pipeline.job import Job
from framework.pipeline.parameters import changes
from framework.sources import Reading
from framework.sources.source import Bookmark, News
from framework.state import History, Withdrawn
from framework.state.history import name
from framework.tables import Lake
from framework.tables.commit import Transaction, commits_since, find_commit, position_of
from framework.tables.restore import fence

ANY: TypeAdapter[Any] = TypeAdapter(Any)
Guard = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Planned:
    """A batch's plan, whether an earlier attempt has begun it, and what is to be noted. No plan: nothing is new."""

    plan: Plan | None
    resumed: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Past:
    """One slice of a backfill: the interval, what the incremental source has of it, and the loads that take part."""

    interval: Interval
    pin: Pin | None
    loads: tuple[str, ...]


def plan(
    job: Job,
    reading: Reading,
    history: History,
    run_id: str,
    parameters: Mapping[str, Any],
    *,
    replan: bool = False,
    past: Past | None = None,
    guard: Guard = lambda table: nullcontext(),
) -> Planned:
    """Plan the next batch, or take up the open one; nothing is written but what `replan` changes, under `guard`.

    `past` is what a backfill reads in place of what is new. `replan` pins the inputs of an open batch anew: all of them
    if none of its loads is in, else what is left of the planned ones. Raises PlanChangedError where an open batch was
    planned otherwise, LostPlanError or DamagedStateError where a plan is gone, RestoredTableError where a table went
    back by hand, and what the sources raise.
    """
    position = history.open_position() or _begun_though_withdrawn(job, reading.lake, history)
    if position is None:
        return _fresh(job, reading, history, run_id, parameters, past)
    reached = _reached(job, reading.lake, history)
    if replan and position not in reached.values():
        _withdraw(job, reading.lake, history, position, guard)
        return _fresh(job, reading, history, run_id, parameters, past)
    found = history.plans.load(name(position))
    if found is None:
        raise LostPlanError(job.name, str(position), history.plans.path(name(position)))
    if replan:
        found = _pinned_again(job, reading, found, parameters)
        history.plans.replace(name(position), found)
    else:
        _require_as_planned(job, reading.lake, history, found, parameters, reached)
    changed = found.code_version != code_version(job)
    note = f"its code was {found.code_version} when it was planned, and has changed since"
    return Planned(found, resumed=True, notes=(note,) if changed else ())


def positions(job: Job, lake: Lake, app: str) -> dict[str, Position | None]:
    """Return the last position that each of the job's loads has committed to its table, as an app of Delta's."""
    return {node.name: position_of(lake, node.table.name, f"{app}/{node.name}") for node in job.loads if node.table}


def pins(job: Job, reading: Reading) -> dict[str, Pin]:
    """Pin every source that is not incremental."""
    extracts = [node for node in job.nodes if node.kind == "extract" and not node.is_incremental]
    return {node.name: node.does.pin(reading) if hasattr(node.does, "pin") else Pin() for node in extracts}


def news(job: Job, reading: Reading, history: History) -> News:
    """Return what is new in the job's incremental source, behind the batches that are finished."""
    assert job.incremental
    last = history.last()
    source: Any = job.incremental.does
    found: News = source.news(reading, Bookmark(last.bookmark if last else None, history.files_before))
    return found


def fingerprint(plan: Plan) -> str:
    """Return a short hash of what a batch reads and with what values; each of its commits carries it."""
    content = ANY.dump_python((plan.pins, plan.interval, plan.parameters), mode="json")
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def code_version(job: Job) -> str:
    """Return a short hash of the source files that the job's functions and row models are in."""
    told = [each for node in job.nodes for each in (node.function, node.model, node.table and node.table.model) if each]
    files = sorted({_source_of(each) for each in told})
    digest = hashlib.sha256()
    for file in files:
        digest.update(Path(file).read_bytes() if file and Path(file).is_file() else b"")
    return digest.hexdigest()[:12]


def _source_of(told: Any) -> str:
    """Return the file of a function or class; empty where it was made in none, as in a notebook."""
    try:
        return inspect.getsourcefile(told) or ""
    except TypeError:
        return ""


def _fresh(
    job: Job,
    reading: Reading,
    history: History,
    run_id: str,
    parameters: Mapping[str, Any],
    past: Past | None,
) -> Planned:
    pinned: dict[str, Pin] = {}
    notes: list[str] = []
    interval = past.interval if past else Interval()
    if past and past.pin and job.incremental:
        pinned[job.incremental.name] = past.pin
    elif job.incremental:
        found = news(job, reading, history)
        notes += found.notes
        if found.pin is None:
            return Planned(None, notes=tuple(notes))
        pinned[job.incremental.name] = found.pin
        interval = found.pin.interval or interval
    reached = _reached(job, reading.lake, history)
    _require_not_restored(job, reading.lake, history)
    if job.incremental and not past:
        notes += _joining(reached, history)
    fresh = Plan(
        job=job.name,
        run_id=run_id,
        position=history.next(),
        started_at=reading.started_at,
        code_version=code_version(job),
        loads=past.loads if past else tuple(node.name for node in job.loads if node.table),
        parameters=dict(parameters),
        pins=pinned | pins(job, reading),
        interval=interval,
        source=job.incremental.name if job.incremental else None,
    )
    return Planned(fresh, notes=tuple(notes))


def _withdraw(
    job: Job,
    lake: Lake,
    history: History,
    position: Position,
    guard: Guard,
) -> None:
    """Give a batch up of which no load is in, and see to it that none comes in later, from a run thought dead."""
    history.withdrawn.create(name(position), Withdrawn(position, "planned anew"))
    for node in job.loads:
        if node.table and lake.exists(node.table.name):
            with guard(node.table.name):
                notes = {"job": job.name, "withdrawn": True}
                fence(lake, node.table.name, f"{history.job}/{node.name}", position, notes)


def _begun_though_withdrawn(job: Job, lake: Lake, history: History) -> Position | None:
    """Return the newest batch if a load of it is in: who withdrew it did not know that it had been taken over."""
    newest = history.newest()
    if newest is None or history.published.load(name(newest)) or history.withdrawn.load(name(newest)) is None:
        return None
    for node in job.loads:
        if node.table and position_of(lake, node.table.name, app := f"{history.job}/{node.name}") == newest:
            commit = find_commit(lake, node.table.name, Transaction(app, newest))
            if commit and not commit.notes.get("withdrawn"):
                return newest
    return None


def _joining(reached: Mapping[str, Position | None], history: History) -> list[str]:
    """Say which loads have missed batches: a load that is added later starts at the job's bookmark."""
    last = history.last()
    behind = [load for load, at in reached.items() if last and (at is None or at.batch < last.position.batch)]
    how = f"`lakegate backfill {history.job} --only-load"
    return [f"{load} joins at this batch; what came before is for {how} {load}`" for load in behind]


def _reached(job: Job, lake: Lake, history: History) -> dict[str, Position | None]:
    """Return where each load is. Raises LostPlanError where a table holds a batch of which there is no plan."""
    newest, reached = history.newest(), positions(job, lake, history.job)
    for at in reached.values():
        if at is not None and (newest is None or at > newest):
            raise LostPlanError(job.name, str(at), history.plans.path(name(at)))
    return reached


def _require_as_planned(
    job: Job,
    lake: Lake,
    history: History,
    found: Plan,
    parameters: Mapping[str, Any],
    reached: Mapping[str, Position | None],
) -> None:
    said = changes(found.parameters, parameters)
    sources = [node.name for node in job.nodes if node.kind == "extract"]
    said += [f"{source!r} is read now and was not planned" for source in sources if source not in found.pins]
    there = {node.name for node in job.loads}
    said += [f"the load {load!r} was planned and is not there now" for load in found.loads if load not in there]
    ours = fingerprint(found)
    for node in job.loads:
        if node.table and reached[node.name] == found.position:
            commit = find_commit(lake, node.table.name, Transaction(f"{history.job}/{node.name}", found.position))
            theirs = commit.notes.get("plan", ours) if commit else ours
            if theirs not in (ours, *found.replaces):
                said.append(f"{node.name} was loaded by the plan {theirs}, and the plan that is there is {ours}")
    if said:
        raise PlanChangedError(job.name, found.position.batch, said)


def _require_not_restored(job: Job, lake: Lake, history: History) -> None:
    """Raise RestoredTableError where somebody restored a table to before a load: its rows count as read.

    Looked at is what came after the batch before the last one, so that a restore in the midst of the last is seen.
    """
    publications = history.last_two()
    if not publications:
        return
    before = publications[0].tables if history.epoch or len(publications) > 1 else {}
    for table in publications[-1].tables:
        if found := _undone(job, lake, table, before.get(table, 0)):
            raise RestoredTableError(table, found, job.name)


def _undone(job: Job, lake: Lake, table: str, begin: int) -> int:
    """Return the RESTORE after a version by which the table lacks a load of the job, 0 if it lacks none."""
    loads, lacking, found = list[int](), set[int](), 0
    for commit in commits_since(lake, table, begin):
        if "rollback" in commit.notes:
            continue
        if commit.operation == "RESTORE":
            to = -1 if commit.restored is None else commit.restored
            undone = to < begin or to in lacking or any(load > to for load in loads)
            found = commit.version if undone else 0
        elif commit.notes.get("job") == job.name:
            loads.append(commit.version)
        if found:
            lacking.add(commit.version)
    return found


def _pinned_again(job: Job, reading: Reading, found: Plan, parameters: Mapping[str, Any]) -> Plan:
    """Return the plan with pins that exist, as the job is now; of the incremental source only what was planned."""
    again = pins(job, reading)
    if job.incremental and found.bookmark:
        source: Any = job.incremental.does
        again[job.incremental.name] = source.pin_again(reading, found.bookmark)
    source_name = job.incremental.name if job.incremental else None
    replaced = (*found.replaces, fingerprint(found))
    return replace(found, pins=again, source=source_name, parameters=dict(parameters), replaces=replaced)
