"""`lakegate maintain [TABLE|--all]`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer
from rich.markup import escape
from rich.table import Table as Printed

from framework.cli import project
from framework.cli.about import told
from framework.cli.console import wide_enough
from framework.cli.start import start
from framework.errors import UnknownTableError

if TYPE_CHECKING:
    from framework.tables import Lake
    from framework.tables.maintain import Maintain


def maintain_tables(
    name: str | None, environment: str, overrides: Sequence[str], *, everything: bool, dry_run: bool
) -> None:
    """Maintain a table, or all that the jobs of this project load or maintain, and print each before and after.

    A table is maintained as a job's `maintain(...)` says, otherwise as `maintain(TABLE)`. Raises UnknownTableError.
    """
    if (name is None) is not everything:
        raise typer.BadParameter("say which TABLE, or --all")
    here = project.find()
    declared = _declared(here)
    if name and name not in declared:
        raise UnknownTableError(name, declared)
    settings, lake = start(here, "maintain", environment, overrides, quiet=True)
    from framework.pipeline.guarded import guarded
    from framework.process import this_one
    from framework.state.holds import holds
    from framework.tables.maintain import carry_out

    holder = this_one(lake.spark)
    printed = Printed(title="Maintenance" + (" (--dry-run: nothing is changed)" if dry_run else ""))
    for heading in ("table", "before", "done" if not dry_run else "would be done", "refused", "after"):
        printed.add_column(heading, overflow="fold")
    for table in [name] if name else _there(lake, declared):
        how = declared[table]
        with guarded(lake, settings, holder, table):
            found = carry_out(
                lake, how, holds(lake, table, how.retired), {"maintained_by": "lakegate"}, dry_run=dry_run
            )
        cells = ("; ".join(found.done) or "nothing to do", "; ".join(found.refused), told(found.after))
        printed.add_row(*map(escape, (table, told(found.before), *cells)))
    wide_enough(printed).print(printed)


def _declared(here: project.Project) -> "dict[str, Maintain]":
    """Return how each table that a job loads is maintained, the framework's own of that job too."""
    from framework.pipeline import maintain
    from framework.quality import malformed_table
    from framework.state.run_log import run_log
    from framework.tables.maintain import Maintain

    found: dict[str, Maintain] = {}
    jobs = {name: here.load(name) for name in here.names()}
    for name, job in jobs.items():
        for table in (*job.tables, run_log(name), malformed_table(name)):
            found.setdefault(table.name, maintain(table))
    for job in jobs.values():
        found |= {node.name: node.does for node in job.nodes if isinstance(node.does, Maintain)}
    return dict(sorted(found.items()))


def _there(lake: "Lake", declared: "dict[str, Maintain]") -> list[str]:
    return [table for table in declared if lake.exists(table)]
