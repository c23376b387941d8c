"""Running a job: check, plan, then stage by stage in the order read, your functions, check, write.

A frame is lazy until a load reads it; one that several stages take is kept, so that it is computed once. Loads that an
earlier attempt of the batch has committed are not repeated, and neither is what only they need.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pyspark import StorageLevel
from pyspark.sql import DataFrame

from framework import log
from framework.batch import Pin, Plan, Run
from framework.errors import ExpectationFailedError, LakegateError, StageFailedError
from framework.pipeline.call import call
from framework.pipeline.check import check, location
from framework.pipeline.job import Job, Node
from framework.pipeline.parameters import values
from framework.pipeline.plan import plan
from framework.quality import broke_rule, enforce, set_aside, violations
from framework.sources import Reading
from framework.sources.files import Files
from framework.sources.table import TableSource, Written
from framework.tables import Counts, Lake, load
from framework.tables.commit import Transaction
from framework.tables.load import is_applied, loaded_before
from framework.tables.prepare import require_as_declared

Observer = Callable[["StageReport"], None]


@dataclass(frozen=True, slots=True)
class StageReport:
    """What became of one stage; `outcome` is running, done, kept for later, already applied, or failed."""

    name: str
    kind: str
    outcome: str
    reads: str = ""
    counts: Counts | None = None
    version: int | None = None
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did: its plan, and a report of each stage in the order in which they ran."""

    plan: Plan
    resumed: bool
    stages: tuple[StageReport, ...]
    notes: tuple[str, ...]
    seconds: float


def run(
    job: Job,
    lake: Lake,
    landing: str,
    given: Mapping[str, Any],
    *,
    environment: str,
    clock: Callable[[], datetime],
    observe: Observer = lambda report: None,
    replan: bool = False,
) -> RunReport:
    """Run one batch of the job: everything that its sources hold.

    Order: parameters, the lake, the tables as declared, the job on empty frames, the plan, then the stages. Until the
    first load commits, an error leaves the tables as they were; each load is all or nothing.
    """
    began = time.monotonic()
    started_at = clock()
    parameters = values(job, given)
    lake.require_writable()
    for table in job.tables:
        require_as_declared(lake, table)
    reading = Reading(lake, landing, started_at)
    run_id = f"{started_at:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    checked = check(job, reading, Run(job.name, run_id, 0, started_at, environment), parameters)
    checked.require(job)
    planned = plan(job, reading, run_id, parameters, started_at, replan=replan)
    batch = planned.plan
    log.event("run_started", job=job.name, run=run_id, batch=batch.position.batch, resumed=planned.resumed)
    execution = _Execution(
        job=job,
        reading=replace(reading, started_at=batch.started_at, loaded={}),
        plan=batch,
        run=Run(job.name, run_id, batch.position.batch, batch.started_at, environment),
        parameters=parameters,
        observe=observe,
    )
    try:
        stages = execution.stages()
    finally:
        execution.release()
    seconds = time.monotonic() - began
    log.event("run_finished", job=job.name, run=run_id, batch=batch.position.batch, seconds=round(seconds, 1))
    return RunReport(batch, planned.resumed, stages, checked.notes, seconds)


