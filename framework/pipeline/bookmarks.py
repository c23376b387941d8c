"""Bookmarks: how far a job has read its incremental source, said from the commits that carry it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from framework.batch import Position
from framework.config import Settings
from framework.errors import DataRefusedError
from framework.pipeline.job import Job
from framework.pipeline.plan import news, positions
from framework.pipeline.work import reading
from framework.sources.source import News
from framework.state import History
from framework.tables import Lake
from framework.tables.commit import Transaction, find_commit


@dataclass(frozen=True, slots=True)
class JobBookmark:
    """How far a job has read, the version of each load's commit that carries it, and what is waiting."""

    source: str
    read: str
    batch: Position | None
    commits: Mapping[str, int] = field(default_factory=dict)
    waiting: str = ""
    notes: tuple[str, ...] = ()


def bookmark(job: Job, lake: Lake, settings: Settings, clock: Callable[[], datetime]) -> JobBookmark:
    """Find out how far a job has read; nothing is written, and a run may be going on.

    What waits may be something that a run would refuse: then it says so, and why.
    """
    history = History(lake, job.name)
    reached = positions(job, lake, job.name)
    commits = {}
    for node in job.loads:
        at = reached.get(node.name)
        if node.table and at:
            commit = find_commit(lake, node.table.name, Transaction(f"{job.name}/{node.name}", at))
            commits[node.name] = commit.version if commit else int(lake.snapshot(node.table.name).version())
    last = history.last()
    position = max((at for at in reached.values() if at), default=last.position if last else None)
    if job.incremental is None:
        return JobBookmark("none", "everything, each time", position, commits)
    source: Any = job.incremental.does
    read = source.position(last.bookmark) if last and last.bookmark else "nothing"
    try:
        found = news(job, reading(lake, settings, clock()), history)
    except DataRefusedError as error:
        found = News(None, "refused", (str(error),))
    interrupted = history.open_position()
    notes = (f"batch {interrupted} is open: the next run takes it up first",) if interrupted else ()
    return JobBookmark(job.incremental.name, read, position, commits, found.said, (*notes, *found.notes))
