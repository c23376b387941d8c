from datetime import UTC, date, datetime
from typing import Any, Literal

import pytest
from pyspark.sql import DataFrame, SparkSession

from framework.errors import MissingParameterError, ParameterValueError, UnknownParameterError
from framework.pipeline import Job, extract, load
from framework.pipeline.parameters import changes, values


def written_out(
    numbers: DataFrame,
    *,
    count: int = 1,
    share: float = 1,
    dry: bool = False,
    day: date = date(2013, 1, 1),
    at: datetime | None = None,
    size: Literal["s", "m"] = "s",
    level: Literal[1, 2] = 1,
    limit: int | None = None,
    name: str = "x",
    origins: list[str] = [],  # noqa: B006  # as users write it
) -> None: ...


def numbers(spark: SparkSession) -> DataFrame:
    return spark.range(1)


job = Job("typed", [extract(numbers=numbers), load("numbers", into=written_out)])


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("count", "-7", -7),
        ("share", "0.5", 0.5),
        ("share", "1e-3", 0.001),
        ("dry", "true", True),
        ("dry", "no", False),
        ("day", "2013-02-28", date(2013, 2, 28)),
        ("at", "2013-02-28T12:00:00Z", datetime(2013, 2, 28, 12, tzinfo=UTC)),
        ("at", "null", None),
        ("size", "m", "m"),
        ("level", "2", 2),
        ("limit", "5", 5),
        ("limit", "null", None),
        ("name", "5", "5"),
        ("name", "null", "null"),
        ("origins", '["JFK", "LGA"]', ["JFK", "LGA"]),
    ],
)
def test_text_is_parsed_to_the_parameter_s_type(name: str, text: str, value: Any) -> None:
    found = values(job, {name: text})[name]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("count", "many", "int"),
        ("count", "1.5", "int"),
        ("count", "", "int"),
        ("share", "half", "float"),
        ("dry", "maybe", "bool"),
        ("day", "2013-02-29", "date"),
        ("day", "yesterday", "date"),
        ("size", "xl", "Literal['s', 'm']"),
        ("level", "3", "Literal[1, 2]"),
        ("limit", "none", "int | None"),
        ("origins", "JFK,LGA", "list[str]"),
        ("origins", "[1]", "list[str]"),
        ("count", [1], "int"),
        ("name", 5, "str"),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: Any, expected: str) -> None:
    with pytest.raises(ParameterValueError) as caught:
        values(job, {name: value})
    assert (caught.value.job, caught.value.parameter, caught.value.expected) == ("typed", name, expected)


def test_a_value_that_is_typed_already_is_taken_as_it_is() -> None:
    given = {"count": 7, "day": date(2013, 2, 28), "origins": ["JFK"]}
    assert {name: value for name, value in values(job, given).items() if name in given} == given


def test_what_is_not_given_has_its_default_in_the_parameter_s_type() -> None:
    found = values(job, {})
    assert list(found) == ["count", "share", "dry", "day", "at", "size", "level", "limit", "name", "origins"]
    assert (found["count"], found["day"], found["limit"]) == (1, date(2013, 1, 1), None)
    assert type(found["share"]) is float


def test_an_unknown_parameter_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownParameterError, match=r"Did you mean 'count'\?") as caught:
        values(job, {"coutn": "1"})
    assert (caught.value.job, caught.value.parameter) == ("typed", "coutn")
    assert caught.value.known == tuple(job.parameters)


def test_all_missing_parameters_are_named_at_once() -> None:
    def wanting(numbers: DataFrame, *, first: int, second: str, third: int = 3) -> None: ...

    needy = Job("needy", [extract(numbers=numbers), load("numbers", into=wanting)])
    with pytest.raises(MissingParameterError, match="--first VALUE --second VALUE") as caught:
        values(needy, {})
    assert (caught.value.job, caught.value.missing) == ("needy", ("first", "second"))
    assert values(needy, {"first": "1", "second": "2"}) == {"first": 1, "second": "2", "third": 3}


def test_a_plan_s_parameters_are_compared_as_the_text_that_keeps_them() -> None:
    planned = {"day": "2013-01-01", "origins": ["JFK"], "count": 1}
    assert changes(planned, {"day": date(2013, 1, 1), "origins": ["JFK"], "count": 1}) == []
    assert len(changes(planned, {"day": date(2013, 1, 2), "origins": ["LGA"], "count": 2})) == 3
    assert len(changes(planned, {"day": date(2013, 1, 1), "origins": ["JFK"], "added": 1})) == 2
