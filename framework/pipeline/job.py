"""Job: named stages, wired when it is built.

Wiring is by name and strict: whatever cannot run is refused here, before any Spark starts, with what there is instead.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from framework.errors import (
    CycleError,
    DeclarationError,
    DuplicateFrameError,
    DuplicateLoadError,
    ParameterConflictError,
    UnknownFrameError,
    UnusedFrameError,
)
from framework.pipeline.guarantee import require_safe
from framework.pipeline.node import Node
from framework.pipeline.stage import Extract, Function, Load, Parameter, Stage, Transform, signature
from framework.sources import Source
from framework.sources.table import Written
from framework.tables import Table
from framework.tables.maintain import Maintain

NAME = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Job:
    """A named list of stages that fills tables; building it wires and refuses, running it is somebody else's.

    Raises a JobError of the kind that `framework.errors` lists.
    """

    name: str
    stages: Sequence[Stage]
    nodes: tuple[Node, ...] = field(init=False)
    parameters: Mapping[str, Parameter] = field(init=False)

    def __post_init__(self) -> None:
        """Wire the stages, in the order in which they can run."""
        if not NAME.fullmatch(self.name):
            raise DeclarationError(
                f"Job {self.name!r}", "write its name in lower-case letters, digits and _: it names files and tables"
            )
        object.__setattr__(self, "stages", tuple(self.stages))
        nodes = _wire(self.name, self.stages)
        _require_used(self.name, nodes)
        object.__setattr__(self, "parameters", _parameters(self.name, nodes))
        object.__setattr__(self, "nodes", tuple(_in_order(self.name, nodes)))
        require_safe(self.name, self.nodes)

    @property
    def incremental(self) -> "Node | None":
        """The extract whose source is read from a bookmark."""
        return next((node for node in self.nodes if node.is_incremental), None)

    @property
    def loads(self) -> tuple[Node, ...]:
        """The stages that write."""
        return tuple(node for node in self.nodes if node.kind == "load")

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that the job writes, each once."""
        return tuple({node.table.name: node.table for node in self.loads if node.table}.values())

    def consumers(self, frame: str) -> int:
        """Count the times that a frame is taken, by several stages or by one twice."""
        return sum(taken == frame for node in self.nodes for taken in node.takes.values())


def _wire(job: str, stages: Sequence[Stage]) -> list[Node]:
    makers: dict[str, Stage] = {}
    for name, stage in _frames(stages):
        if name in makers:
            raise DuplicateFrameError(job, name)
        makers[name] = stage
    loads = [stage for stage in stages if isinstance(stage, Load)]
    nodes: list[Node] = []
    for stage in stages:
        if isinstance(stage, Extract):
            nodes += [_extract_node(job, name, source, loads) for name, source in stage.sources]
        elif isinstance(stage, Load):
            nodes.append(_load_node(job, stage, makers))
        elif isinstance(stage, Transform):
            nodes.append(_transform_node(job, stage, makers))
        elif isinstance(stage, Maintain):
            nodes.append(_maintain_node(job, stage, loads, nodes))
        elif callable(stage):
            nodes.append(_transform_node(job, Transform(stage, getattr(stage, "__name__", repr(stage))), makers))
        else:
            raise DeclarationError(
                f"Job {job!r}", f"{stage!r} is no stage: use extract(), a function, transform(), load() or maintain()"
            )
    names = [node.name for node in nodes if node.kind == "load"]
    for name in names:
        if names.count(name) > 1:
            raise DuplicateLoadError(job, name)
    return nodes


def _frames(stages: Sequence[Stage]) -> Iterator[tuple[str, Stage]]:
    for stage in stages:
        if isinstance(stage, Extract):
            yield from ((name, stage) for name, _ in stage.sources)
        elif isinstance(stage, Transform):
            yield stage.name, stage
        elif not isinstance(stage, Load) and callable(stage):
            yield getattr(stage, "__name__", repr(stage)), stage


def _extract_node(job: str, name: str, source: "Source | Function", loads: Sequence[Load]) -> Node:
    if isinstance(source, Written):
        writers = [load.name for load in loads if isinstance(load.into, Table) and load.into.name == source.table.name]
        if len(writers) != 1:
            tables = [load.into.name for load in loads if isinstance(load.into, Table)]
            why = "which is written by " + (f"{len(writers)} loads of this job" if writers else "no load of this job")
            raise UnknownFrameError(job, name, f"written({source.table.name})", tables, why)
        return Node(name, "extract", source, after=(f"load {writers[0]}",), model=source.model)
    if hasattr(source, "pin"):
        return Node(name, "extract", source, model=source.model)  # type: ignore[union-attr]
    return Node(name, "extract", source, model=signature(source).makes)


