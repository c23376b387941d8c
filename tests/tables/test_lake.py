from pathlib import Path

import pytest

from framework.errors import LakeNotWritableError
from framework.tables import Lake, Table
from tests.delta import version_of


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
