"""The difference between declaration and table, as a value: no Spark is needed for any of it."""

import re
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic import Field, create_model
from pyspark.sql.types import (
    ArrayType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from framework.errors import DeclarationError
from framework.tables import RowModel, Table, generated
from framework.tables.difference import Asked, Difference, difference
from framework.tables.layout import Layout, declared_layout
from framework.tables.sql import paths


class Stop(RowModel):
    """Where a trip stops."""

    town: str
    zip: str | None


class Trip(RowModel):
    """One trip."""

    id: int
    km: float = Field(gt=0, description="it's driven")
    start: Stop | None
    stops: list[Stop] | None
    fees: dict[str, Stop] | None


ATOMS: dict[str, DataType] = {
    "bigint": LongType(),
    "int": IntegerType(),
    "double": DoubleType(),
    "float": FloatType(),
    "string": StringType(),
    "date": DateType(),
    "timestamp": TimestampType(),
}
TRIPS = Table("silver.trips", Trip, keys="id")
STOP = "struct<town:string,zip:string>"
COLUMNS = [
    "id bigint not null",
    "km double not null",
    f"start {STOP}",
    f"stops array<{STOP}>",
    f"fees map<string,{STOP}>",
]


def found(*columns: str, **rest: Any) -> Layout:
    """A table as it is there: `found("id bigint not null", ...)`."""
    there = Layout(_columns(columns), comment="One trip.")
    return replace(there, **rest)


def _columns(columns: Iterable[str]) -> StructType:
    """Read columns as they are written; PySpark asks a JVM to."""
    fields = []
    for each in columns:
        name, kind, *rest = each.split(" ")
        # As it is declared, so that no test has to say it.
        comment = {"comment": "it's driven"} if name == "km" else {}
        fields.append(StructField(name, _type(kind), rest != ["not", "null"], comment))
    return StructType(fields)


def _type(written: str) -> DataType:
    kind, _, inside = written.removesuffix(">").partition("<")
    if kind == "struct":
        parts = [part.partition(":") for part in inside.split(",")]
        return StructType([StructField(name, _type(part), True) for name, _, part in parts])
    if kind == "array":
        return ArrayType(_type(inside))
    if kind == "map":
        return MapType(StringType(), _type(inside.removeprefix("string,")))
    if digits := re.fullmatch(r"decimal\((\d+),(\d+)\)", kind):
        return DecimalType(int(digits[1]), int(digits[2]))
    return ATOMS[kind]


def like(*instead: str) -> tuple[str, ...]:
    """The columns of the table as declared, with others in the place of those of their names; `-km` leaves one out."""
    named = {each.split()[0]: each for each in instead}
    kept = [named.pop(each.split()[0], each) for each in COLUMNS if f"-{each.split()[0]}" not in instead]
    return (*kept, *(each for name, each in named.items() if not name.startswith("-")))


def declared(**columns: Any) -> Table:
    return Table("silver.trips", create_model("Trip", __base__=Trip, __doc__="One trip.", **columns), keys="id")


DIGITS = declared(km=(Decimal, Field(max_digits=5, decimal_places=2)))


def differs(table: Table, there: Layout, delta: str = "4.2", **asked: Any) -> Difference:
    return difference(table.name, declared_layout(table), there, delta=delta, exempt=["_at"], asked=Asked(**asked))


def sql(found: Difference) -> list[str]:
    assert found.refusals == ()
    return [change.sql.removeprefix("ALTER TABLE {table} ") for change in found.changes]


def test_a_table_that_is_as_declared_differs_in_nothing_whatever_the_order_of_its_columns() -> None:
    assert differs(TRIPS, found(*COLUMNS)) == Difference()
    assert differs(TRIPS, found(*reversed(COLUMNS), "_at timestamp")) == Difference()
    swapped = f"start {STOP.replace('town', 'x').replace('zip', 'town').replace('x:', 'zip:')}"
    assert differs(TRIPS, found(*like(swapped))) == Difference()


def test_columns_are_added_at_any_depth_where_the_model_has_them() -> None:
    there = found(
        *like("start struct<zip:string>", "stops array<struct<town:string>>", "fees map<string,struct<town:string>>")
    )
    added = differs(TRIPS, there)
    assert sql(added) == [
        "ADD COLUMNS (`start`.`town` string FIRST)",
        "ADD COLUMNS (`stops`.`element`.`zip` string AFTER `town`)",
        "ADD COLUMNS (`fees`.`value`.`zip` string AFTER `town`)",
    ]
    tip = declared(tip=(float | None, Field(description="it's extra")), way=(Stop | None, None))
    assert sql(differs(tip, found(*COLUMNS))) == [
        "ADD COLUMNS (`tip` double COMMENT 'it\\'s extra' AFTER `fees`)",
        "ADD COLUMNS (`way` STRUCT<`town`: string, `zip`: string> AFTER `tip`)",
    ]
    assert {change.kind for change in added.changes} == {"add"}


def test_a_type_is_widened_where_that_version_of_delta_does_and_else_refused_with_both_types_and_the_release() -> None:
    there = found(*like("id int not null"))
    assert sql(differs(TRIPS, there)) == [
        "SET TBLPROPERTIES ('delta.enableTypeWidening' = 'true')",
        "ALTER COLUMN `id` TYPE bigint",
    ]
    assert sql(differs(TRIPS, replace(there, properties={"delta.enableTypeWidening": "true"})))[0].startswith("ALTER")
    (refused,) = differs(TRIPS, there, "3.3").refusals
    assert refused.startswith("'id' is int and should be bigint: Delta 3.3 does not widen that, but Delta 4")
    assert "emr-spark-8.1.0" in refused
    inner = found(*like("stops array<struct<town:string,zip:date>>"))
    assert "'stops.element.zip' is date and should be string" in differs(TRIPS, inner).refusals[0]


@pytest.mark.parametrize(
    ("table", "there", "said"),
    [
        (TRIPS, like("km decimal(38,2) not null"), "'km' is decimal(38,2) and should be double: the one"),
        (DIGITS, like("km decimal(9,2) not null"), "no type is narrowed"),
        (declared(tip=(float, ...)), COLUMNS, "it lacks 'tip' double NOT NULL, and the rows that are there"),
        (declared(Tip=(float | None, None)), (*COLUMNS, "tip double"), "'tip' differs from 'Tip' in case only"),
        (declared(half=(float | None, generated("km / 2"))), COLUMNS, "'half' double, which is generated"),
        (TRIPS, (*COLUMNS, "tip double"), "'tip' double is not declared. Declare it; or if it has another name now"),
        (TRIPS, like("km double"), "'km' is nullable and should be NOT NULL"),
        (TRIPS, like("start string"), "'start' is string and should be struct<town:string,zip:string>"),
        (replace(TRIPS, partition_by="id"), COLUMNS, "it is partitioned by () and should be by ('id',)"),
    ],
    ids=["type", "narrowed", "not null", "case", "generated", "undeclared", "nullability", "kind", "partitioning"],
)  # fmt: skip
def test_what_cannot_be_altered_is_refused_in_words(table: Table, there: tuple[str, ...], said: str) -> None:
    (refused,) = differs(table, found(*there)).refusals
    assert said in refused


def test_an_undeclared_column_of_the_type_of_a_new_one_may_be_the_same_under_another_name() -> None:
    there = found(*like("-km"), "miles double not null")
    nullable = declared(km=(float | None, None))
    (refused,) = differs(nullable, there).refusals
    assert "`lakegate migrate silver.trips --rename miles=km`" in refused
    assert "`lakegate migrate silver.trips --drop miles`" in refused


def test_renames_and_drops_are_made_where_they_are_named_and_switch_column_mapping_on() -> None:
    there = found(
        *like("-km", "start struct<town:string,postcode:string>"),
        "miles double not null",
        "old int",
        cluster_by=("miles",),
    )
    table = replace(TRIPS, cluster_by="km")
    asked: dict[str, Any] = {"renames": {"miles": "km", "start.postcode": "zip"}, "drops": ("old",)}
    assert sql(differs(table, there, **asked)) == [
        "SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
        "RENAME COLUMN `miles` TO `km`",
        "RENAME COLUMN `start`.`postcode` TO `zip`",
        "DROP COLUMN `old`",
        "ALTER COLUMN `km` COMMENT 'it\\'s driven'",
    ]
    mapped = replace(there, properties={"delta.columnMapping.mode": "name"})
    assert not sql(differs(table, mapped, **asked))[0].startswith("SET")


def test_columns_of_two_structs_take_the_same_name_and_what_is_dropped_twice_is_dropped_once() -> None:
    there = found(*COLUMNS, "home struct<zip:string>", "work struct<zip:string>", "old struct<a:int,b:int>")
    post = found(*COLUMNS, "home struct<postcode:string>", "work struct<postcode:string>")
    post = replace(post, properties={"delta.columnMapping.mode": "name"})
    asked = Asked({"home.zip": "postcode", "work.zip": "postcode"}, ("old.a", "old", "old"))
    there = replace(there, properties=post.properties)
    assert sql(difference("silver.x", post, there, delta="4.2", asked=asked)) == [
        "RENAME COLUMN `home`.`zip` TO `postcode`",
        "RENAME COLUMN `work`.`zip` TO `postcode`",
        "DROP COLUMN `old`",
    ]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"renames": {"kilometres": "km"}}, "the table has no column 'kilometres'"),
        ({"renames": {"miles": "way"}}, "no column 'way' is declared"),
        ({"renames": {"id": "km"}}, "'id' is declared"),
        ({"renames": {"miles": "Miles"}}, "Delta takes both for one column"),
        ({"renames": {"miles": "id"}}, "the table has a column 'id' already"),
        ({"renames": {"miles": "km", "old": "km"}}, "more than one column would be 'km'"),
        ({"drops": ["ild"]}, "the table has no column 'ild'"),
        ({"drops": ["id"]}, "'id' is declared. Take it out of the row model"),
        ({"renames": {"miles": "km"}, "drops": ["miles"]}, "it is renamed, too"),
    ],
)
def test_renames_and_drops_that_do_not_fit_are_refused(asked: dict[str, Any], said: str) -> None:
    there = found(*like("-km"), "miles double not null", "old double")
    assert said in " ".join(differs(TRIPS, there, **asked).refusals)


