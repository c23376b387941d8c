"""Feeds of changes on Delta: any order, deletes that come early, truncations, and another writer in between."""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from framework.batch import Position
from framework.errors import (
    ConstraintBrokenError,
    ContradictionError,
    DeclarationError,
    FrameMismatchError,
    NoHistoryError,
    NullKeyError,
    SequenceError,
)
from framework.tables import (
    Counts,
    Lake,
    RowModel,
    Table,
    apply_changes,
    as_of,
    conflict,
    generated,
    history_of,
    load,
)
from framework.tables.commit import Transaction, same_rows
from framework.tables.restore import fence
from tests.delta import actions, compacted_and_vacuumed, rows_by_duckdb, version_of
from tests.properties.histories import EVENTS, drawn


class Account(RowModel):
    """An account as it is now, and how far its changes are applied."""

    bank: str
    id: int
    owner: str
    city: str | None
    tags: dict[str, int] | None
    lsn: int
    deleted_at: int | None
    shard: str = generated("CAST(id % 2 AS STRING)")


class Home(RowModel):
    """Where an account was, from day to day."""

    bank: str
    id: int
    owner: str | None
    city: str | None
    valid_from: date
    valid_to: date


class Move(Home):
    """The same, with the place in the log of the change that it began with."""

    lsn: int | None


class Change(RowModel):
    """A change as a log has it."""

    bank: str | None
    id: int | None
    owner: str | None
    city: str | None
    tags: dict[str, int] | None
    lsn: int | None
    op: str | None


module = import_module("framework.tables.history.latest")
ACCOUNTS = Table("silver.accounts", Account, keys=("bank", "id"), partition_by="shard")
HOMES = Table("silver.homes", Home, keys=("bank", "id"))
MOVES = Table("silver.homes", Move, keys=("bank", "id"))
IS: Any = {"delete_when": "op = 'd'", "ignore_when": "op = 'm'", "truncate_when": "op = 't'"}
LATEST = apply_changes(sequence_by="lsn", keep="latest", **IS)
BY_PLACE = apply_changes(sequence_by=("changed_on", "lsn"), delete_when="op = 'd'")
VERSIONS = apply_changes(sequence_by="changed_on", track=["city"], **IS)
T = datetime(2024, 1, 20, 12, tzinfo=UTC)
Key = int | tuple[str, int] | None
Said = tuple[Key, str | None, int | None, str]


def batch(number: int, app: str = "accounts/load") -> Transaction:
    return Transaction(app, Position(0, number), {}, lambda: T)


def day(number: int) -> date:
    return date(2024, 1, 1) + timedelta(number - 1)


def changes(rows: Callable[..., Any], *said: Said, **more: Any) -> DataFrame:
    """Rows of (id, city, lsn, op); of a bank other than a it is ((bank, id), city, …)."""
    made: list[dict[str, Any]] = [dict(zip(("id", "city", "lsn", "op"), values, strict=True)) for values in said]
    for row in made:
        if isinstance(row["id"], tuple):
            row["bank"], row["id"] = row["id"]
    frame: DataFrame = rows(Change, *made, **({"bank": "a", "owner": "ann"} | more))
    return frame


def dated(changes: DataFrame) -> DataFrame:
    """The same for a history: the sequence is a day of January."""
    return changes.withColumn("changed_on", F.expr("date_add(DATE'2023-12-31', int(lsn))")).drop("lsn", "tags")


def state(lake: Lake, wanted: str = "id, city, lsn, deleted_at") -> list[tuple[Any, ...]]:
    return rows_by_duckdb(lake, ACCOUNTS, wanted)


def homes(lake: Lake) -> list[tuple[Any, ...]]:
    """The versions with their days of January, 0 for ever; traces are left out."""
    found = rows_by_duckdb(lake, HOMES, "bank, id, city, valid_from, valid_to")
    return [(*r[:3], r[3].day, 0 if r[4].year == 9999 else r[4].day) for r in found if r[3] < r[4]]


# -- any order, any split ---------------------------------------------------------------------------------------------


