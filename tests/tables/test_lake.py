from pathlib import Path

import pytest

from framework.errors import LakeNotWritableError, UnreadableTableError
from framework.tables import Lake, RowModel, Table
from framework.tables.erase import Where, count
from framework.tables.person import Person
from tests.delta import given, version_of


class City(RowModel):
    id: int


CITIES = Table("silver.cities", City)


def test_a_table_lives_in_a_folder_of_its_database_under_the_root(lake: Lake) -> None:
    assert Lake(lake.spark, "s3://bucket/lake/").path("silver.cities") == "s3://bucket/lake/silver/cities"
    assert Lake(lake.spark, "lake").path("silver.cities") == str(Path.cwd() / "lake/silver/cities")


def test_a_lake_that_can_be_written_to_is_left_as_it_was(lake: Lake) -> None:
    lake.require_writable()

    assert [path.name for path in Path(lake.root).rglob("*") if path.is_file()] == []


def test_a_lake_whose_root_is_a_file_cannot_be_written_to(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(LakeNotWritableError) as refused:
        Lake(lake.spark, str(tmp_path / "file")).require_writable()

    assert refused.value.root == str(tmp_path / "file")


def test_asking_whether_a_table_exists_does_not_make_it(lake: Lake) -> None:
    assert not lake.exists("silver.cities")
    assert version_of(lake, Table("silver.cities")) == -1


@pytest.mark.parametrize(("version", "left"), [(0, None), (2, 30)], ids=["the first is gone", "the last is cut"])
def test_a_table_whose_log_is_damaged_is_unreadable_and_says_where_it_is(
    lake: Lake, version: int, left: int | None
) -> None:
    given(lake, CITIES, "(1)")
    given(lake, CITIES, "(2)")
    commit = Path(lake.path(CITIES.name), "_delta_log", f"{version:020}.json")
    if left is None:
        commit.unlink()
    else:
        commit.write_bytes(commit.read_bytes()[:left])

    with pytest.raises(UnreadableTableError) as damaged:
        lake.exists(CITIES.name)

    assert (damaged.value.table, damaged.value.path) == (CITIES.name, lake.path(CITIES.name))
    assert damaged.value.words
    assert f"at {lake.path(CITIES.name)} from a backup" in str(damaged.value)


def test_a_person_is_not_counted_in_a_table_whose_files_are_gone(lake: Lake) -> None:
    given(lake, CITIES, "(1)")
    for file in Path(lake.path(CITIES.name)).glob("*.parquet"):
        file.unlink()
    with pytest.raises(UnreadableTableError):
        count(lake, Where(CITIES.name), Person(("id",), "salt", ()))
