from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args, get_type_hints

import pytest
from pydantic import BaseModel, Field, create_model
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import LongType, StringType, StructType

from framework.errors import DeclarationError, FrameMismatchError
from framework.tables import Frame, RowModel, generated
from framework.tables.model import columns, differences, frame_model, generated_columns, schema
from framework.tables.rules import rules


class Leg(BaseModel):
    miles: int
    via: str | None


class Flight(RowModel):
    """One flight."""

    carrier: str = Field(alias="airline")
    number: int
    origin: Literal["EWR", "JFK"]
    stops: Literal[0, 1] | None
    scheduled_at: datetime = Field(description="departure, UTC")
    landed_on: date | None
    price: Decimal | None = Field(max_digits=10, decimal_places=2)
    delay: float | None
    crew: list[str | None]
    seats: dict[str, int] | None
    leg: Leg
    logo: bytes | None
    late: bool
    month: str = generated("date_format(scheduled_at, 'yyyy-MM')", description="of departure")


class Stop(RowModel):
    place: str
    minutes: int | None
    hours: int = generated("CAST(minutes / 60 AS BIGINT)")


def test_a_row_models_types_become_spark_columns_with_nullability_and_comments() -> None:
    found = [(f.name, f.dataType.simpleString(), f.nullable, f.metadata.get("comment")) for f in schema(Flight).fields]

    assert found == [
        ("carrier", "string", False, None),
        ("number", "bigint", False, None),
        ("origin", "string", False, None),
        ("stops", "bigint", True, None),
        ("scheduled_at", "timestamp", False, "departure, UTC"),
        ("landed_on", "date", True, None),
        ("price", "decimal(10,2)", True, None),
        ("delay", "double", True, None),
        ("crew", "array<string>", False, None),
        ("seats", "map<string,bigint>", True, None),
        ("leg", "struct<miles:bigint,via:string>", False, None),
        ("logo", "binary", True, None),
        ("late", "boolean", False, None),
        ("month", "string", False, "of departure"),
    ]
    assert columns(Flight) == tuple(name for name, *_ in found)
    assert generated_columns(Flight) == {"month": "date_format(scheduled_at, 'yyyy-MM')"}


def test_two_columns_that_differ_in_case_only_are_refused_where_the_model_is_declared() -> None:
    with pytest.raises(DeclarationError, match="'city' and 'City' differ in case only"):
        create_model("Fare", __base__=RowModel, city=(str, ...), City=(str, ...))


@pytest.mark.parametrize(
    "kind", [Decimal, Decimal | None, list[Decimal], Annotated[Decimal, Field(max_digits=9, decimal_places=2)] | None]
)
def test_a_decimal_without_digits_is_refused_where_the_model_is_declared(kind: Any) -> None:
    with pytest.raises(DeclarationError) as refused:
        create_model("Fare", __base__=RowModel, price=(kind, ...))

    assert refused.value.subject == "Row model Fare"


@pytest.mark.parametrize(
    "kind",
    [
        int | str,
        Literal["a"] | Literal[1],
        Literal["a"] | str,
        list[int | float | None],
        dict[str, Literal["none"] | date] | None,
    ],
)
def test_a_choice_of_types_is_refused_where_the_model_is_declared(kind: Any) -> None:
    with pytest.raises(DeclarationError, match=r"Row model Fare.*'price' is of one type or another, and a column has"):
        create_model("Fare", __base__=RowModel, price=(kind, ...))


def test_what_a_model_may_not_hold_the_models_of_its_columns_may_not_either() -> None:
    price = create_model("Price", euros=(Decimal, ...))
    with pytest.raises(DeclarationError, match="Row model Fare, price is declared wrongly: 'euros' is a Decimal"):
        create_model("Fare", __base__=RowModel, price=(list[price], ...))


def test_a_model_that_holds_itself_is_refused_where_it_is_declared() -> None:
    with pytest.raises(DeclarationError, match="'parts' holds a Nested in a Nested, without end"):

        class Nested(RowModel):
            parts: "list[Nested]"


@pytest.mark.parametrize("kind", [set[str], tuple[int, int], Any, object, list, dict])
def test_a_type_that_no_column_has_is_refused_by_name(kind: Any) -> None:
    model = create_model("Fare", __base__=RowModel, price=(kind, ...))
    with pytest.raises(DeclarationError, match=r"Row model Fare is declared wrongly: 'price': .* A column is an int, "):
        schema(model)


