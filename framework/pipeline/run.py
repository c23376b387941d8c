"""Running a job: batch by batch, until nothing is new."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from framework import log
from framework.config import Settings
from framework.errors import NotIncrementalError
from framework.pipeline.execute import Observer
from framework.pipeline.job import Job
from framework.pipeline.plan import plan
from framework.pipeline.rollback import finish_rollback
from framework.pipeline.work import BatchReport, Work, at_work
from framework.state import History
from framework.tables import Lake

POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did: its batches, none if nothing was new."""

    batches: tuple[BatchReport, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def last(self) -> BatchReport:
        """The last batch. Raises IndexError where nothing was new."""
        return self.batches[-1]


def run(
    job: Job,
    lake: Lake,
    settings: Settings,
    given: Mapping[str, Any],
    *,
    clock: Callable[[], datetime],
    observe: Observer = lambda report: None,
    replan: bool = False,
    continuous: bool = False,
    stop: Callable[[], bool] = lambda: False,
    done: Callable[[BatchReport], None] = lambda report: None,
) -> RunReport:
    """Run all that is new in the job's sources, one batch after the other; without an incremental source one batch.

    Order: parameters, the lease, a rollback that was not finished, then for each batch what is new, the job on empty
    frames, the plan, the stages, the run log, the publication. Until the first load commits, an error leaves the tables
    as they were; each load is all or nothing. `continuous` goes on until `stop` says so or `lakegate stop` is called;
    `done` is told of each batch.
    """
    if continuous and job.incremental is None:
        raise NotIncrementalError(job.name)
    began = time.monotonic()
    batches: list[BatchReport] = []
    notes: list[str] = []

    def finished(report: BatchReport) -> None:
        done(report)
        if continuous:
            batches.clear()  # of a run without end only the last one is kept
        batches.append(report)

    with at_work(job, lake, settings, given, clock=clock, observe=observe) as work:

        def stopping() -> bool:
            return stop() or work.lease.stop_requested

        finish_rollback(work)
        while True:
            notes = _round(work, finished, stopping, replan=replan)
            replan = False
            if not continuous or stopping() or _waited(settings.run.interval, stopping):
                break
    return RunReport(tuple(batches), tuple(notes), time.monotonic() - began)


def _round(
    work: Work, finished: Callable[[BatchReport], None], stopping: Callable[[], bool], *, replan: bool
) -> list[str]:
    """Run batches until nothing is new; all intervals end when the round began, so that it comes to an end."""
    until = work.clock()
    run_id = work.run_id(until)
    while True:
        history, reading = History(work.lake, work.job.name), work.reading(until)
        try:
            planned = plan(work.job, reading, history, run_id, work.parameters, replan=replan, guard=work.guard)
        except Exception as error:
            work.refused(history, run_id, reading.started_at, error)
            raise
        if planned.plan is None:
            log.event("nothing_new", job=work.job.name)
            return list(planned.notes)
        finished(work.batch(history, reading, planned))
        replan = False
        if work.job.incremental is None or stopping():
            return []


def _waited(seconds: float, stopping: Callable[[], bool]) -> bool:
    """Wait, and say whether an end was asked for meanwhile."""
    end = time.monotonic() + seconds
    while not stopping():
        left = end - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(POLL_SECONDS, left))
    return True
