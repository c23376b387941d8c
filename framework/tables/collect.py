"""Collecting rows: their times as UTC, where Spark hands them over in this machine's zone and does not say so."""

from datetime import UTC
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql.types import ArrayType, DataType, MapType, StructType, TimestampType

from framework.tables.compare import holds


def collected(rows: DataFrame) -> list[Row]:
    """Return the rows, every time in them, at any depth, as UTC without a zone; a time that has no zone stays."""
    found, kind = rows.collect(), rows.schema
    return [_in_utc(row, kind) for row in found] if holds(kind, TimestampType) else found


def _in_utc(value: Any, kind: DataType) -> Any:
    if value is None or not holds(kind, TimestampType):
        return value
    if isinstance(kind, ArrayType):
        return [_in_utc(item, kind.elementType) for item in value]
    if isinstance(kind, MapType):
        return {_in_utc(k, kind.keyType): _in_utc(v, kind.valueType) for k, v in value.items()}
    if isinstance(kind, StructType):
        inside = (_in_utc(item, field.dataType) for item, field in zip(value, kind.fields, strict=True))
        return Row(*kind.names)(*inside)
    return value.astimezone(UTC).replace(tzinfo=None)
