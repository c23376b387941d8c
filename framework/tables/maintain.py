"""Maintenance of a table, declared once: how large its files are, how long what it was is kept, what is counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from framework import fault, log
from framework.counted import counted
from framework.errors import DeclarationError, TableNotFoundError, alternatives
from framework.tables.compaction import rewrite, worth_rewriting
from framework.tables.conflict import conflict_of
from framework.tables.lake import Lake
from framework.tables.model import columns
from framework.tables.sql import text
from framework.tables.table import Table
from framework.tables.vacuum import Hold, due, stopped_by, vacuum

WINDOW, LOG, STATISTICS = (
    "delta.deletedFileRetentionDuration",
    "delta.logRetentionDuration",
    "delta.dataSkippingStatsColumns",
)
WINDOW_DAYS, LOG_DAYS = 7, 30  # Delta's own


@dataclass(frozen=True, slots=True)
class Maintain:
    """How a table is maintained; made by `maintain`."""

    table: Table
    small_files: int = 8
    target_mb: int = 128
    zorder_by: tuple[str, ...] = ()
    statistics: tuple[str, ...] = ()
    recovery_days: int | None = None
    log_days: int | None = None
    vacuum: bool = True
    retired: tuple[str, ...] = ()

    @property
    def properties(self) -> dict[str, str]:
        """The properties of the table that this sets."""
        found = {
            WINDOW: "" if self.recovery_days is None else f"interval {self.recovery_days} days",
            LOG: "" if self.log_days is None else f"interval {self.log_days} days",
            STATISTICS: ",".join(self.statistics),
        }
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True, slots=True)
class Size:
    """A table as it is: the files that it has and their bytes, its newest version, and the oldest in its log."""

    files: int
    size: int
    version: int
    oldest: int


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done for a table, or would be, and what was refused."""

    table: str
    before: Size
    after: Size
    done: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def maintain(
    table: Table,
    *,
    small_files: int = 8,
    target_mb: int = 128,
    zorder_by: str | Sequence[str] = (),
    statistics: str | Sequence[str] = (),
    recovery_days: int | None = None,
    log_days: int | None = None,
    vacuum: bool = True,
    retired: str | Sequence[str] = (),
) -> Maintain:
    """Maintain a table, as the last stage of a job or in a job of its own: `maintain(ORDERS, recovery_days=30)`.

    A partition with `small_files` files of less than half of `target_mb` is rewritten into files of that size, in the
    Z-order of columns if they are given; a clustered table is clustered. `statistics` are the columns by which files
    are skipped, of files that are written from then on. What a version needs is kept for `recovery_days` after it
    (Delta's own are 7), its log for `log_days` (30), and then removed by a vacuum; that is refused while somebody holds
    such a version: a job's bookmark or open batch, or one of the last two finished runs of a job, to which one can go
    back. `retired` jobs hold nothing. Where nothing is to be done nothing is committed.
    """
    made = Maintain(
        table, small_files, target_mb, _names(zorder_by), _names(statistics), recovery_days, log_days, vacuum,
        _names(retired),
    )  # fmt: skip
    _require(made)
    return made


def carry_out(
    lake: Lake, declared: Maintain, holds: Sequence[Hold], notes: Mapping[str, Any], *, dry_run: bool = False
) -> Maintained:
    """Do what is due, in this order: properties, files, vacuum; a dry run says what it would be, and changes nothing.

    A writer that is in the way is left alone: the next maintenance does it. Raises TableNotFoundError.
    """
    name = declared.table.name
    before = size_of(lake, name)
    done, refused = list[str](), list[str]()
    if properties := _differing(lake, declared):
        done.append("sets " + ", ".join(f"{key} = {value}" for key, value in properties.items()))
        if not dry_run:
            _set(lake, name, properties)
    how = {"target_mb": declared.target_mb}
    compaction = worth_rewriting(lake, name, small_files=declared.small_files, **how)
    if compaction.partitions:
        said = f"rewrites {compaction}"
        zorder_by = () if compaction.clustered_by else declared.zorder_by
        try:
            if not dry_run:
                rewrite(lake, name, compaction, zorder_by=zorder_by, notes=notes, **how)
            done.append(said)
        except Exception as error:
            if not (conflict := conflict_of(error)):
                raise
            refused.append(f"files: another writer came between ({conflict}); the next maintenance rewrites them")
    if declared.vacuum and (files := due(lake, name)):
        if held := stopped_by(lake, name, holds):
            refused += [f"vacuum of {counted(files, 'file')}: {each}" for each in held]
            log.event("vacuum_refused", level=30, table=name, held=[str(each) for each in held])
        else:
            done.append(f"vacuums {counted(files, 'file')}")
            if not dry_run:
                vacuum(lake, name, notes)
    return Maintained(name, before, size_of(lake, name), tuple(done), tuple(refused))