@dataclass(slots=True)
class _Execution:
    """The frames and loads of one batch while it runs."""

    job: Job
    reading: Reading
    plan: Plan
    run: Run
    parameters: Mapping[str, Any]
    observe: Observer
    frames: dict[str, DataFrame] = field(default_factory=dict)
    unchecked: dict[str, DataFrame] = field(default_factory=dict)
    kept: list[DataFrame] = field(default_factory=list)

    def stages(self) -> tuple[StageReport, ...]:
        needed = self._needed()
        reports = []
        for node in self.job.nodes:
            if node.key not in needed:
                report = StageReport(node.name, node.kind, "not needed")
            else:
                self.observe(StageReport(node.name, node.kind, "running"))
                began = time.monotonic()
                report = replace(self._stage(node), seconds=time.monotonic() - began)
            reports.append(report)
            self.observe(report)
            log.event("stage_finished", job=self.job.name, run=self.run.run_id, **_logged(report))
        return tuple(reports)

    def release(self) -> None:
        """Give back the memory of the frames that were kept."""
        for rows in self.kept:
            rows.unpersist()

    def _stage(self, node: Node) -> StageReport:
        try:
            if node.kind == "extract":
                return self._extract(node)
            return self._load(node) if node.kind == "load" else self._transform(node)
        except Exception as error:
            self.observe(StageReport(node.name, node.kind, "failed"))
            log.event(
                "stage_failed", level=40, job=self.job.name, run=self.run.run_id, stage=node.name, error=str(error)
            )
            raise self._explained(node, error) from error

    def _extract(self, node: Node) -> StageReport:
        reads, note = "", ""
        if node.function:
            rows = call(node, {}, self.reading.lake.spark, self.plan.interval, self.run, self.parameters)
            note = "not pinned: a batch that is taken up again reads it anew"
        else:
            source: Any = node.does
            pin = self.plan.pins[node.name]
            rows = source.read(self.reading, pin)
            reads = _pinned(pin)
            if source.keeps_malformed:
                self._keep(rows)
                transaction = self._transaction(f"{node.name}.malformed")
                rows, found, aside = set_aside(self.reading.lake, self.job.name, node.name, rows, transaction)
                reads += f", {found:,} rows"
                note = f"{aside:,} malformed, kept in _lakegate.malformed_{self.job.name}" if aside else ""
        self._made(node, rows)
        return StageReport(node.name, node.kind, "done", reads, note=note)

    def _transform(self, node: Node) -> StageReport:
        inputs = {parameter: self.frames[frame] for parameter, frame in node.takes.items()}
        self._made(node, call(node, inputs, self.reading.lake.spark, self.plan.interval, self.run, self.parameters))
        return StageReport(node.name, node.kind, "done")

    def _load(self, node: Node) -> StageReport:
        lake, transaction = self.reading.lake, self._transaction(node.name)
        (frame,) = node.takes.values()
        if node.table is None:
            inputs = dict.fromkeys(node.takes, self.frames[frame])
            call(node, inputs, lake.spark, self.plan.interval, self.run, self.parameters)
            return StageReport(node.name, node.kind, "done", note="at least once: a function of your own has no commit")
        if is_applied(lake, node.table, transaction):
            loaded = loaded_before(lake, node.table, transaction)
        else:
            write: Any = node.does.write  # type: ignore[union-attr]
            loaded = load(lake, node.table, write, self.frames[frame], transaction)
        self.reading = replace(self.reading, loaded={**self.reading.loaded, node.table.name: loaded})
        outcome = "already applied" if loaded.already_applied else "done"
        return StageReport(node.name, node.kind, outcome, counts=loaded.counts, version=loaded.version)

    def _made(self, node: Node, rows: DataFrame) -> None:
        """Keep a frame under its name, with its row model's rules, and computed once if several stages take it."""
        # What a table holds was checked when it was loaded.
        if node.model is not None and not isinstance(node.does, TableSource | Written):
            self.unchecked[node.name] = rows
            rows = enforce(rows, node.model, node.name)
        if self.job.consumers(node.name) > 1 and not _is_kept(node):
            self._keep(rows)
        self.frames[node.name] = rows

    def _keep(self, rows: DataFrame) -> None:
        rows.persist(StorageLevel.MEMORY_AND_DISK)
        self.kept.append(rows)

    def _transaction(self, load: str) -> Transaction:
        notes = {
            "job": self.job.name,
            "load": load,
            "run": self.run.run_id,
            "epoch": self.plan.position.epoch,
            "batch": self.plan.position.batch,
            "plan": self.plan.run_id,
            "code": self.plan.code_version,
        }
        return Transaction(f"{self.job.name}/{load}", self.plan.position, notes)

    def _needed(self) -> set[str]:
        """Return the loads, and what the ones that are not in yet are made from."""
        needed = {node.key for node in self.job.loads}
        for node in reversed(self.job.nodes):
            pending = node.table is None or not is_applied(self.reading.lake, node.table, self._transaction(node.name))
            if node.key in needed and pending:
                needed.update(node.takes.values())
        return needed

    def _explained(self, node: Node, error: Exception) -> Exception:
        if isinstance(error, LakegateError):
            return error
        for name, rows in self.unchecked.items():
            model = next(n.model for n in self.job.nodes if n.key == name)
            if model and broke_rule(error, name):
                broken, examples = violations(rows, model)
                return ExpectationFailedError(name, broken, examples)
        file, line, _ = location(error, node.function) if node.function else ("", 0, "")
        return StageFailedError(self.job.name, node.name, f" at {file}:{line}" if file else "", error)


def _pinned(pin: Pin) -> str:
    if pin.files:
        return "1 file" if len(pin.files) == 1 else f"{len(pin.files):,} files"
    return "" if pin.version is None else f"version {pin.version}"


def _is_kept(node: Node) -> bool:
    """Say whether a frame is kept already, from when its malformed records were counted."""
    return isinstance(node.does, Files) and node.does.keeps_malformed


def _logged(report: StageReport) -> dict[str, Any]:
    counts = report.counts
    rows = {} if counts is None else {name: getattr(counts, name) for name in Counts.__slots__}
    return {"stage": report.name, "kind": report.kind, "outcome": report.outcome, "version": report.version, **rows}
