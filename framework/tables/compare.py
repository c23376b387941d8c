"""Comparing values of any type: Spark compares everything but maps."""

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StructType


def comparable(column: Column, kind: DataType) -> Column:
    """Return the column as Spark can compare it: a map, however deep inside, becomes its entries in order."""
    if not holds_map(kind):
        return column
    if isinstance(kind, ArrayType):
        return F.transform(column, lambda item: comparable(item, kind.elementType))
    if isinstance(kind, StructType):
        inside = (comparable(column[field.name], field.dataType).alias(field.name) for field in kind.fields)
        return F.when(column.isNotNull(), F.struct(*inside))
    assert isinstance(kind, MapType)
    entry = StructType().add("key", kind.keyType).add("value", kind.valueType)
    return F.array_sort(comparable(F.map_entries(column), ArrayType(entry)))


def holds_map(kind: DataType) -> bool:
    """Say whether values of a type have a map in them."""
    if isinstance(kind, StructType):
        return any(holds_map(field.dataType) for field in kind.fields)
    return isinstance(kind, MapType) or (isinstance(kind, ArrayType) and holds_map(kind.elementType))
