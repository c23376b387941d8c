import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from framework.local_emr.daemons import site


def _read(path: Path) -> dict[str | None, str | None]:
    found = ElementTree.parse(path).getroot().findall("property")
    return {each.findtext("name"): each.findtext("value") for each in found}


@pytest.mark.parametrize(
    ("setting", "file"),
    [
        ("fs.s3a.endpoint", "core-site.xml"),
        ("hadoop.tmp.dir", "core-site.xml"),
        ("yarn.resourcemanager.address", "yarn-site.xml"),
        ("yarn.scheduler.minimum-allocation-mb", "yarn-site.xml"),
        ("yarn.scheduler.capacity.root.queues", "capacity-scheduler.xml"),
        ("yarn.app.mapreduce.am.staging-dir", "mapred-site.xml"),
        ("mapreduce.framework.name", "mapred-site.xml"),
        ("dfs.replication", "hdfs-site.xml"),
    ],
)
def test_a_setting_is_in_the_file_that_is_read_for_it(setting: str, file: str, tmp_path: Path) -> None:
    site.write(tmp_path, {setting: "a < b & c"})
    assert {path.name: _read(path) for path in tmp_path.glob("*.xml") if _read(path)} == {file: {setting: "a < b & c"}}


def test_every_file_is_written_anew_so_that_an_old_setting_is_gone(tmp_path: Path) -> None:
    site.write(tmp_path, {"dfs.replication": "3"})
    site.write(tmp_path, {"fs.defaultFS": "file:///"})
    assert _read(tmp_path / "hdfs-site.xml") == {}
