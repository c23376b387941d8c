from datetime import UTC, datetime

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from framework.batch import Position
from framework.quality import keep_malformed, malformed_table, well_formed
from framework.tables import Lake, Table
from framework.tables.commit import Transaction
from framework.tables.person import Person
from tests.delta import rows_of

ASIDE = Table("_lakegate.malformed_cities", comment="Records that are not of their row model.")
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
RECORDS = """
    SELECT *, 'a.csv' AS _source_file, TIMESTAMP'2024-01-01 12:00:00' AS _ingested_at
    FROM VALUES (1, NULL), (NULL, 'one,Oslo'), (2, NULL), (3, '3') t(id, _malformed)
"""


def test_well_formed_records_go_on_and_both_are_counted(spark: SparkSession) -> None:
    erika = Person.told_by(["name"], "salt", ["one"], [1])
    rows, found, malformed, mention = well_formed(spark.sql(RECORDS), [erika])

    assert (found, malformed, mention) == (4, 2, 1)
    assert rows.columns == ["id", "_source_file", "_ingested_at"]
    assert sorted(row["id"] for row in rows.collect()) == [1, 2]


def test_malformed_records_are_kept_aside_once_for_each_file_and_frame(lake: Lake, spark: SparkSession) -> None:
    records = spark.sql(RECORDS)
    transaction = Transaction("cities/raw.malformed", Position(0, 1))
    kept = [("3", "raw", "a.csv", NOON), ("one,Oslo", "raw", "a.csv", NOON)]

    left = [keep_malformed(lake, "cities", "raw", records, transaction) for _ in range(2)]

    assert [(loaded.version, loaded.already_applied) for loaded in left] == [(1, False), (1, True)]
    assert malformed_table("cities") == ASIDE
    assert rows_of(lake, ASIDE, "record, frame, _source_file, _ingested_at") == kept

    later = records.withColumn("_ingested_at", F.lit("2024-01-02").cast("timestamp"))
    keep_malformed(lake, "cities", "raw", later, Transaction("cities/raw.malformed", Position(0, 2)))
    assert rows_of(lake, ASIDE, "record, frame, _source_file, _ingested_at") == kept

    other_file = later.where("_malformed = '3'").withColumn("_source_file", F.lit("b.csv"))
    keep_malformed(lake, "cities", "raw", other_file, Transaction("cities/raw.malformed", Position(0, 3)))
    keep_malformed(lake, "cities", "old", other_file, Transaction("cities/old.malformed", Position(0, 3)))
    more = [("3", "old", "b.csv"), ("3", "raw", "a.csv"), ("3", "raw", "b.csv"), ("one,Oslo", "raw", "a.csv")]
    assert rows_of(lake, ASIDE, "record, frame, _source_file") == more


def test_of_records_that_are_all_well_formed_none_is_left_out(spark: SparkSession) -> None:
    rows, found, malformed, _ = well_formed(spark.sql(RECORDS).where("_malformed IS NULL"))

    assert (found, malformed, rows.count()) == (2, 0, 2)
