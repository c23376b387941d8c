"""Lake: where tables live, and the session that reads and writes them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from framework.config import AwsSettings
from framework.errors import LakeNotWritableError, StorageError, UnreadableTableError
from framework.storage import Storage, storage

BETWEEN = "\u0001"  # joins what the JVM hands over at once


@dataclass(frozen=True, slots=True)
class Lake:
    """A root folder of Delta tables, seen through a Spark session and registered in a catalog or none."""

    spark: SparkSession
    root: str
    catalog: Literal["none", "hive", "glue"] = "none"
    aws: AwsSettings = field(default_factory=AwsSettings)

    def __post_init__(self) -> None:
        """Make a relative root absolute: Delta takes a relative path for a name."""
        if "://" not in self.root:
            object.__setattr__(self, "root", str(Path(self.root).absolute()))

    def path(self, name: str) -> str:
        """Return where the table `database.name` lives."""
        return "/".join([self.root.rstrip("/"), *name.split(".")])

    @property
    def storage(self) -> Storage:
        """Where the lake's files are, for the framework's own small ones."""
        return storage(self.root, self.aws, self.spark)

    def empty(self, columns: StructType) -> DataFrame:
        """Return a frame of these columns and no rows."""
        return empty(self.spark, columns)

    def delta_log(self, name: str) -> Any:
        """Return the table's transaction log, as Delta's own JVM object; it is empty where there is no table."""
        # A Python-side reader of the log would be a second opinion on what is committed. Delta's is the only one.
        # Its whole name at once: each part of `jvm.org.apache...` asks the JVM what it is.
        log: Any = getattr(self.spark._jvm, "org.apache.spark.sql.delta.DeltaLog")
        return log.forTable(self.spark._jsparkSession, self.path(name))

    def snapshot(self, name: str) -> Any:
        """Return the table's newest snapshot, as Delta's own JVM object; its version is -1 where there is no table.

        Raises UnreadableTableError where its log is damaged.
        """
        none = getattr(self.spark._jvm, "scala.Option").empty()
        with self.readable(name):
            return self.delta_log(name).update(False, none, none)

    @contextmanager
    def readable(self, name: str, version: int | None = None) -> Iterator[None]:
        """Raise UnreadableTableError for what Spark raises inside, where a table is read and nothing else done."""
        try:
            yield
        except (PySparkException, Py4JJavaError) as error:
            raise UnreadableTableError(name, self.path(name), first_line(error), version) from None

    def exists(self, name: str) -> bool:
        """Say whether the table has been created."""
        return is_made(self.snapshot(name))

    def properties(self, name: str) -> Mapping[str, str]:
        """Return the table's properties; where there is no table it has none of ours."""
        return properties_of(self.snapshot(name))

    def file_system(self, path: str) -> tuple[Any, Any]:
        """Return Hadoop's file system of a path, and the path for it: local, HDFS and S3 alike."""
        jvm: Any = self.spark._jvm
        there = jvm.org.apache.hadoop.fs.Path(path)
        return there.getFileSystem(self.spark._jsparkSession.sessionState().newHadoopConf()), there

    def require_writable(self) -> None:
        """Write and remove an empty file under the root. Raises LakeNotWritableError."""
        probe = f"{self.root.rstrip('/')}/_lakegate/writable"
        try:
            self.storage.replace(probe, "")
            self.storage.delete(probe)
        except StorageError as error:
            raise LakeNotWritableError(self.root, error.reason) from None


def empty(spark: SparkSession, columns: StructType) -> DataFrame:
    """Return a frame of these columns and no rows; PySpark's own way to make one starts a Spark job's machinery."""
    jvm: Any = spark._jvm
    kind = jvm.org.apache.spark.sql.types.DataType.fromJson(columns.json())
    rows: Any = spark._jsparkSession.createDataFrame(jvm.java.util.ArrayList(), kind)
    return type(spark.range(0))(rows, spark)


def first_line(error: Any) -> str:
    """Return what Delta says in the first line of an error, as Python or as the JVM raised it."""
    text = error.java_exception.getMessage() if isinstance(error, Py4JJavaError) else str(error)
    return str(text).strip().split("\n", 1)[0]


def is_made(snapshot: Any) -> bool:
    """Say whether a snapshot is of a table that has been created."""
    return int(snapshot.version()) >= 0


def properties_of(snapshot: Any) -> dict[str, str]:
    """Return the properties of a table, with the features of its protocol, as of a snapshot."""
    pairs = str(snapshot.getProperties().mkString(BETWEEN)).split(BETWEEN)
    return {name: value for name, _, value in (pair.partition(" -> ") for pair in pairs) if name}


def partition_columns(snapshot: Any) -> dict[str, str]:
    """Return the columns that a table is partitioned by, each with the name that the log has for it."""
    metadata = snapshot.metadata()
    names, kept = metadata.partitionSchema().fieldNames(), metadata.physicalPartitionSchema().fieldNames()
    return dict(zip(names, kept, strict=True))
