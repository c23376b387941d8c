"""Incremental reading: only the files, or only the rows, that are behind the bookmark."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from heapq import nsmallest

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DateType, StructType, TimestampNTZType, TimestampType

from framework.batch import FilePin, Interval, Pin
from framework.counted import counted
from framework.errors import (
    BackfillRefusedError,
    BookmarkSourceError,
    DeclarationError,
    LandingError,
    SnapshotError,
    alternatives,
)
from framework.sources.files import Files, now_there
from framework.sources.source import Bookmark, IncrementalSource, News, Reading, Source
from framework.sources.table import Written
from framework.storage.pattern import literal_part, parted
from framework.tables import RowModel
from framework.tables.model import columns

SHOWN = 3
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
DATE_PARTS = {"yyyy": "year", "MM": "month", "dd": "day", "HH": "hour"}


@dataclass(frozen=True, slots=True)
class IncrementalFiles:
    """The files that no batch has read yet, sorted, so many at a time, or those of a date; made by `incremental`."""

    source: Files
    most: int
    dated: str | None = None
    snapshots: bool = False

    @property
    def model(self) -> type[RowModel] | None:
        """The row model of the files."""
        return self.source.model

    @property
    def keeps_malformed(self) -> bool:
        """As the files do."""
        return self.source.keeps_malformed

    def schema(self, reading: Reading) -> StructType | None:
        """Return the model's columns and the added ones."""
        return self.source.schema(reading)

    def pin(self, reading: Reading) -> Pin:
        """Pin the first files there are, as if none had been read."""
        return self.news(reading, Bookmark()).pin or Pin()

    def read(self, reading: Reading, pin: Pin) -> DataFrame:
        """Read exactly the pinned files."""
        return self.source.read(reading, pin)

    def news(self, reading: Reading, bookmark: Bookmark) -> News:
        """List the files and subtract those that were read, by path; a path that is another file now is reported.

        The listing streams by: what is kept of it is one batch, and of what was read a path and its size and time.
        Raises SnapshotError where a snapshot is no later than one that was read.
        """
        known, new, rewritten = bookmark.files(), _Sum(), _Sum()

        def unread() -> Iterator[FilePin]:
            for file in self.source.listed(reading):
                before = known.get(file.path)
                if before is None:
                    new.add(file)
                    yield file
                elif before != file:
                    rewritten.add(file)

        date = self._date_of(reading)
        if self.snapshots:
            first = _first_snapshot(unread(), known.values(), date)
        else:
            first = nsmallest(self.most, unread(), key=lambda file: (date(file), file.path))
        notes = (f"{rewritten.said} rewritten since read, and not read again: {rewritten.named}",)
        pin = self.source.pinned(reading, first) if first else None
        return News(pin, new.said if first else "nothing", notes if rewritten.number else ())

    def within(self, reading: Reading, interval: Interval) -> Pin | None:
        """Pin the files whose date is in the interval, whether they were read before or not."""
        if self.dated is None:
            raise BackfillRefusedError(
                "",
                f"the files {self.source.path!r} have no date. Say where it is in their names: dated='{{yyyy}}-{{MM}}'",
            )
        date = self._date_of(reading)
        dated = ((date(file), file) for file in self.source.listed(reading))
        found = sorted((at, file.path, file) for at, file in dated if _is_in(at, interval))
        return self.source.pinned(reading, [file for _, _, file in found]) if found else None

    def pin_again(self, reading: Reading, pin: Pin) -> Pin:
        """Pin the files that are still there, as they are now."""
        return replace(pin, files=tuple(file for file in now_there(reading.lake, pin.files) if file))

    def position(self, pin: Pin) -> str:
        """Name the last file."""
        return pin.files[-1].path.rsplit("/", 1)[-1] if pin.files else "no file"

    def _date_of(self, reading: Reading) -> Callable[[FilePin], datetime]:
        """Return what finds the date of a file: below the source's own path, since folders above may have dates too."""
        if self.dated is None:
            return lambda file: datetime.min
        pattern = re.escape(self.dated)
        for part, name in DATE_PARTS.items():
            pattern = pattern.replace(re.escape(f"{{{part}}}"), f"(?P<{name}>[0-9]{{{len(part)}}})", 1)
        _, begin = parted(literal_part(self.source.where(reading)))

        def date(file: FilePin) -> datetime:
            _, path = parted(file.path)
            found = re.search(pattern, path.removeprefix(begin) or path.rsplit("/", 1)[-1])
            try:
                parts = {name: int(text) for name, text in found.groupdict().items()} if found else {}
                return datetime(**{"month": 1, "day": 1, **parts}, tzinfo=UTC)
            except (TypeError, ValueError):
                reason = f"has no date below {begin}, where dated={self.dated!r} says it is"
                raise LandingError(file.path, reason) from None

        return date


