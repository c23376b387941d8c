"""One batch: stage by stage in the order read, your functions, check, write.

A frame is lazy until a load reads it; one that several stages take is kept, so that it is computed once. Loads that an
earlier attempt of the batch has committed are not repeated, and neither is what only they need.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pyspark import StorageLevel
from pyspark.sql import DataFrame

from framework import fault, log
from framework.batch import Plan, Run
from framework.counted import counted
from framework.errors import (
    ExpectationFailedError,
    FrameMismatchError,
    LakegateError,
    PinVanishedError,
    SnapshotError,
    StageFailedError,
)
from framework.pipeline.call import call
from framework.pipeline.check import location
from framework.pipeline.job import Job
from framework.pipeline.node import Node, origins
from framework.pipeline.plan import fingerprint
from framework.quality import (
    broke_rule,
    enforce,
    keep_malformed,
    malformed_examples,
    malformed_table,
    violations,
    well_formed,
)
from framework.sources import Reading
from framework.sources.changes import Changes
from framework.sources.source import file_gone
from framework.sources.table import TableSource, Written
from framework.state.erased import erased
from framework.state.holds import holds
from framework.tables import Counts, Loaded, Table, Write, load
from framework.tables.commit import Transaction, position_of, utc_now
from framework.tables.history.scd2 import Versions
from framework.tables.load import is_applied, loaded_before
from framework.tables.maintain import Maintain, carry_out
from framework.tables.person import untold, without
from framework.tables.read import newest_version
from framework.tables.slices import partitions_of
from framework.tables.sql import named
from framework.tables.write import Replace

Observer = Callable[["StageReport"], None]
Guard = Callable[[str], AbstractContextManager[None]]

OF_ERASED = "of persons who were erased"


@dataclass(frozen=True, slots=True)
class StageReport:
    """What became of one stage; `outcome` is running, done, not needed, already applied, or failed."""

    name: str
    kind: str
    outcome: str
    reads: str = ""
    counts: Counts | None = None
    version: int | None = None
    seconds: float = 0.0
    note: str = ""


@dataclass(slots=True)
class Execution:
    """The frames and loads of one batch while it runs.

    `app` names the job, or the backfill, in its commits; `loads` are those that take part. `guard` is held around each
    commit.
    """

    job: Job
    app: str
    reading: Reading
    plan: Plan
    run: Run
    parameters: Mapping[str, Any]
    loads: Sequence[str]
    guard: Guard
    observe: Observer
    clock: Callable[[], datetime] = utc_now
    readings: dict[str, Reading] = field(default_factory=dict)
    frames: dict[str, DataFrame] = field(default_factory=dict)
    unchecked: dict[str, DataFrame] = field(default_factory=dict)
    malformed: dict[str, DataFrame] = field(default_factory=dict)
    lacking: dict[str, int] = field(default_factory=dict)
    kept: list[DataFrame] = field(default_factory=list)

    def stages(self) -> Iterator[StageReport]:
        """Run the stages that are needed, each when it is asked for; what is malformed is kept aside behind them."""
        needed = self._needed()
        for node in self.job.nodes:
            if node.key not in needed:
                report = StageReport(node.name, node.kind, "not needed")
            else:
                self.observe(StageReport(node.name, node.kind, "running"))
                began = time.monotonic()
                report = replace(self._stage(node), seconds=time.monotonic() - began)
            self.observe(report)
            log.event("stage_finished", job=self.job.name, run=self.run.run_id, **_logged(report))
            yield report
        self._find_malformed()
        for frame, rows in self.malformed.items():
            self._keep_malformed(frame, rows)

    def release(self) -> None:
        """Give back the memory of the frames that were kept."""
        for rows in self.kept:
            rows.unpersist()

    @property
    def versions(self) -> dict[str, int]:
        """The version at which each table was left."""
        return {table: loaded.version for table, loaded in self.reading.loaded.items()}

    def is_begun(self) -> bool:
        """Say whether a load of the batch is in."""
        lake = self.reading.lake
        loads = [node for node in self._chosen() if node.table]
        return any(is_applied(lake, node.table, self._transaction(node.name)) for node in loads if node.table)

    def _stage(self, node: Node) -> StageReport:
        try:
            if node.kind == "extract":
                return self._extract(node)
            if node.kind == "maintain":
                return self._maintain(node)
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
            self.readings[node.name] = self._reading_for(node)
            rows = source.read(self.readings[node.name], pin)
            reads = pin.said
            if source.keeps_malformed:
                self._keep(rows)
                whole = rows
                rows, found, aside, mention = well_formed(whole, erased(self.reading.lake))
                reads += f", {counted(found, 'row')}"
                if aside > mention:
                    self.lacking[node.name] = aside - mention
                if aside:
                    self.malformed[node.name] = whole
                    kept = f"{aside - mention:,} malformed, kept in {malformed_table(self.job.name).name}"
                    left_out = f"{mention:,} malformed, left out, {OF_ERASED}"
                    note = "; ".join([*([kept] if aside > mention else []), *([left_out] if mention else [])])
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
            fault.point("before own load")
            call(node, inputs, lake.spark, self.plan.interval, self.run, self.parameters)
            fault.point("after own load")
            return StageReport(node.name, node.kind, "done", note="at least once: a function of your own has no commit")
        left_out = 0
        if is_applied(lake, node.table, transaction):
            loaded = loaded_before(lake, node.table, transaction)
        else:
            write = self._write(node)
            self._require_full(node, write)
            rows, left_out = self._without_erased(node.table, frame)
            with self.guard(node.table.name):
                loaded = load(lake, node.table, write, rows, transaction)
        self._left(node.table, loaded)
        outcome = "already applied" if loaded.already_applied else "done"
        note = f"{counted(left_out, 'row')} left out, {OF_ERASED}" if left_out else ""
        return StageReport(node.name, node.kind, outcome, counts=loaded.counts, version=loaded.version, note=note)

    def _maintain(self, node: Node) -> StageReport:
        declared: Maintain = node.does  # type: ignore[assignment]
        lake, notes = self.reading.lake, {"maintained_by": self.job.name, "run": self.run.run_id}
        with self.guard(node.name):
            left = carry_out(lake, declared, holds(lake, node.name, declared.retired), notes)
        said = "; ".join(left.done) or "nothing to do"
        return StageReport(node.name, node.kind, "done", said, version=left.after.version, note="; ".join(left.refused))

    def _without_erased(self, table: Table, frame: str) -> tuple[DataFrame, int]:
        """Leave out the rows of persons who were erased, whom a landing file may bring again, and count them."""
        rows = self.frames[frame]
        if missing := sorted({*map(str.lower, table.subject)} - {*map(str.lower, rows.columns)}):
            said = [f"it lacks {name!r}, which says whom a row is about" for name in missing]
            raise FrameMismatchError(f"Table {table.name!r}", said, rows.columns)
        if not table.subject:
            return rows, 0
        if wrong := untold(rows.select(*(named((name,)) for name in table.subject)).schema, table.subject):
            raise FrameMismatchError(f"Table {table.name!r}", wrong, rows.columns)
        return without(rows, table.subject, erased(self.reading.lake))

    def _write(self, node: Node) -> Write:
        """Return how a load writes; a replace by what the batch has written knows which slices that has touched."""
        write: Write = node.does.write  # type: ignore[union-attr,assignment]
        if not isinstance(write, Replace):
            return write
        found = [
            origin.does.touched(self.readings[origin.name], write.by)
            for origin in origins(node, {node.key: node for node in self.job.nodes})
            if isinstance(origin.does, Written)
        ]
        if not found or None in found:
            return write
        return replace(write, touched=tuple(dict.fromkeys(value for values in found for value in values or ())))

    def _require_full(self, node: Node, write: Write) -> None:
        """Raise SnapshotError where a full snapshot, by which what lacks ends, comes from malformed records too."""
        if isinstance(write, Versions) and write.absent == "delete":
            for origin in origins(node, {each.key: each for each in self.job.nodes}):
                if number := self.lacking.get(origin.name):
                    examples = malformed_examples(self.malformed[origin.name], erased(self.reading.lake))
                    raise SnapshotError.malformed(f"The batch for {node.name}", number, examples)

    def _find_malformed(self) -> None:
        """Find what an earlier attempt of the batch has kept aside, so that the version is published."""
        lake, table = self.reading.lake, malformed_table(self.job.name)
        if not lake.exists(table.name):
            return
        for node in self.job.nodes:
            transaction = self._transaction(f"{node.name}.malformed")
            if position_of(lake, table.name, transaction.app_id) == transaction.position:
                loaded = loaded_before(lake, table, transaction)
                known = self.reading.loaded.get(table.name)
                if known is None or known.version < loaded.version:
                    self._left(table, loaded)

    def _keep_malformed(self, frame: str, rows: DataFrame) -> None:
        lake, table = self.reading.lake, malformed_table(self.job.name)
        with self.guard(table.name):
            transaction = self._transaction(f"{frame}.malformed")
            left = keep_malformed(lake, self.job.name, frame, rows, transaction, erased(lake))
            self._left(table, left)

    def _left(self, table: Table, loaded: Loaded) -> None:
        self.reading = replace(self.reading, loaded={**self.reading.loaded, table.name: loaded})

    def _reading_for(self, node: Node) -> Reading:
        """Return what a source reads with; of a table whose load takes no part, what the load would have touched."""
        loaded = dict(self.reading.loaded)
        for other in self.job.loads:
            if other.key in node.after and other.table and other.table.name not in loaded:
                (frame,) = other.takes.values()
                touched = partitions_of(self.frames[frame], other.table)
                loaded[other.table.name] = Loaded(newest_version(self.reading.lake, other.table), touched, Counts())
        return replace(self.reading, loaded=loaded)

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
            "plan": fingerprint(self.plan),
            "code": self.plan.code_version,
        }
        return Transaction(f"{self.app}/{load}", self.plan.position, notes, self.clock, self.plan.started_at)

    def _chosen(self) -> list[Node]:
        return [node for node in self.job.loads if node.name in self.loads]

    def _needed(self) -> set[str]:
        """Return the loads, what the ones that are not in yet are made from, and what may hold malformed records."""
        lake, loads = self.reading.lake, {node.key: node for node in self.job.loads}
        needed = {node.key for node in self._chosen()}
        if self.app == self.job.name:  # a backfill makes the job's tables no older, and many commits of them
            needed.update(node.key for node in self.job.nodes if node.kind == "maintain")
        for node in reversed(self.job.nodes):
            if node.key not in needed or (node.table and is_applied(lake, node.table, self._transaction(node.name))):
                continue
            needed.update(node.takes.values())
            if node.kind != "maintain":
                needed.update(frame for key in node.after if key not in needed for frame in loads[key].takes.values())
        if self.app != self.job.name and len(self._chosen()) < len(self.job.loads):
            return needed  # a backfill of some loads reads what these need
        aside = malformed_table(self.job.name)
        for node in self.job.nodes:
            transaction = self._transaction(f"{node.name}.malformed")
            if getattr(node.does, "keeps_malformed", False) and not is_applied(lake, aside, transaction):
                needed.add(node.key)
        return needed

    def _explained(self, node: Node, error: Exception) -> Exception:
        if isinstance(error, LakegateError):
            return error
        for name, rows in self.unchecked.items():
            model = next(n.model for n in self.job.nodes if n.key == name)
            if model and broke_rule(error, name):
                broken, examples = violations(rows, model)
                return ExpectationFailedError(name, broken, examples)
        feed = self.job.incremental.does if self.job.incremental else None
        if isinstance(feed, Changes) and (missing := feed.missing(error)):
            return missing
        if gone := file_gone(error):
            return PinVanishedError(node.name, [f"a file of what was planned ({gone})"])
        file, line, _ = location(error, node.function) if node.function else ("", 0, "")
        return StageFailedError(self.job.name, node.name, f" at {file}:{line}" if file else "", error)


def _is_kept(node: Node) -> bool:
    """Say whether a frame is kept already, from when its malformed records were counted."""
    return bool(getattr(node.does, "keeps_malformed", False))


def _logged(report: StageReport) -> dict[str, Any]:
    counts = report.counts
    rows = {} if counts is None else {name: getattr(counts, name) for name in Counts.__slots__}
    return {"stage": report.name, "kind": report.kind, "outcome": report.outcome, "version": report.version, **rows}
