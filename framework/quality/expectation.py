"""Rules: the constraints of a row model as SQL conditions, and refusing the rows that break them.

A rule costs no pass of its own: the check is part of the frame's plan and raises in the task that meets the first bad
row, so the write that reads the frame never commits. Only then are the violations counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from framework.tables import RowModel
from framework.tables.model import schema

MARK = "LAKEGATE_RULE_BROKEN"
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """A named SQL condition that every row should satisfy; a NULL condition is satisfied, as in a CHECK constraint."""

    name: str
    condition: str


@cache
def rules(model: type[RowModel]) -> tuple[Rule, ...]:
    """Return a row model's rules: NOT NULL, ge, gt, le, lt, multiple_of, min_length, max_length, pattern, Literal."""
    return tuple(rule for name, field in model.model_fields.items() for rule in _rules_of(model, name, field))


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


def _rules_of(model: type[RowModel], name: str, field: FieldInfo) -> Iterator[Rule]:
    column = f"`{name}`"
    if not schema(model)[name].nullable:
        yield Rule(f"{name} is not NULL", f"{column} IS NOT NULL")
    if choices := _choices(field):
        yield Rule(f"{name} is one of {', '.join(map(str, choices))}", f"{column} IN ({', '.join(map(_sql, choices))})")
    for constraint in _constraints(field):
        match constraint:
            case annotated_types.Ge(ge=bound):
                yield Rule(f"{name} >= {bound}", f"{column} >= {_sql(bound)}")
            case annotated_types.Gt(gt=bound):
                yield Rule(f"{name} > {bound}", f"{column} > {_sql(bound)}")
            case annotated_types.Le(le=bound):
                yield Rule(f"{name} <= {bound}", f"{column} <= {_sql(bound)}")
            case annotated_types.Lt(lt=bound):
                yield Rule(f"{name} < {bound}", f"{column} < {_sql(bound)}")
            case annotated_types.MultipleOf(multiple_of=factor):
                yield Rule(f"{name} is a multiple of {factor}", f"{column} % {_sql(factor)} = 0")
            case annotated_types.MinLen(min_length=length):
                yield Rule(f"{name} has at least {length}", f"{_size(model, name)} >= {length}")
            case annotated_types.MaxLen(max_length=length):
                yield Rule(f"{name} has at most {length}", f"{_size(model, name)} <= {length}")
            case _ if (pattern := getattr(constraint, "pattern", None)) is not None:
                yield Rule(f"{name} matches {pattern}", f"{column} RLIKE {_sql(pattern)}")


def _choices(field: FieldInfo) -> list[Any]:
    kinds = [get_args(kind)[0] if get_origin(kind) is Annotated else kind for kind in _kinds(field)]
    return [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind) if choice is not None]


def _constraints(field: FieldInfo) -> Iterator[Any]:
    """Give the field's constraints, those within a union too: `Annotated[int, Field(ge=0)] | None`."""
    yield from field.metadata
    for kind in _kinds(field):
        for note in get_args(kind)[1:] if get_origin(kind) is Annotated else ():
            yield from note.metadata if isinstance(note, FieldInfo) else (note,)


def _kinds(field: FieldInfo) -> Sequence[Any]:
    """Return the members of a union, or else the one type."""
    kind = field.annotation
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _size(model: type[RowModel], name: str) -> str:
    kind = schema(model)[name].dataType.typeName()
    return f"{'size' if kind in ('array', 'map') else 'length'}(`{name}`)"


def _sql(value: Any) -> str:
    if isinstance(value, bool | int | float | Decimal):
        return str(value).lower()
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    kind = {"date": "DATE", "datetime": "TIMESTAMP"}.get(type(value).__name__, "")
    return f"{kind}'{text}'"


def _short(row: Mapping[str, Any]) -> str:
    text = ", ".join(f"{name}={value!r}" for name, value in row.items())
    return text if len(text) <= 300 else text[:300] + " ..."
