"""Transforms are pure: while one is compiled, no action of Spark works.

Spark has no switch for that, so the methods of its DataFrame are replaced for as long as the function runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyspark.sql import SparkSession

from framework.errors import ActionError

ACTIONS = (
    "approxQuantile", "checkpoint", "collect", "corr", "count", "cov", "crosstab", "first", "foreach",
    "foreachPartition", "head", "isEmpty", "localCheckpoint", "show", "tail", "take", "toArrow", "toLocalIterator",
    "toPandas", "transpose", "writeTo",
)  # fmt: skip
ACTION_PROPERTIES = ("rdd", "write")


@contextmanager
def no_actions(spark: SparkSession) -> Iterator[None]:
    """Make every action of a DataFrame raise ActionError; a transform that needs one would read data to plan itself."""
    rows = spark.range(0)
    replaced: list[tuple[type, str, Any]] = []

    def forbid(kind: type, name: str, value: Any) -> None:
        replaced.append((kind, name, kind.__dict__.get(name)))
        setattr(kind, name, value)

    def forbidden(action: str) -> Any:
        def refuse(*_: Any, **__: Any) -> Any:
            raise ActionError(action)

        return refuse

    frames, groups = type(rows), type(rows.groupBy())
    pivot = groups.pivot

    def pivot_with_values(self: Any, pivot_col: str, values: Any = None) -> Any:
        if values is None:
            raise ActionError("pivot() without values")
        return pivot(self, pivot_col, values)

    try:
        for name in ACTIONS:
            if hasattr(frames, name):
                forbid(frames, name, forbidden(f"{name}()"))
        for name in ACTION_PROPERTIES:
            forbid(frames, name, property(forbidden(name)))
        forbid(groups, "pivot", pivot_with_values)
        yield
    finally:
        for kind, name, original in reversed(replaced):
            if original is None:
                delattr(kind, name)
            else:
                setattr(kind, name, original)
