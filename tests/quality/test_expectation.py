from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from py4j.protocol import Py4JJavaError
from pydantic import Field
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from framework.batch import Position
from framework.quality import Rule, broke_rule, enforce, rules, violations
from framework.tables import Lake, RowModel, Table, Write, append, load, replace, upsert
from framework.tables.commit import Transaction
from tests.delta import given, rows_of, version_of


class Cabin(StrEnum):
    FIRST = "first"
    OTHER = "it's"


class Flight(RowModel):
    """One flight."""

    id: int
    origin: Literal["EWR", "O'Hare"] | None = None
    stops: Literal[0] | Literal[1] | None = None
    cabin: Cabin | None = None
    flag: Literal[b"x", b"\x00"] | None = None
    distance: float | None = Field(None, gt=0, lt=1e4)
    delay: Annotated[int, Field(ge=-120, le=1440)] | None = None
    gate: int | None = Field(None, multiple_of=5)
    fare: Decimal | None = Field(None, max_digits=6, decimal_places=2, ge=Decimal("0.10"))
    tail: str | None = Field(None, pattern=r"^N\d+'?$", min_length=2, max_length=5)
    crew: list[str] | None = Field(None, min_length=1, max_length=2)
    landed_at: datetime | None = Field(None, ge=datetime(2024, 1, 1, tzinfo=UTC))
    landed_on: date | None = Field(None, lt=date(2025, 1, 1))


class Leg(RowModel):
    """One leg."""

    id: int
    miles: int | None = Field(ge=0)


LEGS = Table("silver.legs", Leg, keys="id")


def batch(number: int) -> Transaction:
    return Transaction("legs/load", Position(0, number))


def test_every_constraint_of_a_row_model_is_a_rule() -> None:
    assert rules(Flight) == (
        Rule("id is not NULL", "`id` IS NOT NULL"),
        Rule("origin is one of EWR, O'Hare", r"`origin` IN ('EWR', 'O\'Hare')"),
        Rule("stops is one of 0, 1", "`stops` IN (0, 1)"),
        Rule("cabin is one of first, it's", r"`cabin` IN ('first', 'it\'s')"),
        Rule(r"flag is one of b'x', b'\x00'", "`flag` IN (X'78', X'00')"),
        Rule("distance > 0", "`distance` > 0"),
        Rule("distance < 10000.0", "`distance` < 10000.0"),
        Rule("delay >= -120", "`delay` >= -120"),
        Rule("delay <= 1440", "`delay` <= 1440"),
        Rule("gate is a multiple of 5", "`gate` % 5 = 0"),
        Rule("fare >= 0.10", "`fare` >= 0.10"),
        Rule("tail has at least 2", "length(`tail`) >= 2"),
        Rule("tail has at most 5", "length(`tail`) <= 5"),
        Rule(r"tail matches ^N\d+'?$", r"`tail` RLIKE '^N\\d+\'?$'"),
        Rule("crew has at least 1", "size(`crew`) >= 1"),
        Rule("crew has at most 2", "size(`crew`) <= 2"),
        Rule("landed_at >= 2024-01-01 00:00:00+00:00", "`landed_at` >= TIMESTAMP'2024-01-01 00:00:00+00:00'"),
        Rule("landed_on < 2025-01-01", "`landed_on` < DATE'2025-01-01'"),
    )


