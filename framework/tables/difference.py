"""The difference between what a table is declared to be and what it is: changes that can be made, and refusals.

It is a value, found without Spark, and of columns at any depth: `address.zip`, `items.element.price`,
`prices.value.net`. A load makes the changes that the table's declaration allows it; `lakegate migrate` makes all.
Nothing is renamed or dropped that was not named.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate
from typing import Literal

from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType

from framework.errors import alternatives
from framework.lanes import numbers
from framework.tables.layout import NAMING, OURS, Layout
from framework.tables.sql import Path, ddl, edited, named, paths, text
from framework.tables.table import OnSchemaChange, Table
from framework.tables.widening import HAS_FULL, widens_since

Kind = Literal["describe", "add", "widen", "migrate"]

ALLOWED: Mapping[OnSchemaChange, frozenset[Kind]] = {
    "refuse": frozenset({"describe"}),
    "add_columns": frozenset({"describe", "add"}),
    "widen": frozenset({"describe", "add", "widen"}),
}
ORDER = ("map", "uncheck", "rename", "add", "widen", "nullable", "cluster", "drop", "describe", "check")
TABLE = "{table}"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a table: what is `found`, what is done about it, and the SQL that does it to `{table}`.

    Of what others need first `found` is empty. `step` says when, among others. `condition` is what all rows have to
    satisfy before.
    """

    kind: Kind
    step: str
    found: str
    does: str
    sql: str
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs: the changes, in the order in which they are made, and what cannot be changed, with what to do."""

    changes: tuple[Change, ...] = ()
    refusals: tuple[str, ...] = ()

    def against(self, table: Table) -> list[str]:
        """Say what a load must not change: what nothing can, and what the table's declaration leaves to a migration."""
        left = [change for change in self.changes if change.kind not in ALLOWED[table.on_schema_change]]
        return [*self.refusals, *(f"{change.found}. {_way_out(table, change)}" for change in left if change.found)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a migration was asked to do besides: new names of columns, by their old paths, and columns to drop."""

    renames: Mapping[str, str] = field(default_factory=dict)
    drops: Collection[str] = ()


def difference(
    name: str, declared: Layout, found: Layout, *, delta: str, exempt: Collection[str] = (), asked: Asked | None = None
) -> Difference:
    """Compare a table's declaration with what is there, for a version of Delta; the `exempt` columns may be there."""
    asked = asked or Asked()
    if wrong := list(_wrong(asked, declared, found, exempt)):
        return Difference(refusals=tuple(wrong))
    comparison = _Comparison(name, declared, found, numbers(delta)[:2])
    now = comparison.rename_and_drop(asked)
    comparison.columns(declared.columns, now.columns, (), exempt)
    comparison.top_level(now)
    comparison.layout(now)
    comparison.checks(now)
    order = sorted(comparison.changes, key=lambda change: ORDER.index(change.step))
    return Difference(tuple(order), tuple(comparison.refusals))


class _Comparison:
    """Changes and refusals as they are found."""

    def __init__(self, name: str, declared: Layout, found: Layout, delta: tuple[int, ...]) -> None:
        self.name, self.declared, self.found, self.delta = name, declared, found, delta
        self.changes: list[Change] = []
        self.refusals: list[str] = []
        self.touched: set[str] = set()  # columns whose checks Delta wants gone meanwhile, by their names after

    def alter(self, kind: Kind, step: str, found: str, does: str, clause: str, condition: str | None = None) -> None:
        """Note a change that an ALTER TABLE makes."""
        self.changes.append(Change(kind, step, found, does, f"ALTER TABLE {TABLE} {clause}", condition))

    def rename_and_drop(self, asked: Asked) -> Layout:
        """Note what was asked for and no migration that was stopped has done, and return the table as it is after."""
        now, there = self.found, {*paths(self.found.columns)}
        is_mapped = now.properties.get("delta.columnMapping.mode", "none") != "none"
        if not is_mapped and {*asked.renames, *asked.drops} & there:
            does = "set delta.columnMapping.mode = name: from now on its readers need reader version 2 of Delta"
            clause = "SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')"
            self.alter("migrate", "map", "", does, clause)
        for old, new in asked.renames.items():
            path = tuple(old.split("."))
            if not self._stands_alone(path[0], f"--rename {old}={new}"):
                continue
            if old in there:
                does, clause = f"rename column {old!r} to {new!r}", f"RENAME COLUMN {named(path)} TO {named((new,))}"
                self.alter("migrate", "rename", f"{old!r} is not declared", does, clause)
                self.touched.add(path[0])
                now = replace(now, columns=edited(now.columns, path, partial(_called, new)))
            if len(path) == 1:
                named_anew = _with_name(now.properties, old, new)
                for key, value in named_anew.items():
                    clause = f"SET TBLPROPERTIES ({text(key)} = {text(value)})"
                    self.alter("migrate", "rename", "", f"set {key} = {value}", clause)
                now = replace(
                    now,
                    properties={**now.properties, **named_anew},
                    partition_by=tuple(new if each == old else each for each in now.partition_by),
                    cluster_by=tuple(new if each == old else each for each in now.cluster_by),
                )
        for old in _outermost([each for each in asked.drops if each in there]):
            path = tuple(old.split("."))
            if not self._stands_alone(path[0], f"--drop {old}"):
                continue
            if old in self.found.partition_by or old in self.declared.cluster_by:
                self.refusals.append(f"--drop {old}: its files are divided by {old!r}. {_ANOTHER}")
                continue
            self.alter(
                "migrate", "drop", f"{old!r} is not declared", f"drop column {old!r}", f"DROP COLUMN {named(path)}"
            )
            self.touched.add(path[0])
            now = replace(now, columns=edited(now.columns, path, lambda column: []))
        return now

    def columns(self, declared: StructType, found: StructType, path: Path, exempt: Collection[str] = ()) -> None:
        """Compare the columns of a table, or those within a struct."""
        have = {each.name: each for each in found.fields}
        by_fold = {each.casefold(): each for each in have}
        lacking = [each for each in declared.fields if each.name.casefold() not in by_fold]
        wanted = {each.name.casefold() for each in declared.fields}
        for each in have.values():  # first, since what is lacking may be one of them by its new name
            if each.name.casefold() not in wanted and (path or each.name not in exempt):
                self.refusals.append(self._undeclared(each, (*path, each.name), lacking))
        for place, each in enumerate(declared.fields):
            here = (*path, each.name)
            if each.name in have:
                self._types(each.dataType, have[each.name].dataType, here)
                self._comment(each, have[each.name], here)
            elif each in lacking:
                self._lacks(each, here, f"AFTER {named((declared.fields[place - 1].name,))}" if place else "FIRST")
            else:
                other = by_fold[each.name.casefold()]
                self.refusals.append(
                    f"{_said((*path, other))} differs from {_said(here)} in case only, and Delta takes both for one "
                    f"column: declare it as {other!r}"
                )

    def _lacks(self, column: StructField, path: Path, where: str) -> None:
        lacks = f"it lacks {_said(path)} {_type(column)}"
        if len(path) == 1 and column.name in self.declared.generated:
            self.refusals.append(
                f"{lacks}, which is generated, and that a column is only from the beginning of its table on. Declare "
                f"it as a column that your transform fills, or l{_ANOTHER[1:]}"
            )
        elif not column.nullable:
            self.refusals.append(
                f"{lacks}, and the rows that are there have no value for it. Declare it nullable (`| None`), or "
                f"l{_ANOTHER[1:]}"
            )
        else:
            comment = column.metadata.get("comment")
            described = f" COMMENT {text(comment)}" if comment else ""
            does = f"add column {_said(path)} {_type(column)}, NULL in the rows that are there"
            clause = f"ADD COLUMNS ({named(path)} {ddl(column.dataType)}{described} {where})"
            self.alter("add", "add", lacks, does, clause)

    def _undeclared(self, found: StructField, path: Path, lacking: list[StructField]) -> str:
        old = ".".join(path)
        like = [each.name for each in lacking if each.dataType.simpleString() == found.dataType.simpleString()]
        new = like[0] if len(like) == 1 else "NEW"
        return (
            f"{_said(path)} {_type(found)} is not declared. Declare it; or if it has another name now, "
            f"`lakegate migrate {self.name} --rename {old}={new}`; or `lakegate migrate {self.name} --drop {old}`"
        )

    def _types(self, declared: DataType, found: DataType, path: Path) -> None:
        if isinstance(declared, StructType) and isinstance(found, StructType):
            self.columns(declared, found, path)
        elif isinstance(declared, ArrayType) and isinstance(found, ArrayType):
            self._types(declared.elementType, found.elementType, (*path, "element"))
        elif isinstance(declared, MapType) and isinstance(found, MapType):
            self._types(declared.keyType, found.keyType, (*path, "key"))
            self._types(declared.valueType, found.valueType, (*path, "value"))
        elif declared.simpleString() != found.simpleString():
            self._type_changed(declared, found, path)

    def _type_changed(self, declared: DataType, found: DataType, path: Path) -> None:
        old, new = found.simpleString(), declared.simpleString()
        said = f"{_said(path)} is {old} and should be {new}"
        since = widens_since(found, declared)
        if since is None:
            narrower = widens_since(declared, found) is not None
            why = (
                "its values may not fit, and no type is narrowed" if narrower else "the one does not widen to the other"
            )
            self.refusals.append(f"{said}: {why}. Declare it as {old}, or add a column of another name")
        elif since > self.delta:
            this = ".".join(map(str, self.delta))
            self.refusals.append(
                f"{said}: Delta {this} does not widen that, but {HAS_FULL}. Declare it as {old} until then"
            )
        elif path[0] in self.found.partition_by:
            self.refusals.append(f"{said}: its files are divided by {path[0]!r}. {_ANOTHER}")
        elif self._stands_alone(path[0], said):
            if self.found.properties.get("delta.enableTypeWidening") != "true" and not self._widens():
                does = "set delta.enableTypeWidening = true: from now on its readers need Delta's type widening"
                clause = "SET TBLPROPERTIES ('delta.enableTypeWidening' = 'true')"
                self.alter("widen", "widen", "", does, clause)
            self.touched.add(path[0])
            does = f"widen column {_said(path)} from {old} to {new}"
            self.alter("widen", "widen", said, does, f"ALTER COLUMN {named(path)} TYPE {ddl(declared)}")

    def _widens(self) -> bool:
        return any(change.step == "widen" for change in self.changes)

    def _comment(self, declared: StructField, found: StructField, path: Path) -> None:
        comment = declared.metadata.get("comment")
        if comment and found.metadata.get("comment") != comment:
            clause, does = f"ALTER COLUMN {named(path)} COMMENT {text(comment)}", f"describe {_said(path)}: {comment}"
            self.alter("describe", "describe", f"{_said(path)} is not described so", does, clause)

    def top_level(self, now: Layout) -> None:
        """Compare what only whole columns have: whether they may be NULL, and what they are generated as."""
        have = {each.name: each for each in now.columns.fields}
        for each in self.declared.columns.fields:
            if each.name not in have:
                continue
            was, wanted = now.generated.get(each.name), self.declared.generated.get(each.name)
            if was != wanted:
                self.refusals.append(
                    f"{each.name!r} is {_generated(was)} and should be {_generated(wanted)}, which is settled when a "
                    f"table is made. {_ANOTHER}"
                )
            if have[each.name].nullable and not each.nullable:
                self.refusals.append(
                    f"{each.name!r} is nullable and should be NOT NULL, and Delta makes that of no column later. "
                    f"Declare it nullable (`| None`), or l{_ANOTHER[1:]}"
                )
            elif each.nullable and not have[each.name].nullable:
                does = f"let {each.name!r} be NULL, for good: Delta does not take that back"
                found = f"{each.name!r} is NOT NULL and should be nullable"
                self.alter("migrate", "nullable", found, does, f"ALTER COLUMN {named((each.name,))} DROP NOT NULL")

    def layout(self, now: Layout) -> None:
        """Compare how its files are divided, and how it is described."""
        declared = self.declared
        if now.partition_by != declared.partition_by:
            self.refusals.append(
                f"it is partitioned by {now.partition_by} and should be by {declared.partition_by}, and every file "
                f"of it lies in a partition. {_ANOTHER}"
            )
        elif now.cluster_by != declared.cluster_by:
            found = f"it is clustered by {now.cluster_by} and should be by {declared.cluster_by}"
            if now.partition_by:
                self.refusals.append(f"{found}, and it is partitioned. {_ANOTHER}")
            else:
                listed = ", ".join(named((each,)) for each in declared.cluster_by)
                does = f"cluster by {', '.join(declared.cluster_by) or 'nothing'}, what is written from now on"
                self.alter("migrate", "cluster", found, does, f"CLUSTER BY {f'({listed})' if listed else 'NONE'}")
        if changed := {k: v for k, v in declared.properties.items() if now.properties.get(k) != v}:
            pairs = ", ".join(f"{text(key)} = {text(value)}" for key, value in changed.items())
            said = ", ".join(f"{key} = {value}" for key, value in changed.items())
            self.alter(
                "describe", "describe", f"its properties are not {said}", f"set {said}", f"SET TBLPROPERTIES ({pairs})"
            )
        if declared.comment and now.comment != declared.comment:
            sql = f"COMMENT ON TABLE {TABLE} IS {text(declared.comment)}"
            does = f"describe the table: {declared.comment}"
            self.changes.append(Change("describe", "describe", "it is not described so", does, sql))

    def checks(self, now: Layout) -> None:
        """Compare the constraints that Lakegate has put; those of others are theirs.

        Delta wants the checks of a column gone while that is altered. Who is stopped meanwhile finds that they lack.
        """
        ours = {name for name in now.checks if name.startswith(OURS)}
        meanwhile = {name for name in ours if any(_names(now.checks[name], column) for column in self.touched)}
        for name in sorted(ours - self.declared.checks.keys()):
            found, does = f"it has the check {now.checks[name]}", f"take away the check {now.checks[name]}"
            self.alter("migrate", "uncheck", found, does, f"DROP CONSTRAINT {named((name,))}")
        for name in sorted(meanwhile & self.declared.checks.keys()):
            does = f"take away the check {now.checks[name]} meanwhile"
            self.alter("widen", "uncheck", "", does, f"DROP CONSTRAINT {named((name,))}")
        for name, condition in self.declared.checks.items():
            if name not in ours or name in meanwhile:
                found = "" if name in ours else f"it lacks the check {condition}"
                clause = f"ADD CONSTRAINT {named((name,))} CHECK ({condition})"
                self.alter("add", "check", found, f"check {condition}", clause, condition)

    def _stands_alone(self, column: str, said: str) -> bool:
        """Say whether nothing of the table is computed of a column but what is taken away; else refuse."""
        for name, expression in self.found.generated.items():
            if _names(expression, column):
                self.refusals.append(f"{said}: {name!r} is generated as {expression}. {_ANOTHER}")
                return False
        for name, condition in self.found.checks.items():
            if _names(condition, column) and not name.startswith(OURS):
                self.refusals.append(f"{said}: the constraint {name} checks {condition}. Drop the constraint first")
                return False
        return True


_ANOTHER = "Load into a table of another name"


def _way_out(table: Table, change: Change) -> str:
    migrate = f"`lakegate migrate {table.name}`"
    policy = {"add": "add_columns", "widen": "widen"}.get(change.kind)
    return f'Declare on_schema_change="{policy}", or {migrate}' if policy else f"It is for {migrate}"


def _wrong(asked: Asked, declared: Layout, found: Layout, exempt: Collection[str]) -> Iterator[str]:
    """Say which renames and drops do not fit the table or its declaration; what is done already fits."""
    there, wanted = list(paths(found.columns)), list(paths(declared.columns))
    # One that is misspelt looks as one that is done, but leaves a column in the table which nobody has named.
    known = {*wanted, *exempt, *asked.renames, *asked.drops}
    is_left = any(not {*accumulate(each.split("."), "{}.{}".format)} & known for each in there)
    for old, new in asked.renames.items():
        after = _renamed((old, new))
        if old not in there and not (after in there and after in wanted):
            yield f"--rename {old}={new}: the table has no column {old!r}. {alternatives(old, there)}"
        elif old in wanted:
            yield f"--rename {old}={new}: {old!r} is declared. Declare it as {after!r} first"
        elif new.casefold() == old.split(".")[-1].casefold():
            yield f"--rename {old}={new}: Delta takes both for one column. Declare it as {old!r}"
        elif after not in wanted:
            yield f"--rename {old}={new}: no column {after!r} is declared. {alternatives(after, wanted)}"
        elif old in there and after in there:
            yield f"--rename {old}={new}: the table has a column {after!r} already"
    for after, often in Counter(map(_renamed, asked.renames.items())).items():
        if often > 1:
            yield f"--rename: more than one column would be {after!r}"
    for old in asked.drops:
        if old not in there and (old in wanted or is_left):
            yield f"--drop {old}: the table has no column {old!r}. {alternatives(old, there)}"
        elif old in wanted:
            yield f"--drop {old}: {old!r} is declared. Take it out of the row model first"
        elif old in asked.renames:
            yield f"--drop {old}: it is renamed, too"


def _renamed(rename: tuple[str, str]) -> str:
    """Return the path of a column after a rename, from its old path and its new name."""
    old, new = rename
    return ".".join([*old.split(".")[:-1], new])


def _outermost(drops: Collection[str]) -> list[str]:
    """Return the columns to drop, each once, without those that lie within another: they go with it."""
    return [each for each in dict.fromkeys(drops) if not any(each.startswith(f"{other}.") for other in drops)]


def _names(expression: str, column: str) -> bool:
    """Say whether an expression names a column; in doubt it does."""
    return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", expression, re.IGNORECASE) is not None


def _said(path: Path) -> str:
    return repr(".".join(path))


def _type(column: StructField) -> str:
    return f"{column.dataType.simpleString()}{'' if column.nullable else ' NOT NULL'}"


def _generated(expression: str | None) -> str:
    return f"generated as {expression}" if expression else "not generated"


def _with_name(properties: Mapping[str, str], old: str, new: str) -> dict[str, str]:
    """Return those properties that name a column, with its new name."""
    naming = {key: properties[key].split(",") for key in NAMING if key in properties}
    return {k: ",".join(new if each == old else each for each in names) for k, names in naming.items() if old in names}


def _called(name: str, column: StructField) -> list[StructField]:
    return [StructField(name, column.dataType, column.nullable, column.metadata)]
