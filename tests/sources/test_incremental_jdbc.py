"""A table of a database read from a bookmark: what each run takes in, and that no password is to be seen anywhere."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from framework.config import Settings
from framework.errors import DatabaseError
from framework.pipeline import Job, RunReport, extract, load, run
from framework.sources import incremental, jdbc
from framework.tables import Lake, RowModel, Table, upsert
from tests.delta import rows_of
from tests.postgres import PASSWORD, Postgres

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Order(RowModel):
    id: int
    state: str
    updated_at: datetime | None


ORDERS = Table("silver.orders", Order, keys=("id",))


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Postgres]:
    postgres.sql("CREATE TABLE orders (id int PRIMARY KEY, state text NOT NULL, updated_at timestamptz)")
    postgres.sql(
        "INSERT INTO orders VALUES (1, 'new', '2024-01-01 08:00Z'), (2, 'new', '2024-01-01 11:59Z'),"
        " (3, 'new', '2024-01-01 12:30Z'), (4, 'new', NULL)"
    )
    yield postgres
    postgres.sql("DROP TABLE orders")


def _job(database: Postgres) -> Job:
    source = jdbc(database.url, "orders", Order, user="etl", password="orders_db.password")
    return Job(
        "orders",
        stages=[
            extract(orders=incremental(source, by="updated_at", lag="1h")),
            load("orders", into=ORDERS, write=upsert()),
        ],
    )


def _run(database: Postgres, lake: Lake, settings: Settings, at: datetime, password: str = PASSWORD) -> RunReport:
    known = settings.model_copy(update={"secrets": {"orders_db_password": SecretStr(password)}})
    return run(_job(database), lake, known, {}, clock=lambda: at)


def test_each_run_reads_the_rows_that_are_new_and_the_late_ones_within_the_lag(
    database: Postgres, lake: Lake, settings: Settings
) -> None:
    first = _run(database, lake, settings, NOON)
    assert rows_of(lake, ORDERS, "id, state") == [(1, "new"), (2, "new")]
    assert first.last.notes == ("1 row without 'updated_at': in no interval, and not read",)
    database.sql(
        "UPDATE orders SET state = 'paid', updated_at = '2024-01-01 12:10Z' WHERE id = 2;"
        "INSERT INTO orders VALUES (5, 'late', '2024-01-01 11:00Z'), (6, 'too late', '2024-01-01 10:59Z')"
    )
    second = _run(database, lake, settings, NOON + HOUR)
    assert rows_of(lake, ORDERS, "id, state") == [(1, "new"), (2, "paid"), (3, "new"), (5, "late")]
    assert second.last.plan.interval.start == NOON - HOUR
    assert second.last.plan.interval.end == NOON + HOUR


def test_a_run_without_new_rows_makes_no_batch(database: Postgres, lake: Lake, settings: Settings) -> None:
    _run(database, lake, settings, NOON)
    again = _run(database, lake, settings, NOON)
    assert (again.batches, again.notes) == ((), ())
    behind = _run(database, lake, settings, NOON - HOUR)
    assert behind.notes == ("the clock is at 2024-01-01 11:00:00 UTC, behind the bookmark",)


def test_the_password_is_in_no_plan_and_no_error(database: Postgres, lake: Lake, settings: Settings) -> None:
    _run(database, lake, settings, NOON)
    with pytest.raises(DatabaseError) as refused:
        _run(database, lake, settings, NOON + HOUR, password="wrong-" + PASSWORD)
    assert PASSWORD not in str(refused.value)
    kept = [file.read_bytes() for file in Path(lake.root).rglob("*") if file.is_file()]
    assert len(kept) > 10
    assert not any(PASSWORD.encode() in content for content in kept)
