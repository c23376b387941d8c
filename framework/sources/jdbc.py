"""Tables of a database, read by Spark's JDBC: the columns of a row model, in partitions where one is named.

A `timestamp` without zone means UTC, and a filter on a timestamp means in the database what it means here. Spark reads
and writes such times in the zone of the JVM, saying none, and PostgreSQL's driver opens its sessions in that zone. So
it is UTC: for the driver's JVM by session.py, for those of executors by base.toml.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, DataFrameReader
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    IntegralType,
    LongType,
    ShortType,
    StructField,
    StructType,
    TimestampType,
)

from framework.batch import Pin
from framework.errors import DatabaseError, DeclarationError, DriverMissingError, FrameMismatchError, alternatives
from framework.sources.source import Reading
from framework.tables import RowModel
from framework.tables.model import columns, differences, schema

OURS = ("url", "dbtable", "query", "user", "fetchsize", "partitioncolumn", "lowerbound", "upperbound", "numpartitions")
CREDENTIAL = re.compile(r"pass|pwd|secret|token|credential", re.IGNORECASE)
CREDENTIAL_IN_URL = re.compile(rf"({CREDENTIAL.pattern})[^=&;?/]*=", re.IGNORECASE)
SECRET_NAME = re.compile(r"[\w/+=.@-]+")
QUERY = re.compile(r"\(.*\)\s*(?:as\s+)?([^\s()]+)\s*", re.IGNORECASE | re.DOTALL)
DRIVERS = {"postgresql": "org.postgresql.Driver"}  # of another database, the option `driver` says it
DIVISIBLE = (IntegralType, DateType, TimestampType)
EXACT = (IntegralType, DecimalType)
DIGITS: Mapping[type[DataType], int] = {ByteType: 3, ShortType: 5, IntegerType: 10, LongType: 19}


@dataclass(frozen=True, slots=True)
class Jdbc:
    """A table of a database; made by `jdbc`. It holds the name of the password's secret, never the password."""

    url: str
    table: str
    model: type[RowModel]
    user: str | None = None
    password: str | None = None
    partition_on: str | None = None
    partitions: int = 8
    fetch_size: int = 10_000
    options: Mapping[str, str] = field(default_factory=dict)

    keeps_malformed = False
    unpinned = "a database shows its rows as they are now"

    def __post_init__(self) -> None:
        """Refuse what would show a password, and partitions that cannot be."""
        if reason := _reason(self):
            raise DeclarationError(str(self), reason)

    def __str__(self) -> str:
        return f"jdbc({self.table!r})"

    @property
    def known_as(self) -> str:
        """What a bookmark says that it is of: of a query its alias, since what it selects may be mended."""
        query = QUERY.fullmatch(self.table.strip())
        return f"jdbc({query[1] if query else self.table!r})"

    def schema(self, reading: Reading) -> StructType:
        """Return the model's columns, without connecting."""
        return schema(self.model)

    def pin(self, reading: Reading) -> Pin:
        """Pin nothing, since a database shows its rows as they are now; but connect, and compare the columns.

        Raises DatabaseError, DriverMissingError, FrameMismatchError or SecretMissingError.
        """
        with self._in_its_words():
            self._chosen(self._reader(reading, self.table).load())
        return Pin()

    def read(self, reading: Reading, pin: Pin) -> DataFrame:
        """Read the model's columns, each cast to its declared type where that loses nothing."""
        with self._in_its_words():
            return self._chosen(self._reader(reading, self.table, **self._bounds(reading)).load())

    def _reader(self, reading: Reading, table: str, **partitioning: str) -> DataFrameReader:
        reader = reading.lake.spark.read.format("jdbc")
        if (database := self.url.split(":")[1]) in DRIVERS:
            reader.option("driver", DRIVERS[database])
        reader.options(**self.options, **partitioning, url=self.url, dbtable=table, fetchsize=self.fetch_size)
        if self.user:
            reader.option("user", self.user)
        if self.password:
            reader.option("password", reading.secret(self.password))
        return reader

    def _bounds(self, reading: Reading) -> dict[str, str]:
        """Ask for the least and the greatest value to divide by; without any there is nothing to divide."""
        if self.partition_on is None:
            return {}
        jvm: Any = reading.lake.spark._jvm
        quoted = jvm.org.apache.spark.sql.jdbc.JdbcDialects.get(self.url).quoteIdentifier(self.partition_on)
        asked = f"(SELECT min({quoted}) AS low, max({quoted}) AS high FROM {self.table}) bounds"
        kind = schema(self.model)[self.partition_on].dataType
        found = self._reader(reading, asked).load()
        low, high = found.select(*(found[name].cast(kind).cast("string") for name in found.columns)).collect()[0]
        if low is None:
            return {}
        return {
            "partitionColumn": self.partition_on,
            "lowerBound": low,
            "upperBound": high,
            "numPartitions": str(self.partitions),
        }

    def _chosen(self, rows: DataFrame) -> DataFrame:
        declared = schema(self.model)
        found = StructType([_as_declared(field, declared) for field in rows.schema if field.name in declared.names])
        if said := differences(declared, found):
            raise FrameMismatchError(str(self), said, rows.columns)
        return rows.select(*(F.col(f.name).cast(f.dataType).alias(f.name) for f in declared))

    @contextmanager
    def _in_its_words(self) -> Iterator[None]:
        """Raise what the database or the way to it says as an error of ours, without the JVM's frames."""
        try:
            yield
        except (Py4JJavaError, PySparkException) as error:
            causes = list(_causes(error))
            if any(kind == "java.lang.ClassNotFoundException" or said == "No suitable driver" for kind, said in causes):
                raise DriverMissingError(self.url) from None
            own = [said for kind, said in causes if not kind.startswith("org.apache.spark.")]
            raise DatabaseError(str(self), ": ".join(dict.fromkeys(own or [said for _, said in causes]))) from None


