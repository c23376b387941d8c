import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from framework.batch import Position
from framework.errors import StaleEpochError
from framework.tables import Counts, Lake, Loaded, RowModel, Table, append, load
from framework.tables.commit import Commit, Transaction, find_commit, position_of
from framework.tables.load import is_applied, loaded_before
from tests.delta import actions, given, rows_of, version_of


class City(RowModel):
    """One city."""

    id: int
    name: str | None


CITIES = Table("silver.cities", City, keys="id", partition_by="name")


def test_a_transaction_carries_its_epoch_above_its_batch() -> None:
    transaction = Transaction("cities/load", Position(2, 7), {"run": "r1"})

    assert transaction.options == {
        "txnAppId": "cities/load",
        "txnVersion": "8589934599",  # 2 * 4294967296 + 7
        "userMetadata": '{"run": "r1"}',
    }
    assert transaction.confs == {
        "spark.databricks.delta.write.txnAppId": "cities/load",
        "spark.databricks.delta.write.txnVersion": "8589934599",
        "spark.databricks.delta.commitInfo.userMetadata": '{"run": "r1"}',
    }
    assert Position.of(8589934599) == Position(2, 7)
    assert Position(1, 99).next() == Position(1, 100) < Position(2, 0)


def test_a_commits_partitions_are_those_it_added_to_or_removed_from() -> None:
    commit = Commit(
        3,
        (
            {"commitInfo": {"operationMetrics": {"numOutputRows": "12", "numFiles": "-1", "note": "x"}}},
            {"add": {"path": "a", "partitionValues": {"p": "1", "q-7": None}}},
            {"remove": {"path": "b", "partitionValues": {"p": "1"}}},  # Delta leaves the NULL out
            {"remove": {"path": "c", "partitionValues": {"q-7": "x", "p": "2"}}},
            {"cdc": {"path": "d", "partitionValues": {"p": "3", "q-7": "y"}}},
        ),
        {"p": "p", "q": "q-7"},
    )

    assert commit.partitions == ({"p": "1", "q": None}, {"p": "2", "q": "x"})
    assert commit.metrics == {"numOutputRows": 12, "numFiles": -1}
    assert Commit(3, commit.actions).partitions == ({},)
    assert Commit(3, commit.actions[:1], {"p": "p"}).partitions == ()


def test_a_commit_is_found_by_its_transaction_behind_those_of_others(lake: Lake, rows: Callable[..., Any]) -> None:
    transaction = Transaction("cities/load", Position(1, 5), {"job": "cities", "batch": 5})
    given(lake, CITIES, "(1, 'Oslo'), (2, NULL)")
    loaded = load(lake, CITIES, append(), rows(City, {"id": 3}), transaction)
    given(lake, CITIES, "(4, 'Oslo')")
    DeltaTable(lake.path("silver.cities")).optimize.compact()

    assert actions(lake, CITIES, "txn", loaded.version)[0] | {"lastUpdated": 0} == {
        "appId": "cities/load",
        "version": 4294967301,
        "lastUpdated": 0,
    }
    assert json.loads(actions(lake, CITIES, "commitInfo", loaded.version)[0]["userMetadata"]) == {
        "job": "cities",
        "batch": 5,
    }
    found = find_commit(lake, "silver.cities", transaction)
    assert found is not None
    assert (found.version, found.partitions, found.metrics["numOutputRows"]) == (2, ({"name": None},), 1)
    assert (version_of(lake, CITIES), loaded.version) == (4, 2)
    assert find_commit(lake, "silver.cities", Transaction("cities/load", Position(1, 4))) is None
    assert position_of(lake, "silver.cities", "cities/load") == Position(1, 5)
    assert position_of(lake, "silver.cities", "towns/load") is None
    positions = [Position(1, 4), Position(1, 5), Position(1, 6), Position(2, 1)]
    applied = [is_applied(lake, CITIES, Transaction("cities/load", at)) for at in positions]
    assert applied == [True, True, False, False]
    with pytest.raises(StaleEpochError) as refused:
        is_applied(lake, CITIES, Transaction("cities/load", Position(0, 9)))
    assert (refused.value.table, refused.value.ours, refused.value.theirs) == ("silver.cities", "9", "5 of epoch 1")


def test_a_load_is_committed_once_and_its_second_attempt_finds_what_the_first_left(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    transaction = Transaction("cities/load", Position(0, 1))
    given(lake, CITIES, "(1, 'Oslo')")
    first = load(lake, CITIES, append(), rows(City, {"id": 2}), transaction)
    again = load(lake, CITIES, append(), rows(City, {"id": 3}, {"id": 4}), transaction)

    assert first == Loaded(2, ({"name": None},), Counts(read=1, inserted=1))
    assert again == Loaded(2, ({"name": None},), Counts(), already_applied=True)
    assert loaded_before(lake, CITIES, transaction) == again
    assert rows_of(lake, CITIES) == [(1, "Oslo"), (2, None)]

    given(lake, CITIES, "(5, 'Bonn')")
    DeltaTable(lake.path("silver.cities")).create_checkpoint()
    for commit in Path(lake.path("silver.cities"), "_delta_log").glob("*[0-2].json"):
        commit.unlink()

    # Which partitions it touched is not known any more, so any of them may be meant.
    assert is_applied(lake, CITIES, transaction)
    assert loaded_before(lake, CITIES, transaction) == Loaded(3, ({},), Counts(), already_applied=True)
