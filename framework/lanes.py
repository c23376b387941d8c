"""The lanes: pairs of Spark and Delta versions that are tested together. Any other pair is refused."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lane:
    """One pair of Spark and Delta versions, and the Maven packages that bring Delta and Avro to it."""

    spark: str
    delta: str
    packages: tuple[str, ...]

    def __str__(self) -> str:
        """Name both, for a message."""
        return f"Spark {self.spark} with Delta {self.delta}"


LANES = (
    Lane("4.1", "4.2", ("io.delta:delta-spark_4.1_2.13:4.2.0", "org.apache.spark:spark-avro_2.13:4.1.1")),
    Lane(
        "3.5", "3.3", ("io.delta:delta-spark_2.12:3.3.2", "org.apache.spark:spark-avro_2.12:3.5.5")
    ),  # 3.5.6 is not on Central
)

# What Delta 4.2 asks for and Spark has already; an older copy of it would come first on the class path.
PROVIDED = (
    "org.apache.hadoop:hadoop-client-*",
    "org.apache.parquet:*",
    "org.apache.avro:*",
    "org.apache.logging.log4j:*",
    "org.slf4j:*",
    "com.fasterxml.jackson.core:*",
    "org.roaringbitmap:*",
    "org.scala-lang.modules:*",
    "org.tukaani:*",
)


def lane_of(spark: str, delta: str | None) -> Lane | None:
    """Return the lane of these versions, such as `3.5.6-amzn-2`; a Delta of None is not known, and fits every lane."""
    for lane in LANES:
        if is_of(spark, lane.spark) and (delta is None or is_of(delta, lane.delta)):
            return lane
    return None


def is_of(version: str, series: str) -> bool:
    """Say whether a version is one of a series: 4.1.1 is of 4.1, 4.10.0 is not."""
    return version == series or version.startswith(series + ".")


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with, to compare: 4.0.0-amzn-1-spark is 4, 0 and 0."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()
