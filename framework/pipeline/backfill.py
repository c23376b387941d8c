"""Backfill: the same stages over a past interval, slice by slice, under an id of its own; the bookmark stays.

Its commits carry the id in place of the job's name, so they are apart from the job's own: a backfill that was
interrupted is resumed by its id, slice by slice, and a job's next batch reads on from where its last one ended.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from framework.batch import Interval, Position, Publication
from framework.errors import BackfillRefusedError, UnknownRunError, alternatives
from framework.pipeline.job import Job
from framework.pipeline.plan import Past, plan
from framework.pipeline.rollback import finish_rollback
from framework.pipeline.work import BatchReport, Work
from framework.sources.incremental import IncrementalFiles
from framework.state import Backfill, History
from framework.state.history import name, positions
from framework.tables import Lake

By = Literal["year", "month", "week", "day", "hour"]
STEPS = {"week": timedelta(weeks=1), "day": timedelta(days=1), "hour": timedelta(hours=1)}


def require_backfill(job: Job, only_loads: Sequence[str]) -> tuple[str, ...]:
    """Return the loads that take part. Raises BackfillRefusedError where the job, as it is written, has no past."""
    names = [node.name for node in job.loads]
    for load in only_loads:
        if load not in names:
            raise BackfillRefusedError(job.name, f"it has no load {load!r}. {alternatives(load, names)}")
    loads = [node for node in job.loads if not only_loads or node.name in only_loads]
    for node in loads:
        if node.table and node.does.write.right_for == "new":  # type: ignore[union-attr]
            reason = f"{node.name} appends, so rows that are there already would be there twice; load it by key"
            raise BackfillRefusedError(job.name, f"{reason}, or name the others with --only-load")
        if node.table and node.does.write.right_for == "all":  # type: ignore[union-attr]
            reason = f"{node.name} puts its rows in the place of the whole table, and one interval is not the whole"
            raise BackfillRefusedError(job.name, reason)
    source = job.incremental.does if job.incremental else None
    if isinstance(source, IncrementalFiles) and source.dated is None:
        reason = (
            f"the files {source.source.path!r} have no date. Say where it is: incremental(..., dated='{{yyyy}}-{{MM}}')"
        )
        raise BackfillRefusedError(job.name, reason)
    if source is None and not any(Interval in node.signature.given.values() for node in job.nodes if node.signature):
        raise BackfillRefusedError(job.name, "it has no incremental source and no function that takes an Interval")
    return tuple(node.name for node in loads)


def begin_backfill(
    work: Work, start: datetime, end: datetime, *, by: By | None = None, only_loads: Sequence[str] = ()
) -> Backfill:
    """Write down what is asked for. Raises BackfillRefusedError, also while a batch of the job is open."""
    loads = require_backfill(work.job, only_loads)
    if start >= end:
        raise BackfillRefusedError(
            work.job.name, f"--from {start:%Y-%m-%d %H:%M} is not before --to {end:%Y-%m-%d %H:%M}"
        )
    if by is not None and by not in get_args(By):
        raise BackfillRefusedError(work.job.name, f"--by is {by!r} and must be one of {', '.join(get_args(By))}")
    history = _without_an_open_batch(work)
    backfill_id = work.run_id(work.clock(), of=f"{work.job.name}@backfill")
    asked = Backfill(backfill_id, start, end, by, loads, dict(work.parameters), history.epoch)
    history.backfills.create(backfill_id, asked)
    return asked


def find_backfill(lake: Lake, job: Job, backfill_id: str) -> Backfill:
    """Return a backfill that was begun. Raises BackfillRefusedError where there is none of that id."""
    backfills = History(lake, job.name).backfills
    found = backfills.load(backfill_id)
    if found is None:
        known = alternatives(backfill_id, backfills.names())
        raise BackfillRefusedError(job.name, f"no backfill {backfill_id!r} was begun. {known}")
    return found


def backfill(work: Work, asked: Backfill, done: Callable[[BatchReport], None] = lambda report: None) -> int:
    """Run the slices that are not done yet, and return how many there were; a slice without input is left out.

    Raises BackfillRefusedError while a batch of the job is open, or where the job was rolled back since.
    """
    if _without_an_open_batch(work).epoch != asked.epoch:
        reason = f"a rollback came after {asked.backfill_id} was begun, and ended it; begin a new one"
        raise BackfillRefusedError(work.job.name, reason)
    ran = 0
    for interval in slices(asked):
        history, reading = History(work.lake, asked.backfill_id), work.reading()
        last = history.last()
        if last and last.interval.end and interval.end and interval.end <= last.interval.end:
            continue
        pin = None
        if history.open_position() is None and work.job.incremental:
            source: Any = work.job.incremental.does
            pin = source.within(reading, interval)
            if pin is None:
                continue
        planned = plan(
            work.job, reading, history, asked.backfill_id, work.parameters, past=Past(interval, pin, asked.loads)
        )
        done(work.batch(history, reading, planned))
        ran += 1
    _publish(work, asked, ran)
    return ran


def _without_an_open_batch(work: Work) -> History:
    """Return the job's history, a begun rollback finished. Raises BackfillRefusedError while a batch is open.

    A batch that was interrupted is half in: what a backfill published now would show that half, and what the batch
    publishes when it is taken up would hide the backfill.
    """
    finish_rollback(work)
    history = History(work.lake, work.job.name)
    if opened := history.open_position():
        reason = f"its batch {opened} was interrupted; finish it with `lakegate run {work.job.name}`, then backfill"
        raise BackfillRefusedError(work.job.name, reason)
    return history


def slices(asked: Backfill) -> Iterator[Interval]:
    """Cut the interval at the beginnings of years, months, weeks (Mondays), days or hours, all UTC."""
    start = asked.start
    while start < asked.end:
        try:
            end = min(_next(start, asked.by), asked.end) if asked.by else asked.end
        except (OverflowError, ValueError):  # behind the year 9999 there is none to cut at
            end = asked.end
        yield Interval(start, end)
        start = end


def _next(start: datetime, by: str) -> datetime:
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    if by == "year":
        return midnight.replace(year=start.year + 1, month=1, day=1)
    if by == "month":
        return midnight.replace(year=start.year + start.month // 12, month=start.month % 12 + 1, day=1)
    begin = {"week": midnight - timedelta(days=start.weekday()), "day": midnight}.get(
        by, start.replace(minute=0, second=0, microsecond=0)
    )
    return begin + STEPS[by]


def _publish(work: Work, asked: Backfill, ran: int) -> None:
    """Publish what the backfill left beside the job's last finished batch, so that the latest view has it.

    Only what is newer than that view: the job may have gone on since the slices ran, also while the backfill stood
    still. One that had nothing left to do, and has published before, has nothing new.
    """
    history = History(work.lake, work.job.name)
    if not ran and _is_published(history, asked):
        return
    try:
        left = History(work.lake, asked.backfill_id).latest()
    except UnknownRunError:
        return
    seen: Mapping[str, int] = {}
    with suppress(UnknownRunError):
        seen = history.latest().tables
    newer = {table: version for table, version in left.tables.items() if version > seen.get(table, -1)}
    if not newer:
        return
    beside = max((p for p in positions(history.published) if p.epoch == asked.epoch), default=Position(asked.epoch, 0))
    number = sum(found.startswith(f"{name(beside)}-") for found in history.published.names()) + 1
    view = {**seen, **newer}
    now = Publication(work.job.name, asked.backfill_id, beside, left.started_at, work.clock(), view)
    history.published.create(f"{name(beside)}-{number:06}", now)


def _is_published(history: History, asked: Backfill) -> bool:
    try:
        return bool(history.run(asked.backfill_id))
    except UnknownRunError:
        return False
