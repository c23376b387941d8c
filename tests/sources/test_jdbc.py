import json
import sys
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyspark
import pytest
from pydantic import Field
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from framework.batch import Pin
from framework.errors import (
    DatabaseError,
    DeclarationError,
    DriverMissingError,
    FrameMismatchError,
    SecretMissingError,
)
from framework.sources import Reading, jdbc
from framework.sources.jdbc import Jdbc
from framework.tables import Lake, RowModel
from tests.command import ROOT, fresh
from tests.postgres import PASSWORD, USER, ZONE, Postgres

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
SECRET = "orders_db.password"
# In these hours, all UTC, New York changes its clocks: in March 2:30 is skipped there, in November 1:30 comes twice.
HOURS = """
    CREATE TABLE hours (id int, at timestamptz, wall timestamp);
    INSERT INTO hours VALUES
        (1, '2024-03-10 02:30Z', '2024-03-10 02:30'), (2, '2024-03-10 06:30Z', '2024-03-10 06:30'),
        (3, '2024-03-10 07:00Z', '2024-03-10 07:00'), (4, '2024-03-10 07:30Z', '2024-03-10 07:30'),
        (5, '2024-11-03 01:30Z', '2024-11-03 01:30'), (6, '2024-11-03 05:30Z', '2024-11-03 05:30'),
        (7, '2024-11-03 06:30Z', '2024-11-03 06:30'), (8, NULL, NULL);
"""


class Hour(RowModel):
    id: int
    at: datetime | None
    wall: datetime | None


class Order(RowModel):
    id: int
    customer: str
    amount: float | None
    paid: Decimal | None = Field(max_digits=12, decimal_places=3)
    ordered_on: date


@pytest.fixture(scope="module")
def server(postgres: Postgres) -> Iterator[Postgres]:
    postgres.sql(HOURS)
    postgres.sql("""
        CREATE SCHEMA shop;
        CREATE TABLE shop.orders (
            note text, ordered_on date, customer varchar(20), id int, amount real, paid numeric(10, 2)
        );
        INSERT INTO shop.orders VALUES
            ('a', '2024-01-01', 'Oslo', 1, 1.5, 2.25), ('b', '2024-01-02', 'Bonn', 2, NULL, NULL),
            (NULL, '2024-02-29', 'Rome', 12, 0.5, 99999999.99), ('d', '2024-03-01', 'Lima', NULL, 2, 1);
    """)
    yield postgres
    postgres.sql("DROP SCHEMA shop CASCADE; DROP TABLE hours")


@pytest.fixture
def reading(lake: Lake) -> Reading:
    return Reading(lake, "nowhere", NOON, secret={SECRET: PASSWORD}.__getitem__)


def source(server: Postgres, table: str = "shop.orders", model: type[RowModel] = Order, **given: Any) -> Jdbc:
    return jdbc(server.url, table, model, **{"user": USER, "password": SECRET, **given})


def values(rows: DataFrame) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in rows.collect()), key=str)


def ids(rows: DataFrame) -> list[int | None]:
    return sorted((row.id for row in rows.select("id").collect()), key=str)


def pushed(rows: DataFrame) -> str:
    plan = str(rows._jdf.queryExecution().executedPlan().toString())
    return plan.split("PushedFilters: [")[1].split("]")[0]


# -- rows -------------------------------------------------------------------------------------------------------------


def test_the_declared_columns_are_read_in_order_and_as_declared_where_that_loses_nothing(
    server: Postgres, reading: Reading
) -> None:
    orders = source(server)
    rows = orders.read(reading, orders.pin(reading))
    assert rows.columns == ["id", "customer", "amount", "paid", "ordered_on"]
    assert rows.schema.simpleString() == orders.schema(reading).simpleString()
    assert values(rows) == [
        (1, "Oslo", 1.5, Decimal("2.250"), date(2024, 1, 1)),
        (12, "Rome", 0.5, Decimal("99999999.990"), date(2024, 2, 29)),
        (2, "Bonn", None, None, date(2024, 1, 2)),
        (None, "Lima", 2.0, Decimal("1.000"), date(2024, 3, 1)),
    ]