def jdbc(
    url: str,
    table: str,
    model: type[RowModel],
    *,
    user: str | None = None,
    password: str | None = None,
    partition_on: str | None = None,
    partitions: int = 8,
    fetch_size: int = 10_000,
    **options: str,
) -> Jdbc:
    """Read a table of a database, or a query in brackets with an alias: `"(SELECT ...) AS open_orders"`.

    `model` declares the columns to read; `password` is the name of a secret. `partition_on` names a column of whole
    numbers, dates or timestamps: its values are divided into `partitions` ranges of equal width, and each is read by a
    query of its own. Further `options` are Spark's.
    """
    return Jdbc(url, table, model, user, password, partition_on, partitions, fetch_size, options)


def _reason(source: Jdbc) -> str | None:
    """Say what is wrong with a declaration, without repeating a value that may be a password."""
    if not source.url.startswith("jdbc:"):
        return "the url must begin with jdbc:"
    if "@" in source.url.removeprefix("jdbc:oracle:thin:@") or CREDENTIAL_IN_URL.search(source.url):
        return "the url holds a user or a password; give user=, and the name of a secret as password="
    if source.password is not None and not SECRET_NAME.fullmatch(source.password):
        return "password= is no name of a secret; keep the password in the environment or in AWS Secrets Manager"
    for name in source.options:
        if CREDENTIAL.search(name):
            return f"option {name!r} holds a credential; give the name of a secret as password="
        if name.lower() in OURS:
            return f"option {name!r} is set by lakegate"
    if source.partitions < 1:
        return f"partitions is {source.partitions} and must be at least 1"
    if source.partition_on is None:
        return None
    if source.partition_on not in columns(source.model):
        return f"partition_on is no column. {alternatives(source.partition_on, columns(source.model))}"
    if not isinstance(kind := schema(source.model)[source.partition_on].dataType, DIVISIBLE):
        return f"partition_on is {kind.simpleString()} and must be a whole number, a date or a timestamp"
    return None


def _as_declared(found: StructField, declared: StructType) -> StructField:
    kind = declared[found.name].dataType
    return StructField(found.name, kind if _loses_nothing(found.dataType, kind) else found.dataType)


def _loses_nothing(found: DataType, declared: DataType) -> bool:
    """Say whether each value of one numeric type is a value of the other."""
    if isinstance(declared, DoubleType):
        return isinstance(found, (FloatType, ByteType, ShortType, IntegerType))
    if not isinstance(found, EXACT) or not isinstance(declared, EXACT):
        return False
    (whole, decimals), (room, kept) = _digits(found), _digits(declared)
    if isinstance(found, DecimalType) and isinstance(declared, IntegralType):
        room -= 1  # of a Decimal all digits can be 9
    return whole <= room and decimals <= kept


def _digits(kind: IntegralType | DecimalType) -> tuple[int, int]:
    """Return how many digits a number can have before and after its point."""
    return (kind.precision - kind.scale, kind.scale) if isinstance(kind, DecimalType) else (DIGITS[type(kind)], 0)


def _causes(error: Any) -> Iterator[tuple[str, str]]:
    """Return the class and the words of an error of the JVM, and of what caused it."""
    cause = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    if cause is None:
        yield "", str(error)
    while cause is not None:
        kind = cause.getClass().getName()
        yield kind, " ".join((cause.getMessage() or kind).split())
        cause = cause.getCause()
