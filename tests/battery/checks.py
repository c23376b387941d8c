"""What every source and every write must pass. A check raises AssertionError."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeAlias

import pytest
from pyspark.sql import DataFrame

from framework import fault
from framework.batch import Position
from framework.config import LandingSettings, load
from framework.pipeline import Job, RunReport, extract, run
from framework.pipeline import load as into
from framework.pipeline.guarantee import EXACTLY_ONCE, Guarantee, guarantee
from framework.sources.source import Bookmark, Source
from framework.tables import Frame, Lake, Table, upsert
from framework.tables.commit import Transaction
from framework.tables.load import load as load_rows
from tests.battery.connectors import (
    BONN,
    EARLY,
    EVENING,
    FIRST,
    LATE,
    LIMA,
    NOON,
    OSLO,
    ROME,
    SECOND,
    TARGET,
    City,
    Connector,
    World,
    Writing,
    rows_at,
    through_json,
)
from tests.delta import actions, given, rows_of, version_of

COPY = Table("bronze.cities", City, keys="id")
BATCH = Transaction("battery/silver.cities", Position(0, 1))
Frames: TypeAlias = Callable[..., DataFrame]


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


def values(rows: DataFrame) -> list[tuple[int, str]]:
    """Return the id and name of each row, in order."""
    return sorted((row["id"], row["name"]) for row in rows.select("id", "name").collect())


def first_pin(world: World, source: Any, connector: Connector) -> Any:
    """Pin as the first batch's plan would."""
    reading = world.reading(NOON)
    return source.news(reading, Bookmark()).pin if connector.is_incremental else source.pin(reading)


def round_trip(world: World, connector: Connector) -> None:
    """A plan that was written down and read again names the same rows."""
    connector.put(world, FIRST, EARLY)
    source = connector.make(world)
    pin = first_pin(world, source, connector)

    assert through_json(pin) == pin
    assert values(source.read(world.reading(NOON), through_json(pin))) == FIRST


def pinned(world: World, connector: Connector) -> None:
    """What comes later does not change what a pin reads, where the source promises exactly-once."""
    connector.put(world, FIRST, EARLY)
    source = connector.make(world)
    promise = promised(source)
    if promise.promise != EXACTLY_ONCE:
        assert promise.reasons
        return
    pin = first_pin(world, source, connector)
    before = values(source.read(world.reading(NOON), pin))
    connector.put(world, SECOND, LATE)

    assert values(source.read(world.reading(NOON), pin)) == before == FIRST


def each_once(world: World, connector: Connector) -> None:
    """Batch after batch gives each row once, then nothing; a source that is not incremental gives all each time."""
    connector.put(world, FIRST, EARLY)
    source: Any = connector.make(world)
    pin = first_pin(world, source, connector)
    assert values(source.read(world.reading(NOON), pin)) == FIRST
    read = {file.path: file for file in pin.files}
    if connector.is_incremental:
        assert source.news(world.reading(NOON), Bookmark(pin, lambda: read)).pin is None
    connector.put(world, SECOND, LATE)
    if not connector.is_incremental:
        assert values(source.read(world.reading(EVENING), source.pin(world.reading(EVENING)))) == FIRST + SECOND
        return
    second = source.news(world.reading(EVENING), Bookmark(pin, lambda: read)).pin
    assert values(source.read(world.reading(EVENING), second)) == SECOND


def resumed(world: World, connector: Connector) -> None:
    """A run that is killed between its loads, and taken up after more has come, leaves what an undisturbed one does.

    Whoever takes it up is another process: it has made the source anew.
    """
    connector.put(world, FIRST, EARLY)

    def die(point: str) -> None:
        if point == "after commit battery/bronze.cities":
            raise Killed

    with _watching(die), pytest.raises(Killed):
        _run(world, connector, NOON)
    connector.put(world, SECOND, LATE)
    report = _run(world, connector, EVENING)

    copied, loaded = (stage for stage in report.batches[0].stages if stage.kind == "load")
    assert (copied.outcome, loaded.outcome) == ("already applied", "done")
    assert rows_of(world.lake, COPY, "id, name", version=copied.version) == FIRST
    assert rows_of(world.lake, TARGET, "id, name", version=loaded.version) == FIRST
    both = FIRST + SECOND if connector.is_incremental else FIRST
    assert rows_of(world.lake, COPY, "id, name") == rows_of(world.lake, TARGET, "id, name") == both


SOURCE_CHECKS: Mapping[str, Callable[[World, Connector], None]] = {
    check.__name__: check for check in (round_trip, pinned, each_once, resumed)
}


def replayed(lake: Lake, writing: Writing, frame: Frames) -> None:
    """A batch that is loaded three times is one commit."""
    given(lake, TARGET, rows_at(OSLO, BONN))
    for _ in range(3):
        load_rows(lake, TARGET, writing.write, frame(ROME, LIMA), BATCH)

    assert rows_of(lake, TARGET, "id, name") == writing.after
    commits = range(version_of(lake, TARGET) + 1)
    ours = [txn for version in commits for txn in actions(lake, TARGET, "txn", version) if txn["appId"] == BATCH.app_id]
    assert [txn["version"] for txn in ours] == [1]


def empty(lake: Lake, writing: Writing, frame: Frames) -> None:
    """A batch of no rows changes nothing, but where no rows mean that the table is to hold none."""
    given(lake, TARGET, rows_at(OSLO, BONN))
    load_rows(lake, TARGET, writing.write, frame(), BATCH)

    assert rows_of(lake, TARGET, "id, name") == writing.after_none


WRITE_CHECKS: Mapping[str, Callable[[Lake, Writing, Frames], None]] = {
    check.__name__: check for check in (replayed, empty)
}


def promised(source: Source) -> Guarantee:
    """Return what an upsert of this source's rows promises."""
    job = job_of(source)
    return guarantee(job.nodes, job.loads[-1])


def job_of(source: Any) -> Job:
    """Copy a source's rows into two tables."""
    targets = [into(plain, into=table, write=upsert()) for table in (COPY, TARGET)]
    return Job("battery", [extract(cities=source), plain, *targets])


def plain(cities: DataFrame) -> Frame[City]:
    """Leave out what a source adds."""
    return City.frame(cities.select("id", "name", "at"))


@contextmanager
def _watching(reached: Callable[[str], None]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fault, "reached", reached)
        yield


def _run(world: World, connector: Connector, now: datetime) -> RunReport:
    settings = load("test").model_copy(update={"landing": LandingSettings(root=str(world.landing))})
    return run(job_of(connector.make(world)), world.lake, settings, {}, clock=lambda: now)
