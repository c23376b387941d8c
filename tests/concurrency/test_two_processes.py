"""Two processes, each with its own Spark, write one table at the same time."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from deltalake import DeltaTable, QueryBuilder

from tests.concurrency import acts
from tests.concurrency.acts import Wrote
from tests.processes import process
from tests.s3.server import Bucket, bucket, server

__all__ = ["bucket", "server"]
BATCHES = 50


@pytest.fixture(scope="module")
def two() -> Iterator[tuple[Executor, Executor]]:
    yield from _two({})


@pytest.fixture(scope="module")
def two_on_s3(bucket: Bucket) -> Iterator[tuple[Executor, Executor]]:
    yield from _two(bucket.variables)


def _two(variables: Mapping[str, str]) -> Iterator[tuple[Executor, Executor]]:
    with process(variables) as one, process(variables) as other:
        for ready in [one.submit(acts.get_ready), other.submit(acts.get_ready)]:
            ready.result()
        yield one, other


def _write(two: tuple[Executor, Executor], batches: int, **how: Any) -> tuple[Wrote, Wrote]:
    """Let `a` write the ids from 1001 on, and `b` from 2001 on."""
    one = two[0].submit(acts.write, "a", 1_000, batches, **how)
    other = two[1].submit(acts.write, "b", 2_000, batches, **how)
    return one.result(), other.result()


def _require_all(log: Mapping[str, str], rows: list[tuple[int, str, int]], batches: int, upserts: int) -> None:
    """Each batch of each writer is one commit, the versions have no gap, and each row is there once."""
    assert sorted(log) == [f"{version:020}.json" for version in range(len(log))]
    commits = [[json.loads(line) for line in text.splitlines()] for _, text in sorted(log.items())]
    txns = [(a["txn"]["appId"], a["txn"]["version"]) for commit in commits for a in commit if "txn" in a]
    assert sorted(txns) == [(f"{writer}/entries", batch) for writer in "ab" for batch in range(1, batches + 1)]
    assert len(log) == 2 * batches + 1  # and the table was made

    own = [(first + batch, w, batch) for first, w in ((1_000, "a"), (2_000, "b")) for batch in range(1, batches + 1)]
    both = [row for row in rows if row[0] == acts.BOTH]
    assert sorted(row for row in rows if row[0] != acts.BOTH) == own
    assert [batch for _, _, batch in both] == ([upserts] if upserts else [])


@pytest.mark.heavy
def test_two_writers_of_a_table_lose_no_commit_and_double_none(two: tuple[Executor, Executor], tmp_path: Path) -> None:
    wrote = _write(two, BATCHES, root=str(tmp_path))

    path = tmp_path / "silver" / "entries"
    log = {file.name: file.read_text() for file in (path / "_delta_log").glob("*.json")}
    found: Any = (
        QueryBuilder().register("t", DeltaTable(str(path))).execute("SELECT id, writer, batch FROM t").read_all()
    )
    rows = list(zip(*([value.as_py() for value in column] for column in found.columns), strict=True))
    _require_all(log, rows, BATCHES, 48)
    assert all(turn.events.get("lease_waited_for") for turn in wrote)


@pytest.mark.heavy
def test_on_s3_two_writers_of_a_table_lose_no_commit_and_double_none(
    bucket: Bucket, two_on_s3: tuple[Executor, Executor]
) -> None:
    wrote = _write(two_on_s3, BATCHES, root=f"s3://{bucket.name}/leased")

    assert any(turn.events.get("lease_waited_for") for turn in wrote)
    _require_all(
        bucket.log("silver.entries", "leased"),
        bucket.rows("silver.entries", "id, writer, batch", "leased"),
        BATCHES,
        48,
    )


@pytest.mark.heavy
def test_of_one_job_that_is_started_twice_one_waits_and_finds_nothing_new(
    two: tuple[Executor, Executor], tmp_path: Path
) -> None:
    (tmp_path / "landing" / "entries").mkdir(parents=True)
    (tmp_path / "landing" / "entries" / "a.csv").write_text("id,writer,batch\n1,a,1\n")
    where = (str(tmp_path / "lake"), str(tmp_path / "landing"), str(tmp_path / "began"))

    first = two[0].submit(acts.run_slowly, *where)
    while not Path(where[2]).exists() and not first.done():
        sleep(0.05)
    second = two[1].submit(acts.run_slowly, *where)

    assert first.result()[0] == ["done"]
    loads, events = second.result()
    assert loads == []
    assert events[0] == "lease_waited_for"
    assert "nothing_new" in events
    rows: Any = (
        QueryBuilder().register("t", DeltaTable(f"{where[0]}/silver/entries")).execute("SELECT id FROM t").read_all()
    )
    assert rows.num_rows == 1
