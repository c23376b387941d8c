from pathlib import Path
from xml.etree import ElementTree

import pytest

from framework.errors import UnknownJobError
from tests.command import ROOT, lakegate, project

PRICES = '''
"""Prices of two regions."""

from pyspark.sql import DataFrame

from framework.pipeline import Job, extract, load, transform
from framework.sources import table, written
from framework.tables import Table, append, replace, sync

PRICES, EUROPE, WORLD = Table("bronze.prices"), Table("silver.europe", keys="id"), Table("gold.world")


def tidy(prices: DataFrame) -> DataFrame:
    """Take out blanks."""
    return prices


def priced(rows: DataFrame, *, region: str, rate: float) -> DataFrame:
    """Price one region."""
    return rows


def world(tidy: DataFrame, in_europe: DataFrame) -> DataFrame:
    """Put all together."""
    return tidy


def mailed(world: DataFrame) -> None:
    """Send a mail."""


europe = transform(priced, name="europe", rows=tidy, region="eu")

job = Job(
    "prices",
    stages=[
        extract(prices=table(PRICES)),
        tidy,
        europe,
        load(europe, into=EUROPE, write=sync()),
        extract(in_europe=written(EUROPE)),
        world,
        load(world, into=WORLD, write=replace(by="region"), name="whole_world"),
        load(world, into=mailed),
    ],
)
'''
TREE = """\
prices
├── load silver.europe: sync() by id
│   └── transform europe: Price one region.
│       └── transform tidy: Take out blanks.
│           └── extract prices: table bronze.prices
├── load whole_world: into gold.world, replace(by='region')
│   └── transform world: Put all together.
│       ├── transform tidy: Take out blanks. (as above)
│       └── extract in_europe: written to silver.europe by this batch
└── load mailed: a function of your own, at least once
    └── transform world: Put all together. (as above)
silver.europe  exactly-once
whole_world  exactly-once
mailed  at-least-once: a function of your own has no commit to carry its batch
--rate  float (required)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with the jobs `orders` and `prices`."""
    shop = project(tmp_path / "shop")
    (shop / "jobs" / "prices.py").write_text(PRICES.lstrip())
    return shop


def test_each_load_stands_above_what_it_is_made_from(shop: Path) -> None:
    said = lakegate(shop, "show", "prices")
    assert (said.code, said.out) == (0, TREE)


def test_a_parameter_is_shown_as_its_flag_with_type_and_default(shop: Path) -> None:
    assert "--min-amount  float = 0.0" in lakegate(shop, "show", "orders").out.splitlines()


def test_every_stage_of_flights_is_shown() -> None:
    shown = lakegate(ROOT, "show", "flights").out
    for stage in ("raw_flights", "weather", "airlines", "planes", "airports", "flights", "flights_of_whole_days"):
        assert f"extract {stage}:" in shown
    for stage in ("cleaned", "in_weather", "delays"):
        assert f"transform {stage}:" in shown
    for table in ("bronze.flights", "silver.flights", "silver.flights_in_weather", "gold.delays"):
        assert f"load {table}:" in shown


def test_the_picture_is_well_formed_and_has_every_stage(shop: Path) -> None:
    said = lakegate(shop / "tests", "show", "prices", "--svg", "pictures/prices.svg")
    assert said.code == 0
    picture = ElementTree.parse(shop / "tests" / "pictures" / "prices.svg").getroot()
    texts = {text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")}
    stages = {"prices", "tidy", "europe", "silver.europe", "in_europe", "world", "whole_world", "mailed"}
    assert texts == stages | {"extract", "transform", "load"}


def test_an_unknown_job_is_refused_with_those_there_are(shop: Path) -> None:
    said = lakegate(shop, "show", "order")
    assert (said.code, said.out) == (2, "")
    assert isinstance(said.error, UnknownJobError)
    assert (said.error.job, said.error.known) == ("order", ("orders", "prices"))
    assert "Did you mean 'orders'?" in said.err
