"""Persons who were erased, recognised in rows and in texts by a digest."""

from datetime import UTC, datetime
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from framework.session import derive
from framework.tables.person import Person, canonical, mentions, without, words


def _person(spark: SparkSession, salt: str = "s", **key: Any) -> Person:
    subject = tuple(sorted(key))
    literals = spark.range(1).select(*(F.lit(key[name]).alias(name) for name in subject))
    texts = [canonical(F.col(field.name), field.dataType) for field in literals.schema.fields]
    row = literals.select(F.array(*texts), F.array(*(F.size(words(each)) for each in texts))).first()
    assert row is not None
    return Person.told_by(subject, salt, *row)


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
        for subject, left, out in ((["id"], ["a", "c"], 2), (["shop", "id"], ["a", "b", "c"], 1)):
            kept, left_out = without(rows, subject, erased)
            assert ([row["shop"] for row in kept.collect()], left_out) == (left, out)
    kept, left_out = without(rows, ["id"], [])
    assert (kept.count(), left_out) == (4, 0)


def test_a_value_is_one_person_whatever_the_type_and_the_time_zone(spark: SparkSession) -> None:
    values = {
        "17Y": "17",
        "17.00": "17",
        "CAST(-17.50 AS DECIMAL(38, 10))": "-17.5",
        "CAST(100 AS DECIMAL(5, 0))": "100",
        "CAST('0.00000010' AS DECIMAL(38, 18))": "0.0000001",
        "CAST('12345678901234567890123456789012345678' AS DECIMAL(38, 0))": "12345678901234567890123456789012345678",
        "0.00 * -1": "0",
        "DATE'2024-01-31'": "2024-01-31",
        "TIMESTAMP'2024-10-27 01:30:00.5 UTC'": "2024-10-27 01:30:00.5",
        "TIMESTAMP'1583-01-02 03:04:05.000001 UTC'": "1583-01-02 03:04:05.000001",
        "TIMESTAMP'9999-12-31 23:59:59.999999 UTC'": "9999-12-31 23:59:59.999999",
        "TIMESTAMP_NTZ'2024-10-27 01:30:00'": "2024-10-27 01:30:00",
        "'017.0 '": "017.0 ",
        "CAST(NULL AS DECIMAL(5, 2))": None,
    }
    elsewhere = derive(spark, {"spark.sql.session.timeZone": "Europe/Berlin"})
    for session in (spark, elsewhere):
        rows = session.range(1).selectExpr(*(f"{value} AS c{at}" for at, value in enumerate(values)))
        texts = rows.select(*(canonical(F.col(f"c{at}"), field.dataType) for at, field in enumerate(rows.schema)))
        assert list(texts.collect()[0]) == list(values.values())


SAID = {
    "17,Erika,x": True,
    "x;17;Erika": True,
    "id=17 is odd": True,
    "{id: '17'}": True,
    "of 17.": True,
    "170,117,1.7": False,
    "-17": False,
    "5, Max Meier ,y": True,
    '{"name":"Max Meier"}': True,
    "Max": False,
    "no (max@example.org)!": True,
    "b,9": True,
    "b8,9": False,
    "x,17.00": True,
    "017;x": True,
    "5,O'Brien,x": True,
    "5,O'Briens,x": False,
    '5,"Meier, Eva",x': True,
    '5,"Meier", "Eva"': False,
    "urn:7": True,
    "urn:77": False,
    "curn:7": False,
    "x,(***) ,y": True,
    "x, Jr. ,y": True,
    "at 2024-01-31 12:00:00.5, UTC": True,
    "9 of North, South & Co": True,
    "9 of North, South": False,
    "": False,
    r'{"name": "Jos\u00e9 \ud83d\ude00", "born": "x"}': True,
    r'{"name": "Jos\u00E9 \uD83D\uDE00", "born": "x"}': True,
    r'{"name": "Jos\u00e9 \ud83d \ude00", "born": "x"}': False,
    r'{"name": "Jos\\u00e9 \ud83d\ude00", "born": "x"}': False,
    r'{"name": "a \"b\" \\n c:\/d"}': True,
    r'{"name": "a \u0022b\u0022 \u005cn c:/d"}': True,
    r'a ""b"" \n c:/d': True,
    r'{"name": "a \"b\" \n c:\/d"}': False,
    r"told 'Eva\n\tMeier\'s'": True,
    None: False,
}


def test_a_text_mentions_a_person_whose_values_stand_in_it(spark: SparkSession) -> None:
    erased = [
        _person(spark, id=17),
        _person(spark, name="Max Meier"),
        _person(spark, "other", mail="max@example.org"),
        _person(spark, shop="b", till=9),
        _person(spark, shop="North, South & Co", till=9),
        _person(spark, name="O'Brien"),
        _person(spark, name="Meier, Eva"),
        _person(spark, urn="urn:7"),
        _person(spark, name="(***)"),
        _person(spark, name="Jr."),
        _person(spark, name=""),
        _person(spark, name="José 😀"),
        _person(spark, name=r'a "b" \n c:/d'),
        _person(spark, name="Eva\n\tMeier's"),
        _person(spark, at=datetime(2024, 1, 31, 12, 0, 0, 500_000, UTC)),
    ]
    texts = spark.createDataFrame([(text,) for text in SAID], "text string")
    found = texts.select("text", mentions(F.col("text"), erased), mentions(F.col("text"), [])).collect()
    assert {row[0]: row[1] for row in found} == SAID
    assert not any(row[2] for row in found)
