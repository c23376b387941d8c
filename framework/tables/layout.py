"""Layout: what a table is made of beside its rows, whether it is declared or found so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from pyspark.sql.types import StructType

from framework.tables.model import generated_columns, schema
from framework.tables.rules import rules
from framework.tables.table import Table

# What the names of the constraints begin with that are Lakegate's to put and to take away.
OURS = "lakegate_"
# Properties that name columns: those of a table's periods, and the column of its tombstones.
VALID, SYSTEM, DELETED = NAMING = ("lakegate.valid", "lakegate.system", "lakegate.deleted")


@dataclass(frozen=True, slots=True)
class Layout:
    """What a table is made of, as declared or as found; `checks` are conditions by the names of their constraints."""

    columns: StructType
    generated: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)
    partition_by: tuple[str, ...] = ()
    cluster_by: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    comment: str | None = None


def declared_layout(table: Table) -> Layout:
    """Return what a table with a row model is declared to be."""
    assert table.model is not None
    return Layout(
        schema(table.model),
        generated_columns(table.model),
        declared_checks(table),
        tuple(table.partition_by),
        tuple(table.cluster_by),
        table.properties,
        table.comment,
    )


def declared_checks(table: Table) -> dict[str, str]:
    """Return the CHECK constraints that a table is to have, by names that change with their conditions.

    To Delta a condition that is NULL is broken, to SQL and to the rules it is not.
    """
    if table.model is None or not table.checks:
        return {}
    found = {}
    for rule in rules(table.model):
        if not rule.is_not_null:  # that is a part of the schema
            digest = sha256(rule.condition.encode()).hexdigest()[:8]
            found[f"{OURS}{rule.column}_{digest}".lower()] = f"coalesce({rule.condition}, true)"
    return found
