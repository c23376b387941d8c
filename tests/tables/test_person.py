"""Persons who were erased, recognised in rows and in texts by a digest."""

from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from framework.tables.person import Person, digest, mentions, without


def _person(spark: SparkSession, salt: str = "s", **key: Any) -> Person:
    subject = tuple(sorted(key))
    row = spark.range(1).select(digest([F.lit(key[name]) for name in subject], salt)).first()
    assert row is not None
    return Person(subject, salt, row[0])


def test_rows_about_a_person_are_left_out_whatever_their_type_and_those_about_nobody_stay(spark: SparkSession) -> None:
    erased = [
        _person(spark, id=2),
        _person(spark, "other", id="3"),
        _person(spark, id=1, shop="a"),
        _person(spark, no=4),
    ]
    for kind in ("int", "string", "decimal(3,0)"):
        rows = spark.sql(
            f"SELECT CAST(id AS {kind}) AS id, shop FROM VALUES (1, 'a'), (2, 'a'), (3, 'b'), (NULL, 'c') t(id, shop)"
        )
        assert [row["shop"] for row in without(rows, ["id"], erased).collect()] == ["a", "c"]
        assert [row["shop"] for row in without(rows, ["shop", "id"], erased).collect()] == ["a", "b", "c"]
    assert without(rows, ["id"], []).count() == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("17,Erika,x", True),
        ("x;17;Erika", True),
        ("id=17 is odd", True),
        ("{id: '17'}", True),
        ("of 17.", True),
        ("170,117,1.7", False),
        ("-17", False),
        ("5, Max Meier ,y", True),
        ('{"name":"Max Meier"}', True),
        ("Max", False),
        ("no (max@example.org)!", True),
        ("b,9", True),
        ("b8,9", False),
        ("", False),
        (None, False),
    ],
)
def test_a_text_mentions_a_person_whose_values_stand_in_it(spark: SparkSession, text: str | None, said: bool) -> None:
    erased = [
        _person(spark, id=17),
        _person(spark, name="Max Meier"),
        _person(spark, "other", mail="max@example.org"),
        _person(spark, shop="b", till=9),
    ]
    found = spark.range(1).select(mentions(F.lit(text).cast("string"), erased), mentions(F.lit(text), [])).first()
    assert found is not None
    assert tuple(found) == (said, False)
