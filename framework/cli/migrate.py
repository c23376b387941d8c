"""`lakegate migrate TABLE`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from framework.cli import project
from framework.cli.options import confirm
from framework.cli.start import clock, start
from framework.errors import UndeclaredTableError, UnknownJobError

if TYPE_CHECKING:
    from framework.pipeline import Job
    from framework.tables import Table


def migrate_table(
    name: str,
    environment: str,
    overrides: Sequence[str],
    *,
    renames: Sequence[str],
    drops: Sequence[str],
    job_name: str | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Show how a table differs from its declaration, ask, and alter it.

    Raises UndeclaredTableError, TableNotFoundError, or MigrationRefusedError with every reason.
    """
    named = renamed(renames)
    here = project.find()
    job, table = declaration(here, name, job_name)
    settings, lake = start(here, f"migrate {name}", environment, overrides, quiet=True)
    from framework.pipeline.rollback import finish_rollback
    from framework.pipeline.work import at_work
    from framework.state.erased import rename_subject
    from framework.tables.difference import Asked
    from framework.tables.migrate import migrate, plan_migration

    asked = Asked(named, tuple(drops))
    if dry_run:
        _print(name, [change.does for change in plan_migration(lake, table, asked)])
        confirm("Alter it?", dry_run=True)
    # No run of the job meanwhile; one of another job that loads the table is retried, or refused, by its declaration.
    with at_work(job, lake, settings, None, clock=clock) as work, work.guard(name):
        finish_rollback(work)
        changes = plan_migration(lake, table, asked)
        _print(name, [change.does for change in changes])
        if not changes:
            return
        confirm("Alter it?", yes=yes)
        now = clock()
        rename_subject(lake, table.subject, named, now)  # before the table: no load may miss who was erased
        migrate(lake, table, asked, {"job": job.name, "migration": f"{name} {now:%Y-%m-%dT%H:%M:%SZ}"})
    typer.echo(f"{name} is as declared, version {int(lake.snapshot(name).version())}.")


def renamed(said: Sequence[str]) -> dict[str, str]:
    """Return the new names of --rename OLD=NEW, by the old ones; NEW may be a path too, of the same struct."""
    found: dict[str, str] = {}
    for each in said:
        old, equals, new = each.partition("=")
        if not (old and equals and new):
            raise typer.BadParameter(f"--rename {each}: say OLD=NEW, such as --rename km=distance")
        if old in found:
            raise typer.BadParameter(f"--rename {each}: {old!r} is renamed to {found[old]!r} already")
        *struct, name = new.split(".")
        if struct and struct != old.split(".")[:-1]:
            raise typer.BadParameter(f"--rename {each}: a column stays in its struct")
        found[old] = name
    return found


def declaration(here: project.Project, name: str, job_name: str | None) -> "tuple[Job, Table]":
    """Return the job that loads a table, and the table as declared there.

    Of several jobs those are imported whose files name the table. Raises UndeclaredTableError.
    """
    names = list(here.names())
    if job_name is not None and job_name not in names:
        raise UnknownJobError(job_name, names)
    about = [job_name] if job_name else [job for job in names if name in (here.jobs / f"{job}.py").read_text("utf-8")]
    found = [(job, table) for job in map(here.load, about) for table in job.tables if table.name == name]
    if not found:
        where = f"job {job_name!r} does not load it" if job_name else "no job's file names it and loads it"
        raise UndeclaredTableError(name, where, names)
    (job, table), *others = found
    if differing := [other.name for other, its in others if its != table]:
        said = f"{job.name!r} and {', '.join(map(repr, differing))} declare it differently"
        raise UndeclaredTableError(name, said, names)
    return job, table


def _print(name: str, said: Sequence[str]) -> None:
    if not said:
        typer.echo(f"{name} is as declared; there is nothing to alter.")
        return
    typer.echo(f"{name} is not as declared. To alter, each in a commit of its own:")
    for each in said:
        typer.echo(f"  {each}")
