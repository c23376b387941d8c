from pathlib import Path

import duckdb
from deltalake import DeltaTable as Independent
from deltalake import write_deltalake

from framework.errors import UnknownSnapshotError, UnreadableTableError
from framework.tables import Lake, RowModel, Table
from framework.tables.diff import diff
from tests.command import ROOT, Said, lakegate
from tests.delta import given


class City(RowModel):
    name: str | None
    people: int | None


CITIES = Table("silver.cities", City)


def test_rows_that_differ_are_counted_and_null_is_a_value(lake: Lake) -> None:
    given(lake, CITIES, "('Oslo', 1), ('Rome', NULL), ('Rome', NULL), (NULL, NULL)")
    Independent(lake.path(CITIES.name)).delete("name = 'Rome'")
    given(lake, CITIES, "('Rome', NULL), ('Bonn', 3), ('Bonn', 3), (NULL, 0)")
    found = sorted(map(tuple, diff(lake, CITIES, 1, 3).collect()), key=str)
    assert found == [("Bonn", 3, 2), ("Rome", None, -1), (None, 0, 1)]
    assert diff(lake, CITIES, 3, 3).count() == 0


class Tagged(RowModel):
    name: str
    tags: dict[str, int] | None


TAGGED = Table("silver.tagged", Tagged)


def test_rows_with_maps_are_compared_and_printed_whatever_the_order_of_their_entries(lake: Lake) -> None:
    given(lake, TAGGED, "('Oslo', MAP {'a': 1, 'b': 2}), ('Rome', MAP {'a': 1}), ('Bonn', NULL)")
    Independent(lake.path(TAGGED.name)).delete()
    given(lake, TAGGED, "('Oslo', MAP {'b': 2, 'a': 1}), ('Rome', MAP {'a': 2}), ('Bonn', NULL)")
    found = sorted(map(tuple, diff(lake, TAGGED, 1, 3).collect()), key=str)
    assert found == [("Rome", {"a": 1}, -1), ("Rome", {"a": 2}, 1)]
    said = lakegate(ROOT, "diff", TAGGED.name, "--from", "1", "--set", f"lake.root={lake.root}")
    assert "1 row gone, 1 row new" in said.out, said.err


def test_a_column_that_a_version_has_not_is_null_in_it(lake: Lake) -> None:
    given(lake, CITIES, "('Oslo', 1), ('Rome', 2)")
    more = duckdb.sql("SELECT 'Bonn' AS name, 3::BIGINT AS people, 'de' AS country")
    assert more
    write_deltalake(lake.path(CITIES.name), more, mode="append", schema_mode="merge")
    assert [tuple(row) for row in diff(lake, CITIES, 1, 2).collect()] == [("Bonn", 3, "de", 1)]


def _made(lake: Lake, name: str, *versions: str) -> Table:
    """A table that each of the selections overwrites, with its columns."""
    for rows in versions:
        made = duckdb.sql(rows)
        assert made
        write_deltalake(lake.path(name), made, mode="overwrite", schema_mode="overwrite")
    return Table(name)


def test_a_column_of_another_type_is_another_column_and_a_wider_or_deeper_one_is_the_same(lake: Lake) -> None:
    table = _made(
        lake,
        "silver.retyped",
        "SELECT 1::INT AS n, 'x1' AS zip, MAP {'a': {'k': 1}} AS m UNION ALL SELECT 2, 'x2', NULL",
        "SELECT 1::BIGINT AS n, 77::INT AS zip, MAP {'a': {'k': 1, 'l': NULL::INT}} AS m",
    )
    found = diff(lake, table, 0, 1)
    assert found.columns == ["n", "zip (string)", "zip (int)", "m", "_times"]
    row = {"a": {"k": 1, "l": None}}
    assert sorted(
        ((*r[:3], r[3] and {k: v.asDict() for k, v in r[3].items()}, r[4]) for r in found.collect()), key=str
    ) == [
        (1, "x1", None, row, -1),
        (1, None, 77, row, 1),
        (2, "x2", None, None, -1),
    ]
    table = _made(
        lake,
        "silver.widened",
        "SELECT 1::INT AS n, MAP {'a': {'k': 1}} AS m UNION ALL SELECT 2, NULL",
        "SELECT 1::BIGINT AS n, MAP {'a': {'k': 1, 'l': NULL::INT}} AS m",
    )
    assert [tuple(row) for row in diff(lake, table, 0, 1).collect()] == [(2, None, -1)]


