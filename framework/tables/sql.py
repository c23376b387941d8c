"""Columns at any depth, and how SQL writes them.

A path leads through structs by name, into the values of a list by `element`, into those of a map by `key` and `value`.
"""

from collections.abc import Callable, Collection, Iterator
from typing import TypeAlias

from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType

Path: TypeAlias = tuple[str, ...]


def named(path: Path) -> str:
    """Write a column."""
    return ".".join("`" + name.replace("`", "``") + "`" for name in path)


def text(value: str) -> str:
    """Write a string; the dollar of `${name}` as its code, for Spark puts the value of a setting there otherwise."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\u0024{")
    return f"'{escaped}'"


def unlike(name: str, names: Collection[str]) -> str:
    """Return a name, or if one of the names is the same to Spark, which looks at no case, another like it."""
    while name.casefold() in map(str.casefold, names):
        name = f"_{name}"
    return name


def ddl(kind: DataType) -> str:
    """Write a type, with the comments within it."""
    if isinstance(kind, StructType):
        return f"STRUCT<{', '.join(map(_field, kind.fields))}>"
    if isinstance(kind, ArrayType):
        return f"ARRAY<{ddl(kind.elementType)}>"
    if isinstance(kind, MapType):
        return f"MAP<{ddl(kind.keyType)}, {ddl(kind.valueType)}>"
    return kind.simpleString()


def _field(field: StructField) -> str:
    comment = field.metadata.get("comment")
    return f"{named((field.name,))}: {ddl(field.dataType)}" + (f" COMMENT {text(comment)}" if comment else "")


def paths(kind: DataType, path: Path = ()) -> Iterator[str]:
    """Give every column of a schema, and those within them."""
    for name, inner in inside(kind):
        if isinstance(kind, StructType):
            yield ".".join((*path, name))
        yield from paths(inner, (*path, name))


def inside(kind: DataType) -> Iterator[tuple[str, DataType]]:
    """Give the types directly within a type, each by its name there."""
    if isinstance(kind, StructType):
        yield from ((field.name, field.dataType) for field in kind.fields)
    elif isinstance(kind, ArrayType):
        yield "element", kind.elementType
    elif isinstance(kind, MapType):
        yield "key", kind.keyType
        yield "value", kind.valueType


def edited(columns: StructType, path: Path, edit: Callable[[StructField], list[StructField]]) -> StructType:
    """Return the columns with others in the place of the one that the path leads to."""
    fields: list[StructField] = []
    for field in columns.fields:
        if field.name != path[0]:
            fields.append(field)
        elif len(path) == 1:
            fields += edit(field)
        else:
            fields.append(
                StructField(field.name, _edited(field.dataType, path[1:], edit), field.nullable, field.metadata)
            )
    return StructType(fields)


def _edited(kind: DataType, path: Path, edit: Callable[[StructField], list[StructField]]) -> DataType:
    if isinstance(kind, ArrayType):
        return ArrayType(_edited(kind.elementType, path[1:], edit), kind.containsNull)
    if isinstance(kind, MapType) and path[0] == "key":
        return MapType(_edited(kind.keyType, path[1:], edit), kind.valueType, kind.valueContainsNull)
    if isinstance(kind, MapType):
        return MapType(kind.keyType, _edited(kind.valueType, path[1:], edit), kind.valueContainsNull)
    assert isinstance(kind, StructType)
    return edited(kind, path, edit)
