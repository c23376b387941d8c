"""What a job promises: derived from where each load's rows come from, and how it writes them.

A load into a table is one commit that carries its batch, so it happens exactly once. That is worth nothing where the
write itself would lose or double rows with what the source gives, so these are refused when the job is built.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from framework.errors import UnsafeLoadError
from framework.pipeline.node import Node
from framework.sources.changes import Changes
from framework.sources.incremental import IncrementalRows
from framework.sources.table import Written

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
    for origin in _origins(load, {node.key: node for node in nodes}):
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
        origins = list(_origins(load, by_key))
        for origin in origins:
            _require_safe(job, load, origin)
        source = next((node.does for node in origins if isinstance(node.does, Changes)), None)
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
    elif origin.is_incremental:
        if right_for in ("all", "slices"):
            way_out = "Use upsert() or append(), and derive the rest from written(TABLE)"
            raise UnsafeLoadError(job, load.name, f"{removes}, and {origin.name!r} holds only what is new", way_out)
        if isinstance(source, IncrementalRows) and source.lag and right_for == "new":
            reason = f"with lag, {origin.name!r} holds rows that were read before, and {adds}"
            raise UnsafeLoadError(job, load.name, reason, "Use upsert(), or no lag")


def _origins(node: Node, by_key: Mapping[str, Node]) -> Iterator[Node]:
    """Yield the extracts that a stage's rows come from, each once."""
    seen, waiting = set(), [node]
    while waiting:
        for frame in waiting.pop().takes.values():
            if frame in seen:
                continue
            seen.add(frame)
            waiting.append(by_key[frame])
            if by_key[frame].kind == "extract":
                yield by_key[frame]
