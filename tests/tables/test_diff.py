import duckdb
from deltalake import DeltaTable as Independent
from deltalake import write_deltalake

from framework.tables import Lake, RowModel, Table
from framework.tables.diff import diff
from tests.command import ROOT, lakegate
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
