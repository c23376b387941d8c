"""Diff: the rows in which two versions of a table differ."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType

from framework.tables.alter import schema_of
from framework.tables.compare import comparable, holds
from framework.tables.lake import Lake
from framework.tables.read import read
from framework.tables.sql import named, unlike
from framework.tables.table import Table
from framework.tables.widening import widens_since

TIMES = "_times"
KEPT_AS = "delta.columnMapping.physicalName"  # what a column's files call it, however it was renamed


def diff(lake: Lake, table: Table, old: int, new: int) -> DataFrame:
    """Return each row that one version has more often than the other, and how much more often the new one has it.

    old   city    new   city    difference   city   _times
          Oslo          Oslo                 Rome   -1
          Rome          Bonn                 Bonn   2
                        Bonn                 NULL   1
                        NULL

    NULL is a value like others. What a version does not have of a column, or of its structs, is NULL in it. A column
    that was renamed has its name in the new version. One whose type was widened is compared as the wider one; one that
    has another type altogether is another column, and both are called with their types, such as `zip (string)`. How
    often is the last column, `_times` where the table has no column of that name. Raises UnknownSnapshotError.
    """
    before, after = (read(lake, table, version=version) for version in (old, new))
    before = _as_called(before, _schema(after))
    columns = list(_columns(before.schema, after.schema))
    kinds = {f"_{n}": each.kind for n, each in enumerate(columns)}  # no name of theirs meets one of ours
    was = before.select(*(_value(each.old, each.kind) for each in columns), F.lit(-1)).toDF(*kinds, TIMES)
    now = after.select(*(_value(each.new, each.kind) for each in columns), F.lit(1)).toDF(*kinds, TIMES)
    whole = {name: f"_map{name}" for name, kind in kinds.items() if holds(kind, MapType)}
    by = (comparable(F.col(name), kind).alias(name) for name, kind in kinds.items())
    kept = (F.first(F.col(name)).alias(kept) for name, kept in whole.items())
    grouped = was.union(now).groupBy(*by).agg(F.sum(TIMES).alias(TIMES), *kept).where(f"{TIMES} <> 0")
    names: list[str] = []
    for each in columns:
        names.append(unlike(each.name, names))
    return grouped.select(*(whole.get(name, name) for name in kinds), TIMES).toDF(*names, unlike(TIMES, names))


def ordered(difference: DataFrame) -> DataFrame:
    """Return a difference in the order of its columns."""
    return difference.orderBy(*(comparable(F.col(named((f.name,))), f.dataType) for f in difference.schema.fields))


def _schema(rows: DataFrame) -> StructType:
    """Return the columns of a version with what Delta notes of them, which a frame's own schema leaves out."""
    plan: Any = rows._jdf.queryExecution().analyzed()
    return schema_of(plan.collectLeaves().head().relation().location().snapshotAtAnalysis())


def _as_called(before: DataFrame, now: StructType) -> DataFrame:
    """Return a version with the names that another has for its columns."""
    was = _schema(before)
    columns = _renamed(was, now)
    assert isinstance(columns, StructType)
    pairs = zip(was.names, columns.fields, strict=True)  # Spark casts structs by the places of their columns
    return before.select(*(F.col(named((name,))).cast(field.dataType).alias(field.name) for name, field in pairs))


def _renamed(old: DataType, new: DataType) -> DataType:
    """Return a type with the names that another has for the same columns; none has the name of one that is gone.

    old                                new                                     returned
    STRUCT<zip INT, no INT, by INT>    STRUCT<no BIGINT, by INT>, no was zip   STRUCT<no INT, _no INT, by INT>
    """
    if isinstance(old, StructType) and isinstance(new, StructType):
        was, now = ({_kept_as(field): field for field in columns.fields} for columns in (old, new))
        names = {kept: now[kept].name for kept in was if kept in now}
        for kept, field in was.items():
            names.setdefault(kept, unlike(field.name, names.values()))
        kinds = {kept: _renamed(was[kept].dataType, now.get(kept, was[kept]).dataType) for kept in was}
        return StructType([StructField(names[kept], kinds[kept]) for kept in was])
    if isinstance(old, ArrayType) and isinstance(new, ArrayType):
        return ArrayType(_renamed(old.elementType, new.elementType))
    if isinstance(old, MapType) and isinstance(new, MapType):
        return MapType(_renamed(old.keyType, new.keyType), _renamed(old.valueType, new.valueType))
    return old


