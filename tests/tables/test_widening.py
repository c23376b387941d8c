from itertools import permutations
from typing import Any

from pyspark.sql.types import (
    AtomicType,
    ByteType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    ShortType,
    StringType,
    TimestampType,
)

from framework.lanes import numbers
from framework.session import lane
from framework.tables import Lake
from framework.tables.widening import widens_since

TYPES: list[AtomicType] = [
    ByteType(), ShortType(), IntegerType(), LongType(), FloatType(), DoubleType(), StringType(), DateType(),
    TimestampType(), DecimalType(9, 0), DecimalType(10, 0), DecimalType(10, 2), DecimalType(12, 2), DecimalType(12, 4),
    DecimalType(19, 0), DecimalType(20, 0), DecimalType(22, 2),
]  # fmt: skip


def test_a_type_widens_where_delta_itself_says_that_it_does(lake: Lake) -> None:
    jvm: Any = lake.spark._jvm
    delta = jvm.org.apache.spark.sql.delta.TypeWidening
    kinds = [(kind, jvm.org.apache.spark.sql.types.DataType.fromJson(kind.json())) for kind in TYPES]
    ours, theirs = set(), set()
    for (found, there), (wanted, then) in permutations(kinds, 2):
        since = widens_since(found, wanted)
        if since and since <= numbers(lane().delta):
            ours.add((found.simpleString(), wanted.simpleString()))
        if delta.isTypeChangeSupported(there, then):
            theirs.add((found.simpleString(), wanted.simpleString()))
    assert ours == theirs
    assert ("smallint", "int") in theirs
