"""Holds: the versions of a table that jobs still need, found in what their runs have left.

A job holds what its bookmark says of the table's changes; what its open batch has pinned, or has loaded and may yet
read; and how its last two finished runs left the table, to which one can go back.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain

from framework.batch import Pin, Plan, Position, Publication
from framework.errors import UnknownRunError
from framework.sources import table as source
from framework.state.history import History, name
from framework.tables import Lake, Table
from framework.tables.commit import Transaction, find_commit, position_of, same_rows
from framework.tables.erase import erasures_since
from framework.tables.layout import SYSTEM
from framework.tables.vacuum import Hold


def holds(lake: Lake, table: str, retired: Sequence[str] = ()) -> tuple[Hold, ...]:
    """Return who needs which version of a table, but for jobs that are retired. Raises what a damaged state raises."""
    root = f"{lake.root.rstrip('/')}/_lakegate"
    jobs = {found for kind in ("plans", "rollbacks") for found in lake.storage.folders(f"{root}/{kind}")}
    found = chain.from_iterable(_holds(lake, table, History(lake, job)) for job in sorted(jobs - {*retired}))
    return tuple(dict.fromkeys(found))


def _holds(lake: Lake, table: str, history: History) -> Iterator[Hold]:
    job = history.job
    if opened := history.open_position():
        if plan := history.plans.load(name(opened)):
            yield from _planned(lake, table, job, plan)
        yield from _loaded(lake, table, job, opened)
    if "@" in job:
        return  # what a backfill has left is published as its job's
    last = history.last()
    if last and last.bookmark and last.bookmark.table_id and _is_of(lake, table, last.bookmark):
        yield Hold(last.bookmark.version or 0, f"the bookmark of job {job}, which reads the changes since")
    if (begun := history.open_rollback()) and table in begun.tables:
        yield Hold(begun.tables[table], f"the rollback of job {job} that was not finished")
    finished = [left for left in _finished(history) if table in left.tables]
    lasting = {each for each in {*chain(*(left.tables for left in finished))} if SYSTEM in lake.properties(each)}
    for left in finished:
        version = same_rows(lake, table, left.tables[table])
        if lasting & left.tables.keys() or erasures_since(lake, table, version):
            continue  # that is not gone back to
        yield Hold(version, f"run {left.run_id}, to which `lakegate rollback {job}` can go back")


def _finished(history: History) -> Iterator[Publication]:
    """Yield what the last two runs left, and what a backfill behind them did."""
    yield from history.last_two()
    with suppress(UnknownRunError):
        yield history.latest()


def _planned(lake: Lake, table: str, job: str, plan: Plan) -> Iterator[Hold]:
    for pin in plan.pins.values():
        if pin.version is not None and _is_of(lake, table, pin):
            version = pin.version if pin.after is None else pin.after
            yield Hold(version, f"batch {plan.position} of job {job}, which was interrupted and reads it")


def _loaded(lake: Lake, table: str, job: str, opened: Position) -> Iterator[Hold]:
    """Hold what an open batch has loaded: `written(TABLE)` reads it, and what it was before."""
    apps = str(lake.snapshot(table).transactions().keys().mkString("\n")).split("\n")
    for ours in (Transaction(app, opened) for app in apps if app.startswith(f"{job}/")):
        if position_of(lake, table, ours.app_id) != opened:
            continue
        if (commit := find_commit(lake, table, ours)) and commit.carries(ours):
            yield Hold(max(commit.version - 1, 0), f"batch {opened} of job {job}, which was interrupted")


def _is_of(lake: Lake, table: str, pin: Pin) -> bool:
    """Say whether a pin is one of a table: by the table's own id, or by its name."""
    if pin.table_id:
        return pin.table_id == str(lake.snapshot(table).metadata().id())
    known_as = source(Table(table)).known_as
    return pin.of is not None and (pin.of == known_as or pin.of.startswith(f"{known_as} by "))
