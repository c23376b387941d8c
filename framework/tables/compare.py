"""Comparing values of any type: Spark compares everything but maps."""

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from framework.tables.sql import inside


def comparable(column: Column, kind: DataType) -> Column:
    """Return the column as Spark can compare it: a map, however deep inside, becomes its entries in order."""
    if not holds(kind, MapType):
        return column
    if isinstance(kind, ArrayType):
        return F.transform(column, lambda item: comparable(item, kind.elementType))
    if isinstance(kind, StructType):
        parts = (comparable(column[field.name], field.dataType).alias(field.name) for field in kind.fields)
        return F.when(column.isNotNull(), F.struct(*parts))
    assert isinstance(kind, MapType)
    entry = StructType().add("key", kind.keyType).add("value", kind.valueType)
    return F.array_sort(comparable(F.map_entries(column), ArrayType(entry)))


def holds(kind: DataType, of: type[DataType]) -> bool:
    """Say whether values of a type have one of another in them, at any depth."""
    return isinstance(kind, of) or any(holds(inner, of) for _, inner in inside(kind))
