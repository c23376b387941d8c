"""What a job promises: derived from where each load's rows come from, and how it writes them.

A load into a table is one commit that carries its batch, so it happens exactly once. That is worth nothing where the
write itself would lose or double rows with what the source gives, so these are refused when the job is built.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from framework.errors import UnsafeLoadError
from framework.pipeline.node import Node, origins
from framework.sources.changes import Changes
from framework.sources.incremental import IncrementalFiles, IncrementalRows
from framework.sources.table import Written
from framework.tables import Table
from framework.tables.model import columns
from framework.tables.write import Replace

EXACTLY_ONCE, AT_LEAST_ONCE = "exactly-once", "at-least-once"


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What one load promises, and what is to be said of it."""

    promise: str
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`at-least-once: …`."""
        return ": ".join([self.promise, *filter(None, ["; ".join(self.reasons)])])


def guarantee(nodes: Sequence[Node], load: Node) -> Guarantee:
    """Say what a load promises if its job is killed anywhere and run again."""
    reasons, remarks = [], []
    if load.table is None:
        reasons.append("a function of your own has no commit to carry its batch")
    found = list(origins(load, {node.key: node for node in nodes}))
    if whole := _appended_whole(load, found):
        remarks.append(f"each run adds all rows of {whole}")
    for origin in found:
        source: Any = origin.does
        if origin.function:
            reasons.append(f"{origin.name!r} is a function of your own, read anew by each attempt")
        elif unpinned := getattr(source, "unpinned", None):
            reasons.append(f"{origin.name!r} is read anew by each attempt: {unpinned}")
        elif unpinned := getattr(getattr(source, "source", None), "unpinned", None):
            remarks.append(f"{origin.name!r} is pinned to an interval, and {unpinned}")
    return Guarantee(AT_LEAST_ONCE if reasons else EXACTLY_ONCE, (*reasons, *remarks))


def require_safe(job: str, nodes: Sequence[Node]) -> None:
    """Raise UnsafeLoadError where a load would lose or double rows with the source that its frame comes from."""
    by_key = {node.key: node for node in nodes}
    news = [node for node in nodes if node.is_incremental]
    if len(news) > 1:
        names = ", ".join(repr(node.name) for node in news)
        way_out = "Make a job of each, or read all but one as table() or files()"
        raise UnsafeLoadError(
            job, names, "a job has one incremental source at most, since it has one bookmark", way_out
        )
    for load in (node for node in nodes if node.table):
        found = list(origins(load, by_key))
        for origin in found:
            _require_safe(job, load, origin)
        _require_one_written(job, load, found)
        if news and (whole := _appended_whole(load, found)):
            reason = f"it appends all rows of {whole}, and each batch would add them again"
            raise UnsafeLoadError(job, load.name, reason, "Use overwrite() or upsert(), or make a job of it")
        source = next((node.does for node in found if isinstance(node.does, Changes)), None)
        if source and load.table and source.table.name == load.table.name:
            reason = f"it writes to {load.table.name}, whose changes the job reads: each batch would make the next"
            raise UnsafeLoadError(job, load.name, reason, "Load another table")


def _require_safe(job: str, load: Node, origin: Node) -> None:
    write, source = load.does.write, origin.does  # type: ignore[union-attr]
    removes = f"{write.verb}() removes what its rows lack"  # type: ignore[union-attr]
    adds = f"{write.verb}() would add them again"  # type: ignore[union-attr]
    right_for = write.right_for  # type: ignore[union-attr]
    if isinstance(source, Written):
        holds = f"written({source.table.name}) holds"
        way_out = "Use replace(by=...) or upsert()"
        if right_for == "all":
            raise UnsafeLoadError(job, load.name, f"{removes}, and {holds} only what was touched", way_out)
        if right_for == "new":
            raise UnsafeLoadError(job, load.name, f"{holds} rows of earlier batches too, and {adds}", way_out)
        if isinstance(write, Replace) and source.whole != write.by:
            _require_whole_slices(job, load, source.table, write.by)
    elif origin.is_incremental:
        if right_for in ("all", "slices") and not (isinstance(source, IncrementalFiles) and source.snapshots):
            way_out = "Use upsert() or append(), and derive the rest from written(TABLE)"
            if isinstance(source, IncrementalFiles):
                way_out += "; or if the files of a date hold everything, incremental(..., dated=..., snapshots=True)"
            raise UnsafeLoadError(job, load.name, f"{removes}, and {origin.name!r} holds only what is new", way_out)
        if isinstance(source, IncrementalRows) and source.lag and right_for == "new":
            reason = f"with lag, {origin.name!r} holds rows that were read before, and {adds}"
            raise UnsafeLoadError(job, load.name, reason, "Use upsert(), or no lag")


def _require_whole_slices(job: str, load: Node, written: Table, by: str) -> None:
    """Raise UnsafeLoadError where slices that were touched are not read whole, or it cannot be told which they are."""
    name, partitions = written.name, tuple(written.partition_by)
    if partitions and partitions != (by,):
        reason = f"it replaces each {by!r}, and written({name}) holds whole partitions by {', '.join(partitions)} only"
        raise UnsafeLoadError(job, load.name, reason, f"Use written(TABLE, whole={by!r}), or upsert()")
    if not partitions and written.model and by not in columns(written.model):
        reason = f"{name} has no column {by!r}, so a slice of which it has lost the last row would stay"
        raise UnsafeLoadError(job, load.name, reason, f"Add {by!r} to its row model, e.g. as generated(...)")


def _require_one_written(job: str, load: Node, found: Sequence[Node]) -> None:
    """Raise UnsafeLoadError where slices come from several tables, of which the batch has touched different ones."""
    tables = {origin.does.table.name for origin in found if isinstance(origin.does, Written)}
    if len(tables) > 1 and load.does.write.right_for == "slices":  # type: ignore[union-attr]
        reason = f"of a slice that only one of {', '.join(sorted(tables))} was touched in, the rows of the others lack"
        raise UnsafeLoadError(job, load.name, reason, "Read all but one of them as table(TABLE)")


def _appended_whole(load: Node, found: Sequence[Node]) -> str:
    """Name the sources of which a load appends all rows whenever it is run; empty where any gives only what is new."""
    if load.table is None or load.does.write.right_for != "new":  # type: ignore[union-attr]
        return ""
    if any(origin.is_incremental or origin.function or isinstance(origin.does, Written) for origin in found):
        return ""
    return ", ".join(repr(origin.name) for origin in found)
