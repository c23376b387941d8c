"""Hadoop's view of a disk: what it does on HDFS goes through the same calls."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from framework.batch import FilePin
from framework.errors import StorageError
from framework.storage.hadoop import HadoopStorage


@pytest.fixture
def hadoop(spark: SparkSession) -> HadoopStorage:
    return HadoopStorage(spark)


def test_a_file_is_created_once_replaced_and_deleted(hadoop: HadoopStorage, tmp_path: Path) -> None:
    there = f"file:{tmp_path}/new/er/Ærø.json"
    assert hadoop.read(there) is None
    assert hadoop.stat(there) is None
    assert hadoop.create(there, "ø\n")
    assert Path(f"{tmp_path}/new/er/Ærø.json").read_text() == "ø\n"
    assert not hadoop.create(there, "another")
    assert hadoop.read(there) == "ø\n"
    hadoop.replace(there, "another")
    assert hadoop.read(there) == "another"
    found = hadoop.stat(there)
    assert found is not None
    assert found.size == 7
    assert hadoop.names(f"file:{tmp_path}/new/er") == ["Ærø.json"]
    hadoop.delete(there)
    hadoop.delete(there)
    assert hadoop.read(there) is None
    assert hadoop.names(f"file:{tmp_path}/nowhere") == []
    assert (hadoop.folders(f"file:{tmp_path}"), hadoop.folders(f"file:{tmp_path}/nowhere")) == (["new"], [])


def test_files_are_those_below_a_pattern_without_hidden_ones(hadoop: HadoopStorage, tmp_path: Path) -> None:
    for name in ("a/1.csv", "a/b/2.csv", "a/3.txt", "a/_tmp/4.csv", "c/5.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    below = sorted(file.path.rpartition("/")[2] for file in hadoop.files(f"file:{tmp_path}/a"))
    assert below == ["1.csv", "2.csv", "3.txt"]
    one = list(hadoop.files(f"file:{tmp_path}/c/*.csv"))
    modified = (tmp_path / "c/5.csv").stat().st_mtime_ns // 1_000_000
    assert one == [FilePin(f"file:{tmp_path}/c/5.csv", 7, modified)]
    with pytest.raises(StorageError):
        list(hadoop.files(f"file:{tmp_path}/nowhere"))


def test_a_write_that_fails_names_where(hadoop: HadoopStorage, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")
    with pytest.raises(StorageError) as caught:
        hadoop.create(f"file:{tmp_path}/a file/below", "text")
    assert caught.value.path == f"file:{tmp_path}/a file/below"


def test_a_folder_in_which_nothing_was_finished_goes_and_another_stays(hadoop: HadoopStorage, tmp_path: Path) -> None:
    begun, done = tmp_path / "begun", tmp_path / "done"
    for folder in (begun, done):
        (folder / "within").mkdir(parents=True)
        (folder / ".1.json.tmp").write_text("draft")
    (done / "within" / "0.json").write_text("finished")
    for folder in (begun, done, tmp_path / "nowhere"):
        hadoop.delete_begun(f"file:{folder}")
    assert not begun.exists()
    assert [path.name for path in done.iterdir()] == ["within"]
    assert (done / "within" / "0.json").read_text() == "finished"