def test_a_query_in_brackets_is_read_as_a_table(server: Postgres, reading: Reading) -> None:
    query = "(SELECT id, customer, 1.5::float8 AS amount, paid, ordered_on FROM shop.orders WHERE id < 5) AS few"
    for orders in (source(server, query), source(server, query, partition_on="id", partitions=2)):
        rows = orders.read(reading, orders.pin(reading))
        assert values(rows.select("id", "amount")) == [(1, 1.5), (2, 1.5)]


@pytest.mark.parametrize("table", ["numbers", "(SELECT * FROM numbers) AS t"])
@pytest.mark.parametrize("column", ["id", "day", "at", "wall"])
def test_partitions_together_have_every_row_once_with_null_in_the_first(
    server: Postgres, reading: Reading, table: str, column: str
) -> None:
    class Number(RowModel):
        id: int | None
        day: date | None
        at: datetime | None
        wall: datetime | None

    server.sql("""
        DROP TABLE IF EXISTS numbers;
        CREATE TABLE numbers AS
        SELECT n AS id, date '2024-03-01' + n AS day, timestamp '2024-03-09 20:00' + n * interval '1 hour' AS wall,
            (timestamp '2024-03-09 20:00' + n * interval '1 hour') AT TIME ZONE 'UTC' AS at
        FROM generate_series(0, 15) AS n;
        INSERT INTO numbers VALUES (NULL, NULL, NULL, NULL);
    """)
    numbers = source(server, table, Number, partition_on=column, partitions=4)
    rows = numbers.read(reading, numbers.pin(reading))
    found = [
        sorted(part) for part in rows.select(F.coalesce("id", F.lit(-1))).rdd.map(lambda row: row[0]).glom().collect()
    ]
    assert sorted(number for part in found for number in part) == [-1, *range(16)]
    assert found[0][:2] == [-1, 0]
    assert [len(part) > 2 for part in found] == [True] * 4


@pytest.mark.parametrize("rows_of_it", ["WHERE false", "WHERE id IS NULL", "WHERE id = 2"])
def test_where_there_is_nothing_to_divide_one_partition_has_all(
    server: Postgres, reading: Reading, rows_of_it: str
) -> None:
    orders = source(server, f"(SELECT * FROM shop.orders {rows_of_it}) AS t", partition_on="id", partitions=4)
    rows = orders.read(reading, orders.pin(reading))
    assert rows.rdd.getNumPartitions() == 1
    assert rows.columns == ["id", "customer", "amount", "paid", "ordered_on"]
    assert (
        values(rows.select("customer")) == {"false": [], "NULL": [("Lima",)], "2": [("Bonn",)]}[rows_of_it.split()[-1]]
    )


def test_the_schema_is_known_without_a_database(reading: Reading) -> None:
    nowhere = jdbc("jdbc:postgresql://127.0.0.1:1/x", "t", Hour, password="nobody.knows")
    assert nowhere.schema(reading).simpleString() == "struct<id:bigint,at:timestamp,wall:timestamp>"
    assert (nowhere.model, nowhere.keeps_malformed) == (Hour, False)


# -- time zones -------------------------------------------------------------------------------------------------------


def test_the_server_of_these_tests_is_in_another_zone(server: Postgres) -> None:
    assert server.sql("RESET TIME ZONE; SHOW TIME ZONE") == f"{ZONE}\n"


@pytest.mark.parametrize("column", ["at", "wall"])
def test_a_filter_on_a_time_is_the_database_s_and_means_utc(server: Postgres, reading: Reading, column: str) -> None:
    hours = source(server, "hours", Hour)
    rows = hours.read(reading, hours.pin(reading)).where(F.col(column) >= F.lit(datetime(2024, 3, 10, 7, tzinfo=UTC)))
    assert f"GreaterThanOrEqual({column},2024-03-10 07:00:00" in pushed(rows)
    assert "FilterExec" not in rows._jdf.queryExecution().executedPlan().getClass().getName()
    assert ids(rows) == [3, 4, 5, 6, 7]


