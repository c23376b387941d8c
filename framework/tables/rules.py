"""Rules: the constraints of a row model as SQL conditions, for its frames, and on request for its table."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo

from framework.tables.model import RowModel, fields, schema
from framework.tables.sql import text


@dataclass(frozen=True, slots=True)
class Rule:
    """A named SQL condition that every row should satisfy; a NULL condition is satisfied, as in a CHECK constraint."""

    name: str
    condition: str
    column: str = field(default="", compare=False)

    @property
    def is_not_null(self) -> bool:
        """Whether it says no more than that a column is NOT NULL."""
        return self.condition == f"`{self.column}` IS NOT NULL"


@cache
def rules(model: type[RowModel]) -> tuple[Rule, ...]:
    """Return a row model's rules: NOT NULL, ge, gt, le, lt, multiple_of, min_length, max_length, pattern, choices."""
    of_each = ((name, _rules_of(model, name, field)) for name, field in fields(model).items())
    return tuple(replace(rule, column=name) for name, found in of_each for rule in found)


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
    return [choice for kind in kinds for choice in _chosen_from(kind) if choice is not None]


def _chosen_from(kind: Any) -> Iterable[Any]:
    """Return what a type names one by one: of a Literal its values, of an Enum those of its members."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    return [each.value for each in kind] if isinstance(kind, type) and issubclass(kind, Enum) else ()


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
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    kind = {"date": "DATE", "datetime": "TIMESTAMP"}.get(type(value).__name__, "")
    return f"{kind}{text(str(value))}"