def test_rows_that_break_a_rule_are_counted_by_rule_and_null_breaks_only_not_null(rows: Callable[..., Any]) -> None:
    good: dict[str, Any] = {"origin": "O'Hare", "stops": 1, "distance": 0.1, "delay": -120, "gate": 10, "tail": "N1'"}
    good |= {"cabin": "it's", "flag": b"\x00"}
    good |= {"crew": ["a"], "fare": Decimal("0.10"), "landed_at": datetime(2024, 1, 1, tzinfo=UTC)}
    good |= {"landed_on": date(2024, 12, 31)}
    bad: dict[str, Any] = {"origin": "JFK", "stops": 2, "distance": 0.0, "delay": -121, "gate": 7, "tail": "NNNNNN"}
    bad |= {"cabin": "Cabin.FIRST", "flag": b"x0"}
    bad |= {"crew": [], "fare": Decimal("0.09"), "landed_at": datetime(2023, 12, 31, 23, 59, 59, 999_999, UTC)}
    bad |= {"landed_on": date(2025, 1, 1)}
    other: dict[str, Any] = {"id": 0, "distance": 1e4, "delay": 1441, "tail": "N", "crew": ["a", "b", "c"]}

    frame = rows(Flight, good, {}, bad, other, id=1).withColumn("id", F.expr("nullif(id, 0)"))
    broken, examples = violations(frame, Flight)

    assert broken == {
        "id is not NULL": 1,
        "origin is one of EWR, O'Hare": 1,
        "stops is one of 0, 1": 1,
        "cabin is one of first, it's": 1,
        r"flag is one of b'x', b'\x00'": 1,
        "distance > 0": 1,
        "distance < 10000.0": 1,
        "delay >= -120": 1,
        "delay <= 1440": 1,
        "gate is a multiple of 5": 1,
        "fare >= 0.10": 1,
        "tail has at least 2": 1,
        "tail has at most 5": 1,
        r"tail matches ^N\d+'?$": 2,
        "crew has at least 1": 1,
        "crew has at most 2": 1,
        "landed_at >= 2024-01-01 00:00:00+00:00": 1,
        "landed_on < 2025-01-01": 1,
    }
    assert len(examples) == 2
    assert examples[0].startswith("id=1, origin='JFK', stops=2,")
    assert examples[1].startswith("id=None, origin=None,")


@pytest.mark.parametrize("write", [append(), replace(by="miles"), upsert()], ids=["append", "replace", "upsert"])
def test_a_row_that_breaks_a_rule_stops_the_write_and_nothing_is_committed(
    lake: Lake, rows: Callable[..., Any], write: Write
) -> None:
    given(lake, LEGS, "(1, 10)")
    frame = enforce(rows(Leg, {"id": 2, "miles": 1}, {"id": 3}, {"id": 4, "miles": -1}), Leg, "legs")

    with pytest.raises((PySparkException, Py4JJavaError)) as refused:
        load(lake, LEGS, write, frame, batch(1))

    assert broke_rule(refused.value, "legs")
    assert not broke_rule(refused.value, "leg")
    assert rows_of(lake, LEGS) == [(1, 10)]
    assert version_of(lake, LEGS) == 1


def test_a_rule_is_applied_to_the_rows_of_its_frame_no_more_and_no_less(spark: SparkSession) -> None:
    legs = spark.sql("SELECT id, IF(id = 2, -1L, id) AS miles FROM range(4)")
    known = spark.sql("SELECT id FROM VALUES (0L), (1L), (3L) t(id)")

    # The join has dropped the row before the frame is made, so the rule does not see it.
    joined = enforce(legs.join(known, "id"), Leg, "legs")
    assert sorted(row["id"] for row in joined.collect()) == [0, 1, 3]
    filtered = enforce(legs.where("id <> 2"), Leg, "legs")
    assert sorted(row["id"] for row in filtered.where("miles > 0").collect()) == [1, 3]

    # What a reader of the frame leaves out is still a row of the frame.
    for read in (enforce(legs, Leg, "legs").where("id <> 2"), enforce(legs, Leg, "legs").join(known, "id")):
        with pytest.raises((PySparkException, Py4JJavaError)) as refused:
            read.collect()
        assert broke_rule(refused.value, "legs")


def test_a_model_without_rules_leaves_its_frame_as_it_is(spark: SparkSession) -> None:
    class Note(RowModel):
        text: str | None

    frame = spark.sql("SELECT 'a' AS text")

    assert rules(Note) == ()
    assert enforce(frame, Note, "notes") is frame