def _kept_as(column: StructField) -> str:
    return str(column.metadata.get(KEPT_AS, column.name)).casefold()


@dataclass(frozen=True, slots=True)
class _Compared:
    """A column of the difference, and the one that it is in each version."""

    name: str
    kind: DataType
    old: StructField | None
    new: StructField | None


def _columns(old: StructType, new: StructType) -> Iterator[_Compared]:
    have, wanted = ({field.name.casefold(): field for field in columns.fields} for columns in (old, new))
    for name in dict.fromkeys((*have, *wanted)):
        was, now = have.get(name), wanted.get(name)
        if was is None or now is None:
            only = was or now
            assert only is not None
            yield _Compared(only.name, only.dataType, was, now)
        elif kind := _common(was.dataType, now.dataType):
            yield _Compared(now.name, kind, was, now)
        else:
            yield _Compared(f"{was.name} ({was.dataType.simpleString()})", was.dataType, was, None)
            yield _Compared(f"{now.name} ({now.dataType.simpleString()})", now.dataType, None, now)


def _common(old: DataType, new: DataType) -> DataType | None:
    """Return the type that holds the values of both, None where neither was made of the other."""
    if isinstance(old, StructType) and isinstance(new, StructType):
        have, wanted = ({field.name: field.dataType for field in columns.fields} for columns in (old, new))
        kinds = {n: _common(have.get(n, kind), wanted.get(n, kind)) for n, kind in {**have, **wanted}.items()}
        if len({*map(str.casefold, kinds)}) < len(kinds):
            return None
        fields = [StructField(name, kind) for name, kind in kinds.items() if kind]
        return StructType(fields) if len(fields) == len(kinds) else None
    if isinstance(old, ArrayType) and isinstance(new, ArrayType):
        element = _common(old.elementType, new.elementType)
        return ArrayType(element) if element else None
    if isinstance(old, MapType) and isinstance(new, MapType):
        key, value = _common(old.keyType, new.keyType), _common(old.valueType, new.valueType)
        return MapType(key, value) if key and value else None
    if old.simpleString() == new.simpleString() or widens_since(old, new):
        return new
    return old if widens_since(new, old) else None


def _value(column: StructField | None, kind: DataType) -> Column:
    if column is None:
        return F.lit(None).cast(kind)
    return _as(F.col(named((column.name,))), column.dataType, kind)


def _as(value: Column, found: DataType, wanted: DataType) -> Column:
    """Return a value as one of a type that holds it; Spark casts structs by the places of their columns."""
    if found.simpleString() == wanted.simpleString():
        return value
    if isinstance(found, StructType) and isinstance(wanted, StructType):
        have = {field.name: field.dataType for field in found.fields}
        parts = (
            (_as(value[f.name], have[f.name], f.dataType) if f.name in have else F.lit(None).cast(f.dataType)).alias(
                f.name
            )
            for f in wanted.fields
        )
        return F.when(value.isNotNull(), F.struct(*parts))
    if isinstance(found, ArrayType) and isinstance(wanted, ArrayType):
        return F.transform(value, lambda item: _as(item, found.elementType, wanted.elementType))
    if isinstance(found, MapType) and isinstance(wanted, MapType):
        return F.map_from_entries(
            F.transform(
                F.map_entries(value),
                lambda entry: F.struct(
                    _as(entry["key"], found.keyType, wanted.keyType),
                    _as(entry["value"], found.valueType, wanted.valueType),
                ),
            )
        )
    return value.cast(wanted)
