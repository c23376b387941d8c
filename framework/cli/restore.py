"""`lakegate restore TABLE --to VERSION|TIME`."""

from collections.abc import Sequence

import typer

from framework.cli import project
from framework.cli.options import confirm
from framework.cli.snapshot import version_of
from framework.cli.start import start


def restore_to(name: str, to: str, environment: str, overrides: Sequence[str], *, dry_run: bool, yes: bool) -> None:
    """Say what a restore would undo, ask, and do it. Raises RestoreRefusedError with every reason against it."""
    settings, lake = start(project.find(), f"restore {name}", environment, overrides, quiet=True)
    from framework.pipeline.restore import plan_restore, restore_table

    version = version_of(lake, name, to)
    undone = plan_restore(lake, name, version)
    typer.echo(f"{name} goes back to version {version}, which undoes: {', '.join(undone) or 'nothing that is seen'}")
    confirm("Go back?", yes=yes, dry_run=dry_run)
    left = restore_table(lake, settings, name, version)
    typer.echo(f"{name} is at version {left}, with the rows of version {version}.")
