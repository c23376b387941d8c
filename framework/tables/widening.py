"""Widening: which changes of a column's type Delta makes without rewriting a file, and since when."""

from pyspark.sql.types import (
    ByteType,
    DataType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    ShortType,
)

FIRST, FULL = (3, 3), (4, 0)
HAS_FULL = "Delta 4, which EMR has from emr-spark-8.1.0 on"
# The digits of what is narrower: Delta takes an integer of any width for ten, so that all fit.
DIGITS: dict[type[DataType], int] = {ByteType: 10, ShortType: 10, IntegerType: 10, LongType: 20}
NARROWER: dict[type[DataType], tuple[type[DataType], ...]] = {
    ShortType: (ByteType,),
    IntegerType: (ByteType, ShortType),
    LongType: (ByteType, ShortType, IntegerType),
    DoubleType: (ByteType, ShortType, IntegerType, FloatType),
}


def widens_since(found: DataType, wanted: DataType) -> tuple[int, int] | None:
    """Return the version of Delta since which a column of one type can be made one of the other, None if none can.

    (date to timestamp_ntz, which Delta 4 widens too, needs a feature of the table that is switched on by hand.)
    """
    if isinstance(wanted, DecimalType):
        if isinstance(found, DecimalType):
            whole, scale = found.precision - found.scale, found.scale
        elif type(found) in DIGITS:
            whole, scale = DIGITS[type(found)], 0
        else:
            return None
        fits = wanted.precision - wanted.scale >= whole and wanted.scale >= scale and wanted != found
        return FULL if fits else None
    if type(found) not in NARROWER.get(type(wanted), ()):
        return None
    return FIRST if isinstance(wanted, ShortType | IntegerType) else FULL
