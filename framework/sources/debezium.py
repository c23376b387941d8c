"""Debezium: its envelopes as a plain feed of changes, for `apply_changes`."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from framework.errors import FrameMismatchError

OPERATIONS = ("c", "u", "d", "r", "t", "m")


def debezium(envelopes: DataFrame, *, sequence: str = "source.lsn", position: str | None = None) -> DataFrame:
    """Return a row for each change: the columns of its table, and `op` and `sequence`, by which it is applied.

        before  after            op    source      id    name        op  sequence
        NULL    {1, Anne}        c     {lsn: 7}    1     Anne        c   7
        {1}     {1, Anne Marie}  u     {lsn: 8}    1     Anne Marie  u   8
        {1}     NULL             d     {lsn: 9}    1     NULL        d   9
        NULL    NULL             t     {lsn: 10}   NULL  NULL        t   10
        NULL    NULL             NULL  NULL

    `op` is Debezium's: c(reate), u(pdate), d(elete), r(ead by a snapshot), t(runcate), m(essage, which is of no row);
    another one stops the stage. A delete has the values of `before`, which are only the key unless the database logs
    whole rows (REPLICA IDENTITY FULL in PostgreSQL). The records with no value that Kafka compacts by are left out.
    `sequence` is SQL over the envelope. For a history it is a time, which all changes of a transaction share, so
    `position` adds a column of that name, which orders these and is in the row model too:
    `sequence="timestamp_millis(source.ts_ms)", position="source.lsn"`; for MySQL it is `struct(source.file, source.pos,
    source.row)`. The envelope may be in a column `payload`, beside its schema.

    Raises FrameMismatchError where the frame is no envelope, or its table has such a column itself.
    """
    rows = envelopes.select("payload.*") if "payload" in envelopes.columns else envelopes
    kinds = {field.name: field.dataType for field in rows.schema.fields}
    after, before = kinds.get("after"), kinds.get("before")
    orders = {"sequence": sequence} | ({} if position is None else {"position": position})
    said = [] if "op" in kinds else ["it lacks 'op'"]
    if not isinstance(after, StructType):
        said.append("it lacks 'after', a struct")
    else:
        said += [f"{name!r} is a column of its table too" for name in ("op", *orders) if name in after.names]
    if said or not isinstance(after, StructType):
        raise FrameMismatchError("debezium()", said, envelopes.columns)
    known = before.names if isinstance(before, StructType) else []

    def value(name: str) -> Column:
        gone = F.col(f"before.`{name}`") if name in known else F.lit(None)
        return F.when(F.col("op") == "d", gone).otherwise(F.col(f"after.`{name}`")).alias(name)

    changes = rows.where(F.col("op").isNotNull())
    unknown = F.concat(F.lit("debezium(): op is "), "op", F.lit(f", which is none of {', '.join(OPERATIONS)}"))
    op = F.when(F.col("op").isin(*OPERATIONS), F.col("op")).otherwise(F.raise_error(unknown)).alias("op")
    return changes.select(*map(value, after.names), op, *(F.expr(each).alias(name) for name, each in orders.items()))
