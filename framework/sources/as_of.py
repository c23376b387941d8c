"""As of: a bitemporal table as a source, at a valid time and a system time."""

from dataclasses import dataclass
from datetime import date, datetime

from pyspark.sql import DataFrame

from framework.batch import Pin
from framework.sources.source import Reading
from framework.sources.table import TableSource
from framework.tables import Table
from framework.tables.history.ask import periods, sliced


@dataclass(frozen=True, slots=True)
class AsOf(TableSource):
    """What a table believed at a system time of a valid time, pinned to a version; made by `as_of`."""

    valid: date | None = None
    system: datetime | None = None

    def read(self, reading: Reading, pin: Pin) -> DataFrame:
        """Read the slice of the pinned version."""
        rows = TableSource.read(self, reading, pin)
        return sliced(rows, periods(reading.lake, self.table), valid=self.valid, system=self.system)


def as_of(table: Table, *, valid: date | None = None, system: datetime | None = None) -> AsOf:
    """Read what was true at a valid time, as it was believed at a system time: `as_of(PLANES, valid=date(2024, 1, 4))`.

    Without `system` it is what is believed when the batch is planned; without `valid` all periods of it. Times without
    a zone are UTC.
    """
    return AsOf(table, valid=valid, system=system)
