"""Work: a job under its lease, and one batch of it from plan to publication.

The order of what others can see: the lease, the plan, the attempt, a commit for each load, the row of the run log, the
publication. Whatever the process is killed between, the next run finds out from these where to go on.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

from framework import log
from framework.batch import Plan, Publication, Run
from framework.config import Settings
from framework.errors import LakegateError, LeaseLostError, UnknownRunError
from framework.pipeline.check import Checked, check
from framework.pipeline.execute import Execution, Observer, StageReport
from framework.pipeline.guarded import cancel, guarded
from framework.pipeline.job import Job
from framework.pipeline.parameters import as_json, values
from framework.pipeline.plan import Planned, fingerprint
from framework.process import Holder, this_one
from framework.secrets import secret
from framework.sources import Reading
from framework.state import Attempt, History, Lease, LoggedLoad, LoggedRun, Withdrawn, record
from framework.state.history import job_of, name
from framework.tables import Lake
from framework.tables.prepare import require_as_declared


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What one batch did: its plan, and a report of each stage in the order in which they ran."""

    plan: Plan
    attempt: int
    resumed: bool
    stages: tuple[StageReport, ...]
    notes: tuple[str, ...]
    seconds: float


@dataclass(slots=True)
class Work:
    """A job that this process may run: it holds the job's lease."""

    job: Job
    lake: Lake
    settings: Settings
    parameters: Mapping[str, Any]
    clock: Callable[[], datetime]
    observe: Observer
    holder: Holder
    lease: Lease
    checked: Checked | None = None

    def reading(self, until: datetime | None = None) -> Reading:
        """Return what sources read with, by the clock of now."""
        return reading(self.lake, self.settings, self.clock(), until)

    def run_id(self, at: datetime, of: str = "") -> str:
        """Return a name for a run, which begins with its job's."""
        return f"{of or self.job.name}-{at:%Y%m%dT%H%M%S}-{token_hex(3)}"

    def require_checked(self, reading: Reading, run: Run) -> Checked:
        """Compile the job on empty frames, once in a process. Raises TableMismatchError or CheckFailedError."""
        if self.checked is None:
            for table in self.job.tables:
                require_as_declared(self.lake, table)
            self.checked = check(self.job, reading, run, self.parameters)
            self.checked.require(self.job)
        return self.checked

    def batch(self, history: History, reading: Reading, planned: Planned) -> BatchReport:
        """Run one batch; an error leaves it to be taken up, or to be planned anew if none of its loads is in."""
        began, plan = time.monotonic(), planned.plan
        assert plan is not None
        run = Run(self.job.name, plan.run_id, plan.position.batch, plan.started_at, self.settings.environment)
        checked = self.require_checked(reading, run)
        self.lease.require()
        if not planned.resumed and not history.plans.create(name(plan.position), plan):
            raise LeaseLostError(self.lease.name)  # another run has planned this batch meanwhile
        attempt = self._attempt(history, plan, reading.started_at)
        event: dict[str, Any] = {"job": self.job.name, "run": plan.run_id, "batch": plan.position.batch}
        log.event("batch_started", **event, attempt=attempt, resumed=planned.resumed)
        execution = Execution(
            job=self.job,
            app=history.job,
            reading=replace(reading, started_at=plan.started_at, loaded={}),
            plan=plan,
            run=run,
            parameters=self.parameters,
            loads=self._loads(history, plan),
            guard=self.guard,
            observe=self.observe,
            clock=self.clock,
        )
        stages: list[StageReport] = []
        row = self._row(history, plan, attempt, reading.started_at)
        try:
            for stage in execution.stages():
                self.lease.require()
                stages.append(stage)
            record(self.lake, self.job.name, row("done", None, stages))
            self._publish(history, plan, execution.versions)
        except Exception as error:
            self.lease.require()
            self._failed(history, plan, execution, row("failed", error, stages))
            raise
        finally:
            execution.release()
        seconds = time.monotonic() - began
        log.event("batch_finished", **event, seconds=round(seconds, 1))
        return BatchReport(plan, attempt, planned.resumed, tuple(stages), (*planned.notes, *checked.notes), seconds)

    def refused(self, history: History, run_id: str, at: datetime, error: Exception) -> None:
        """Log a run that came to no attempt, as attempt 0 of the batch that it was about."""
        try:
            about = history.open_position() or history.next()
        except LakegateError:  # what cannot be read now may be what the run was refused for
            about = history.next()
        plan = Plan(self.job.name, run_id, about, at, "", ())
        self._log(self._row(history, plan, 0, at)("failed", error, []))

    def _loads(self, history: History, plan: Plan) -> tuple[str, ...]:
        """Return the loads of a batch: in a backfill those that it was planned for, else all that the job has.

        A load under another name cannot be told from one that is added, and would be made twice: so where one that was
        planned has gone, none that was not planned takes part.
        """
        if history.job != self.job.name:
            return plan.loads
        names = {node.name for node in self.job.loads}
        return tuple(n.name for n in self.job.loads if not n.table or n.name in plan.loads or names >= set(plan.loads))

    def _attempt(self, history: History, plan: Plan, at: datetime) -> int:
        this = name(plan.position)
        number = sum(found.startswith(f"{this}-") for found in history.attempts.names()) + 1
        process = self.holder.python
        attempt = Attempt(plan.run_id, number, plan.position, at, self.holder.host, process.pid)
        history.attempts.create(f"{this}-{number}", attempt)
        return number

    def _publish(self, history: History, plan: Plan, versions: Mapping[str, int]) -> None:
        try:
            before = history.latest().tables
        except UnknownRunError:
            before = {}
        left = Publication(
            self.job.name, plan.run_id, plan.position, plan.started_at, self.clock(), {**before, **versions}
        )
        if not history.published.create(name(plan.position), left):
            raise LeaseLostError(self.lease.name)  # another run has finished this batch meanwhile

    def _failed(self, history: History, plan: Plan, execution: Execution, row: LoggedRun) -> None:
        try:
            if not execution.is_begun():
                history.withdrawn.create(name(plan.position), Withdrawn(plan.position, row.error or ""))
        except Exception as error:  # it stays open then, and is taken up as it was planned
            log.event("withdrawal_failed", level=30, job=self.job.name, error=str(error))
        self._log(row)

    def _log(self, row: LoggedRun) -> None:
        try:
            record(self.lake, self.job.name, row)
        except Exception as error:  # what went wrong at first is what the user needs to hear
            log.event("run_log_failed", level=30, job=self.job.name, error=str(error))

    def _row(
        self, history: History, plan: Plan, attempt: int, started_at: datetime
    ) -> Callable[[str, Exception | None, list[StageReport]], LoggedRun]:
        def row(outcome: str, error: Exception | None, stages: list[StageReport]) -> LoggedRun:
            return LoggedRun(
                run_id=plan.run_id,
                attempt=attempt,
                epoch=plan.position.epoch,
                batch=plan.position.batch,
                backfill=history.job if history.job != self.job.name else None,
                plan=fingerprint(plan),
                parameters=as_json(plan.parameters),
                code_version=plan.code_version,
                environment=self.settings.environment,
                started_at=started_at,
                finished_at=self.clock(),
                outcome=outcome,
                error=f"{type(error).__name__}: {error}" if error else None,
                loads=[self._logged(stage) for stage in stages if stage.kind == "load"],
            )

        return row

    def _logged(self, stage: StageReport) -> LoggedLoad:
        counts = stage.counts if stage.outcome == "done" else None
        table = next((node.table.name for node in self.job.loads if node.name == stage.name and node.table), None)
        return LoggedLoad(
            name=stage.name,
            target=table,
            outcome=stage.outcome,
            version=stage.version,
            rows_in=counts.read if counts else None,
            inserted=counts.inserted if counts else None,
            updated=counts.updated if counts else None,
            deleted=counts.deleted if counts else None,
            unchanged=counts.unchanged if counts else None,
            skipped=counts.deduplicated if counts else None,
            seconds=stage.seconds,
        )

    @contextmanager
    def guard(self, table: str) -> Iterator[None]:
        """Hold the table's lease."""
        with guarded(self.lake, self.settings, self.holder, table):
            yield


