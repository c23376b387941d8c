"""What one batch is: frozen values that the run makes once and everything below passes on.

A run executes a job as one or more batches. A batch has a number that grows by one and an epoch that a rollback raises;
together they are the transaction version that each of its commits carries. Its plan says what it reads: whoever takes
up an interrupted batch reads the same plan, and so the same inputs by the same clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from framework.counted import counted


@dataclass(frozen=True, slots=True)
class Interval:
    """A half-open stretch of time `[start, end)`, both UTC; None is open."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """An epoch and a batch number, ordered, and packed into the one number that a Delta commit carries."""

    epoch: int
    batch: int

    @property
    def txn_version(self) -> int:
        """`epoch * 2**32 + batch`: a writer of an older epoch is always behind, so Delta refuses it."""
        return (self.epoch << 32) + self.batch

    @classmethod
    def of(cls, txn_version: int) -> "Position":
        """Unpack a commit's transaction version."""
        return cls(txn_version >> 32, txn_version & 0xFFFF_FFFF)

    def __str__(self) -> str:
        """`3`, or `3 of epoch 1` after a rollback."""
        return f"{self.batch} of epoch {self.epoch}" if self.epoch else str(self.batch)

    def next(self) -> "Position":
        """Return the batch after this one, in the same epoch."""
        return Position(self.epoch, self.batch + 1)


@dataclass(frozen=True, slots=True)
class FilePin:
    """One file as it was when the batch was planned; `modified_at` is in milliseconds since 1970 UTC."""

    path: str
    size: int
    modified_at: int
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """What a batch reads from one source: nothing is set where it cannot be pinned.

    `files` are the exact files, `version` is a table's. `after` is set for changes: those of the versions behind it, up
    to `version`. `interval` limits the rows by their time. `table_id` is the table's own, which a table that is made
    anew under the same name does not have. `of` says what is read, None in plans of before it was kept.
    """

    files: tuple[FilePin, ...] = ()
    version: int | None = None
    table_id: str | None = None
    after: int | None = None
    interval: Interval | None = None
    of: str | None = None

    @property
    def said(self) -> str:
        """In words: `3 files`, `version 4`, `versions 5 to 9`; empty where it could not be pinned."""
        if self.files:
            return counted(len(self.files), "file")
        if self.after is not None:
            return f"versions {self.after + 1} to {self.version}"
        version = "" if self.version is None else f"version {self.version}"
        if self.interval is None:
            return version
        ends = (f"{at:%Y-%m-%d %H:%M:%S}" if at else "" for at in (self.interval.start, self.interval.end))
        return ", ".join(filter(None, [version, " to ".join(ends).strip()]))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch reads and with what values: written before its first commit, read again by whoever resumes it.

    `started_at` (UTC) is the batch's clock: `_ingested_at` and every other time that the batch writes. `loads` are
    those that the job had: one that is added later has nothing to resume. `source` names the incremental source whose
    pin is the bookmark, None where the job reads everything each time. `replaces` are the fingerprints of plans in
    whose place this one was put, by which loads may be in.
    """

    job: str
    run_id: str
    position: Position
    started_at: datetime
    code_version: str
    loads: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    pins: Mapping[str, Pin] = field(default_factory=dict)
    interval: Interval = Interval()
    source: str | None = None
    replaces: tuple[str, ...] = ()

    @property
    def bookmark(self) -> Pin | None:
        """What the batch reads from its incremental source."""
        return self.pins.get(self.source) if self.source else None


@dataclass(frozen=True, slots=True)
class Publication:
    """A batch that is finished: the version at which each table of the job was left, published in one write."""

    job: str
    run_id: str
    position: Position
    started_at: datetime
    finished_at: datetime
    tables: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """What a function may know of the run that calls it; injected into a parameter annotated `Run`."""

    job: str
    run_id: str
    batch: int
    started_at: datetime
    environment: str
