from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from framework.errors import DeclarationError
from framework.tables import RowModel, Table, Write, append, overwrite, replace, sync, upsert


class City(RowModel):
    """One city.

    Of any country.
    """

    id: int
    name: str | None


CITIES = Table("silver.cities", City, keys="id", partition_by="name")


@pytest.mark.parametrize("name", ["cities", "Silver.cities", "silver.cities.old", "silver.c-ities", "1.cities", "a."])
def test_a_table_is_named_database_point_table_in_lower_case(name: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Table(name, City)

    assert refused.value.subject == f"Table {name!r}"


@pytest.mark.parametrize("declared", [{"keys": "ident"}, {"keys": ("id", "nam")}, {"partition_by": "country"}])
def test_keys_and_partition_columns_are_columns_of_the_model(declared: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError) as refused:
        Table("silver.cities", City, **declared)

    assert refused.value.subject == "Table 'silver.cities'"


def test_one_key_or_partition_column_may_be_given_as_a_string() -> None:
    assert (CITIES.keys, CITIES.partition_by) == (("id",), ("name",))
    assert Table("silver.cities", City, keys=["id", "name"]).keys == ("id", "name")
    assert CITIES.database == "silver"


def test_a_tables_comment_is_its_models_first_line_unless_it_has_one_of_its_own() -> None:
    assert CITIES.comment == "One city."
    assert Table("silver.cities", City, comment="Towns.").comment == "Towns."
    assert Table("silver.cities").comment is None


def test_a_table_is_a_frozen_value() -> None:
    properties = {"delta.appendOnly": "true"}
    table = Table("silver.cities", City, properties=properties)
    properties.clear()

    assert table.properties == {"delta.appendOnly": "true"}
    assert {CITIES: 1}[Table("silver.cities", City, keys=("id",), partition_by=("name",))] == 1
    with pytest.raises(FrozenInstanceError):
        table.name = "silver.towns"  # type: ignore[misc]


@pytest.mark.parametrize("write", [upsert(), sync(), upsert(sequence_by="sequence"), replace(by="country")])
def test_a_write_refuses_a_table_that_lacks_its_column_or_key(write: Write) -> None:
    keyless = Table("silver.cities", City)
    keyed = Table("silver.cities", City, keys="id")

    with pytest.raises(DeclarationError):
        write.require(keyed if write in (upsert(sequence_by="sequence"), replace(by="country")) else keyless)


def test_a_write_takes_a_table_that_has_what_it_needs() -> None:
    keyless = Table("silver.cities", City)

    for write in (append(), overwrite(), replace(by="name")):
        write.require(keyless)
    for write in (upsert(), sync(), upsert(sequence_by="name")):
        write.require(CITIES)
    upsert(sequence_by="sequence").require(Table("silver.cities", keys="id"))