def test_a_filter_on_a_number_that_was_widened_is_the_database_s(server: Postgres, reading: Reading) -> None:
    rows = source(server).read(reading, Pin()).where(F.col("id") > 1)
    assert "GreaterThan(id,1)" in pushed(rows)
    assert ids(rows) == [12, 2]


NEW_YORK = """
import json, os, sys
from datetime import UTC, datetime

from pyspark.sql import functions as F

from framework.config import load
from framework.session import Jars, _fetched_jars, create, lane
from framework.sources import Reading, jdbc
from framework.tables import Lake
from tests.sources.test_jdbc import PASSWORD, Hour, pushed

url, folder, master = sys.argv[1:]
jars = os.pathsep.join(_fetched_jars(Jars.of(lane(), load("test"))))
confs = {
    "spark.log.level": "INFO",
    "spark.eventLog.enabled": "true",
    "spark.eventLog.compress": "false",
    "spark.eventLog.dir": f"file://{folder}",
    "spark.executor.extraClassPath": jars,
}
sets = [f"spark.conf.{name}={value}" for name, value in confs.items()]
spark = create(load("test", [f"spark.master={master}", *sets]), "tests")
reading = Reading(Lake(spark, f"{folder}/lake"), "", datetime.now(UTC), secret=lambda name: PASSWORD)
hours = jdbc(url, "hours", Hour, user="etl", password="orders_db.password", partition_on="wall", partitions=3)
rows = hours.read(reading, hours.pin(reading))
times = rows.select("id", *(F.date_format(name, "MM-dd HH:mm") for name in ("at", "wall")))
found = {"rows": sorted(map(list, times.collect())), "partitions": rows.rdd.getNumPartitions()}
for column in ("at", "wall"):
    for since in (datetime(2024, 3, 10, 2, 30), datetime(2024, 3, 10, 7), datetime(2024, 11, 3, 5, 30)):
        later = rows.where(F.col(column) >= F.lit(since.replace(tzinfo=UTC)))
        assert "GreaterThanOrEqual" in pushed(later), pushed(later)
        found[f"{column} {since:%m-%d %H:%M}"] = sorted(row.id for row in later.select("id").collect())
spark.stop()
print("FOUND", json.dumps(found))
"""
LOCAL, EXECUTORS = "local[2]", "local-cluster[1,2,1024]"


