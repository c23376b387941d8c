"""Refusing the rows of a frame that break a rule of its row model.

A rule costs no pass of its own: the check is part of the frame's plan and raises in the task that meets the first bad
row, so the write that reads the frame never commits. Only then are the violations counted.
"""

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from framework.tables import RowModel
from framework.tables.rules import Rule, rules

MARK = "LAKEGATE_RULE_BROKEN"
EXAMPLES = 3


def enforce(rows: DataFrame, model: type[RowModel], frame: str) -> DataFrame:
    """Return the same rows, to fail in the task that meets the first one that breaks a rule, naming `frame`."""
    conditions = rules(model)
    if not conditions:
        return rows
    all_hold = " AND ".join(f"coalesce({rule.condition}, true)" for rule in conditions)
    # Not deterministic on purpose: Spark would push a deterministic check below a join or another filter, and so apply
    # it to rows that the frame does not have.
    in_place = F.monotonically_increasing_id() >= 0
    broken = F.raise_error(F.lit(f"{MARK}({frame})")).cast("boolean")
    return rows.where(F.when(F.expr(all_hold) & in_place, F.lit(True)).otherwise(broken))


def broke_rule(error: Exception, frame: str) -> bool:
    """Say whether an error of Spark comes from the rules of that frame."""
    return f"{MARK}({frame})" in str(error)


def violations(rows: DataFrame, model: type[RowModel]) -> tuple[Mapping[str, int], list[str]]:
    """Count the rows that break each rule, and give a few of them as text; a pass, made after a write has failed."""
    conditions = rules(model)
    counts = rows.agg(*(F.count_if(~_holds(rule)).alias(rule.name) for rule in conditions)).first()
    assert counts is not None
    broken = {rule.name: counts[rule.name] for rule in conditions if counts[rule.name]}
    any_broken = F.lit(False)
    for rule in conditions:
        any_broken = any_broken | ~_holds(rule)
    return broken, [_short(row.asDict()) for row in rows.where(any_broken).limit(EXAMPLES).collect()]


def _holds(rule: Rule) -> Any:
    return F.expr(f"coalesce({rule.condition}, true)")


def _short(row: Mapping[str, Any]) -> str:
    text = ", ".join(f"{name}={value!r}" for name, value in row.items())
    return text if len(text) <= 300 else text[:300] + " ..."
