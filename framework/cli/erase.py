"""`lakegate erase TABLE --key COLUMN=VALUE`."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from framework.cli import project
from framework.cli.options import confirm
from framework.cli.start import clock, start
from framework.cli.table import keyed
from framework.counted import counted

if TYPE_CHECKING:
    from framework.pipeline.erase import Erased
    from framework.tables.erase import Where

WIDEST = 300


def erase_key(
    name: str, key: Sequence[str], environment: str, overrides: Sequence[str], *, dry_run: bool, yes: bool
) -> None:
    """Say from where a person would be erased, ask, and do it. Raises ErasureRefusedError with every reason."""
    wanted = keyed(key)
    here = project.find()
    jobs = [here.load(each) for each in here.names()]
    settings, lake = start(here, f"erase {name}", environment, overrides, quiet=True)
    from framework.pipeline.erase import erase_person, plan_erasure
    from framework.tables.erase import examples

    planned = plan_erasure(lake, jobs, name, wanted)
    for where, rows in planned.rows.items():
        if rows or not _ours(where):
            typer.echo(f"{where.table}: {counted(rows, 'row')}{_in_text(where)}")
        if rows and dry_run:  # only then: logs of what is done are to tell nothing of the person
            for text in examples(lake, where, planned.person):
                typer.echo(f"  {text!r:.{WIDEST}}")
    for table in planned.missing:
        typer.echo(f"{table}: not there")
    for table in planned.others:
        typer.echo(
            f"{table}: not looked at. It has such columns, and is not declared to be about {' and '.join(wanted)}: "
            "if it is, name them as its subject"
        )
    confirm("Erase for good, and leave out what is loaded again?", yes=yes, dry_run=dry_run)
    now, dated = clock(), False
    for done in erase_person(lake, settings, jobs, planned, clock=clock):
        does, until = "changed" if done.where.instead else "removed", _until(done, now)
        if done.rows or until or done.held or not _ours(done.where):
            typer.echo(f"{done.where.table}: {counted(done.rows, 'row')} {does}{until}")
        dated |= bool(until)
        for held in done.held:
            typer.echo(f"  its old files cannot be removed yet: {held}")
    typer.echo("It is on the list that loads, backfills and replays respect, as a salted hash.")
    if dated:
        typer.echo("Erase again after these dates, or run `lakegate maintain --all`: then the old files go, too.")


def _ours(where: "Where") -> bool:
    """Whether a table is the framework's own, one for each job: where nothing is in it, there is nothing to say."""
    return where.table.startswith("_lakegate.")


def _in_text(where: "Where") -> str:
    return f" with the words in {where.text}" if where.text else ""


def _until(done: "Erased", now: datetime) -> str:
    until = (("in old files until", done.files_from), ("in the log until", done.log_from))
    said = [f"{what} {at:%Y-%m-%d %H:%M} UTC or later" for what, at in until if at and at > now]
    return f"; {' and '.join(said)}" if said else ""