def test_what_a_migration_that_was_stopped_has_done_is_not_asked_for_again() -> None:
    asked: dict[str, Any] = {"renames": {"miles": "km", "start.postcode": "zip"}, "drops": ("old",)}
    period = {"lakegate.valid": "miles,until", "delta.columnMapping.mode": "name"}
    there = found(*like("-km", "start struct<town:string,postcode:string>"), "miles double not null", "old int")
    stopped = replace(there, properties=period, comment=None)
    rest = sql(differs(TRIPS, stopped, **asked))
    assert [each.split()[0] for each in rest] == ["RENAME", "SET", "RENAME", "DROP", "ALTER", "COMMENT"]
    # Stopped behind the first rename, behind both, and behind the drop.
    stopped = replace(stopped, columns=found(*like("start struct<town:string,postcode:string>"), "old int").columns)
    assert sql(differs(TRIPS, stopped, **asked)) == [*rest[1:4], rest[5]]
    stopped = replace(stopped, columns=found(*COLUMNS, "old int", "_at timestamp").columns)
    assert sql(differs(TRIPS, stopped, **asked)) == [rest[1], rest[3], rest[5]]
    stopped = replace(stopped, columns=found(*COLUMNS, "_at timestamp", "late struct<at:int>").columns)
    assert sql(differs(TRIPS, stopped, **{**asked, "drops": ("old", "late")}))[1:] == ["DROP COLUMN `late`", rest[5]]
    stopped = replace(stopped, columns=found(*COLUMNS, "_at timestamp").columns)
    assert sql(differs(TRIPS, stopped, **asked)) == [rest[1], rest[5]]


