import json
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool

import pytest

from tests.processes import process
from tests.s3 import acts
from tests.s3.acts import Ran
from tests.s3.server import Bucket

pytestmark = pytest.mark.heavy
DONE, AGAIN = ("done", "done"), ("already applied", "done")


@pytest.fixture(scope="module")
def spark_on_s3(bucket: Bucket) -> Iterator[Executor]:
    with process(bucket.variables) as there:
        yield there


@pytest.fixture
def there(bucket: Bucket, spark_on_s3: Executor) -> Executor:
    """A process with Spark, whose lake is empty but for two cities."""
    for key in bucket.keys(""):
        bucket.client.delete_object(Bucket=bucket.name, Key=key)
    bucket.put("landing/cities/a.csv", "id,name\n1,Oslo\n")
    bucket.put("landing/cities/b.csv", "id,name\n2,Bonn\n")
    return spark_on_s3


def _tables(bucket: Bucket) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    return bucket.rows("bronze.cities", "id, name"), bucket.rows("silver.cities", "id, name")


def test_a_run_takes_in_what_is_new_and_reports_what_was_rewritten(bucket: Bucket, there: Executor) -> None:
    assert there.submit(acts.take_in).result() == Ran((DONE,))
    assert _tables(bucket) == ([(1, "Oslo"), (2, "Bonn")],) * 2
    log = bucket.log("bronze.cities")

    assert there.submit(acts.take_in).result() == Ran()
    assert bucket.log("bronze.cities") == log

    bucket.put("landing/cities/a.csv", "id,name\n1,Rome\n")  # as long as before, and in the same second
    for number in (3, 4, 5):
        bucket.put(f"landing/cities/c{number}.csv", f"id,name\n{number},Lima\n")
    ran = there.submit(acts.take_in).result()

    assert ran.batches == (DONE, DONE)
    assert "1 file, 0.0 MB rewritten since read, and not read again: a.csv" in ran.notes
    lima = [(number, "Lima") for number in (3, 4, 5)]
    assert _tables(bucket) == ([(1, "Oslo"), (2, "Bonn"), *lima],) * 2


def test_a_run_that_was_killed_after_its_first_load_is_finished_by_the_next(bucket: Bucket, there: Executor) -> None:
    with process(bucket.variables) as mortal, pytest.raises(BrokenProcessPool):
        mortal.submit(acts.killed_at, "after commit cities/bronze.cities").result()
    bucket.put("landing/cities/c.csv", "id,name\n3,Lima\n")

    assert there.submit(acts.take_in).result() == Ran((AGAIN, DONE))

    assert _tables(bucket) == ([(1, "Oslo"), (2, "Bonn"), (3, "Lima")],) * 2


def test_a_table_of_which_only_the_folder_was_made_is_made(bucket: Bucket, there: Executor) -> None:
    for table in ("bronze/cities", "silver/cities", "_lakegate/runs_cities"):
        bucket.put(f"lake/{table}/_delta_log/")

    assert there.submit(acts.take_in).result() == Ran((DONE,))

    assert _tables(bucket) == ([(1, "Oslo"), (2, "Bonn")],) * 2


def test_each_load_holds_the_lease_of_its_table_while_it_commits(bucket: Bucket, there: Executor) -> None:
    assert there.submit(acts.leases_at_commits).result() == [
        ("before commit cities/bronze.cities", True, False),
        ("after commit cities/bronze.cities", True, False),
        ("before commit cities/silver.cities", False, True),
        ("after commit cities/silver.cities", False, True),
    ]

    grants = {key: json.loads(bucket.text(key)) for key in bucket.keys("lake/_lakegate/leases/")}
    assert [grant["released"] for grant in grants.values()] == [True, True, True]


@pytest.mark.parametrize("lease", ["table-silver.cities", "job-cities"])
def test_a_run_whose_lease_is_taken_over_stops_and_doubles_nothing(bucket: Bucket, there: Executor, lease: str) -> None:
    began = time.monotonic()
    ran = there.submit(acts.robbed_at, "before commit cities/silver.cities", lease, seconds=120).result()

    assert ran == Ran(error="LeaseLostError")
    assert time.monotonic() - began < 120
    assert not bucket.log("silver.cities") or bucket.rows("silver.cities") == []

    there.submit(acts.returned, lease).result()
    assert there.submit(acts.take_in).result() == Ran((AGAIN,))
    assert _tables(bucket) == ([(1, "Oslo"), (2, "Bonn")],) * 2