def naive_days(said: Iterable[Said]) -> dict[tuple[Any, int], str | None]:
    """Where each key is on each day: a truncation empties all that began before its day."""
    now: dict[Key, str | None] = {}
    days = {}
    for today in range(1, 15):
        if any(op == "t" and at == today for _, _, at, op in said):
            now.clear()
        for key, city, at, op in said:
            if at == today and key is not None:
                now.pop(key, None)
                if op != "d":
                    now[key] = city
        days.update({(key, today): city for key, city in now.items()})
    return days


@pytest.mark.properties
def test_any_order_and_any_split_of_a_feed_end_in_the_same_state(lake: Lake, rows: Callable[..., Any]) -> None:
    random = Random(1)
    events = [
        (key, None if those is None else those[0], at, "d" if those is None else random.choice("cur"))
        for key, drawn_events in enumerate(drawn(EVENTS))
        for at, those in drawn_events.items()
    ]
    # The same feed in three banks: all at once, split, and mixed and split with every change twice. An account has
    # another id in each, so that every bank and every id is of several.
    at_once, split, mixed = ([(("abc"[bank], key + bank), *rest) for key, *rest in events] for bank in range(3))
    feed: list[Said] = [*at_once, *split, *mixed]  # type: ignore[list-item]
    mixed = random.sample(mixed * 2, 2 * len(mixed))
    cuts: list[Said] = [(None, None, 6, "t"), (None, None, 3, "t")]
    parts: list[list[Any]] = [[cuts[0]], [*at_once, *cuts], [cuts[1]]]
    for number, part in enumerate(parts):
        part += split[number::3] + mixed[number::3]
    for number, part in enumerate(parts, 1):
        frame = changes(rows, *part)
        done = load(lake, ACCOUNTS, LATEST, frame, batch(number)).counts
        assert done.read == done.inserted + done.updated + done.unchanged + done.deduplicated == len(part)
        done = load(lake, HOMES, VERSIONS, dated(frame), batch(number)).counts
        assert done.read == done.updated + done.unchanged + done.deduplicated == len(part)

    days = naive_days([*feed, *cuts])
    newest: dict[Any, Said] = {change[0]: change for change in sorted(feed, key=lambda change: change[2] or 0)}
    latest = [
        (*key, None if op == "d" else city, at, at if op == "d" else None)
        for key, (_, city, at, op) in newest.items()
        if (at or 0) >= 6
    ]
    was = [state(lake), homes(lake)]
    for table in (ACCOUNTS, HOMES):
        compacted_and_vacuumed(lake, table)
    assert [state(lake), homes(lake)] == was
    assert state(lake, "bank, id, city, lsn, deleted_at") == sorted(latest, key=str)
    there = {(row["bank"], row["id"]): row["city"] for row in as_of(lake, ACCOUNTS).collect()}
    assert there == {key: city for (key, today), city in days.items() if today == 14}
    shown = homes(lake)
    assert {((bank, id), d): city for bank, id, city, start, end in shown for d in range(start, end or 15)} == days
    one, two, three = ([(id - n, *rest) for of, id, *rest in shown if of == bank] for n, bank in enumerate("abc"))
    assert sorted(one, key=str) == sorted(two, key=str) == sorted(three, key=str)


