"""A stage in one line of words."""

import inspect
from typing import Any

from framework.pipeline.node import Node
from framework.sources.files import Files
from framework.sources.table import TableSource, Written


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
    if isinstance(node.does, Files):
        return f"{node.does.format} files {node.does.path}"
    if isinstance(node.does, TableSource):
        return f"table {node.does.table.name}"
    if isinstance(node.does, Written):
        whole = f", whole {node.does.whole}" if node.does.whole else ""
        return f"written to {node.does.table.name} by this batch{whole}"
    return (inspect.getdoc(node.function) or "").split("\n", 1)[0]


def _given(write: object) -> dict[str, object]:
    names = getattr(type(write), "__dataclass_fields__", {})
    values = {name: getattr(write, name) for name in names if name != "delete_missing"}
    return {name: value for name, value in values.items() if value is not None}
