"""What the columns of a row model may be: what Spark would take for something else is refused."""

from collections.abc import Iterator
from decimal import Decimal
from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin

from pydantic import BaseModel

from framework.errors import DeclarationError

COLUMN_TYPES = (
    "A column is an int, float, Decimal, bool, str, bytes, date, datetime, Literal or model, or a list or dict of these"
)


def require_columns(subject: str, model: type[BaseModel], within: tuple[type, ...] = ()) -> None:
    """Raise DeclarationError where Spark would take a column for something else, also in the models of columns.

    A Decimal without digits would be rounded to whole numbers, of a choice of types the first be taken, of two names
    that differ in case one be lost.
    """
    folded: dict[str, str] = {}
    for name, field in model.model_fields.items():
        if (other := folded.setdefault(name.casefold(), name)) != name:
            reason = f"{other!r} and {name!r} differ in case only, and Spark takes both for one column. Rename one"
            raise DeclarationError(subject, reason)
        if _mentions(field.annotation, Decimal) and not any(hasattr(m, "max_digits") for m in field.metadata):
            wanted = f"write {name}: Decimal = Field(max_digits=18, decimal_places=2), or the digits that it has"
            raise DeclarationError(subject, f"{name!r} is a Decimal without digits; {wanted}")
        if _is_choice(field.annotation):
            raise DeclarationError(subject, f"{name!r} is of one type or another, and a column has one. {COLUMN_TYPES}")
        for part in _models(field.annotation):
            if part in (model, *within):
                raise DeclarationError(subject, f"{name!r} holds a {part.__name__} in a {part.__name__}, without end")
            require_columns(f"{subject}, {name}", part, (model, *within))


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inside in get_args(annotation):
        yield from _models(inside)


def _is_choice(annotation: object) -> bool:
    """Say whether a value is of one of several types, at any depth; a choice of Literals of one type is none."""
    if get_origin(annotation) is Literal:
        return False
    inside = get_args(annotation)
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in inside if kind is not NoneType]
        literals = [kind for kind in kinds if get_origin(kind) is Literal]
        if (
            len(kinds) > max(1, len(literals))
            or len({type(value) for kind in literals for value in get_args(kind)}) > 1
        ):
            return True
    return any(map(_is_choice, inside))


def _mentions(annotation: object, kind: type) -> bool:
    return annotation is kind or any(_mentions(inside, kind) for inside in get_args(annotation))