def test_a_column_of_which_others_are_computed_is_neither_renamed_nor_dropped() -> None:
    there = found(*COLUMNS, "old int", generated={"km": "old * 2.0"})
    assert "'km' is generated as old * 2.0" in differs(TRIPS, there, drops=["old"]).refusals[0]
    there = found(*COLUMNS, "old int", checks={"positive": "old > 0"})
    assert "the constraint positive checks old > 0" in differs(TRIPS, there, drops=["old"]).refusals[0]


def test_nullability_is_loosened_clustering_altered_and_checks_put_only_on_request() -> None:
    table = replace(declared(km=(float | None, Field(gt=0, description="it's driven"))), cluster_by="id")
    assert sql(differs(table, found(*COLUMNS))) == ["ALTER COLUMN `km` DROP NOT NULL", "CLUSTER BY (`id`)"]
    clustered = found(*like("km double"), cluster_by=("id",))
    assert sql(differs(replace(table, cluster_by=()), clustered)) == ["CLUSTER BY NONE"]
    (added,) = sql(differs(replace(table, checks=True), clustered))
    assert added.startswith("ADD CONSTRAINT `lakegate_km_")
    assert added.endswith("CHECK (coalesce(`km` > 0, true))")


def test_checks_are_told_apart_by_their_conditions_and_those_of_others_are_left() -> None:
    checked = replace(TRIPS, checks=True)
    ours = dict(declared_layout(checked).checks)
    assert differs(checked, found(*COLUMNS, checks={**ours, "theirs": "id > 7"})) == Difference()
    assert [each.split("`")[0] for each in sql(differs(TRIPS, found(*COLUMNS, checks=ours)))] == ["DROP CONSTRAINT "]
    stricter = replace(declared(km=(float, Field(gt=1, description="it's driven"))), checks=True)
    there = found(*COLUMNS, checks=ours)
    assert [each.split(" ")[0] for each in sql(differs(stricter, there))] == ["DROP", "ADD"]


