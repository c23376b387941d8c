import pytest

from framework.lanes import LANES, is_of, lane_of, numbers


@pytest.mark.parametrize(("spark", "delta", "lane"), [("4.1.3-amzn-0", "4.2.0-amzn-0", 0), ("3.5.8-amzn-0", None, 1)])
def test_versions_as_amazon_writes_them_are_of_a_lane(spark: str, delta: str | None, lane: int) -> None:
    assert lane_of(spark, delta) is LANES[lane]


@pytest.mark.parametrize(
    ("spark", "delta"), [("4.0.2-amzn-0", "4.0.0-amzn-1-spark"), ("3.5.3", "3.2.1"), ("3.4.1", None)]
)
def test_other_versions_are_of_none(spark: str, delta: str | None) -> None:
    assert lane_of(spark, delta) is None


def test_a_series_is_no_prefix_of_a_number() -> None:
    assert is_of("4.1", "4.1")
    assert not is_of("4.10.0", "4.1")


@pytest.mark.parametrize(
    ("version", "known"), [("4.0.0-amzn-1-spark", (4, 0, 0)), ("3.11", (3, 11)), ("7.14.0", (7, 14, 0)), ("x", ())]
)
def test_the_numbers_of_a_version_are_those_that_it_begins_with(version: str, known: tuple[int, ...]) -> None:
    assert numbers(version) == known