def _transform_node(job: str, stage: Transform, makers: Mapping[str, Stage]) -> Node:
    taken, bound = signature(stage.function), dict(stage.bound)
    takes = {
        parameter: _resolve(job, stage.name, bound.get(parameter, parameter), makers) for parameter in taken.frames
    }
    constants = {p.name: bound[p.name] for p in taken.parameters if p.name in bound}
    return Node(stage.name, "transform", stage.function, takes, constants, model=taken.makes)


def _load_node(job: str, stage: Load, makers: Mapping[str, Stage]) -> Node:
    parameter = "rows" if isinstance(stage.into, Table) else next(iter(signature(stage.into).frames))
    return Node(stage.name, "load", stage, {parameter: _resolve(job, stage.name, stage.frame, makers)})


def _maintain_node(job: str, stage: Maintain, loads: Sequence[Load], nodes: Sequence[Node]) -> Node:
    """Maintain a table when all that the job loads is in."""
    name = stage.table.name
    if any(node.kind == "maintain" and node.name == name for node in nodes):
        raise DeclarationError(f"Job {job!r}", f"it maintains {name} twice; say all of it in one maintain()")
    return Node(name, "maintain", stage, after=tuple(f"load {load.name}" for load in loads))


def _resolve(job: str, stage: str, reference: Any, makers: Mapping[str, Stage]) -> str:
    """Return the name of the frame that a name, a function or a stage refers to."""
    if isinstance(reference, Extract) and len(reference.sources) != 1:
        made = ", ".join(name for name, _ in reference.sources)
        raise UnknownFrameError(job, stage, f"extract({made})", list(makers), "an extract of several frames; name one")
    if isinstance(reference, str):
        if reference not in makers:
            raise UnknownFrameError(job, stage, reference, list(makers))
        return reference
    found = [name for name, maker in makers.items() if maker is reference]
    found = found or [name for name, maker in makers.items() if _inside(name, maker) is reference]
    if len(found) == 1:
        return found[0]
    said = getattr(reference, "name", None) or getattr(reference, "__name__", None) or repr(reference)
    why = "which several stages make; refer to one of them" if found else "which is not among the stages"
    raise UnknownFrameError(job, stage, said, list(makers), why)


def _inside(frame: str, maker: Stage) -> Any:
    """Return the function or source that makes a frame of a stage which is not a plain function."""
    if isinstance(maker, Extract):
        return dict(maker.sources)[frame]
    return maker.function if isinstance(maker, Transform) else None


def _require_used(job: str, nodes: Sequence[Node]) -> None:
    taken = {frame for node in nodes for frame in node.takes.values()}
    unused = [node.name for node in nodes if node.kind not in ("load", "maintain") and node.name not in taken]
    if unused:
        raise UnusedFrameError(job, unused)


def _parameters(job: str, nodes: Iterable[Node]) -> dict[str, Parameter]:
    found: dict[str, Parameter] = {}
    for node in nodes:
        for parameter in node.signature.parameters if node.signature else ():
            if parameter.name in node.constants:
                continue
            first = found.setdefault(parameter.name, parameter)
            if first != parameter:
                raise ParameterConflictError(job, parameter.name, str(first), str(parameter))
    return found


def _in_order(job: str, nodes: Sequence[Node]) -> Iterator[Node]:
    """Yield each node after all that it waits for, otherwise in the order in which they were written."""
    done: set[str] = set()
    left = list(nodes)
    while left:
        ready = next((node for node in left if {*node.takes.values(), *node.after} <= done), None)
        if ready is None:
            raise CycleError(job, _circle(left))
        left.remove(ready)
        done.add(ready.key)
        yield ready


def _circle(waiting: Sequence[Node]) -> list[str]:
    """Follow what each node waits for until one comes again."""
    by_key = {node.key: node for node in waiting}
    path = [waiting[0]]
    while True:
        blocker = next(key for key in (*path[-1].takes.values(), *path[-1].after) if key in by_key)
        if by_key[blocker] in path:
            return [*(node.name for node in path[path.index(by_key[blocker]) :]), by_key[blocker].name]
        path.append(by_key[blocker])
