"""Erasure: a person leaves every table, what was kept of old versions, and does not come back from a landing file."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable
from pydantic import Field

from framework import fault
from framework.config import LandingSettings, Settings
from framework.errors import (
    ErasureRefusedError,
    FrameMismatchError,
    RestoreRefusedError,
    RollbackRefusedError,
    StageFailedError,
)
from framework.pipeline import BatchReport, Job, extract, load
from framework.pipeline.backfill import backfill, begin_backfill
from framework.pipeline.erase import SCRUBBED, Erased, erase_person, plan_erasure
from framework.pipeline.restore import plan_restore
from framework.pipeline.rollback import plan_rollback
from framework.pipeline.run import run
from framework.pipeline.work import at_work
from framework.sources import files, incremental, table
from framework.tables import Frame, Lake, RowModel, Table, append, apply_changes, bitemporal, scd2, upsert
from framework.tables.erase import Where, erase, gone_from
from framework.tables.person import Person
from framework.testing import NOON
from tests.delta import actions, aged, rows_of, version_of


class Customer(RowModel):
    id: int
    name: str
    since: date


class Known(RowModel):
    id: str
    name: str
    valid_from: date
    valid_to: date
    system_from: datetime
    system_to: datetime


class Version(RowModel):
    id: int
    name: str
    valid_from: date
    valid_to: date


class Newest(Customer):
    gone_at: date | None


class Order(RowModel):
    customer: int
    id: int


FEED = {"delta.enableChangeDataFeed": "true"}
VECTORS = {"delta.enableDeletionVectors": "true"}
RAW = Table("bronze.customers", Customer, subject="id", properties=VECTORS)
NOW = Table("silver.customers", Customer, keys="id", subject="id", properties=FEED)
KNOWN = Table("silver.known", Known, keys="id", subject="id")
ORDERS = Table("silver.orders", Order, keys="id")
VERSIONS, APPLIED = (Table(f"silver.{name}", Version, keys="id", subject="id") for name in ("versions", "applied"))
NEWEST = Table("silver.newest", Newest, keys="id", subject="id")
TABLES, ASIDE = (RAW, NOW, KNOWN), Table("_lakegate.malformed_customers")
raw = extract(raw=incremental(files("customers", Customer, format="csv")))


def known(raw: Frame[Customer]) -> Any:
    return raw.selectExpr("string(id) AS id", "name", "since AS valid_from", "CAST(NULL AS DATE) AS valid_to")


def orders(raw: Frame[Customer]) -> Frame[Order]:
    return Order.frame(raw.selectExpr("id AS customer", "id * 100 AS id"))


job = Job(
    "customers",
    stages=[
        raw,
        load(raw, into=RAW, write=append()),
        load(raw, into=NOW, write=upsert()),
        known,
        load(known, into=KNOWN, write=bitemporal(valid=("valid_from", "valid_to"))),
        orders,
        load(orders, into=ORDERS, write=upsert()),
    ],
)


def broken(customers: Frame[Customer]) -> Frame[Order]:
    """Fail with a value in the error."""
    odd = "IF(id = 17, raise_error('id=17 is odd; not so 170'), id) AS id"
    return Order.frame(customers.selectExpr("id AS customer", odd))


small = Job("small", stages=[raw, load(raw, into=NOW, write=upsert())])
dated = extract(raw=incremental(files("customers", Customer, format="csv"), dated="{yyyy}-{MM}-{dd}"))
daily = Job("daily", stages=[dated, load(dated, into=NOW, write=upsert())])
feeds: dict[str, Any] = {"sequence_by": "since", "delete_when": "name = 'gone'"}
remembering = Job(
    "remembering",
    stages=[
        raw,
        load(raw, into=VERSIONS, write=scd2(valid_by="since")),
        load(raw, into=APPLIED, write=apply_changes(**feeds)),
        load(raw, into=NEWEST, write=apply_changes(keep="latest", deleted="gone_at", **feeds)),
    ],
)
reading = Job("reading", stages=[extract(customers=table(NOW)), broken, load(broken, into=ORDERS, write=upsert())])


class Levy(RowModel):
    rate: Decimal = Field(max_digits=9, decimal_places=2)


class Born(RowModel):
    born: date


class Seen(RowModel):
    seen: datetime


LEVIES = Table("silver.levies", Levy, subject="rate")
BORN = Table("silver.born", Born, subject="born")
SEEN = Table("silver.seen", Seen, subject="seen")
JOBS = [job, reading]
Run = Callable[..., str]


@pytest.fixture
def here(settings: Settings, tmp_path: Path) -> Settings:
    (tmp_path / "customers").mkdir()
    return settings.model_copy(update={"landing": LandingSettings(root=str(tmp_path))})


@pytest.fixture
def arrived(lake: Lake, here: Settings, tmp_path: Path) -> Run:
    """Take in a file, and return the run."""

    def take(name: str, *lines: str, at: datetime = NOON) -> str:
        (tmp_path / "customers" / f"{name}.csv").write_text("\n".join(["id,name,since", *lines, ""]))
        return run(job, lake, here, {}, clock=lambda: at).last.plan.run_id

    return take


def _erase(lake: Lake, here: Settings, of: str) -> dict[str, Erased]:
    planned = plan_erasure(lake, JOBS, NOW.name, {"id": of})
    return {done.where.table: done for done in erase_person(lake, here, JOBS, planned, clock=lambda: NOON)}


def test_a_table_that_is_about_more_than_the_person_is_named(lake: Lake, arrived: Run) -> None:
    arrived("1", "17,Erika,2024-01-01")
    of_both = replace(ORDERS, subject=("customer", "id"))
    both = Job("both", stages=[raw, orders, load(orders, into=of_both, write=upsert())])
    assert plan_erasure(lake, [job, both], NOW.name, {"id": "17"}).others == (ORDERS.name,)


def _recorded(lake: Lake) -> list[dict[str, int]]:
    """What the records of the erasures say was removed, by table."""
    return [json.loads(each.read_text())["rows"] for each in Path(lake.root, "_lakegate", "erasures").glob("*.json")]


def _names(lake: Lake) -> list[list[tuple[Any, ...]]]:
    return [rows_of(lake, each, "DISTINCT name") for each in TABLES]


def test_a_person_leaves_all_tables_stays_away_and_is_gone_from_every_file(
    lake: Lake, here: Settings, arrived: Run, tmp_path: Path
) -> None:
    arrived("1", "17,Erika,2024-01-01", "18,Max,2024-01-01")
    arrived("2", "17,Erikas,2024-02-01", "x,Erika 17,2024-02-01", "y,Max 170,2024-02-01")
    with pytest.raises(StageFailedError, match="id=17 is odd"):
        run(reading, lake, here, {}, clock=lambda: NOON)
    draft = Path(lake.path(NOW.name), "_delta_log", ".00000000000000000007.json.0815.tmp")
    draft.write_text('{"add":{"stats":"Erika"}}')  # as Delta leaves it that is killed in a commit
    planned = plan_erasure(lake, JOBS, NOW.name, {"id": "017"})
    expected = {
        RAW.name: 2, NOW.name: 1, KNOWN.name: 3, ASIDE.name: 1,
        "_lakegate.runs_customers": 0, "_lakegate.runs_reading": 1,
    }  # fmt: skip
    assert {where.table: rows for where, rows in planned.rows.items()} == expected
    assert planned.others == (ORDERS.name,)  # its `id` is another's, so it names no subject
    assert _names(lake)[0] == [("Erika",), ("Erikas",), ("Max",)]

    done = _erase(lake, here, "017")
    assert {name: each.rows for name, each in done.items()} == expected
    assert _recorded(lake) == [expected]
    assert not draft.exists()
    week, month = done[NOW.name].files_from, done[NOW.name].log_from
    now = datetime.now(UTC)
    assert week
    assert month
    assert timedelta(days=6.9) < week - now < timedelta(days=7)
    assert timedelta(days=29.9) < month - now < timedelta(days=30)
    assert _names(lake) == [[("Max",)]] * 3
    assert [record for (record,) in rows_of(lake, ASIDE, "record")] == ["y,Max 170,2024-02-01"]
    said = [actions(lake, each, "commitInfo")[0]["operationParameters"] for each in (NOW, ASIDE)]
    assert not re.search(r"\b(17|Erika)\b", str(said))
    assert [error for (error,) in rows_of(lake, Table("_lakegate.runs_reading"), "error")] == [SCRUBBED]
    assert "id=17" not in "".join(each.read_text() for each in Path(lake.root, "_lakegate").glob("withdrawn/**/*.json"))

    # The same files again, as a new one, and with other words: nobody comes back.
    arrived("3", "17,Erika,2024-03-01", "18,Max,2024-03-01", "19,Ada,2024-03-01", "z,Erika 17!,2024-03-01", "z,1,z")
    assert _names(lake) == [[("Ada",), ("Max",)]] * 3
    assert [record for (record,) in rows_of(lake, ASIDE, "record")] == ["y,Max 170,2024-02-01", "z,1,z"]
    assert rows_of(lake, ORDERS, "customer") == [(17,), (18,), (19,)]

    for each in (*TABLES, ASIDE):
        aged(lake, each, 8)
    again = _erase(lake, here, "17")
    assert [again[each.name].rows for each in TABLES] == [0, 0, 0]
    # A job with a table that keeps what it believed is not rolled back, so its runs hold nothing.
    assert not [said for each in again.values() for said in each.held]
    for each, column in (*((each, "name") for each in TABLES), (ASIDE, "record")):
        there = f"read_parquet('{lake.path(each.name)}/**/*.parquet', union_by_name=true)"
        counts = f"SELECT count(*), count(*) FILTER (WHERE {column} LIKE '%Erika%') FROM {there}"
        found = duckdb.sql(counts)
        assert found
        [(rows, hers)] = found.fetchall()
        assert rows > 0
        assert hers == 0, each.name


def test_a_person_leaves_histories_and_feeds_with_traces_and_tombstones_and_does_not_come_back(
    lake: Lake, here: Settings
) -> None:
    def arrive(name: str, *lines: str) -> None:
        landed = Path(here.landing.root, "customers", f"{name}.csv")
        landed.write_text("\n".join(["id,name,since", *lines, ""]))
        run(remembering, lake, here, {}, clock=lambda: NOON)

    hers = [f"17,{name},2024-{day}" for name, day in (("Erika", "01-01"), ("Erika", "01-05"), ("gone", "03-01"))]
    arrive("1", *hers, "18,Max,2024-01-01", "18,Max,2024-03-01")
    kept = (VERSIONS, APPLIED, NEWEST)
    before = [rows_of(lake, each, "count(*) FILTER (WHERE id = 17)") for each in kept]
    assert before == [[(3,)], [(2,)], [(1,)]]  # the delete is a version to scd2, and to the feeds the end of one
    planned = plan_erasure(lake, [remembering], VERSIONS.name, {"id": "17"})
    done = erase_person(lake, here, [remembering], planned, clock=lambda: NOON)
    assert {each.where.table: each.rows for each in done} == {
        VERSIONS.name: 3, APPLIED.name: 2, NEWEST.name: 1, "_lakegate.runs_remembering": 0,
    }  # fmt: skip
    for each in kept:
        assert rows_of(lake, each, "DISTINCT id") == [(18,)]

    # Late, and with a trace of his that says where it ends; hers are in no place.
    arrive("2", *hers, "17,Erikas,2024-02-01", "18,Maxi,2024-02-01")
    of_max = [
        (18, "Max", date(2024, 1, 1), date(2024, 2, 1)),
        (18, "Max", date(2024, 3, 1), date(9999, 12, 31)),
        (18, "Maxi", date(2024, 2, 1), date(2024, 3, 1)),
    ]
    for each in (VERSIONS, APPLIED):
        assert rows_of(lake, each, "id, name, valid_from, valid_to") == of_max
    assert rows_of(lake, NEWEST, "id, name, since, gone_at") == [(18, "Max", date(2024, 3, 1), None)]


def test_neither_a_plan_anew_nor_a_backfill_brings_a_person_back(
    lake: Lake, here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed = Path(here.landing.root, "customers", "2024-01-01.csv")
    landed.write_text("id,name,since\n17,Erika,2024-01-01\n18,Max,2024-01-01\n")

    def killed(point: str) -> None:
        if point == f"before commit daily/{NOW.name}":
            raise KeyboardInterrupt

    monkeypatch.setattr(fault, "reached", killed)
    with pytest.raises(KeyboardInterrupt):
        run(daily, lake, here, {}, clock=lambda: NOON)
    monkeypatch.setattr(fault, "reached", None)
    erase_person(lake, here, [daily], plan_erasure(lake, [daily], NOW.name, {"id": "17"}), clock=lambda: NOON)
    run(daily, lake, here, {}, replan=True, clock=lambda: NOON)
    assert rows_of(lake, NOW, "id, name, since") == [(18, "Max", date(2024, 1, 1))]
    landed.write_text("id,name,since\n17,Erika,2024-01-01\n18,Maxi,2024-01-01\nx,17,2024-01-01\ny,19,2024-01-01\n")
    with at_work(daily, lake, here, None, clock=lambda: NOON) as work:
        days = (datetime(2024, 1, number, tzinfo=UTC) for number in (1, 2))
        slices = list[BatchReport]()
        backfill(work, begin_backfill(work, *days, by="day", only_loads=()), slices.append)
    assert [(stage.name, stage.note) for stage in slices[0].stages] == [
        ("raw", "1 malformed, kept in _lakegate.malformed_daily; 1 malformed, left out, of persons who were erased"),
        (NOW.name, "1 row left out, of persons who were erased"),
    ]
    assert rows_of(lake, NOW, "id, name, since") == [(18, "Maxi", date(2024, 1, 1))]


def test_a_frame_that_does_not_say_whom_its_rows_are_about_is_refused(lake: Lake, here: Settings) -> None:
    loose = Table("silver.loose", subject="rider")
    unsaid = Job("unsaid", stages=[raw, load(raw, into=loose, write=append())])
    Path(here.landing.root, "customers", "1.csv").write_text("id,name,since\n17,Erika,2024-01-01\n")
    with pytest.raises(FrameMismatchError, match="it lacks 'rider', which says whom a row is about"):
        run(unsaid, lake, here, {}, clock=lambda: NOON)
    assert not lake.exists(loose.name)


def test_who_was_erased_before_a_table_was_there_is_not_let_in(lake: Lake, here: Settings, arrived: Run) -> None:
    assert _erase(lake, here, "017") == {}
    arrived("1", "17,Erika,2024-01-01", "18,Max,2024-01-01")
    assert _names(lake) == [[("Max",)]] * 3


def test_a_version_with_a_person_whom_the_table_had_lost_by_then_is_not_gone_back_to(
    lake: Lake, here: Settings, arrived: Run
) -> None:
    first = arrived("1", "17,Erika,2024-01-01", "18,Max,2024-01-01")
    before = version_of(lake, NOW)
    removed = DeltaTable(lake.path(NOW.name)).delete("id = 17")
    assert removed["num_deleted_rows"] == 1
    assert plan_restore(lake, NOW.name, before)
    assert _erase(lake, here, "17")[NOW.name].rows == 0
    left = version_of(lake, NOW)
    assert left == before + 2
    with pytest.raises(RestoreRefusedError, match="who would be back"):
        plan_restore(lake, NOW.name, before)
    with (
        at_work(job, lake, here, None, clock=lambda: NOON) as work,
        pytest.raises(RollbackRefusedError, match=r"silver\.customers: a person was erased from it since"),
    ):
        plan_rollback(work, first)
    _erase(lake, here, "17")
    assert version_of(lake, NOW) == left  # said once
    # By hand somebody brings her back, and takes her away again.
    DeltaTable(lake.path(NOW.name)).restore(before)
    there = version_of(lake, NOW)
    DeltaTable(lake.path(NOW.name)).delete("id = 17")
    assert _erase(lake, here, "17")[NOW.name].rows == 0
    with pytest.raises(RestoreRefusedError, match="who would be back"):
        plan_restore(lake, NOW.name, there)


def test_old_files_of_versions_that_a_job_may_go_back_to_stay_and_it_is_said(lake: Lake, here: Settings) -> None:
    landed = Path(here.landing.root, "customers")
    (landed / "1.csv").write_text("id,name,since\n17,Erika,2024-01-01\n18,Max,2024-01-01\n")
    run(small, lake, here, {}, clock=lambda: NOON)
    planned = plan_erasure(lake, [small], NOW.name, {"id": "17"})
    (first, *_) = erase_person(lake, here, [small], planned, clock=lambda: NOON)
    assert (first.rows, first.held) == (1, ())
    (landed / "2.csv").write_text("id,name,since\n18,Maxi,2024-01-01\n")
    run(small, lake, here, {}, clock=lambda: NOON)
    aged(lake, NOW, 8)
    (again, *_) = erase_person(lake, here, [small], planned, clock=lambda: NOON)
    assert again.rows == 0
    assert any("`lakegate rollback small` can go back" in held for held in again.held)


def test_a_table_that_was_made_since_the_question_is_erased_from_too(lake: Lake, here: Settings) -> None:
    planned = plan_erasure(lake, [small], NOW.name, {"id": "17"})
    assert planned.rows == {}
    landed = Path(here.landing.root, "customers", "1.csv")
    landed.write_text("id,name,since\n17,Erika,2024-01-01\n18,Max,2024-01-01\nx,Erika 17,2024-02-01\n")
    run(small, lake, here, {}, clock=lambda: NOON)
    done = erase_person(lake, here, [small], planned, clock=lambda: NOON)
    expected = {NOW.name: 1, "_lakegate.malformed_small": 1, "_lakegate.runs_small": 0}
    assert {each.where.table: each.rows for each in done} == expected
    assert rows_of(lake, NOW, "name") == [("Max",)]


def test_whoever_is_killed_erases_again_and_a_version_with_the_person_is_not_gone_back_to(
    lake: Lake, here: Settings, arrived: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = arrived("1", "17,Erika,2024-01-01", "18,Max,2024-01-01")
    before = version_of(lake, NOW)

    def killed(point: str) -> None:
        if point == f"before erasure {NOW.name}":
            raise KeyboardInterrupt

    monkeypatch.setattr(fault, "reached", killed)
    with pytest.raises(KeyboardInterrupt):
        _erase(lake, here, "17")
    monkeypatch.setattr(fault, "reached", None)
    assert _names(lake)[:2] == [[("Max",)], [("Erika",), ("Max",)]]
    # It is on the list already, so a load that comes between does not bring more.
    arrived("2", "17,Erika,2024-02-01")
    assert _erase(lake, here, "17")[NOW.name].rows == 1
    assert _names(lake) == [[("Max",)]] * 3
    assert len(list(Path(lake.root, "_lakegate", "erased").glob("*.json"))) == 1
    # All that was removed, also before the kill.
    assert _recorded(lake) == [{RAW.name: 1, NOW.name: 1, KNOWN.name: 1, "_lakegate.runs_customers": 0}]
    told = "".join(each.read_text() for each in Path(lake.root, "_lakegate").glob("eras*/*.json"))
    assert "Erika" not in told

    with (
        at_work(job, lake, here, None, clock=lambda: NOON) as work,
        pytest.raises(RollbackRefusedError, match="a person was erased from it since"),
    ):
        plan_rollback(work, first)
    with pytest.raises(RestoreRefusedError, match="who would be back"):
        plan_restore(lake, NOW.name, before)


def test_what_a_file_only_hides_goes_too_and_its_time_counts_from_when_it_was_written_anew(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = f"delta.`{lake.path(RAW.name)}`"
    vectors = "TBLPROPERTIES ('delta.enableDeletionVectors' = '{}')"
    lake.spark.sql(f"CREATE TABLE {there} (id BIGINT, name STRING) USING delta {vectors.format('true')}")
    for names in ("(17, 'Erika'), (18, 'Max')", "(17, 'Erikas'), (19, 'Ada')"):
        lake.spark.sql(f"INSERT INTO {there} VALUES {names}")
    lake.spark.sql(f"DELETE FROM {there} WHERE name = 'Erika'")
    lake.spark.sql(f"ALTER TABLE {there} SET {vectors.format('false')}")  # which leaves those that are there
    person, where = Person.told_by(["id"], "salt", ["17"], [1]), Where(RAW.name)

    def killed(point: str) -> None:
        if point.startswith("after erasure"):
            raise KeyboardInterrupt

    monkeypatch.setattr(fault, "reached", killed)
    with pytest.raises(KeyboardInterrupt):
        erase(lake, where, person)
    monkeypatch.setattr(fault, "reached", None)
    aged(lake, RAW, 3)
    assert erase(lake, where, person) == 0
    files = DeltaTable(lake.path(RAW.name)).file_uris()
    found = duckdb.sql(f"SELECT DISTINCT name FROM read_parquet({files}) ORDER BY name")
    assert found
    assert found.fetchall() == [("Ada",), ("Max",)]
    at = gone_from(lake, RAW.name, person)
    assert at
    assert timedelta(days=6.9) < at[0] - datetime.now(UTC) < timedelta(days=7)
    left = lake.snapshot(RAW.name).version()
    assert erase(lake, where, person) == 0
    assert lake.snapshot(RAW.name).version() == left


def test_what_cannot_be_erased_says_why(lake: Lake, arrived: Run) -> None:
    arrived("1", "17,Erika,2024-01-01")
    for asked, key, why in [
        ("silver.customer", {"id": "17"}, "Did you mean 'silver.customers'"),
        (ORDERS.name, {"id": "17"}, "declare Table(..., subject=...)"),
        (NOW.name, {"name": "Erika"}, "its rows are about id"),
        (NOW.name, {"id": "seventeen"}, "the value is not of its type, bigint"),
    ]:
        with pytest.raises(ErasureRefusedError, match=re.escape(why)):
            plan_erasure(lake, JOBS, asked, key)
    assert _names(lake) == [[("Erika",)]] * 3


@pytest.mark.parametrize(
    ("table", "key", "right", "why"),
    [
        (LEVIES, {"rate": "17.004"}, {"rate": " 17.0"}, "of its type, decimal(9,2), exactly"),
        (BORN, {"born": "2020"}, {"born": "2020-01-01"}, "of its type, date, such as 2024-01-31, exactly"),
        (SEEN, {"seen": "2020-01-01"}, {"seen": "2020-01-01T12:00:00Z"}, "such as 2024-01-31 12:00:00, UTC"),
    ],
)
def test_a_value_that_would_be_taken_for_anothers_is_refused(
    table: Table, key: dict[str, str], right: dict[str, str], why: str, lake: Lake
) -> None:
    rows = extract(rows=files("none", table.model or RowModel, format="csv"))
    never = Job("never", stages=[rows, load(rows, into=table, write=append())])
    with pytest.raises(ErasureRefusedError) as refused:
        plan_erasure(lake, [never], table.name, key)
    assert why in str(refused.value)
    assert plan_erasure(lake, [never], table.name, right).missing == (table.name,)