@dataclass(frozen=True, slots=True)
class IncrementalRows:
    """The rows of a table or database whose time is behind the bookmark; made by `incremental`."""

    source: Source
    by: str
    lag: timedelta = timedelta()

    keeps_malformed = False

    @property
    def model(self) -> type[RowModel] | None:
        """The row model of the source."""
        return self.source.model

    def schema(self, reading: Reading) -> StructType | None:
        """Return the columns of the source."""
        return self.source.schema(reading)

    def pin(self, reading: Reading) -> Pin:
        """Pin all rows up to now."""
        return self._pinned(reading, Interval(None, self._end(reading)))

    def read(self, reading: Reading, pin: Pin) -> DataFrame:
        """Read the rows whose time is in the interval; those without a time are in none. Raises BookmarkSourceError."""
        self._require_own(pin)
        rows, interval = self.source.read(reading, pin), pin.interval or Interval()
        if interval.start is not None:
            rows = rows.where(F.col(self.by) >= F.lit(interval.start))
        return rows.where(F.col(self.by) < F.lit(interval.end)) if interval.end is not None else rows

    def news(self, reading: Reading, bookmark: Bookmark) -> News:
        """Pin the interval from where the last one ended, less the lag, up to when the run began.

        Raises BookmarkSourceError where the last one was of another table or column.
        """
        self._require_own(bookmark.last or Pin())
        before = bookmark.last.interval.end if bookmark.last and bookmark.last.interval else None
        end = self._end(reading)
        if before and end <= before:
            behind = (f"the clock is at {end:%Y-%m-%d %H:%M:%S} UTC, behind the bookmark",) if end < before else ()
            return News(None, "nothing", behind)
        start = before - self.lag if before else None
        pin = self._pinned(reading, Interval(start, end))
        if self.read(reading, pin).isEmpty():
            return News(None, "nothing")
        missing = self.source.read(reading, pin).where(F.col(self.by).isNull()).count()
        note = f"{counted(missing, 'row')} without {self.by!r}: in no interval, and not read"
        return News(pin, f"rows {self.position(pin)}", (note,) if missing else ())

    def within(self, reading: Reading, interval: Interval) -> Pin | None:
        """Pin the rows whose time is in the interval."""
        return self._pinned(reading, interval)

    def pin_again(self, reading: Reading, pin: Pin) -> Pin:
        """Pin the same interval of the source as it is now. Raises BookmarkSourceError."""
        self._require_own(pin)
        return self._pinned(reading, pin.interval)

    def position(self, pin: Pin) -> str:
        """Say up to when."""
        end = pin.interval.end if pin.interval else None
        return f"before {self.by} {end:%Y-%m-%d %H:%M:%S} UTC" if end else "everything"

    @property
    def _of(self) -> str | None:
        """What the interval is of; None for a source that does not say what it is known as."""
        known_as = getattr(self.source, "known_as", None)
        return known_as and f"{known_as} by {self.by!r}"

    def _pinned(self, reading: Reading, interval: Interval | None) -> Pin:
        return replace(self.source.pin(reading), interval=interval, of=self._of)

    def _require_own(self, pin: Pin) -> None:
        if pin.of and self._of and pin.of != self._of:
            raise BookmarkSourceError(pin.of, self._of)

    def _end(self, reading: Reading) -> datetime:
        """Return the end of an interval that begins now: of a day that is not over, no row is read yet."""
        columns = self.schema(reading)
        kind = columns[self.by].dataType if columns and self.by in columns.names else None
        if not isinstance(kind, TimestampType | TimestampNTZType | DateType):
            said = (
                f"{self.by!r} is {kind.simpleString() if kind else 'not there'}; an interval needs a timestamp or date"
            )
            raise DeclarationError(f"incremental(..., by={self.by!r})", said)
        now = reading.until or reading.started_at
        return now.replace(hour=0, minute=0, second=0, microsecond=0) if isinstance(kind, DateType) else now


