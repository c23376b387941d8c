"""Node: one stage of a job, wired to what it takes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from framework.pipeline.stage import Function, Load, Signature, signature
from framework.sources import Source
from framework.tables import RowModel, Table
from framework.tables.maintain import Maintain


@dataclass(frozen=True, slots=True)
class Node:
    """One stage, wired: a frame that is made, a load, or the maintenance of a table.

    `takes` maps the function's parameters to frames; for a load into a table it has the one key "rows". `after` names
    loads that must be done first.
    """

    name: str
    kind: str
    does: "Source | Function | Load | Maintain"
    takes: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    model: type[RowModel] | None = None

    @property
    def key(self) -> str:
        """What tells a frame from a load of the same name, and from the maintenance of a table."""
        return f"{self.kind} {self.name}" if self.kind in ("load", "maintain") else self.name

    @property
    def is_incremental(self) -> bool:
        """Whether its source is read from a bookmark."""
        return hasattr(self.does, "news")

    @property
    def function(self) -> "Function | None":
        """The user's function, if the stage calls one."""
        if isinstance(self.does, Load):
            return None if isinstance(self.does.into, Table) else self.does.into
        return None if isinstance(self.does, Maintain) or hasattr(self.does, "pin") else self.does

    @property
    def table(self) -> Table | None:
        """The table that a load writes."""
        return self.does.into if isinstance(self.does, Load) and isinstance(self.does.into, Table) else None

    @property
    def signature(self) -> Signature | None:
        """What the user's function takes and makes."""
        return signature(self.function) if self.function else None


def origins(node: Node, by_key: Mapping[str, Node]) -> Iterator[Node]:
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
