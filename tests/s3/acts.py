"""What a process with a lake on S3 is asked to do; each act says what came of it in plain values."""

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pyspark.sql import functions as F

from framework import fault
from framework.config import LeaseSettings
from framework.errors import LakegateError
from framework.pipeline import Job, extract, load, run
from framework.sources import files, incremental
from framework.storage import storage
from framework.tables import Frame, RowModel, Table, append, upsert
from framework.testing import NOON
from tests.processes import lake, settings


class City(RowModel):
    id: int
    name: str


RAW, CITIES = Table("bronze.cities", City), Table("silver.cities", City, keys="id")


pause = 0.0


def slowly(raw: Frame[City]) -> Frame[City]:
    """Take as long for each row as `pause` says when the job runs."""
    seconds = pause

    def wait(name: str) -> str:
        time.sleep(seconds)
        return name

    return City.frame(raw.withColumn("name", F.coalesce(F.udf(wait, "string")("name"), F.lit(""))))


raw = extract(raw=incremental(files("cities", City, format="csv"), max_files_per_batch=2))
cities = Job("cities", [raw, load(raw, into=RAW, write=append()), slowly, load(slowly, into=CITIES, write=upsert())])


@dataclass(frozen=True)
class Ran:
    """The outcomes of each batch's loads, what was noted, and the name of the error that it ended with."""

    batches: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""


def take_in(expiry: float = 60) -> Ran:
    """Run the job on what is new."""
    quick = settings().model_copy(update={"lease": LeaseSettings(expiry=expiry)})
    try:
        report = run(cities, lake(), quick, {}, clock=lambda: NOON)
    except LakegateError as error:
        return Ran(error=type(error).__name__)
    loads = [tuple(s.outcome for s in batch.stages if s.kind == "load") for batch in report.batches]
    return Ran(tuple(loads), report.notes)


def killed_at(point: str) -> None:
    """Run the job, and be killed at a point."""
    with _watching(lambda reached: os.kill(os.getpid(), signal.SIGKILL) if reached == point else None):
        take_in()


def leases_at_commits() -> list[tuple[str, bool, bool]]:
    """Run the job; say at each commit which of the two tables' leases are held."""
    seen = []

    def look(reached: str) -> None:
        if " commit " in reached:
            seen.append((reached, is_held("table-bronze.cities"), is_held("table-silver.cities")))

    with _watching(look):
        take_in()
    return seen


def robbed_at(point: str, lease: str, seconds: float) -> Ran:
    """Run the job, taking so long for each row; at a point somebody takes a lease over."""
    global pause

    def rob(reached: str) -> None:
        if reached == point:
            there, (folder, number, grant) = lake().storage, newest(lease)
            assert there.create(f"{folder}/{number + 1:010}.json", json.dumps({**grant, "token": "another's"}))

    pause = seconds
    try:
        with _watching(rob):
            return take_in(expiry=2)
    finally:
        pause = 0.0


def returned(lease: str) -> None:
    """Give back what `robbed_at` has taken."""
    folder, number, grant = newest(lease)
    lake().storage.replace(f"{folder}/{number:010}.json", json.dumps({**grant, "released": True}))


def is_held(lease: str) -> bool:
    """Say whether somebody holds a lease."""
    return newest(lease)[2].get("released") is False


def newest(lease: str) -> tuple[str, int, dict[str, Any]]:
    """Return a lease's folder, its highest number and the document of that number."""
    chosen = settings()
    there, folder = storage(chosen.lake.root, chosen.aws, None), f"{chosen.lake.root}/_lakegate/leases/{lease}"
    names = there.names(folder)
    if not names:
        return folder, 0, {}
    return folder, int(names[-1].removesuffix(".json")), json.loads(there.read(f"{folder}/{names[-1]}") or "{}")


@contextmanager
def _watching(reached: Callable[[str], None]) -> Any:
    fault.reached = reached
    try:
        yield
    finally:
        fault.reached = None
