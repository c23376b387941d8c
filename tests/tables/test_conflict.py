"""Another writer commits while a load is in its transaction: the load is done again, on the table as it is then."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from framework.batch import Position
from framework.errors import ConflictError
from framework.tables import Counts, Lake, RowModel, Table, Write, conflict, load, merge, overwrite, replace, upsert
from framework.tables.commit import Transaction
from framework.tables.erase import Where, erase
from framework.tables.person import Person
from tests.delta import actions, given, rows_of, version_of


class City(RowModel):
    id: int
    name: str
    land: str | None


CITIES = Table("silver.cities", City, keys="id")
BY_LAND = Table("silver.cities", City, partition_by="land")
BATCH = Transaction("cities/load", Position(0, 1))
ROME, BARI = {"id": 2, "name": "Rome", "land": "IT"}, "(3, 'Bari', 'IT')"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflict, "LONGEST_PAUSE", 0.0)


@pytest.fixture
def meddle(lake: Lake, tmp_path: Path) -> Callable[..., Column]:
    path, computed = lake.path(CITIES.name), tmp_path / "computed"

    def returned(*times: int) -> Column:
        """Return what is true; at these times that it is computed, another writer appends to the table."""

        def meddling(_: int) -> bool:
            import duckdb
            from deltalake import write_deltalake

            number = int(computed.read_text()) + 1 if computed.exists() else 1
            computed.write_text(str(number))
            if number in times:
                bari = duckdb.sql(f"FROM (VALUES {BARI}) t(id, name, land)")
                assert bari
                write_deltalake(path, bari, mode="append")
            return True

        return F.udf(meddling, "boolean", useArrow=False)("id")

    return returned


@pytest.fixture
def meddled(meddle: Callable[..., Column]) -> Callable[..., DataFrame]:
    return lambda frame, *times: frame.coalesce(1).where(meddle(*times))


@pytest.mark.parametrize(
    ("table", "write", "after"),
    [
        (CITIES, overwrite(), [(2, "Rome", "IT")]),
        (BY_LAND, replace(by="land"), [(1, "Oslo", "NO"), (2, "Rome", "IT")]),
    ],
    ids=["overwrite", "replace"],
)
def test_a_load_that_meets_another_commit_takes_its_rows_into_account(
    lake: Lake,
    rows: Callable[..., Any],
    meddled: Callable[..., DataFrame],
    caplog: pytest.LogCaptureFixture,
    table: Table,
    write: Write,
    after: list[Any],
) -> None:
    given(lake, table, "(1, 'Oslo', 'NO')")

    with caplog.at_level(logging.INFO, "lakegate"):
        loaded = load(lake, table, write, meddled(rows(City, ROME), 1), BATCH)

    assert [_conflict(record) for record in caplog.records] == ["ConcurrentAppendException"]
    assert rows_of(lake, CITIES) == after
    assert loaded.version == version_of(lake, CITIES) == 3  # made, filled, appended to by the other, loaded
    assert [(t["appId"], t["version"]) for t in actions(lake, CITIES, "txn")] == [("cities/load", 1)]


def test_an_upsert_that_meets_another_commit_updates_its_row(
    lake: Lake,
    rows: Callable[..., Any],
    meddled: Callable[..., DataFrame],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given(lake, CITIES, "(1, 'Oslo', 'NO')")
    changes = merge._changes
    monkeypatch.setattr(merge, "_changes", lambda *given: meddled(changes(*given), 1))
    new = rows(City, ROME, {"id": 3, "name": "Bari", "land": "Apulia"})

    with caplog.at_level(logging.INFO, "lakegate"):
        loaded = load(lake, CITIES, upsert(), new, BATCH)

    assert [_conflict(record) for record in caplog.records] == ["ConcurrentAppendException"]
    assert rows_of(lake, CITIES) == [(1, "Oslo", "NO"), (2, "Rome", "IT"), (3, "Bari", "Apulia")]
    assert loaded.counts == Counts(read=2, inserted=1, updated=1)


def test_a_load_that_meets_another_commit_each_time_gives_up_and_has_written_nothing(
    lake: Lake, rows: Callable[..., Any], meddled: Callable[..., DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conflict, "TRIES", 3)
    given(lake, CITIES, "(1, 'Oslo', 'NO')")

    with pytest.raises(ConflictError, match=r"3 .*ConcurrentAppendException"):
        load(lake, CITIES, overwrite(), meddled(rows(City, ROME), 1, 2, 3), BATCH)

    assert rows_of(lake, CITIES) == [(1, "Oslo", "NO"), *[(3, "Bari", "IT")] * 3]


def test_an_erasure_that_meets_another_commit_removes_what_that_brought_too(
    lake: Lake, meddle: Callable[..., Column], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(lake, CITIES, f"(1, 'Oslo', 'NO'), {BARI}")
    bari, is_in = Person.told_by(["id"], "salt", ["3"], [1]), Person.is_in
    meddles = iter([False, True])  # in the first DELETE, not as its rows are counted before

    def meddled(*given: Any) -> Column:
        return is_in(*given) & meddle(1) if next(meddles, False) else is_in(*given)

    monkeypatch.setattr(Person, "is_in", meddled)

    with caplog.at_level(logging.INFO, "lakegate"):
        assert erase(lake, Where(CITIES.name), bari) == 2

    assert [_conflict(record) for record in caplog.records] == ["ConcurrentAppendException"]
    assert rows_of(lake, CITIES) == [(1, "Oslo", "NO")]


def _conflict(record: logging.LogRecord) -> str:
    fields: Any = getattr(record, "fields")  # noqa: B009
    return str(fields["conflict"])
