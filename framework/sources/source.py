"""What a source is: something that can be pinned when a batch is planned, and read again from the pin.

An incremental source knows besides what is new since a bookmark. All of them work alike: what is new becomes the pin of
a plan, the load's commit carries the number of that plan, and so the pins of committed plans are the bookmark.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from framework.batch import FilePin, Interval, Pin, Publication
from framework.errors import SecretMissingError, UnknownRunError
from framework.secrets import variable
from framework.tables import Lake, Loaded, RowModel

# What Spark says of a file that was vacuumed or removed after the plan had named it.
GONE = ("FILE_NOT_EXIST", "FileNotFoundException", "DELTA_FILE_NOT_FOUND")


def _unknown(run: str) -> Publication:
    raise UnknownRunError(run, None)


def _no_secret(name: str) -> str:
    raise SecretMissingError(name, variable(name), ["no place: whoever reads gave none"])


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source reads with: the lake, where relative files are, the batch's clock, and the loads that are done.

    `until` is the clock when the run began: no interval ends later, so that a run comes to an end. `published` gives
    the versions that a finished run has left, `secret` a secret by its name.
    """

    lake: Lake
    landing: str
    started_at: datetime
    loaded: Mapping[str, Loaded] = field(default_factory=dict)
    until: datetime | None = None
    published: Callable[[str], Publication] = _unknown
    secret: Callable[[str], str] = _no_secret


class Source(Protocol):
    """A place that rows come from. A frozen value; nothing is looked at before `pin`."""

    @property
    def model(self) -> type[RowModel] | None:
        """The row model of what is read, None where it is not declared."""

    @property
    def keeps_malformed(self) -> bool:
        """Whether what is read has the column `_malformed`: the text of a record that is not of its row model."""

    def schema(self, reading: Reading) -> StructType | None:
        """Return the columns that `read` gives, without reading data; None where only reading would tell."""

    def pin(self, reading: Reading) -> Pin:
        """Find out what there is to read now. Raises a DataRefusedError where it cannot be read."""

    def read(self, reading: Reading, pin: Pin) -> DataFrame:
        """Read exactly what was pinned."""


@dataclass(frozen=True, slots=True)
class Bookmark:
    """What a job has read of its incremental source: the pin of its last batch, and all files by path."""

    last: Pin | None = None
    files: Callable[[], Mapping[str, FilePin]] = dict


@dataclass(frozen=True, slots=True)
class News:
    """What there is behind a bookmark: the pin of the next batch (None: nothing is new), in words, and remarks."""

    pin: Pin | None
    said: str
    notes: tuple[str, ...] = ()


class IncrementalSource(Source, Protocol):
    """A source that is read from where the last batch ended."""

    def news(self, reading: Reading, bookmark: Bookmark) -> News:
        """Find out what is new since the bookmark, bounded to one batch."""

    def within(self, reading: Reading, interval: Interval) -> Pin | None:
        """Pin what belongs to a past interval, None where there is nothing. Raises BackfillRefusedError."""

    def pin_again(self, reading: Reading, pin: Pin) -> Pin:
        """Pin what is left of a pin that has vanished, and nothing that it did not name."""

    def position(self, pin: Pin) -> str:
        """Say in words how far a batch with this pin has read."""


def file_gone(error: Exception) -> str | None:
    """Return what an error says of a file that was there when the batch was planned, None where it says no such."""
    return next((word for word in GONE if word in str(error)), None)
