"""Planning every key of a batch, as the source of a MERGE.

Each key is planned in a plain Python function, so that what runs on the executors is what the tests try without Spark.
The values stay in Spark: the function sees periods as numbers and, of each value, the place of the first equal one, so
no type can be bent on the way. (Pandas or Arrow functions would need pandas and pyarrow on a cluster.)
"""

from datetime import datetime
from functools import partial

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, LongType, StringType, StructType

from framework.tables.history.shape import Shape, place_of
from framework.tables.history.times import timestamp
from framework.timeline import steps

STEPS = ArrayType(
    StructType()
    .add("does", StringType())
    .add("start", LongType())
    .add("end", LongType())
    .add("row", LongType())
    .add("cells", ArrayType(LongType()))
)


def planned(shape: Shape, rows: DataFrame, target: DataFrame, now: datetime, pruning: str | None) -> DataFrame:
    """Return what is to be done, row by row; lazy, so that the MERGE reads the target."""
    keys = list(shape.table.keys)
    there = target.alias("t").where(f"t.`{shape.write.system[1]}` >= {timestamp(now)}")
    if pruning:
        there = there.where(pruning)
    told = rows.select(*keys, shape.row.alias("_row"))
    there = there.join(rows.select(*keys).distinct(), keys, "left_semi")
    believed = there.select(*keys, shape.believed(now).alias("_row"))
    numbered, cells = together(shape, told.unionByName(believed))
    of_each = F.udf(partial(steps, coalesce=shape.write.coalesce), STEPS, useArrow=False)(
        F.transform("_rows", lambda row: row.dropFields("values", "system_from")),
        cells,
    )
    done = numbered.withColumn("_steps", of_each).select(
        *keys, F.explode(F.transform("_steps", lambda step: _step(shape, step))).alias("_step")
    )
    return done.select(*keys, "_step.*")


def together(shape: Shape, rows: DataFrame) -> tuple[DataFrame, Column]:
    """Return the rows of each key as `_rows`, and the places of their values, column by column."""
    of_key = rows.groupBy(*shape.table.keys).agg(F.collect_list("_row").alias("_rows"))
    numbered = of_key.withColumns({f"_c{n}": _values(shape, name) for n, name in enumerate(shape.payload)})
    cells = [_places(f"_c{n}") for n, _ in enumerate(shape.payload)]
    return numbered, F.array(*cells).cast("array<array<bigint>>")


def _values(shape: Shape, name: str) -> Column:
    """Return the values that the rows of a key have in a column."""
    return F.transform("_rows", lambda row: shape.comparable(row, name))


def _places(values: str) -> Column:
    """Return for each value where the first equal one is, counted from 1; 0 for NULL."""
    return F.transform(values, lambda value: F.coalesce(place_of(value, F.col(values)), F.lit(0)))


def _step(shape: Shape, step: Column) -> Column:
    """Return one step with its values in place of their numbers."""
    rows = F.col("_rows")
    row = F.get(rows, step["row"].cast("int"))
    values = [
        F.get(rows, F.get(step["cells"], F.lit(n)).cast("int") - 1)["values"][name].alias(name)
        for n, name in enumerate(shape.payload)
    ]
    return F.struct(
        step["does"].alias("_does"),
        shape.time(step["start"]).alias(shape.write.valid[0]),
        shape.time(step["end"]).alias(shape.write.valid[1]),
        row["system_from"].alias("_since"),
        *values,
        *(row["values"][name].alias(name) for name in shape.added),
    )
