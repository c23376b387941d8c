"""Comparing values of any type: Spark compares everything but maps, and shows times in the zone of a session."""

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


def in_utc(value: Column) -> Column:
    """Return a timestamp without a zone, as clocks show it in UTC, whatever the zone of the session."""
    # Not by a cast of the timestamp to a decimal, which Spark 3.5 makes of a double.
    seconds = F.unix_micros(value).cast("decimal(20,0)") / F.lit(1_000_000)
    since = F.make_dt_interval(secs=seconds.cast("decimal(18,6)"))
    return F.lit("1970-01-01").cast("timestamp_ntz") + since


def holds(kind: DataType, of: type[DataType]) -> bool:
    """Say whether values of a type have one of another in them, at any depth."""
    return isinstance(kind, of) or any(holds(inner, of) for _, inner in inside(kind))
