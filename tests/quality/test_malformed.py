from datetime import UTC, datetime

from pyspark.sql import SparkSession

from framework.batch import Position
from framework.quality import set_aside
from framework.tables import Lake, Table
from framework.tables.commit import Transaction
from tests.delta import rows_of, version_of

ASIDE = Table("_lakegate.malformed_cities")
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
RECORDS = """
    SELECT *, 'a.csv' AS _source_file, TIMESTAMP'2024-01-01 12:00:00' AS _ingested_at
    FROM VALUES (1, NULL), (NULL, 'one,Oslo'), (2, NULL), (3, '3') t(id, _malformed)
"""


def test_malformed_records_are_kept_aside_once_and_the_others_go_on(lake: Lake, spark: SparkSession) -> None:
    records = spark.sql(RECORDS)
    transaction = Transaction("cities/raw.malformed", Position(0, 1))

    for _ in range(2):
        rows, found, malformed = set_aside(lake, "cities", "raw", records, transaction)

        assert (found, malformed) == (4, 2)
        assert rows.columns == ["id", "_source_file", "_ingested_at"]
        assert sorted(row["id"] for row in rows.collect()) == [1, 2]
        assert rows_of(lake, ASIDE, "record, frame, _source_file, _ingested_at") == [
            ("3", "raw", "a.csv", NOON),
            ("one,Oslo", "raw", "a.csv", NOON),
        ]
        assert version_of(lake, ASIDE) == 1


def test_records_that_are_all_well_formed_make_no_table(lake: Lake, spark: SparkSession) -> None:
    records = spark.sql(RECORDS).where("_malformed IS NULL")

    rows, found, malformed = set_aside(lake, "cities", "raw", records, Transaction("cities/raw", Position(0, 1)))

    assert (found, malformed, rows.count()) == (2, 0, 2)
    assert version_of(lake, ASIDE) == -1