class At(RowModel):
    zip: int | None
    street: str | None


class Placed(RowModel):
    name: str
    at: At | None
    people: int | None


PLACED = Table("silver.placed", Placed)


def test_a_column_that_was_renamed_is_the_same_column(lake: Lake) -> None:
    given(
        lake,
        PLACED,
        "('Oslo', {'zip': 150, 'street': 'Karl Johans gate'}, 1), ('Rome', {'zip': 184, 'street': NULL}, 2)",
    )
    here = f"ALTER TABLE delta.`{lake.path(PLACED.name)}`"
    lake.spark.sql(f"{here} SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')")
    lake.spark.sql(f"{here} RENAME COLUMN at.zip TO code")
    lake.spark.sql(f"{here} RENAME COLUMN name TO city")
    assert diff(lake, PLACED, 1, 4).columns == ["city", "at", "people", "_times"]
    assert diff(lake, PLACED, 1, 4).count() == 0
    lake.spark.sql(f"UPDATE delta.`{lake.path(PLACED.name)}` SET at.code = 185 WHERE city = 'Rome'")
    changed = [("Rome", (184, None), 2, -1), ("Rome", (185, None), 2, 1)]
    assert sorted(map(tuple, diff(lake, PLACED, 1, 5).collect())) == changed
    back = diff(lake, PLACED, 5, 1)
    assert back.columns == ["name", "at", "people", "_times"]
    assert sorted((row.name, row.at.zip, row._times) for row in back.collect()) == [("Rome", 184, 1), ("Rome", 185, -1)]


def test_a_name_that_another_column_had_is_that_of_the_column_that_has_it_now(lake: Lake) -> None:
    given(lake, PLACED, "('Oslo', NULL, 1)")
    here = f"ALTER TABLE delta.`{lake.path(PLACED.name)}`"
    lake.spark.sql(f"{here} SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')")
    for old, new in (("name", "other"), ("at", "name"), ("other", "at")):
        lake.spark.sql(f"{here} RENAME COLUMN {old} TO {new}")
    assert diff(lake, PLACED, 1, 5).count() == 0


def test_a_column_that_has_the_name_of_one_that_is_gone_is_another(lake: Lake) -> None:
    given(lake, CITIES, "('Oslo', 1)")
    here = f"ALTER TABLE delta.`{lake.path(CITIES.name)}`"
    lake.spark.sql(f"{here} SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')")
    lake.spark.sql(f"{here} DROP COLUMN name")
    lake.spark.sql(f"{here} RENAME COLUMN people TO name")
    found = diff(lake, CITIES, 1, 4)
    assert found.columns == ["_name", "name", "_times"]
    assert sorted(map(tuple, found.collect()), key=str) == [("Oslo", 1, -1), (None, 1, 1)]


def test_columns_may_be_called_as_those_of_the_difference_are(lake: Lake) -> None:
    table = _made(lake, "silver.named", "SELECT 1 AS _Times, 2 AS _0", "SELECT 3 AS _Times, 2 AS _0")
    found = diff(lake, table, 0, 1)
    assert found.columns == ["_Times", "_0", "__times"]
    assert sorted(map(tuple, found.collect())) == [(1, 2, -1), (3, 2, 1)]
    said = lakegate(ROOT, "diff", table.name, "--from", "0", "--set", f"lake.root={lake.root}")
    assert "1 row gone, 1 row new" in said.out, said.err


def test_what_cannot_be_read_or_is_no_version_is_said(lake: Lake) -> None:
    given(lake, CITIES, "('Oslo', 1)")

    def said(since: str) -> Said:
        return lakegate(ROOT, "diff", CITIES.name, "--from", since, "--set", f"lake.root={lake.root}")

    assert isinstance(said("99999999999999999999999").error, UnknownSnapshotError)
    early = said("0001-01-01T00:00:00+14:00")
    assert (early.code, "is no time" in early.err) == (2, True)
    for file in Path(lake.path(CITIES.name)).glob("*.parquet"):
        file.unlink()
    assert isinstance(said("0").error, UnreadableTableError)
