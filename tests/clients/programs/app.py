"""An application for Spark: it writes as many rows as it is told to a place."""

import sys

from pyspark.sql import SparkSession

count, there = sys.argv[1:]
SparkSession.builder.getOrCreate().range(int(count)).coalesce(1).write.parquet(there)
print(f"{count} rows are at {there}")
