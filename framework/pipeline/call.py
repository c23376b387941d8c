"""Calling a user's function: each parameter gets its frame, its given value, or its run parameter."""

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from framework.batch import Interval, Run
from framework.pipeline.node import Node


def call(
    node: Node,
    frames: Mapping[str, DataFrame | None],
    spark: SparkSession,
    interval: Interval,
    run: Run,
    parameters: Mapping[str, Any],
) -> Any:
    """Call the function of a stage; `frames` are by the function's own parameter names."""
    taken, function = node.signature, node.function
    assert taken is not None
    assert function is not None
    given = {SparkSession: spark, Interval: interval, Run: run}
    values = {**parameters, **node.constants}
    return function(
        **frames,
        **{name: given[kind] for name, kind in taken.given.items()},
        **{parameter.name: values[parameter.name] for parameter in taken.parameters},
    )
