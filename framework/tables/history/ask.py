"""Asking a table that remembers: as of a time, the history of a key, what was believed anew, and joins over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import reduce
from operator import and_
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DateType

from framework.errors import FrameMismatchError, NoHistoryError, NoTimeError, meant
from framework.tables.compare import comparable
from framework.tables.history.times import FOREVER_AT, timestamp
from framework.tables.lake import Lake
from framework.tables.layout import DELETED, SYSTEM, VALID
from framework.tables.names import pair, several
from framework.tables.prepare import ADDED
from framework.tables.read import read
from framework.tables.sql import text, unlike
from framework.tables.table import Table

Period = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Periods:
    """The columns in which a table keeps its times; one of versions (scd2) keeps valid time only.

    One of the latest state (apply_changes) keeps none, but tombstones: the rows that have a value in `deleted`.
    """

    table: str
    valid_time: Period | None
    system_time: Period | None
    deleted: str | None = None

    @property
    def valid(self) -> Period:
        """The columns of valid time. Raises NoHistoryError where the table keeps none."""
        if self.valid_time is None:
            raise NoHistoryError(self.table, "valid")
        return self.valid_time

    @property
    def system(self) -> Period:
        """The columns of system time. Raises NoHistoryError where the table keeps none."""
        if self.system_time is None:
            raise NoHistoryError(self.table, "system")
        return self.system_time


def periods(lake: Lake, table: Table) -> Periods:
    """Return which columns keep a table's times. Raises NoHistoryError where it keeps none."""
    properties = lake.properties(table.name)
    valid, system = (_columns(properties.get(name)) for name in (VALID, SYSTEM))
    deleted = properties.get(DELETED)
    if valid is None and deleted is None:
        raise NoHistoryError(table.name, "valid")
    return Periods(table.name, valid, system, deleted)


def _columns(named: str | None) -> Period | None:
    if named is None:
        return None
    begin, end = named.split(",")
    return begin, end


def as_of(
    lake: Lake,
    table: Table,
    *,
    valid: date | None = None,
    system: datetime | None = None,
    version: int | None = None,
) -> DataFrame:
    """Return what was true at a valid time, as it was believed at a system time.

    Without `system` it is what is believed now; without `valid` all periods of it. A time without a zone is UTC, and
    a table of dates takes it for its day in UTC.

        city  valid    system               as_of(valid=4)                  bonn
        oslo  [1, ∞)   [10:00, 11:00)       as_of(valid=4, system=10:30)    oslo
        oslo  [1, 3)   [11:00, ∞)           as_of(system=10:30)             oslo [1, ∞)
        bonn  [3, ∞)   [11:00, ∞)           as_of()                         oslo [1, 3), bonn [3, ∞)

    A table of versions (scd2, apply_changes) has a valid time only, and one of the latest state none: without a time,
    `as_of` leaves its tombstones out. Raises TableNotFoundError, or NoHistoryError where
    the table keeps no such time.
    """
    rows = read(lake, table, version=version)
    return sliced(rows, periods(lake, table), valid=valid, system=system)


def sliced(rows: DataFrame, of: Periods, *, valid: date | None = None, system: datetime | None = None) -> DataFrame:
    """Return the rows that were believed at a system time (by default now), of a valid time (by default of any).

    Rows without duration, the traces of a table of versions, are of no time. Raises NoHistoryError.
    """
    if of.deleted and valid is None and system is None:
        return rows.where(f"`{of.deleted}` IS NULL")
    start, end = of.valid
    if system is not None:
        since, until = of.system
        rows = rows.where(f"`{since}` <= {timestamp(_instant(system))} AND `{until}` > {timestamp(_instant(system))}")
    elif of.system_time:
        rows = rows.where(f"`{of.system[1]}` = {FOREVER_AT}")
    if valid is None:
        return rows.where(f"`{start}` < `{end}`")
    by_date = isinstance(rows.schema[start].dataType, DateType)
    moment = _instant(valid)
    at = f"DATE'{moment.date().isoformat()}'" if by_date else timestamp(moment)
    return rows.where(f"`{start}` <= {at} AND `{end}` > {at}")


def history_of(lake: Lake, table: Table, key: Any, *, version: int | None = None) -> DataFrame:
    """Return all that a table ever believed of one key, in the order in which it was told.

    `key` is the value of the key, or a mapping of several: `{"carrier": "UA", "flight": 1}`. A time is UTC if it has no
    zone.
    """
    of = periods(lake, table)
    named = key if isinstance(key, Mapping) else dict.fromkeys(table.keys[:1], key)
    if set(named) != set(table.keys):
        said = [f"its keys are {', '.join(table.keys)}: give a value of each, {{name: value}}"]
        raise FrameMismatchError(f"history_of({table.name!r})", said, list(named))
    rows = read(lake, table, version=version)
    if wrong := [name for name, value in named.items() if not _fits(rows, name, value)]:
        kinds = (f"{name!r} is {rows.schema[name].dataType.simpleString()}, not {named[name]!r}" for name in wrong)
        raise FrameMismatchError(f"history_of({table.name!r})", [*kinds], list(named))
    values = {n: F.expr(timestamp(_instant(v))) if isinstance(v, datetime) else F.lit(v) for n, v in named.items()}
    wanted = (F.col(name) == value.cast(rows.schema[name].dataType) for name, value in values.items())
    return rows.where(reduce(and_, wanted)).orderBy(*(of.system_time or ())[:1], of.valid[0])


def _fits(rows: DataFrame, name: str, value: Any) -> bool:
    """Say whether a text can be cast to the type of a column; what is no text is Spark's to compare."""
    if not isinstance(value, str):
        return True
    kind = rows.schema[name].dataType.simpleString()
    return rows.sparkSession.range(1).where(f"try_cast({text(value)} AS {kind}) IS NOT NULL").count() == 1


