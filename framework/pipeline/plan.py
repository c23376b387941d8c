"""Planning a batch: which one it is, and what it reads. Written down before its first commit.

A batch is interrupted when some of the loads that its plan names are in and others are not. Then it is taken up: the
same inputs, the same clock, only the loads that are missing.
"""

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from framework.batch import Pin, Plan, Position
from framework.errors import DamagedPlanError, PlanChangedError
from framework.pipeline.job import Job
from framework.pipeline.parameters import changes, values
from framework.sources import Reading
from framework.state import PlanStore
from framework.tables import Lake
from framework.tables.commit import position_of


@dataclass(frozen=True, slots=True)
class Planned:
    """A batch's plan, and whether an earlier attempt has begun it."""

    plan: Plan
    resumed: bool


def plan(
    job: Job,
    reading: Reading,
    run_id: str,
    parameters: Mapping[str, Any],
    started_at: datetime,
    *,
    replan: bool = False,
) -> Planned:
    """Plan the next batch, or take up the interrupted one.

    `replan` pins the inputs of an interrupted batch anew: its loads that are in stay as they are. Raises
    PlanChangedError where an interrupted batch was planned with other parameters, and what the sources raise where they
    cannot be read.
    """
    store = PlanStore(reading.lake, job.name)
    reached = positions(job, reading.lake)
    position, begun = _next(job, store, reached, replan=replan)
    earlier = None if replan else _planned(store, position, begun=begun)
    if earlier is not None and begun:
        # Compared as the job's own types: a plan keeps a date as text.
        if found := changes(values(job, earlier.parameters), parameters):
            raise PlanChangedError(job.name, position.batch, found)
        return Planned(earlier, resumed=True)
    fresh = Plan(
        job=job.name,
        run_id=run_id,
        position=position,
        started_at=started_at,
        code_version=code_version(job),
        loads=tuple(node.name for node in job.loads if node.table),
        parameters=dict(parameters),
        pins={node.name: _pin(node.does, reading) for node in job.nodes if node.kind == "extract"},
    )
    # A plan that no commit followed says nothing about the tables, so a later run may plan its batch anew.
    return Planned(store.save(fresh, anew=True), resumed=begun)


def positions(job: Job, lake: Lake) -> dict[str, Position | None]:
    """Return the last position that each of the job's loads has committed to its table."""
    return {
        node.name: position_of(lake, node.table.name, f"{job.name}/{node.name}") for node in job.loads if node.table
    }


def code_version(job: Job) -> str:
    """Return a short hash of the source files that the job's functions are in."""
    functions = [node.function for node in job.nodes if node.function]
    files = sorted({inspect.getsourcefile(function) or "" for function in functions})
    digest = hashlib.sha256()
    for file in files:
        digest.update(Path(file).read_bytes() if file and Path(file).is_file() else b"")
    return digest.hexdigest()[:12]


def _next(job: Job, store: PlanStore, reached: Mapping[str, Position | None], *, replan: bool) -> tuple[Position, bool]:
    """Return the position to run, and whether some of its loads are in already."""
    committed = [position for position in reached.values() if position is not None]
    if not committed:
        return (store.newest() or Position(0, 0)).next(), False
    newest = max(committed)
    behind = [name for name, position in reached.items() if position != newest]
    if not behind:
        return newest.next(), False
    earlier = None if replan else _planned(store, newest, begun=True)
    planned = earlier.loads if earlier else tuple(reached)
    interrupted = [name for name in behind if name in planned]
    return (newest, True) if interrupted else (newest.next(), False)


def _planned(store: PlanStore, position: Position, *, begun: bool) -> Plan | None:
    try:
        return store.load(position)
    except DamagedPlanError:
        if begun:
            raise
        return None


def _pin(source: Any, reading: Reading) -> Pin:
    return source.pin(reading) if hasattr(source, "pin") else Pin()  # type: ignore[no-any-return]
