import re
from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from pyspark.sql import DataFrame, SparkSession

from framework.pipeline import Job, extract, load
from framework.report import draw
from framework.sources import written
from framework.tables import Table, append, replace
from jobs.flights import job as flights

SVG = "{http://www.w3.org/2000/svg}"
TARGET = Table("silver.target")


def source(spark: SparkSession) -> DataFrame:
    """Make rows where a < b & c > d."""
    return spark.range(1)


def middle(source: DataFrame) -> DataFrame:
    return source


def last_of_all_with_a_long_name(middle: DataFrame, source: DataFrame, read_back: DataFrame) -> DataFrame:
    return middle


SMALL = Job(
    "small",
    stages=[
        extract(source=source),
        middle,
        load(middle, into=TARGET, write=append()),
        extract(read_back=written(TARGET)),
        last_of_all_with_a_long_name,
        load(last_of_all_with_a_long_name, into=Table("gold.last"), write=replace(by="id")),
    ],
)


class Box(NamedTuple):
    """A stage's place in the picture."""

    name: str
    x: int
    y: int
    right: int
    bottom: int


def _boxes(job: Job) -> Iterator[Box]:
    for group in ElementTree.fromstring(draw(job)).iter(f"{SVG}g"):
        rect, text = group.find(f"{SVG}rect"), group.find(f"{SVG}text")
        assert rect is not None
        assert text is not None
        x, y, width, height = (int(rect.attrib[name]) for name in ("x", "y", "width", "height"))
        yield Box(text.text or "", x, y, x + width, y + height)


@pytest.mark.parametrize("job", [SMALL, flights], ids=lambda job: job.name)
def test_each_stage_is_a_box_and_no_two_touch(job: Job) -> None:
    boxes = list(_boxes(job))
    assert len(boxes) == len(job.nodes)
    for one, other in combinations(boxes, 2):
        apart = one.right < other.x or other.right < one.x or one.bottom < other.y or other.bottom < one.y
        assert apart, (one, other)


@pytest.mark.parametrize("job", [SMALL, flights], ids=lambda job: job.name)
def test_the_boxes_are_inside_the_picture(job: Job) -> None:
    picture = ElementTree.fromstring(draw(job)).attrib
    boxes = list(_boxes(job))
    assert min(min(box.x, box.y) for box in boxes) > 0
    assert max(box.right for box in boxes) < int(picture["width"])
    assert max(box.bottom for box in boxes) < int(picture["height"])


def test_a_stage_is_to_the_right_of_all_that_it_waits_for() -> None:
    x = {box.name: box.x for box in _boxes(SMALL)}
    assert x["source"] < x["middle"] < x["silver.target"] < x["read_back"] < x["gold.last"]


def test_a_source_stands_next_to_its_first_reader() -> None:
    x = {box.name: box.x for box in _boxes(flights)}
    assert x["weather"] == x["airlines"] == x["planes"]
    assert x["raw_flights"] < x["weather"] < x["in_weather"]


def test_a_line_leads_from_each_frame_to_each_reader_dashed_where_only_the_order_counts() -> None:
    # source to middle and last, middle to its load and last, read_back to last, last to its load; load to read_back
    lines = [path.attrib.get("stroke-dasharray") for path in ElementTree.fromstring(draw(SMALL)).iter(f"{SVG}path")]
    assert (len(lines), sum(dash is not None for dash in lines)) == (7, 1)


@pytest.mark.parametrize("job", [SMALL, flights], ids=lambda job: job.name)
def test_a_line_that_passes_other_stages_keeps_clear_of_their_boxes(job: Job) -> None:
    boxes = list(_boxes(job))
    passed = [(int(x), int(y)) for x, y in re.findall(r" (\d+),(\d+) H", draw(job))]
    assert passed
    assert [box for box in boxes for x, y in passed if box.x == x and box.y <= y <= box.bottom] == []


def test_what_xml_has_for_itself_and_long_names_are_shown_in_full_as_titles() -> None:
    picture = ElementTree.fromstring(draw(SMALL))
    titles = [title.text for title in picture.iter(f"{SVG}title")]
    assert "extract source: Make rows where a < b & c > d." in titles
    assert "transform last_of_all_with_a_long_name" in titles
    assert "last_of_all_with_a_long_n…" in [box.name for box in _boxes(SMALL)]


def test_a_job_without_stages_is_a_picture_too() -> None:
    assert list(_boxes(Job("empty", stages=[]))) == []
