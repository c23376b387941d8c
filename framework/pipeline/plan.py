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
from framework.errors import PlanChangedError
from framework.pipeline.job import Job
from framework.pipeline.parameters import changes
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
    PlanChangedError where an interrupted batch was planned with other parameters or sources, DamagedPlanError where its
    plan cannot be read, and what the sources raise where they cannot be read.
    """
    store = PlanStore(reading.lake, job.name)
    sources = {node.name: node.does for node in job.nodes if node.kind == "extract"}
    position, begun = _next(store, positions(job, reading.lake), replan=replan)
    planned = store.load(position) if begun and not replan else None
    if planned is None:
        fresh = Plan(
            job=job.name,
            run_id=run_id,
            position=position,
            started_at=started_at,
            code_version=code_version(job),
            loads=tuple(node.name for node in job.loads if node.table),
            parameters=dict(parameters),
            pins={name: _pin(source, reading) for name, source in sources.items()},
        )
        planned = store.save(fresh, anew=replan)
    unplanned = [f"{name!r} is read now and was not planned" for name in sources if name not in planned.pins]
    if found := [*changes(planned.parameters, parameters), *unplanned]:
        raise PlanChangedError(job.name, position.batch, found)
    return Planned(planned, resumed=begun)


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


def _next(store: PlanStore, reached: Mapping[str, Position | None], *, replan: bool) -> tuple[Position, bool]:
    """Return the position to run, and whether some of its loads are in already."""
    committed = [position for position in reached.values() if position is not None]
    newest = max(committed, default=None)
    behind = [name for name, position in reached.items() if position != newest]
    if newest and behind:
        earlier = None if replan else store.load(newest)
        if earlier is None or set(behind) & set(earlier.loads):
            return newest, True
    # The number of a batch that no load followed is not used again: its malformed records are in under that number.
    return max([*committed, store.newest() or Position(0, 0)]).next(), False


def _pin(source: Any, reading: Reading) -> Pin:
    return source.pin(reading) if hasattr(source, "pin") else Pin()