def belief_changes(
    lake: Lake, table: Table, since: datetime, until: datetime | None = None, *, version: int | None = None
) -> DataFrame:
    """Return what a table changed its mind about: where what it believed at `until` is not what it did at `since`.

        city  valid    system             belief_changes(since=10:30)
        oslo  [1, ∞)   [10:00, 11:00)     valid    before  after
        oslo  [1, 3)   [11:00, ∞)         [3, 5)   oslo    bonn
        bonn  [3, 5)   [11:00, ∞)
        oslo  [5, ∞)   [11:00, ∞)

    One row for each key and period, with the values `before` and `after` as structs (`_before` beside a key of that
    name); NULL is nothing believed. Where and when a row was read, which sources of files add, is no part of what it
    says. By default `until` is now.
    """
    of = periods(lake, table)
    keys, (start, end), (told, ended) = list(table.keys), of.valid, of.system
    rows = read(lake, table, version=version)
    first = timestamp(_instant(since))
    last = timestamp(_instant(until)) if until else FOREVER_AT
    was = f"`{told}` <= {first} AND `{ended}` > {first}"
    now = f"`{told}` <= {last} AND `{ended}` > {last}" if until else f"`{ended}` = {FOREVER_AT}"
    # What is believed at both times is no change; it is left out before anything is compared.
    rows = rows.where(f"({was}) <> ({now})")
    payload = [name for name in rows.columns if name not in (*keys, *of.valid, *of.system)]
    fact = F.struct(F.col(start).alias("start"), F.col(end).alias("end"), F.struct(*payload).alias("values"))
    sides = rows.groupBy(*keys).agg(
        F.collect_list(F.when(F.expr(was), fact)).alias("_was"), F.collect_list(F.when(F.expr(now), fact)).alias("_now")
    )
    both = F.concat("_was", "_now")
    ends = F.array_sort(F.array_distinct(F.concat(_each(both, "start"), _each(both, "end"))))
    pieces = sides.withColumn("_ends", ends).select(
        *keys, "_was", "_now", "_ends", F.explode(F.sequence(F.lit(0), F.size("_ends") - 2)).alias("_n")
    )
    at, to = F.get("_ends", F.col("_n")), F.get("_ends", F.col("_n") + 1)
    sides_of = [unlike(name, (*keys, start, end)) for name in ("before", "after")]
    then = (_then(there, at).alias(name) for there, name in zip(("_was", "_now"), sides_of, strict=True))
    found = pieces.select(*keys, at.alias(start), to.alias(end), *then)
    before, after = map(F.col, sides_of)
    same = before.isNull() == after.isNull()
    for name in (name for name in payload if name not in ADDED):
        was_said, said = (comparable(side[name], rows.schema[name].dataType) for side in (before, after))
        same = same & was_said.eqNullSafe(said)
    return found.where(~same)


def sequenced_join(
    left: DataFrame, right: DataFrame, *, on: str | Sequence[str], over: Period | Sequence[Period]
) -> DataFrame:
    """Join two frames where they hold at the same time: equal in `on`, overlapping in each period of `over`.

        left                right               sequenced_join(left, right, on=["plane"], over=[("from", "to")])
        plane owner from to plane state from to plane owner state from to
        1     ann   1    5  1     ok    3    9  1     ann   ok    3    5
        1     bob   5    9                      1     bob   ok    5    9

    `over` is one period, or several: valid time and system time. The periods of the join are what both have in common,
    so that the join of two slices is the slice of the join. Raises FrameMismatchError where the frames lack a column,
    or have another in common.
    """
    on, over = several(on), _periods(over)
    ends = [name for period in over for name in period]
    sides = (("left", left), ("right", right))
    said = [
        f"the {side} frame lacks {name!r}{meant(name, frame.columns)}"
        for side, frame in sides
        for name in (*on, *ends)
        if name not in frame.columns
    ]
    said += [f"both have {name!r}" for name in left.columns if name in right.columns and name not in (*on, *ends)]
    if said:
        raise FrameMismatchError("sequenced_join()", said, [*left.columns, *right.columns])
    a, b = left.alias("a"), right.alias("b")
    same: list[Column] = [F.col(f"a.{name}") == F.col(f"b.{name}") for name in on]
    same += [F.col(f"a.{s}") < F.col(f"b.{e}") for s, e in over] + [F.col(f"b.{s}") < F.col(f"a.{e}") for s, e in over]
    common = [
        column
        for s, e in over
        for column in (
            F.greatest(f"a.{s}", f"b.{s}").alias(s),
            F.least(f"a.{e}", f"b.{e}").alias(e),
        )
    ]
    kept = [
        F.col(f"{side}.{name}")
        for side, frame in (("a", left), ("b", right))
        for name in frame.columns
        if name not in (*on, *ends)
    ]
    return a.join(b, reduce(and_, same)).select(*(F.col(f"a.{name}").alias(name) for name in on), *kept, *common)


def _periods(over: Period | Sequence[Period]) -> list[Period]:
    given = [over] if over and isinstance(over[0], str) else over
    return [pair("sequenced_join()", "over", [*period]) for period in given]


def _each(facts: Column, name: str) -> Column:
    return F.transform(facts, lambda fact: fact[name])


def _then(facts: str, at: Column) -> Column:
    """Return the values of the fact that holds at a time, NULL where none does."""
    return F.get(F.filter(facts, lambda fact: (fact["start"] <= at) & (at < fact["end"])), F.lit(0))["values"]


def _instant(at: date) -> datetime:
    if not isinstance(at, date):
        raise NoTimeError(at)
    found = at if isinstance(at, datetime) else datetime.combine(at, time())
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