@pytest.fixture(
    scope="module", params=[("spark-submit", LOCAL), ("python", EXECUTORS)], ids=["spark-submit", "executors"]
)
def new_york(
    request: pytest.FixtureRequest, server: Postgres, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """What a process on a machine in New York finds in `hours`, and all that it says and logs.

    Its executors may be JVMs of their own; they take the jars that this process's session has fetched.
    """
    program, master = request.param
    folder = tmp_path_factory.mktemp("new_york")
    script = folder / "script.py"
    script.write_text(NEW_YORK)
    command = [sys.executable] if program == "python" else ["spark-submit", "--master", master]
    (folder / "spark").mkdir()
    for name in ("bin", "jars"):  # executors work in a folder beside them
        (folder / "spark" / name).symlink_to(Path(pyspark.__file__).parent / name)
    variables = {"TZ": "America/New_York", "PYTHONPATH": str(ROOT), "SPARK_HOME": str(folder / "spark")}
    said = fresh(ROOT, *command, str(script), server.url, str(folder), master, **variables)
    assert said.code == 0, said.err
    logged = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return json.loads(said.out.split("FOUND ")[1].splitlines()[0]), [said.out.encode(), said.err.encode(), *logged]


def test_on_a_machine_in_new_york_no_time_is_moved(new_york: Any) -> None:
    found, _ = new_york
    assert found["rows"] == [
        [1, "03-10 02:30", "03-10 02:30"],
        [2, "03-10 06:30", "03-10 06:30"],
        [3, "03-10 07:00", "03-10 07:00"],
        [4, "03-10 07:30", "03-10 07:30"],
        [5, "11-03 01:30", "11-03 01:30"],
        [6, "11-03 05:30", "11-03 05:30"],
        [7, "11-03 06:30", "11-03 06:30"],
        [8, None, None],
    ]
    assert found["partitions"] == 3


@pytest.mark.parametrize("column", ["at", "wall"])
@pytest.mark.parametrize(
    ("since", "expected"),
    [("03-10 02:30", [1, 2, 3, 4, 5, 6, 7]), ("03-10 07:00", [3, 4, 5, 6, 7]), ("11-03 05:30", [6, 7])],
)
def test_on_a_machine_in_new_york_a_filter_means_utc(
    new_york: Any, column: str, since: str, expected: list[int]
) -> None:
    assert new_york[0][f"{column} {since}"] == expected


def test_a_process_that_logs_all_it_does_logs_no_password(new_york: Any) -> None:
    said = b"".join(new_york[1])
    assert b"SparkListenerSQLExecutionStart" in said
    assert PASSWORD.encode() not in said


# -- secrets ----------------------------------------------------------------------------------------------------------


def test_the_password_is_in_no_plan_conf_or_repr(server: Postgres, reading: Reading) -> None:
    orders = source(server, partition_on="id")
    rows = orders.read(reading, orders.pin(reading))
    plan = rows._jdf.queryExecution()
    conf = rows.sparkSession.sparkContext.getConf().toDebugString()
    confs = rows.sparkSession.sql("SET").collect()
    said = f"{orders!r} {orders} {rows!r} {plan} {plan.debug()} {plan.logical().toJSON()} {conf} {confs}"
    assert "shop.orders" in said
    assert PASSWORD not in said


def test_without_its_secret_nothing_is_read(server: Postgres, lake: Lake) -> None:
    with pytest.raises(SecretMissingError) as refused:
        source(server).pin(Reading(lake, "nowhere", NOON))
    assert (refused.value.name, refused.value.variable) == (SECRET, "LAKEGATE_SECRETS__ORDERS_DB_PASSWORD")


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["pin", "read"])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"user": "nobody"}, 'FATAL: password authentication failed for user "nobody"'),
        ({"table": "shop.ordres"}, 'relation "shop.ordres" does not exist'),
        ({"table": "(SELECT idd FROM shop.orders) AS t"}, 'column "idd" does not exist'),
        ({"url": "jdbc:postgresql://127.0.0.1:1/postgres"}, "Connection to 127.0.0.1:1 refused"),
        ({"url": "jdbc:postgresql://no.such.host.invalid/postgres"}, "no.such.host.invalid"),
    ],
)
def test_a_database_that_cannot_be_read_is_refused_in_its_own_words(
    server: Postgres, reading: Reading, when: str, given: dict[str, Any], words: str
) -> None:
    orders = replace(source(server, partition_on="id"), **given)
    with pytest.raises(DatabaseError) as refused:
        orders.pin(reading) if when == "pin" else orders.read(reading, Pin())
    assert words in refused.value.words
    assert "\tat " not in "".join(traceback.format_exception(refused.value))


def test_a_wrong_password_is_refused_and_not_repeated(server: Postgres, reading: Reading) -> None:
    wrong = replace(reading, secret=lambda name: "not-the-password")
    with pytest.raises(DatabaseError) as refused:
        source(server).pin(wrong)
    assert refused.value.words == f'FATAL: password authentication failed for user "{USER}"'
    assert "not-the-password" not in str(refused.value)


@pytest.mark.parametrize("given", [{"url": "jdbc:nosuch://127.0.0.1/x"}, {"options": {"driver": "no.such.Driver"}}])
def test_a_missing_driver_says_how_to_get_it(server: Postgres, reading: Reading, given: dict[str, Any]) -> None:
    with pytest.raises(DriverMissingError, match=r"spark\.packages"):
        replace(source(server), **given).pin(reading)


