import duckdb
from deltalake import DeltaTable as Independent
from deltalake import write_deltalake

from framework.tables import Lake, RowModel, Table
from framework.tables.diff import diff
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


def test_a_column_that_a_version_has_not_is_null_in_it(lake: Lake) -> None:
    given(lake, CITIES, "('Oslo', 1), ('Rome', 2)")
    more = duckdb.sql("SELECT 'Bonn' AS name, 3::BIGINT AS people, 'de' AS country")
    assert more
    write_deltalake(lake.path(CITIES.name), more, mode="append", schema_mode="merge")
    assert [tuple(row) for row in diff(lake, CITIES, 1, 2).collect()] == [("Bonn", 3, "de", 1)]
