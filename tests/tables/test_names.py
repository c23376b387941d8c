from collections.abc import Callable
from typing import Any

import pytest

from framework import tables
from framework.errors import DeclarationError
from framework.tables import Table, apply_changes, scd2

untyped: Any = tables


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: untyped.scd2(valid_by="at", absent="deleted"), r"absent is 'deleted'.*Did you mean 'delete'"),
        (
            lambda: untyped.scd2(valid_by="at", valid="valid_from"),
            "valid is 'valid_from'. Name the column where it begins and",
        ),
        (lambda: untyped.apply_changes(sequence_by="at", keep="lates"), r"keep is 'lates'.*Did you mean 'latest'"),
        (
            lambda: untyped.bitemporal(valid=("valid_from",)),
            r"valid is \('valid_from',\). Name the column where it begins",
        ),
        (lambda: untyped.bitemporal(valid=("a", "b"), system=("a", "b", "c")), "system is .* and the one it ends"),
        (
            lambda: untyped.Table("a.b", on_schema_change="widens"),
            r"on_schema_change is 'widens'.*Did you mean 'widen'",
        ),
    ],
)
def test_what_is_no_choice_and_no_pair_is_refused(made: Callable[[], Any], reason: str) -> None:
    with pytest.raises(DeclarationError, match=reason):
        made()


def test_one_name_stands_for_a_list_of_one() -> None:
    assert scd2(valid_by="at", track="city") == scd2(valid_by="at", track=["city"])
    assert apply_changes(sequence_by="at", track="city") == apply_changes(sequence_by="at", track=("city",))
    assert Table("a.b", keys="id").keys == ("id",)
