"""Compaction: which partitions of a table are worth rewriting, and doing it. No row changes, no reader notices.

A partition is worth it once it has `small_files` files of less than half the target size: two such make one, and as
many as that have to come before it is rewritten again. A table that is clustered is rewritten as a whole, by Delta's
own choice of files, once so many of its files are not clustered yet, or such files hold a quarter of its bytes. Delta
marks what it rewrites as no change of data, so that neither a change feed nor a stream sees it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from framework import fault
from framework.counted import counted
from framework.session import derive
from framework.tables.alter import clustering
from framework.tables.lake import Lake, partition_columns
from framework.tables.slices import MOST_LITERALS, any_partition

MB = 1024 * 1024
WORTH = 0.25
OPTIMIZE = "spark.databricks.delta.optimize"


@dataclass(frozen=True, slots=True)
class Compaction:
    """What is worth rewriting of a table: so many files of these partitions (one of no column if unpartitioned)."""

    files: int = 0
    partitions: tuple[Mapping[str, str | None], ...] = ()
    clustered_by: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`12 small files in 2 partitions`."""
        if self.clustered_by:
            return f"{counted(self.files, 'file')} not clustered by {', '.join(self.clustered_by)}"
        many = "" if self.partitions == ({},) else f" in {counted(len(self.partitions), 'partition')}"
        return f"{counted(self.files, 'small file')}{many}"


def worth_rewriting(lake: Lake, table: str, *, small_files: int, target_mb: int) -> Compaction:
    """Return what of a table is worth rewriting; of many partitions those with the most small files."""
    snapshot = lake.snapshot(table)
    files = DataFrame(snapshot.allFiles().toDF(), lake.spark)
    if by := clustering(lake, snapshot):
        loose = F.col("clusteringProvider").isNull()
        found = files.agg(
            F.count_if(loose).alias("files"),
            F.sum(F.when(loose, F.col("size")).otherwise(0)).alias("bytes"),
            F.sum("size").alias("all"),
        ).first()
        assert found
        is_due = found["files"] and (found["files"] >= small_files or found["bytes"] >= WORTH * found["all"])
        return Compaction(found["files"], ({},), by) if is_due else Compaction()
    named = partition_columns(snapshot)
    values = [F.col("partitionValues")[kept].alias(name) for name, kept in named.items()]
    small = files.where(F.col("size") < target_mb * MB // 2).select(*values, F.lit(1).alias("_one"))
    counted = small.groupBy(*named).agg(F.count("_one").alias("_files")).where(F.col("_files") >= small_files)
    rows = counted.orderBy(F.desc("_files")).limit(MOST_LITERALS).collect()
    return Compaction(sum(row["_files"] for row in rows), tuple({name: row[name] for name in named} for row in rows))


def rewrite(
    lake: Lake, table: str, due: Compaction, *, zorder_by: Sequence[str], target_mb: int, notes: Mapping[str, Any]
) -> None:
    """Rewrite what is worth it in one commit; in Z-order, where columns are given, the partitions as a whole."""
    confs = {
        "spark.databricks.delta.commitInfo.userMetadata": json.dumps(dict(notes)),
        f"{OPTIMIZE}.minFileSize": str(target_mb * MB // 2),
        f"{OPTIMIZE}.maxFileSize": str(target_mb * MB),
    }
    there = DeltaTable.forPath(derive(lake.spark, confs), lake.path(table))
    command = there.optimize()
    if due.partitions[0]:
        command = command.where(any_partition(there.toDF().schema, due.partitions))
    fault.point(f"before compaction {table}")
    if zorder_by:
        command.executeZOrderBy(*zorder_by)
    else:
        command.executeCompaction()
    fault.point(f"after compaction {table}")
