"""A job for YARN: write where each of its tasks ran, as JSON lines, to a folder; a task takes some seconds."""

import os
import sys
import time
from collections.abc import Iterable, Iterator

from pyspark.sql import SparkSession

FOLDER, TASKS, SECONDS = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])


def where(rows: Iterable[int]) -> Iterator[tuple[str, str, int]]:
    """Say on which host and in which container these rows are."""
    count = sum(1 for _ in rows)
    time.sleep(SECONDS)
    yield os.environ["NM_HOST"], os.environ["CONTAINER_ID"], count


spark = SparkSession.builder.getOrCreate()
seen = spark.sparkContext.parallelize(range(10 * TASKS), TASKS).mapPartitions(where)
spark.createDataFrame(seen, "host string, container string, rows int").write.json(FOLDER)
sys.stdout.write(f"driver on {os.environ['NM_HOST']}\n")
spark.stop()