def test_the_check_of_a_column_that_is_altered_is_away_meanwhile() -> None:
    short = replace(declared(stops=(list[Stop] | None, Field(None, min_length=1))), checks=True)
    there = found(*like("stops array<struct<town:string,code:string>>"), checks=dict(declared_layout(short).checks))
    renamed = sql(differs(short, there, renames={"stops.element.code": "zip"}))
    assert [each.split(" ")[0] for each in renamed] == ["SET", "DROP", "RENAME", "ADD"]
    checked = replace(TRIPS, checks=True)
    there = found(*like("km float not null"), checks=dict(declared_layout(checked).checks))
    assert [each.split(" ")[0] for each in sql(differs(checked, there))] == ["DROP", "SET", "ALTER", "ADD"]


@pytest.mark.parametrize(
    ("policy", "left"),
    [("refuse", ["'id'", "'fees.value.zip'"]), ("add_columns", ["'id'"]), ("widen", [])],
)
def test_a_load_makes_the_changes_that_the_declaration_allows_and_says_the_way_for_the_others(
    policy: Any, left: list[str]
) -> None:
    there = found(*like("id int not null", "fees map<string,struct<town:string>>"), comment="Another.")
    said = differs(TRIPS, there).against(replace(TRIPS, on_schema_change=policy))
    assert sorted(next(word for word in each.split() if word.startswith("'")) for each in said) == sorted(left)
    assert all("`lakegate migrate silver.trips`" in each for each in said)
    assert ('Declare on_schema_change="widen"' in " ".join(said)) is bool(left)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"on_schema_change": "add_column"}, "Did you mean 'add_columns'?"),
        ({"partition_by": "id", "cluster_by": "km"}, "one or the other"),
        ({"cluster_by": ("id", "km", "start", "stops", "fees")}, "by 5 columns"),
        ({"cluster_by": "kms"}, "Did you mean 'km'?"),
        ({"model": None, "checks": True}, "it has none"),
        ({"model": declared(half=(float, generated("km / 2"))).model, "subject": "half"}, "which Delta computes"),
        ({"subject": "km"}, "'km' is double, and a person is told by"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Table(**{"name": "silver.trips", "model": Trip, **wrong})
    assert said in str(refused.value)


def test_the_columns_of_a_schema_are_named_at_any_depth() -> None:
    key, value = _columns(["d int"]), _columns(["e int"])
    inner = StructType([*_columns(["a array<struct<b:int>>"]).fields, StructField("c", MapType(key, value))])
    assert list(paths(inner)) == ["a", "a.element.b", "c", "c.key.d", "c.value.e"]