def test_of_the_changes_of_one_time_the_last_by_another_column_counts(lake: Lake, rows: Callable[..., Any]) -> None:
    def placed(*said: Said) -> DataFrame:
        days = {"1": 5, "2": 6, "3": 7}
        frame = changes(rows, *said).withColumn("day", F.substring(F.col("lsn").cast("string"), 1, 1))
        on = F.create_map(*(F.lit(each) for pair in days.items() for each in pair))[F.coalesce("day", F.lit("3"))]
        return frame.select(
            "bank", "id", "owner", "city", "lsn", "op", F.date_add(F.lit(day(0)), on).alias("changed_on")
        )

    said: list[Said] = [
        (1, "rome", 11, "u"),
        (1, "oslo", 10, "c"),
        (1, "lima", 20, "u"),
        (2, None, 14, "d"),
        (2, "bonn", 13, "c"),
        (3, "bari", None, "r"),
        (3, "nice", 31, "u"),
        (3, "nice", 31, "u"),
    ]
    left = load(lake, MOVES, BY_PLACE, placed(*said), batch(1))
    assert homes(lake) == [("a", 1, "lima", 6, 0), ("a", 1, "rome", 5, 6), ("a", 3, "nice", 7, 0)]
    assert (left.counts.read, left.counts.deduplicated) == (8, 4)
    again = load(lake, MOVES, BY_PLACE, placed(*reversed(said)), batch(2))
    assert (again.counts.updated, again.counts.unchanged, again.counts.deduplicated) == (0, 4, 4)
    with pytest.raises(ContradictionError):
        load(lake, MOVES, BY_PLACE, placed((4, "a", 21, "c"), (4, "b", 21, "c")), batch(3))
    with pytest.raises(DeclarationError, match="sequence_by= names 'lsn', which the row model lacks"):
        BY_PLACE.require(HOMES)
    with pytest.raises(DeclarationError, match=r"'lsm', which the row model lacks: .* Did you mean 'lsn'\?"):
        apply_changes(sequence_by=("changed_on", "lsm")).require(MOVES)
    with pytest.raises(DeclarationError, match="sequence_by= names 'id', which is a key"):
        apply_changes(sequence_by=("changed_on", "id")).require(HOMES)
    with pytest.raises(FrameMismatchError, match="it lacks 'lsn'"):
        load(lake, MOVES, BY_PLACE, placed(*said).drop("lsn"), batch(3))
    assert len(homes(lake)) == 3


def test_the_changes_of_one_time_come_in_batches_of_any_order_and_again(lake: Lake, rows: Callable[..., Any]) -> None:
    # What becomes of a key of each case: a change is (city, place in the log), all of the 5th.
    cases: list[tuple[list[tuple[str | None, int | None]], str | None]] = [
        ([("oslo", 70), ("rome", 71)], "rome"),
        ([("rome", 71), ("oslo", 70)], "rome"),
        ([("oslo", 70), ("rome", 71), ("oslo", 70)], "rome"),
        ([("oslo", 70), (None, 71), ("oslo", 70)], None),
        ([(None, 71), ("oslo", 70)], None),
        ([("oslo", 70), ("oslo", 72), ("rome", 71)], "oslo"),
        ([(None, 71), (None, 73), ("rome", 72)], None),
        ([(None, 71), ("rome", 72), (None, None)], "rome"),
        ([("oslo", None), ("rome", 1), ("bonn", None)], "rome"),
    ]
    before = [(key, "lima", 9, "c") for key in range(len(cases)) if key % 2]
    early = changes(rows, *before).withColumn("changed_on", F.lit(day(3)))
    load(lake, MOVES, BY_PLACE, early.drop("tags"), batch(1))
    for number in range(3):
        now: list[Said] = [
            (key, said[number][0], said[number][1], "u" if said[number][0] else "d")
            for key, (said, _) in enumerate(cases)
            if number < len(said)
        ]
        on_the_5th = changes(rows, *now).withColumn("changed_on", F.lit(day(5))).drop("tags")
        load(lake, MOVES, BY_PLACE, on_the_5th, batch(2 + number))
        again = load(lake, MOVES, BY_PLACE, on_the_5th, batch(12 + number, "again"))
        assert (again.counts.updated, again.counts.unchanged) == (0, len(now))
    expected = [("a", key, city, 5, 0) for key, (_, city) in enumerate(cases) if city]
    expected += [("a", key, "lima", 3, 5) for key, *_ in before]
    assert homes(lake) == sorted(expected, key=str)
    before_them = changes(rows, *((key, "york", 1, "c") for key in range(len(cases))))
    load(lake, MOVES, BY_PLACE, before_them.withColumn("changed_on", F.lit(day(1))).drop("tags"), batch(20))
    expected += [("a", key, "york", 1, 3 if key % 2 else 5) for key in range(len(cases))]
    assert homes(lake) == sorted(expected, key=str)