class Early(RowModel):
    parts: "list[Late] | None"
    price: Annotated[int, Field(ge=0)]


class Late(RowModel):
    name: str


class Wrong(RowModel):
    parts: "list[LateWrong]"


class LateWrong(BaseModel):
    price: Decimal


class Lost(RowModel):
    parts: "Nowhere"  # type: ignore[name-defined]  # noqa: F821


def test_a_model_may_name_one_that_is_defined_after_it() -> None:
    assert schema(Early).simpleString() == "struct<parts:array<struct<name:string>>,price:bigint>"
    assert [rule.name for rule in rules(Early)] == ["price is not NULL", "price >= 0"]


def test_what_was_not_known_where_a_model_was_declared_is_looked_at_later() -> None:
    with pytest.raises(DeclarationError, match="Row model Wrong, parts is declared wrongly: 'price' is a Decimal"):
        schema(Wrong)
    with pytest.raises(DeclarationError, match=r"Row model Lost .* 'Nowhere' is the type of a column, and not defined"):
        rules(Lost)


def test_frame_selects_the_models_columns_in_order_and_computes_the_generated_ones(spark: SparkSession) -> None:
    rows = spark.sql("SELECT 'left out' AS note, 150L AS minutes, 'Bonn' AS place")

    made = Stop.frame(rows)
    given = Stop.frame(rows.selectExpr("*", "9L AS hours"))

    assert made.columns == ["place", "minutes", "hours"]
    assert [tuple(row) for row in made.union(given).collect()] == [("Bonn", 150, 2), ("Bonn", 150, 9)]


def test_frame_names_every_missing_column(spark: SparkSession) -> None:
    with pytest.raises(FrameMismatchError) as refused:
        Stop.frame(spark.sql("SELECT 1 AS minute"))

    assert refused.value.subject == "Frame[Stop]"
    assert [said.split("'")[1] for said in refused.value.differences] == ["place", "minutes"]
    assert refused.value.has == ("minute",)


def test_c_gives_a_models_column_and_refuses_a_name_that_it_lacks(spark: SparkSession) -> None:
    rows = spark.sql("SELECT 'Bonn' AS place, 150L AS minutes")

    assert rows.select(Stop.c.minutes + 1).first() == (151,)
    with pytest.raises(AttributeError, match="minutes"):
        _ = Stop.c.minuets


def test_a_column_may_be_called_as_what_a_row_model_has() -> None:
    with pytest.warns(UserWarning, match="shadows an attribute"):
        model = create_model(
            "Abc", __base__=RowModel, a=(int, ...), c=(int | None, ...), frame=(str, ...), d=(str, ...)
        )
    assert schema(model).simpleString() == "struct<a:bigint,c:bigint,frame:string,d:string>"
    assert [field.nullable for field in schema(model).fields] == [False, True, False, False]


def test_a_frame_annotation_is_a_dataframe_at_run_time_that_knows_its_model() -> None:
    def stops(raw: Frame[Stop]) -> Frame[Stop]:
        return raw

    assert get_type_hints(stops) == {"raw": DataFrame, "return": DataFrame}
    annotation = get_type_hints(stops, include_extras=True)["raw"]
    assert get_args(annotation)[0] is DataFrame
    assert frame_model(annotation) is Stop
    assert frame_model(DataFrame) is None


def test_differences_are_the_columns_that_are_missing_undeclared_or_of_another_type() -> None:
    declared = StructType().add("id", LongType()).add("city", StringType(), nullable=False).add("gone", StringType())
    found = (
        StructType().add("city", StringType()).add("id", StringType()).add("_note", StringType()).add("new", LongType())
    )

    said = differences(declared, found, exempt=("_note",))

    assert sorted(sentence.split("'")[1] for sentence in said) == ["gone", "id", "new"]
    assert differences(declared, declared) == []


def test_rows_makes_a_typed_frame_with_null_for_what_is_left_out(rows: Callable[..., Any]) -> None:
    made = rows(Stop, {"minutes": 61}, {}, place="Bonn")

    assert [tuple(row) for row in made.collect()] == [("Bonn", 61, 1), ("Bonn", None, None)]
    with pytest.raises(ValueError, match="minuets"):
        rows(Stop, {"minuets": 1}, place="Bonn")
    with pytest.raises(ValueError, match="place"):
        rows(Stop, {"minutes": 1})
