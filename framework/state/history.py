"""History: which batches a job has planned, finished, withdrawn and rolled back, in order.

under <lake.root>/_lakegate
    plans/<job>/0000-0000000003.json        what the batch reads: put there before its first commit
    attempts/<job>/0000-0000000003-1.json   who ran it, one for each attempt
    withdrawn/<job>/0000-0000000003.json    it failed before any of its loads was in
    published/<job>/0000-0000000003.json    it is finished: the versions of its tables
    rollbacks/<job>/0001.json               epoch 1 begins with what a batch of epoch 0 left
    backfills/<job>/<id>.json               what a backfill was asked for

A batch is open from its plan until it is published or withdrawn. A rollback begins a new epoch, which keeps the batches
up to one of an older epoch; so the batches that count are found by going back from the newest.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from framework.batch import FilePin, Plan, Position, Publication
from framework.errors import DamagedStateError, LostPlanError, UnknownRunError
from framework.state.documents import Documents
from framework.state.run_log import LOGGED_AT_MOST, LoggedRun
from framework.tables import Lake

LEDGER_EVERY = 100
BATCH = r"\d{4,}-\d{10}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One process that began or took up a batch."""

    run_id: str
    number: int
    position: Position
    started_at: datetime
    host: str
    pid: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A batch that failed before any of its loads was in, so that its inputs may be planned anew."""

    position: Position
    reason: str


@dataclass(frozen=True, slots=True)
class Rollback:
    """The intent to go back: a new epoch, the batch that it keeps, and the version that each table goes back to."""

    epoch: int
    kept: Position
    run_id: str
    tables: Mapping[str, int]
    apps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Backfill:
    """What a backfill was asked for, in which epoch: a past interval (UTC), its slices, the loads, the parameters."""

    backfill_id: str
    start: datetime
    end: datetime
    by: str | None
    loads: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Ledger:
    """The files that all batches up to a position have read: path, size, modification time, etag."""

    files: tuple[tuple[str, int, int, str | None], ...]


class History:
    """The batches of one job, or of one backfill, whose name is `<job>@<id>`."""

    def __init__(self, lake: Lake, job: str) -> None:
        self.job = job
        self._lake = lake
        self.plans = Documents(lake, f"plans/{job}", Plan, BATCH)
        self.attempts = Documents(lake, f"attempts/{job}", Attempt, rf"{BATCH}-\d+")
        self.withdrawn = Documents(lake, f"withdrawn/{job}", Withdrawn, BATCH)
        self.published = Documents(lake, f"published/{job}", Publication, rf"{BATCH}(-\d{{6}})?")
        self.rollbacks = Documents(lake, f"rollbacks/{job}", Rollback, r"\d{4,}")
        self.backfills = Documents(lake, f"backfills/{job}", Backfill, rf"{job}@backfill-.+")
        self._ledgers = Documents(lake, f"ledgers/{job}", Ledger, BATCH)

    @cached_property
    def epochs(self) -> dict[int, Rollback]:
        """The rollbacks by the epoch that each began."""
        return {found.epoch: found for found in self.rollbacks.load_all(self.rollbacks.names())}

    @property
    def epoch(self) -> int:
        """The newest epoch."""
        return max(self.epochs, default=0)

    def newest(self) -> Position | None:
        """Return the newest batch that was planned, withdrawn ones too, or with which the newest epoch began."""
        kept = [Position(self.epoch, self.epochs[self.epoch].kept.batch)] if self.epoch else []
        return max([*kept, *(p for p in positions(self.plans) if p.epoch == self.epoch)], default=None)

    def next(self) -> Position:
        """Return the position of a batch that is planned now."""
        return (self.newest() or Position(self.epoch, 0)).next()

    def open_position(self) -> Position | None:
        """Return the batch that is planned, and neither published nor withdrawn."""
        newest = self.newest()
        if newest is None or self.published.load(name(newest)) or self.withdrawn.load(name(newest)):
            return None
        return newest

    def open_rollback(self) -> Rollback | None:
        """Return the rollback that was begun and is not finished."""
        found = self.epochs.get(self.epoch)
        done = found is None or self.published.load(name(Position(found.epoch, found.kept.batch)))
        return None if done else found

    def last(self) -> Plan | None:
        """Return the plan of the last batch that is finished and counts. Raises LostPlanError."""
        finished = self._counting()
        self._require_plans(finished[-1:])
        return self.plans.load(name(finished[-1])) if finished else None

    def files_before(self) -> dict[str, FilePin]:
        """Return the files that the batches which count have read, by path; a later reading of a path wins.

        Every so many batches the answer is kept as a ledger, so that not all plans are read each time. Raises
        LostPlanError where one that must be read is gone.
        """
        counting = self._counting()
        ledgers = set(positions(self._ledgers))
        begin = next((i for i in range(len(counting) - 1, -1, -1) if counting[i] in ledgers), None)
        ledger = None if begin is None else self._ledgers.load(name(counting[begin]))
        read = {file[0]: FilePin(*file) for file in ledger.files} if ledger else {}
        since = counting if begin is None else counting[begin + 1 :]
        plans = self.plans.load_all([name(position) for position in since])
        if len(plans) < len(since):
            self._require_plans(since)
        for plan in plans:
            read.update((file.path, file) for file in (plan.bookmark.files if plan.bookmark else ()))
        if len(since) >= LEDGER_EVERY:
            kept = tuple((file.path, file.size, file.modified_at, file.etag) for file in read.values())
            self._ledgers.create(name(counting[-1]), Ledger(kept))
        return read

    def run(self, run_id: str) -> Publication:
        """Return what the last finished batch of a run left. Raises UnknownRunError."""
        for published in reversed(self.published.names()):
            found = self.published.load(published)
            if found and found.run_id == run_id:
                return found
        raise UnknownRunError(self.job, run_id)

    def latest(self) -> Publication:
        """Return what the newest finished batch left. Raises UnknownRunError where none is finished."""
        finished = [found for found in self.published.names() if found.startswith(f"{self.epoch:04}-")]
        if not finished and self.epoch:  # while a rollback is not finished: what it goes back to
            finished = [name(self.epochs[self.epoch].kept)]
        found = self.published.load(finished[-1]) if finished else None
        if found is None:
            raise UnknownRunError(self.job, None)
        return found

    def unlogged(self, rows: Sequence[LoggedRun]) -> list[Attempt]:
        """Return the attempts, those of backfills too, that no row of the job's run log tells of.

        They were killed, or one still runs. What came after a batch was logged as done has only published it; of what
        is older than the oldest row, where not all rows are there, nothing is known.
        """
        begin = rows[-1].started_at if len(rows) >= LOGGED_AT_MOST else None
        found = list[Attempt]()
        for history in self.with_backfills():
            ours = [row for row in rows if row.backfill == (None if history is self else history.job)]
            told = {f"{name(row.position)}-{row.attempt}" for row in ours}
            done = {row.position: row.attempt for row in ours if row.outcome == "done"}
            attempts = history.attempts.load_all([each for each in history.attempts.names() if each not in told])
            found += [each for each in attempts if each.number < done.get(each.position, each.number + 1)]
        return [each for each in found if begin is None or each.started_at >= begin]

    def with_backfills(self) -> list["History"]:
        """Return this history, and those of the job's backfills."""
        return [self, *(History(self._lake, backfill) for backfill in self.backfills.names())]

    def last_two(self) -> list[Publication]:
        """Return what the last two finished batches of the newest epoch left; fewer where there are not two."""
        finished = sorted({p for p in positions(self.published) if p.epoch == self.epoch})
        return self.published.load_all([name(position) for position in finished[-2:]])

    def origin(self, position: Position) -> Position:
        """Return the position under which a batch was planned: one that an epoch kept was planned in an older one."""
        while position.epoch in self.epochs and position.batch <= self.epochs[position.epoch].kept.batch:
            position = Position(self.epochs[position.epoch].kept.epoch, position.batch)
        return position

    def _counting(self) -> list[Position]:
        """Return the finished batches that no rollback has undone, in order.

        Batches are numbered without gaps, and one is planned when the one before it is finished or withdrawn: so a
        document that is lost is missed. Raises LostPlanError or DamagedStateError.
        """
        planned, withdrawn, finished = (set(positions(of)) for of in (self.plans, self.withdrawn, self.published))
        kept = self.epochs[self.epoch].kept.batch if self.epoch else 0
        newest = max((p.batch for p in planned | finished if p.epoch == self.epoch), default=kept)
        past = [self.origin(Position(self.epoch, batch)) for batch in range(1, newest + 1)]
        for position in past:
            if position not in planned | finished:
                raise LostPlanError(self.job, str(position), self.plans.path(name(position)))
            if position not in finished | withdrawn and position != past[-1]:
                raise DamagedStateError(self.published.path(name(position)), "it is gone, and others came after it")
        return [position for position in past if position in finished]

    def _require_plans(self, batches: Sequence[Position]) -> None:
        """Raise LostPlanError where a finished batch has no plan: what it has read would be read again."""
        planned = set(positions(self.plans))
        for position in batches:
            if position not in planned:
                raise LostPlanError(self.job, str(position), self.plans.path(name(position)))


def job_of(run: str) -> str:
    """Return the job that a run, or a backfill, belongs to; its id begins with it."""
    return run.split("-", 1)[0].split("@", 1)[0]


def plan_of(lake: Lake, row: LoggedRun) -> Plan | None:
    """Return the plan of the batch that a row of the run log tells of."""
    history = History(lake, row.backfill or job_of(row.run_id))
    return history.plans.load(name(history.origin(row.position)))


def name(position: Position) -> str:
    """Return the name of a batch's documents: `0000-0000000003`, in the order of the batches."""
    return f"{position.epoch:04}-{position.batch:010}"


def positions(documents: Documents[Any]) -> list[Position]:
    """Return the batches that have a document, in order."""
    return sorted(_positions(documents.names()))


def _positions(names: list[str]) -> Iterator[Position]:
    for found in names:
        epoch, batch, *more = found.split("-")
        if not more:  # what a backfill published beside a batch does not say that the batch is finished
            yield Position(int(epoch), int(batch))