# -- one thing at a time ----------------------------------------------------------------------------------------------


def test_a_delete_that_comes_before_its_older_update_wins_and_no_question_sees_its_tombstone(
    lake: Lake, rows: Callable[..., Any]
) -> None:
    first = changes(rows, (1, "oslo", 10, "c"), (2, "bari", 12, "c"), (3, "x", 13, "m"), tags={"a": 1, "b": 2})
    load(lake, ACCOUNTS, LATEST, first, batch(1))
    loaded = load(
        lake, ACCOUNTS, LATEST, changes(rows, (1, "rome", 30, "d"), (4, None, 31, "d"), (4, None, 31, "d")), batch(2)
    )
    assert loaded.counts == Counts(read=3, inserted=1, updated=1, deduplicated=1)
    late = changes(rows, (1, "rome", 20, "u"), (4, "lund", 5, "c"), (2, "bonn", 11, "u"))
    loaded = load(lake, ACCOUNTS, LATEST, late, batch(3))
    assert loaded.counts == Counts(read=3, unchanged=3)
    assert actions(lake, ACCOUNTS, "add") == actions(lake, ACCOUNTS, "remove") == []
    assert state(lake) == [(1, None, 30, 30), (2, "bari", 12, None), (4, None, 31, 31)]
    assert [row["id"] for row in as_of(lake, ACCOUNTS).collect()] == [2]
    with pytest.raises(NoHistoryError, match="keeps no valid time"):
        as_of(lake, ACCOUNTS, valid=day(1))
    with pytest.raises(NoHistoryError, match="keeps no valid time"):
        history_of(lake, ACCOUNTS, {"bank": "a", "id": 1})
    # It comes back with a newer change, and a change of nothing but the sequence is one.
    same = changes(rows, (2, "bari", 40, "u"), tags={"b": 2, "a": 1})
    load(lake, ACCOUNTS, LATEST, changes(rows, (1, "kiel", 32, "c")).unionByName(same), batch(4))
    assert state(lake) == [(1, "kiel", 32, None), (2, "bari", 40, None), (4, None, 31, 31)]


def test_a_truncation_empties_the_table_and_what_is_older_stays_away(lake: Lake, rows: Callable[..., Any]) -> None:
    feed = changes(rows, (1, "oslo", 1, "c"), (2, "bari", 2, "c"), (3, "lima", 5, "c"), (4, None, 3, "d"))
    load(lake, ACCOUNTS, LATEST, feed, batch(1))
    cut = changes(rows, (None, None, 5, "t"), (None, None, 3, "t"), owner=None).unionByName(
        changes(rows, (2, "nice", 6, "c"))
    )
    loaded = load(lake, ACCOUNTS, LATEST, cut, batch(2))
    assert loaded.counts == Counts(read=3, updated=3, deleted=2)
    assert same_rows(lake, ACCOUNTS.name, 1) == 1  # where a rollback goes back to: the truncation is not known there
    late = changes(rows, (1, "wien", 4, "u"), (5, "kiel", 4, "c"), (6, "jena", 7, "c"), (None, None, 3, "t"))
    loaded = load(lake, ACCOUNTS, LATEST, late, batch(3))
    assert loaded.counts == Counts(read=4, inserted=1, unchanged=3)
    assert state(lake) == [(2, "nice", 6, None), (3, "lima", 5, None), (6, "jena", 7, None)]
    # Rows go back, and what was truncated with them.
    lake.spark.sql(f"RESTORE TABLE delta.`{lake.path(ACCOUNTS.name)}` TO VERSION AS OF 1")
    load(lake, ACCOUNTS, LATEST, changes(rows, (5, "kiel", 4, "c")), batch(9))
    assert [row[0] for row in state(lake)] == [1, 2, 3, 4, 5]


