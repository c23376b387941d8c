"""Table: the frozen declaration of a Delta table."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from framework.errors import DeclarationError, alternatives
from framework.tables.model import RowModel, columns, generated_columns, schema
from framework.tables.names import one_of, several
from framework.tables.person import untold

OnSchemaChange: TypeAlias = Literal["refuse", "add_columns", "widen"]
MOST_CLUSTERED = 4  # Delta's own bound
NAME = re.compile(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Table:
    """A Delta table `database.name`, at `<lake.root>/<database>/<name>`.

    `model` says its columns (None: those of the first frame that is loaded), `keys` what names one row,
    `partition_by` what its files are divided by, `cluster_by` what rows of near values are kept together by. With
    `checks` the model's rules are CHECK constraints of the table, which Delta holds every writer to. `properties` and
    the comment (by default the model's first line) are set on the table by whichever load finds them different.

    `on_schema_change` says what a load does where a column is declared that the table lacks, or has with a type that
    Delta widens to the declared one: refuse, `add_columns`, or `widen`, which does both. All other changes are for
    `lakegate migrate`.

    `subject` names the columns that say whom a row is about, alike in every table: by these `lakegate erase` finds a
    person's rows, and a load leaves out the rows of persons that were erased. They are whole numbers, decimals, dates,
    timestamps or strings.
    """

    name: str
    model: type[RowModel] | None = None
    keys: Sequence[str] = ()
    partition_by: Sequence[str] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    comment: str | None = None
    cluster_by: Sequence[str] = ()
    checks: bool = False
    on_schema_change: OnSchemaChange = "refuse"
    subject: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Keep sequences as tuples, and refuse what contradicts itself."""
        said_of = f"Table {self.name!r}"
        if not NAME.fullmatch(self.name):
            raise DeclarationError(said_of, "write its name as database.table, in lower-case letters, digits and _")
        for attribute in ("keys", "partition_by", "cluster_by", "subject"):
            value = several(getattr(self, attribute))
            object.__setattr__(self, attribute, value)
            for name in value:
                if self.model and name not in columns(self.model):
                    known = alternatives(name, columns(self.model))
                    raise DeclarationError(said_of, f"{attribute} names {name!r}, not a column of its model. {known}")
        if self.model and (computed := {*self.subject} & {*generated_columns(self.model)}):
            raise DeclarationError(
                said_of, f"subject names {computed.pop()!r}, which Delta computes: frames have to tell it"
            )
        if self.model and self.subject and (wrong := untold(schema(self.model), self.subject)):
            raise DeclarationError(said_of, f"subject: {'; '.join(wrong)}")
        if self.partition_by and self.cluster_by:
            raise DeclarationError(said_of, "it is partitioned and clustered, and Delta does one or the other")
        if len(self.cluster_by) > MOST_CLUSTERED:
            raise DeclarationError(said_of, f"it is clustered by {len(self.cluster_by)} columns, and Delta takes 4")
        if self.checks and self.model is None:
            raise DeclarationError(said_of, "checks=True are those of a row model, and it has none")
        one_of(said_of, "on_schema_change", self.on_schema_change, get_args(OnSchemaChange))
        object.__setattr__(self, "properties", dict(self.properties))
        if self.comment is None and self.model and self.model.__doc__ and self.model is not RowModel:
            object.__setattr__(self, "comment", self.model.__doc__.strip().splitlines()[0])

    def __hash__(self) -> int:
        """Tables are told apart by their name within a lake."""
        return hash(self.name)

    @property
    def database(self) -> str:
        """The part of the name before the point."""
        return self.name.split(".")[0]