def test_columns_that_are_not_as_declared_are_refused_with_both_types(server: Postgres, reading: Reading) -> None:
    class Wrong(RowModel):
        id: str
        customer: int
        amount: int
        paid: float
        ordered_on: datetime
        price: float

    with pytest.raises(FrameMismatchError) as refused:
        source(server, model=Wrong).pin(reading)
    assert refused.value.subject == "jdbc('shop.orders')"
    assert refused.value.differences == (
        "it lacks 'price'",
        "'id' is int and should be string",
        "'customer' is string and should be bigint",
        "'amount' is float and should be bigint",
        "'paid' is decimal(10,2) and should be double",
        "'ordered_on' is date and should be timestamp",
    )


class Exact(RowModel):
    n: int


class Rounded(RowModel):
    n: Decimal = Field(max_digits=10, decimal_places=2)


class Floating(RowModel):
    n: float


@pytest.mark.parametrize(
    ("kind", "model", "read"),
    [
        ("smallint", Exact, 7),
        ("bigint", Exact, 7),
        ("numeric(18)", Exact, 7),
        ("numeric(19)", Exact, None),
        ("numeric(5, 1)", Exact, None),
        ("smallint", Rounded, Decimal("7.00")),
        ("int", Rounded, None),
        ("numeric(10, 2)", Rounded, Decimal("7.00")),
        ("numeric(9, 1)", Rounded, Decimal("7.00")),
        ("numeric(10, 1)", Rounded, None),
        ("numeric(5, 3)", Rounded, None),
        ("int", Floating, 7.0),
        ("real", Floating, 7.0),
        ("bigint", Floating, None),
        ("numeric(3)", Floating, None),
        ("text", Exact, None),
    ],
)
def test_a_number_is_widened_and_never_rounded(
    server: Postgres, reading: Reading, kind: str, model: type[RowModel], read: object
) -> None:
    numbers = source(server, f"(SELECT '7'::{kind} AS n) AS t", model)
    if read is None:
        with pytest.raises(FrameMismatchError):
            numbers.pin(reading)
    else:
        assert values(numbers.read(reading, numbers.pin(reading))) == [(read,)]


HIDDEN = "hunter2"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"url": f"postgresql://{HIDDEN}/x"}, "must begin with jdbc:"),
        ({"url": f"jdbc:postgresql://host/x?user=etl&password={HIDDEN}"}, "give user="),
        ({"url": f"jdbc:sqlserver://host;databaseName=x;Password={HIDDEN}"}, "give user="),
        ({"url": f"jdbc:postgresql://host/x?sslpassword={HIDDEN}"}, "give user="),
        ({"url": f"jdbc:mysql://etl:{HIDDEN}" + "@host/x"}, "give user="),
        ({"url": f"jdbc:oracle:thin:etl/{HIDDEN}@host:1521:x"}, "give user="),
        ({"password": f"my {HIDDEN}!"}, "no name of a secret"),
        ({"sslpassword": HIDDEN}, "'sslpassword' holds a credential"),
        ({"accessToken": HIDDEN}, "'accessToken' holds a credential"),
        ({"Password": HIDDEN}, "'Password' holds a credential"),
        ({"dbtable": HIDDEN}, "'dbtable' is set by lakegate"),
        ({"numPartitions": "3"}, "'numPartitions' is set by lakegate"),
        ({"partitions": 0}, "partitions is 0"),
        ({"partition_on": "idd"}, "Did you mean 'id'?"),
        ({"partition_on": "customer"}, "partition_on is string"),
    ],
)
def test_a_declaration_that_cannot_be_or_would_show_a_password_is_refused(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        jdbc(**{"url": "jdbc:postgresql://host/x", "table": "orders", "model": Order, **given})
    assert reason in str(refused.value)
    assert HIDDEN not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "jdbc:postgresql://host:5432/x?currentSchema=passengers&sslmode=require",
        "jdbc:oracle:thin:@//host:1521/x",
        "jdbc:postgresql://tokens.example/passwords?user=etl",
    ],
)
def test_a_url_without_a_password_is_taken(url: str) -> None:
    assert jdbc(url, "orders", Order, user="etl", password="orders_db.password").url == url