@contextmanager
def at_work(
    job: Job,
    lake: Lake,
    settings: Settings,
    given: Mapping[str, Any] | None,
    *,
    clock: Callable[[], datetime],
    observe: Observer = lambda report: None,
) -> Iterator[Work]:
    """Take the job's lease, and give it back at the end; `given` is None where no function of the job is called.

    Raises LeaseHeldError where another run has it, and what parameters raise.
    """
    parameters = {} if given is None else values(job, given)
    lake.require_writable()
    holder = this_one(lake.spark)
    lease = Lease(lake, f"job-{job.name}", holder)
    with lease.held(settings.lease.expiry, settings.lease.longest_wait, lambda: cancel(lake)):
        yield Work(job, lake, settings, parameters, clock, observe, holder, lease)


def reading(lake: Lake, settings: Settings, now: datetime, until: datetime | None = None) -> Reading:
    """Return what sources read with: all intervals end at `until`, or else now."""
    return Reading(
        lake,
        landing(settings),
        now,
        until=until or now,
        published=lambda run: published(lake, run),
        secret=lambda name: secret(name, settings),
    )


def landing(settings: Settings) -> str:
    """Return the landing folder; it is absolute, since a JVM of spark-submit has a working directory of its own."""
    root = settings.landing.root
    return root if "://" in root else str(Path(root).absolute())


def published(lake: Lake, run: str) -> Publication:
    """Return what a run has left, given its id, or a job's name for its latest one. Raises UnknownRunError."""
    job = job_of(run)
    return History(lake, job).latest() if run == job else History(lake, job).run(run)
