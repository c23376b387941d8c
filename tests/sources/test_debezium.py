"""Debezium's envelopes as a plain feed of changes."""

import json
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from framework.errors import FrameMismatchError
from framework.sources import debezium

CUSTOMER = "id bigint, first_name string, last_name string, email string"
SOURCE = "connector string, ts_ms bigint, snapshot boolean, `table` string, txId bigint, lsn bigint"
ENVELOPE = f"before struct<{CUSTOMER}>, after struct<{CUSTOMER}>, source struct<{SOURCE}>, op string, ts_ms bigint"
ANNE = {"id": 1, "first_name": "Anne", "last_name": "Kretchmar", "email": "annek@noanswer.org"}
# The change events of Debezium's documentation (debezium/debezium, documentation/modules/ROOT/pages/connectors/
# postgresql.adoc: create, update, delete and truncate events, the last without before and after, and the tombstone of a
# delete), of a table with REPLICA IDENTITY DEFAULT. Only log positions differ, as the page's are not in order.
EVENTS: list[dict[str, Any]] = [
    {"before": None, "after": ANNE, "source": {"ts_ms": 1559033904863, "lsn": 24023128}, "op": "c"},
    {
        "before": {"id": 1},
        "after": ANNE | {"first_name": "Anne Marie"},
        "source": {"ts_ms": 1559033904863, "lsn": 24023129},
        "op": "u",
    },
    {"before": {"id": 1}, "after": None, "source": {"ts_ms": 1559033904863, "lsn": 46523128}, "op": "d"},
    {"before": None, "after": None, "source": None, "op": None},
    {"source": {"ts_ms": 1559033904863, "lsn": 46523129}, "op": "t", "ts_ms": 1559033904961},
]
WANTED = [
    (1, "Anne", "Kretchmar", "annek@noanswer.org", "c", 24023128),
    (1, "Anne Marie", "Kretchmar", "annek@noanswer.org", "u", 24023129),
    (1, None, None, None, "d", 46523128),
    (None, None, None, None, "t", 46523129),
]


def parsed(spark: SparkSession, envelope: str, *records: Any) -> DataFrame:
    """JSON as a topic has it, read by a schema; a record of no value is NULL."""
    texts = spark.createDataFrame([(None if r is None else json.dumps(r),) for r in records], "value string")
    return texts.selectExpr(f"from_json(value, '{envelope}') AS value").select("value.*")


@pytest.mark.parametrize("wrapped", [False, True], ids=["the value", "beside its schema"])
def test_each_envelope_of_the_documentation_is_a_change_and_a_record_without_value_none(
    spark: SparkSession, wrapped: bool
) -> None:
    records = [{"schema": {}, "payload": event} for event in EVENTS] if wrapped else EVENTS
    envelope = f"payload struct<{ENVELOPE}>" if wrapped else ENVELOPE
    found = debezium(parsed(spark, envelope, *records, None))
    assert found.columns == ["id", "first_name", "last_name", "email", "op", "sequence"]
    assert sorted(map(tuple, found.collect()), key=lambda row: row[-1]) == WANTED


def test_an_operation_that_debezium_does_not_have_is_refused_not_applied(spark: SparkSession) -> None:
    found = debezium(parsed(spark, ENVELOPE, EVENTS[0] | {"op": "z"}))
    with pytest.raises(Exception, match=r"debezium\(\): op is z, which is none of c, u, d, r, t, m"):
        found.collect()


def test_a_sequence_may_be_a_time_and_before_may_have_the_key_only(spark: SparkSession) -> None:
    frame = parsed(spark, ENVELOPE.replace(f"before struct<{CUSTOMER}>", "before struct<id bigint>"), *EVENTS)
    found = debezium(frame, sequence="timestamp_millis(source.ts_ms)", position="source.lsn")
    assert found.where("op = 'd'").selectExpr("id", "email", "string(sequence)", "position").collect() == [
        (1, None, "2019-05-28 08:58:24.863", 46523128)
    ]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ("id bigint", "lacks 'op'.*lacks 'after', a struct"),
        ("op string, after struct<id: bigint, sequence: int>", "'sequence' is a column of its table too"),
    ],
)
def test_a_frame_that_is_no_envelope_is_refused(spark: SparkSession, columns: str, reason: str) -> None:
    frame = parsed(spark, columns, None)
    with pytest.raises(FrameMismatchError, match=reason):
        debezium(frame)