def size_of(lake: Lake, table: str) -> Size:
    """Measure a table. Raises TableNotFoundError."""
    if not lake.exists(table):
        raise TableNotFoundError(table, lake.path(table))
    snapshot = lake.snapshot(table)
    version = int(snapshot.version())
    commits = [name for name in lake.storage.names(f"{lake.path(table)}/_delta_log") if name[:20].isdigit()]
    oldest = min((int(name[:20]) for name in commits if name[20:] == ".json"), default=version)
    return Size(int(snapshot.numOfFiles()), int(snapshot.sizeInBytes()), version, oldest)


def _differing(lake: Lake, declared: Maintain) -> dict[str, str]:
    """Return what is to be set; a change of properties conflicts with every load in flight, so nothing is set twice."""
    now = lake.properties(declared.table.name)
    return {name: value for name, value in declared.properties.items() if now.get(name) != value}


def _set(lake: Lake, table: str, properties: Mapping[str, str]) -> None:
    pairs = ", ".join(f"{text(k)} = {text(v)}" for k, v in properties.items())
    fault.point(f"before properties {table}")
    lake.spark.sql(f"ALTER TABLE delta.`{lake.path(table)}` SET TBLPROPERTIES ({pairs})")
    fault.point(f"after properties {table}")


def _require(declared: Maintain) -> None:
    """Raise DeclarationError where a declaration contradicts itself, its table, or Delta."""
    table = declared.table
    subject = f"maintain({table.name!r})"
    for option, names in (("zorder_by", declared.zorder_by), ("statistics", declared.statistics)):
        for name in names:
            if table.model and name not in columns(table.model):
                known = alternatives(name, columns(table.model))
                raise DeclarationError(subject, f"{option} names {name!r}, not a column of its model. {known}")
            if name in table.partition_by:
                raise DeclarationError(subject, f"{option} names {name!r}, by which its files are divided already")
    _require_files(declared, subject)
    if declared.small_files < 2 or declared.target_mb < 1:
        raise DeclarationError(subject, "small_files is 2 at least, since one is not put together, and target_mb 1")
    window = WINDOW_DAYS if declared.recovery_days is None else declared.recovery_days
    log_days = LOG_DAYS if declared.log_days is None else declared.log_days
    if window < 1:
        raise DeclarationError(subject, "recovery_days is 1 at least: a load that runs longer would lose its files")
    if log_days < 1:
        raise DeclarationError(subject, "log_days is 1 at least: what is read of a version is found by the log")
    if window > log_days:
        reason = f"it can go back {window} days, and its log {log_days}; say log_days={window}"
        raise DeclarationError(subject, reason)
    for name, value in declared.properties.items():
        if table.properties.get(name, value) != value:
            reason = f"it sets {name} to {value!r}, and the table's properties to {table.properties[name]!r}"
            raise DeclarationError(subject, f"{reason}: say it once")


def _require_files(declared: Maintain, subject: str) -> None:
    """Raise DeclarationError where files are to be ordered by columns of which nothing is counted, or in two ways."""
    clustered = declared.table.cluster_by
    if clustered and declared.zorder_by:
        reason = f"zorder_by orders files, and those of the table are clustered by {', '.join(clustered)}"
        raise DeclarationError(subject, f"{reason}, which rules it out. Leave zorder_by out")
    for name in (*declared.zorder_by, *clustered):
        if declared.statistics and not any(f"{name}.".startswith(f"{each}.") for each in declared.statistics):
            how = f"the table is clustered by {name!r}" if name in clustered else f"zorder_by names {name!r}"
            reason = f"{how}, of which it has no statistics, without which Delta orders no files"
            raise DeclarationError(subject, f"{reason}. Add it to statistics")


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
