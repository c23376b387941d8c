import os
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from framework.errors import JarsMissingError
from framework.lanes import LANES, Lane
from framework.local_emr.daemons import jars
from framework.local_emr.daemons.jars import JarSet, described, fetched

SMALL = JarSet("small", ("org.example:one:1.0", "org.example:two:2.0"), ("org.example:bundle", "io.*:*"))


@pytest.fixture
def ivy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `java` that stands for Ivy: it notes that it was called, and finds two jars."""
    home = tmp_path / "java"
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    for name in ("one", "two"):
        jar = tmp_path / "ivy" / "org.example" / name / "jars" / f"{name}-1.0.jar"
        jar.parent.mkdir(parents=True)
        jar.write_text(name)
    found = os.pathsep.join(map(str, sorted((tmp_path / "ivy").rglob("*.jar"))))
    program.write_text(
        f'#!/bin/sh\necho called >> {tmp_path}/calls\nwhile [ "$1" != -cachepath ]; do shift; done\n'
        f"printf %s '{found}' > \"$2\"\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(home))
    return program


def test_ivy_is_asked_for_each_module_with_what_it_needs_and_without_what_is_excluded() -> None:
    asked = ElementTree.fromstring(described(SMALL))
    assert [dict(each.attrib) for each in asked.iter("dependency")] == [
        {"org": "org.example", "name": name, "rev": version, "conf": "default->master,runtime"}
        for name, version in (("one", "1.0"), ("two", "2.0"))
    ]
    assert [(each.get("org"), each.get("module"), each.get("matcher")) for each in asked.iter("exclude")] == [
        ("org.example", "bundle", "glob"),
        ("io.*", "*", "glob"),
    ]


def test_jars_are_fetched_once_under_names_that_say_whose_they_are(ivy: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    folder = fetched(SMALL, cache)
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "org.example_one-1.0.jar": "one",
        "org.example_two-1.0.jar": "two",
    }
    assert fetched(SMALL, cache) == folder
    assert (tmp_path / "calls").read_text().split() == ["called"]
    assert sorted(path.name for path in cache.iterdir()) == ["ivy.lock", folder.name]


def test_another_content_is_another_folder() -> None:
    assert SMALL.folder != replace(SMALL, excludes=()).folder
    assert SMALL.folder == replace(SMALL).folder


def test_what_cannot_be_fetched_leaves_nothing_and_is_tried_again(ivy: Path, tmp_path: Path) -> None:
    works = ivy.read_text()
    ivy.write_text("#!/bin/sh\necho unresolved: org.example#two >&2\nexit 1\n")
    with pytest.raises(JarsMissingError, match=r"unresolved: org\.example#two"):
        fetched(SMALL, tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["ivy.lock"]
    ivy.write_text(works)
    assert fetched(SMALL, tmp_path / "cache").is_dir()


@pytest.mark.parametrize("lane", LANES, ids=str)
def test_spark_gets_s3_without_all_of_aws_and_delta_without_avro(lane: Lane) -> None:
    assert any("hadoop-aws" in module for module in jars.for_spark(lane).modules)
    assert set(jars.BUNDLES) < set(jars.for_spark(lane).excludes)
    assert [module.split(":")[0] for module in jars.for_delta(lane).modules] == ["io.delta"]


def test_spark_is_found_without_being_imported() -> None:
    assert list((jars.spark_home() / "jars").glob("ivy-*.jar"))