def test_a_batch_that_is_refused_has_truncated_nothing(lake: Lake, rows: Callable[..., Any]) -> None:
    load(lake, ACCOUNTS, LATEST, changes(rows, (1, "oslo", 1, "c")), batch(1))
    cut = changes(rows, (None, None, 9, "t"))
    with pytest.raises(ConstraintBrokenError):
        load(lake, ACCOUNTS, LATEST, cut.unionByName(changes(rows, (2, "bari", 10, "c"), owner=None)), batch(2))
    load(lake, ACCOUNTS, LATEST, changes(rows, (1, "rome", 2, "u"), (3, "lima", 3, "c")), batch(2))
    load(lake, ACCOUNTS, LATEST, changes(rows, (1, "nice", 4, "u")), batch(3))
    assert state(lake) == [(1, "nice", 4, None), (3, "lima", 3, None)]
    load(lake, ACCOUNTS, LATEST, cut, batch(4))
    load(lake, ACCOUNTS, LATEST, changes(rows, (4, "kiel", 8, "c"), (5, "jena", 10, "c")), batch(5))
    assert state(lake) == [(5, "jena", 10, None)]


def test_a_batch_that_is_given_up_has_truncated_nothing(lake: Lake, rows: Callable[..., Any]) -> None:
    load(lake, ACCOUNTS, LATEST, changes(rows, (1, "oslo", 1, "c")), batch(1))
    load(lake, ACCOUNTS, LATEST, changes(rows, (None, None, 2, "t")), batch(2))
    cut = changes(rows, (None, None, 9, "t"))
    with pytest.raises(ConstraintBrokenError):
        load(lake, ACCOUNTS, LATEST, cut.unionByName(changes(rows, (2, "bari", 10, "c"), owner=None)), batch(3))
    for _ in range(2):  # as a batch is withdrawn that is planned anew
        fence(lake, ACCOUNTS.name, batch(3).app_id, batch(3).position, {"withdrawn": True})
    assert version_of(lake, ACCOUNTS) == 6  # made, loaded; told and truncated; told; forgotten, fenced
    load(lake, ACCOUNTS, LATEST, changes(rows, (1, "rome", 1, "u"), (3, "lima", 3, "c")), batch(4))
    assert state(lake) == [(3, "lima", 3, None)]