def incremental(
    source: Source,
    *,
    by: str | None = None,
    lag: str | timedelta | None = None,
    max_files_per_batch: int = 1_000,
    dated: str | None = None,
    snapshots: bool = False,
) -> IncrementalSource:
    """Read only what no batch of the job has read yet.

    Of `files`: those whose path is new, in the order of their names, `max_files_per_batch` at a time; `dated` says
    where their date is (`"flights-{yyyy}-{MM}"`, also `{dd}` and `{HH}`; UTC), then they are in its order, and a
    backfill can choose them. With `snapshots` the files of a date are a full snapshot: a batch is one, all its files
    have to be there when the first is, and one that is no later than those read is refused (SnapshotError).

    Of a `table` or `jdbc`: the rows whose time `by` (a timestamp or date) is in the interval from where the last batch
    ended up to when the run began; `lag` ("90s", "15m", "1h", "2d", "1w") begins that much earlier, for rows that
    arrive late, and needs a load by key. Raises DeclarationError.
    """
    subject = "incremental(...)"
    if isinstance(source, Files):
        if by or lag:
            raise DeclarationError(subject, "files are read by their names; by= and lag= are for table() and jdbc()")
        if max_files_per_batch < 1:
            raise DeclarationError(subject, f"max_files_per_batch is {max_files_per_batch} and must be at least 1")
        if dated is not None and not _is_date(dated):
            must = "must hold {yyyy}, and may {MM}, {dd} and {HH}, each once and none without the larger ones"
            raise DeclarationError(subject, f"dated={dated!r} {must}")
        if snapshots and dated is None:
            raise DeclarationError(subject, "snapshots are told apart by their dates: dated='{yyyy}-{MM}-{dd}'")
        return IncrementalFiles(source, max_files_per_batch, dated, snapshots)
    if not hasattr(source, "pin") or hasattr(source, "news") or isinstance(source, Written):
        raise DeclarationError(subject, f"{source!r} cannot be read incrementally; take files(), table() or jdbc()")
    if by is None:
        raise DeclarationError(subject, "say which column tells new rows: by='updated_at'")
    if source.model and by not in columns(source.model):
        raise DeclarationError(subject, f"by={by!r} is not a column. {alternatives(by, columns(source.model))}")
    if dated or snapshots:
        raise DeclarationError(subject, "dated= and snapshots= are for files()")
    return IncrementalRows(source, by, _duration(lag))


@dataclass(slots=True)
class _Sum:
    """How many files, how large together, and a few of them."""

    number: int = 0
    size: int = 0
    some: list[str] = field(default_factory=list)

    def add(self, file: FilePin) -> None:
        self.number += 1
        self.size += file.size
        if len(self.some) < SHOWN:
            self.some.append(file.path.rsplit("/", 1)[-1])

    @property
    def said(self) -> str:
        return f"{counted(self.number, 'file')}, {self.size / 1e6:,.1f} MB"

    @property
    def named(self) -> str:
        return ", ".join(self.some) + (", ..." if self.number > SHOWN else "")


def _first_snapshot(
    unread: Iterable[FilePin], read: Iterable[FilePin], date: Callable[[FilePin], datetime]
) -> list[FilePin]:
    """Return the files of the first date that was not read; SnapshotError where it is no later than one that was.

    read      unread                 first
    01, 02    03-a, 04-a, 03-b       03-a, 03-b
    """
    first, of = list[FilePin](), datetime.max.replace(tzinfo=UTC)
    for file in unread:
        if (at := date(file)) < of:
            first, of = [], at
        if at == of:
            first.append(file)
    newest = max(map(date, read), default=None)
    if first and newest and of <= newest:
        raise SnapshotError.late(min(file.path for file in first), f"{of:%Y-%m-%d %H:%M}", f"{newest:%Y-%m-%d %H:%M}")
    return sorted(first, key=lambda file: file.path)


def _is_date(dated: str) -> bool:
    """Say whether a pattern names a year, or further parts of a time down to one, in any order."""
    named = re.findall(r"\{(.*?)\}", dated)
    return bool(named) and sorted(named) == sorted([*DATE_PARTS][: len(named)])


def _is_in(date: datetime, interval: Interval) -> bool:
    return (interval.start is None or interval.start <= date) and (interval.end is None or date < interval.end)


def _duration(lag: str | timedelta | None) -> timedelta:
    if isinstance(lag, str):
        found = re.fullmatch(r"(\d+)\s*([smhdw])", lag)
        if not found:
            raise DeclarationError(
                "incremental(...)", f"lag={lag!r} is no length of time: write 90s, 15m, 1h, 2d or 1w"
            )
        lag = timedelta(**{UNITS[found[2]]: int(found[1])})
    if lag is not None and lag < timedelta():
        raise DeclarationError("incremental(...)", "lag is negative: it would leave rows out")
    return lag or timedelta()
