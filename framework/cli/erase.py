"""`lakegate erase TABLE --key COLUMN=VALUE`."""

from collections.abc import Sequence
from datetime import datetime

import typer

from framework.cli import project
from framework.cli.options import confirm
from framework.cli.start import clock, start
from framework.cli.table import keyed


def erase_key(
    name: str, key: Sequence[str], environment: str, overrides: Sequence[str], *, dry_run: bool, yes: bool
) -> None:
    """Say from where a person would be erased, ask, and do it. Raises ErasureRefusedError with every reason."""
    wanted = keyed(key)
    here = project.find()
    jobs = [here.load(each) for each in here.names()]
    settings, lake = start(here, f"erase {name}", environment, overrides, quiet=True)
    from framework.pipeline.erase import erase_person, plan_erasure

    planned = plan_erasure(lake, jobs, name, wanted)
    for table, rows in planned.rows.items():
        typer.echo(f"{table}: {rows:,} rows")
    for table in planned.others:
        typer.echo(f"{table}: not looked at. It has such columns; if they mean this, declare Table(..., subject=...)")
    if dry_run:
        typer.echo("Nothing was changed (--dry-run).")
        return
    if not yes:
        confirm("Erase for good, and leave out what is loaded again?")
    now = clock()
    for done in erase_person(lake, settings, jobs, planned, clock=clock):
        typer.echo(f"{done.table}: {done.rows:,} rows removed{_until(done.files_from, done.log_from, now)}")
        for held in done.held:
            typer.echo(f"  its files cannot be removed yet: {held}")
    typer.echo("It is on the list that loads, backfills and replays respect, as a salted hash.")
    typer.echo(f"Erase again after these dates, or run `lakegate maintain {name}`: then the files go, too.")


def _until(files: datetime | None, log: datetime | None, now: datetime) -> str:
    if files is None or log is None:
        return ""
    said = [
        f"{what} {at:%Y-%m-%d %H:%M} UTC"
        for what, at in (("in old files until", files), ("in the log until", log))
        if at > now
    ]
    return f"; {' and '.join(said)}" if said else "; its old files and their log are past their dates"
