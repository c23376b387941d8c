"""Every source and every write passes every check, and each check finds the twin that is broken in its way."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from framework.batch import Pin
from framework.pipeline import Job, extract
from framework.pipeline import load as into
from framework.pipeline.guarantee import guarantee
from framework.sources import Reading, incremental, table
from framework.sources.table import TableSource
from framework.tables import Frame, Lake, Loaded, Table, append, overwrite, upsert
from framework.tables.commit import Counts, Transaction
from framework.tables.model import schema
from framework.tables.write import OfTheTable
from tests.battery.checks import SOURCE_CHECKS, WRITE_CHECKS, Frames
from tests.battery.connectors import CONNECTORS, EARLY, ORIGIN, TARGET, WRITES, City, Connector, World
from tests.postgres import PASSWORD


@pytest.fixture
def world(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("LAKEGATE_SECRETS__PG", PASSWORD)
    return World(lake, tmp_path / "landing")


@pytest.fixture
def frame(spark: SparkSession) -> Frames:
    return lambda *rows: spark.createDataFrame([(*row, EARLY) for row in rows], schema(City))


@pytest.mark.parametrize("check", SOURCE_CHECKS)
@pytest.mark.parametrize("source", CONNECTORS)
def test_each_source_passes(world: World, source: str, check: str, request: pytest.FixtureRequest) -> None:
    if "jdbc" in source:
        world = replace(world, postgres=request.getfixturevalue("postgres"))

    SOURCE_CHECKS[check](world, CONNECTORS[source])


@pytest.mark.parametrize("check", WRITE_CHECKS)
@pytest.mark.parametrize("write", WRITES)
def test_each_write_passes(lake: Lake, frame: Frames, write: str, check: str) -> None:
    WRITE_CHECKS[check](lake, WRITES[write], frame)


# -- what is read anew by each attempt says so ------------------------------------------------------------------------


def test_what_a_function_of_ones_own_reads_or_writes_is_promised_at_least_once_with_the_reason() -> None:
    def own() -> Frame[City]:
        raise NotImplementedError

    def keep(own: Frame[City]) -> None:
        raise NotImplementedError

    job = Job("own", [extract(own=own), into(own, into=TARGET, write=upsert()), into(own, into=keep)])
    table, function = (guarantee(job.nodes, node) for node in job.loads)

    assert (table.promise, function.promise) == ("at-least-once", "at-least-once")
    assert table.reasons == ("'own' is a function of your own, read anew by each attempt",)
    assert function.reasons == ("a function of your own has no commit to carry its batch", *table.reasons)


# -- twins ------------------------------------------------------------------------------------------------------------


class ForgetsWhatItPinned(TableSource):
    """Its pin is empty, and it knows by heart what it stands for."""

    def pin(self, reading: Reading) -> Pin:
        known, pin = super().pin(reading), Pin()
        BY_HEART[id(pin)] = (pin, known)
        return pin

    def read(self, reading: Reading, pin: Pin) -> DataFrame:
        known = BY_HEART.get(id(pin), (pin, None))[1]
        return super().read(reading, known) if known else super().read(reading, pin).limit(0)


BY_HEART: dict[int, tuple[Pin, Pin]] = {}


class ReadsTheNewest(TableSource):
    def read(self, reading: Reading, pin: Pin) -> DataFrame:
        return super().read(reading, Pin())


@dataclass(frozen=True)
class RemembersInItsProcess(TableSource):
    """It keeps in its own memory what belongs into its pin."""

    seen: list[Pin] = field(default_factory=list, compare=False)

    def pin(self, reading: Reading) -> Pin:
        self.seen.append(super().pin(reading))
        return Pin()

    def read(self, reading: Reading, pin: Pin) -> DataFrame:
        return super().read(reading, self.seen[-1] if self.seen else pin)


def _twin(make: Any, is_incremental: bool = False) -> Connector:
    return Connector(make, CONNECTORS["table"].put, is_incremental)


SOURCE_TWINS: Mapping[str, tuple[Connector, set[str]]] = {
    # A batch cannot be resumed either from a pin that was lost, or that does not hold.
    "forgets what it pinned": (_twin(lambda world: ForgetsWhatItPinned(ORIGIN)), {"round_trip", "resumed"}),
    "reads the newest": (_twin(lambda world: ReadsTheNewest(ORIGIN)), {"pinned", "resumed"}),
    "remembers in its process": (_twin(lambda world: RemembersInItsProcess(ORIGIN)), {"resumed"}),
    "reads again": (_twin(lambda world: incremental(table(ORIGIN), by="at", lag="1d"), True), {"each_once"}),
}


@pytest.mark.parametrize("check", SOURCE_CHECKS)
@pytest.mark.parametrize("twin", SOURCE_TWINS)
def test_each_broken_source_is_found_by_its_check(world: World, twin: str, check: str) -> None:
    connector, found_by = SOURCE_TWINS[twin]
    if check in found_by:
        with pytest.raises(AssertionError):
            SOURCE_CHECKS[check](world, connector)
    else:
        SOURCE_CHECKS[check](world, connector)


class IgnoresTheTransaction(OfTheTable):
    def commit(self, lake: Lake, table: Table, rows: DataFrame, transaction: Transaction) -> Loaded:
        rows.write.format("delta").mode("append").save(lake.path(table.name))
        return Loaded(0, (), Counts())


class EmptiesWhatItHasNoRowsFor(OfTheTable):
    def commit(self, lake: Lake, table: Table, rows: DataFrame, transaction: Transaction) -> Loaded:
        return (overwrite() if rows.isEmpty() else append()).commit(lake, table, rows, transaction)


WRITE_TWINS: Mapping[str, tuple[Any, str]] = {
    "ignores the transaction": (IgnoresTheTransaction(), "replayed"),
    "empties what it has no rows for": (EmptiesWhatItHasNoRowsFor(), "empty"),
}


@pytest.mark.parametrize("check", WRITE_CHECKS)
@pytest.mark.parametrize("twin", WRITE_TWINS)
def test_each_broken_write_is_found_by_its_check(lake: Lake, frame: Frames, twin: str, check: str) -> None:
    write, found_by = WRITE_TWINS[twin]
    writing = replace(WRITES["append"], write=write)
    if check == found_by:
        with pytest.raises(AssertionError):
            WRITE_CHECKS[check](lake, writing, frame)
    else:
        WRITE_CHECKS[check](lake, writing, frame)
