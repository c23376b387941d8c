"""A stage in one line of words."""

import inspect
from typing import Any

from framework.pipeline.node import Node
from framework.sources.changes import Changes
from framework.sources.files import Files
from framework.sources.incremental import IncrementalFiles, IncrementalRows
from framework.sources.table import TableSource, Written
from framework.tables.maintain import Maintain


def describe(node: Node) -> str:
    """Return what a stage is and does, such as `load silver.flights: upsert by carrier, flight`."""
    said = f"{node.kind} {node.name}"
    detail = _detail(node)
    return f"{said}: {detail}" if detail else said


def _detail(node: Node) -> str:
    if node.table:
        keys = f" by {', '.join(node.table.keys)}" if node.table.keys else ""
        write: Any = node.does.write  # type: ignore[union-attr]
        arguments = ", ".join(f"{name}={value!r}" for name, value in _given(write).items())
        verb = write.verb
        into = "" if node.name == node.table.name else f"into {node.table.name}, "
        return f"{into}{verb}({arguments})" + (keys if verb in ("upsert", "sync") else "")
    if node.kind == "load":
        return "a function of your own, at least once"
    if isinstance(node.does, Maintain):
        return ", ".join(f"{key} = {value}" for key, value in node.does.properties.items())
    if node.function:
        return (inspect.getdoc(node.function) or "").split("\n", 1)[0]
    return _source(node.does)


def _source(source: Any) -> str:
    if isinstance(source, Files):
        return f"{source.format} files {source.path}"
    if isinstance(source, TableSource):
        return f"table {source.table.name}" + (f" as run {source.run} left it" if source.run else "")
    if isinstance(source, Written):
        whole = f", whole {source.whole}" if source.whole else ""
        return f"written to {source.table.name} by this batch{whole}"
    if isinstance(source, Changes):
        return f"changes of {source.table.name} since the last batch"
    if isinstance(source, IncrementalFiles):
        return f"new {_source(source.source)}"
    if isinstance(source, IncrementalRows):
        lag = f", {source.lag} back" if source.lag else ""
        return f"{_source(source.source)}, new by {source.by}{lag}"
    return str(getattr(source, "described", type(source).__name__.lower()))


def _given(write: object) -> dict[str, object]:
    names = getattr(type(write), "__dataclass_fields__", {})
    values = {name: getattr(write, name) for name in names if name != "delete_missing"}
    return {name: value for name, value in values.items() if value is not None}