def test_a_history_that_was_not_told_of_a_truncation_to_the_end_has_none(
    lake: Lake, rows: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> None:
        raise OSError("no space left")

    versions = import_module("framework.tables.history.scd2")
    load(lake, HOMES, VERSIONS, dated(changes(rows, (1, "oslo", 1, "c"))), batch(1))
    monkeypatch.setattr(versions, "_merge", stopped)
    with pytest.raises(OSError, match="no space"):
        load(lake, HOMES, VERSIONS, dated(changes(rows, (None, None, 9, "t"))), batch(2))
    monkeypatch.undo()
    load(lake, HOMES, VERSIONS, dated(changes(rows, (1, "rome", 4, "u"))), batch(2))
    assert homes(lake) == [("a", 1, "oslo", 1, 4), ("a", 1, "rome", 4, 0)]
    load(lake, HOMES, VERSIONS, dated(changes(rows, (None, None, 9, "t"))), batch(3))
    load(lake, HOMES, VERSIONS, dated(changes(rows, (1, "nice", 7, "u"), (2, "bari", 12, "c"))), batch(4))
    assert homes(lake) == [
        ("a", 1, "nice", 7, 9),
        ("a", 1, "oslo", 1, 4),
        ("a", 1, "rome", 4, 7),
        ("a", 2, "bari", 12, 0),
    ]


def test_a_batch_that_breaks_a_rule_is_refused_and_the_table_is_as_it_was(lake: Lake, rows: Callable[..., Any]) -> None:
    load(lake, ACCOUNTS, LATEST, changes(rows, (1, "oslo", 1, "c")), batch(1))
    clash: Said = (7, "x", 5, "u")
    for wrong, error in (
        ([clash, (7, "y", 5, "u"), (7, "z", 6, "u")], ContradictionError),
        ([clash, (7, "x", 5, "d")], ContradictionError),
        ([(7, "x", None, "u")], SequenceError),
        ([(None, None, None, "t")], SequenceError),
        ([(None, "x", 5, "u")], NullKeyError),
    ):
        with pytest.raises(error):
            load(lake, ACCOUNTS, LATEST, changes(rows, *wrong, (None, None, 9, "t")), batch(2))
    with pytest.raises(FrameMismatchError, match=r"lacks 'city'.*'lsn' is string and should be bigint"):
        load(lake, ACCOUNTS, LATEST, changes(rows, clash).drop("city").withColumn("lsn", F.lit("x")), batch(2))
    assert (version_of(lake, ACCOUNTS), state(lake)) == (1, [(1, "oslo", 1, None)])


class Loose(RowModel):
    id: int
    at: int | None
    seen: int
    seen_at: datetime | None


@pytest.mark.parametrize(
    ("table", "sequence_by", "deleted", "reason"),
    [
        (Table("silver.x"), "at", "seen", "no row model"),
        (Table("silver.x", Loose), "at", "seen", "declares no keys"),
        (Table("silver.x", Loose, keys="id"), "lsn", "seen", "no column 'lsn'"),
        (Table("silver.x", Loose, keys="id"), "id", "at", "neither generated nor a key"),
        (Table("silver.x", Loose, keys="id"), "at", "at", "'at' must not be nullable"),
        (Table("silver.x", Loose, keys="id"), "seen", "seen_at", "of the type of 'seen'"),
    ],
)
def test_a_table_that_cannot_keep_the_latest_state_is_refused_when_it_is_declared(
    table: Table, sequence_by: str, deleted: str, reason: str
) -> None:
    with pytest.raises(DeclarationError, match=reason):
        apply_changes(sequence_by=sequence_by, keep="latest", deleted=deleted).require(table)


class Binary(RowModel):
    id: int
    lsn: bytes
    deleted_at: bytes | None


def test_a_truncation_is_not_remembered_by_what_is_no_text() -> None:
    table = Table("silver.x", Binary, keys="id")
    apply_changes(sequence_by="lsn", keep="latest").require(table)
    with pytest.raises(DeclarationError, match="'lsn' is binary: truncations are remembered by numbers, times or"):
        apply_changes(sequence_by="lsn", keep="latest", truncate_when="op = 't'").require(table)


def test_versions_are_tracked_and_the_latest_state_is_not() -> None:
    with pytest.raises(DeclarationError, match='keep="versions"'):
        apply_changes(sequence_by="lsn", keep="latest", track=["city"])
    with pytest.raises(DeclarationError, match="Name the column that orders all changes"):
        apply_changes(sequence_by=("changed_on", "lsn"), keep="latest")
    with pytest.raises(DeclarationError, match="names no column"):
        apply_changes(sequence_by=())


def test_another_s_commit_during_the_merge_is_taken_into_account(
    lake: Lake,
    rows: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    load(lake, ACCOUNTS, LATEST, changes(rows, (1, "oslo", 1, "c")), batch(1))
    lazily, path = module._planned, lake.path(ACCOUNTS.name)

    def correct(does: str) -> str:
        """In the MERGE's own Spark task another writer applies a newer change."""
        from deltalake import DeltaTable

        if not (tmp_path / "done").exists():
            (tmp_path / "done").touch()
            DeltaTable(path).update({"city": "'bonn'", "lsn": "9"})
        return does

    def meddled(*given: Any) -> DataFrame:
        source: DataFrame = lazily(*given)
        return source.withColumn("_does", F.udf(correct, "string", useArrow=False)("_does"))

    monkeypatch.setattr(module, "_planned", meddled)
    monkeypatch.setattr(conflict, "LONGEST_PAUSE", 0.0)
    with caplog.at_level(logging.INFO, "lakegate"):
        load(lake, ACCOUNTS, LATEST, changes(rows, (1, "rome", 5, "u"), (3, "bari", 5, "c")), batch(2))
    assert [record.fields["conflict"] for record in caplog.records] == ["ConcurrentAppendException"]  # type: ignore[attr-defined]
    assert state(lake) == [(1, "bonn", 9, None), (3, "bari", 5, None)]
