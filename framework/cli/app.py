"""The verbs and their help."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from framework.cli.backfill import BackfillCommands
from framework.cli.cluster import cluster
from framework.cli.local_emr import local_emr
from framework.cli.options import Environment, Overrides, moment
from framework.cli.run import RunCommands
from framework.cli.submit import SubmitCommands

app = typer.Typer(
    help="PySpark jobs on Delta Lake: stages you can test, tables you can trust, runs you can repeat.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(
    typer.Typer(cls=RunCommands, no_args_is_help=True), name="run", help="Run a job: lakegate run JOB [--help]"
)
app.add_typer(
    typer.Typer(cls=BackfillCommands, no_args_is_help=True),
    name="backfill",
    help="Run a job over a past interval: lakegate backfill JOB --from DAY --to DAY [--help]",
)
app.add_typer(cluster, name="cluster", help="Clusters of Amazon EMR: plan, create, list, show, resize, terminate.")
app.add_typer(
    typer.Typer(cls=SubmitCommands, no_args_is_help=True),
    name="submit",
    help="Run jobs, or steps of the settings, on a cluster: lakegate submit NAME... [--help]",
)
app.add_typer(local_emr, name="local-emr", help="An EMR on this machine, for trying and testing: start, status, stop.")

ROWS = 20

JobName = Annotated[str, typer.Argument(metavar="JOB", help="the name of a file of jobs/")]


@app.command("list")
def list_jobs() -> None:
    """List the jobs of this project; nothing of them is imported."""
    from framework.cli.show import print_jobs

    print_jobs()


@app.command()
def show(
    job: JobName, svg: Annotated[Path | None, typer.Option(help="write a picture of the stages here")] = None
) -> None:
    """Show a job's stages as a tree, its tables and its parameters; no Spark is started."""
    from framework.cli.show import print_job

    print_job(job, svg)


@app.command()
def check(job: JobName, env: Environment = "local", set: Overrides = None) -> None:
    """Compile a job on empty frames: each wrong column, type or frame with stage, function and line. Reads no data."""
    from framework.cli.check import check_job

    check_job(job, env, set or [])


@app.command()
def bookmarks(
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", help="one job; all of them if left out")] = None,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """Show how far each job has read its source, the commits that say so, and what is waiting."""
    from framework.cli.bookmarks import print_bookmarks

    print_bookmarks(job, env, set or [])


@app.command()
def runs(
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", help="one job; all of them if left out")] = None,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """List the runs of a job, newest first, also those that failed or were killed."""
    from framework.cli.runs import print_runs

    print_runs(job, env, set or [])


@app.command("run-info")
def run_info(
    run: Annotated[str, typer.Argument(metavar="RUN", help="the id of a run, as `lakegate runs` shows it")],
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """Show one run: what it read, with which parameters and code, and what each load did."""
    from framework.cli.runs import print_run

    print_run(run, env, set or [])


@app.command()
def rollback(
    job: JobName,
    to: Annotated[str, typer.Option("--to", metavar="RUN", help="the run to go back to")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be done")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """Take every table of a job, and its bookmark, back to how a run left them."""
    from framework.cli.rollback import roll_back

    roll_back(job, to, env, set or [], dry_run=dry_run, yes=yes)


@app.command()
def stop(job: JobName, env: Environment = "local", set: Overrides = None) -> None:
    """Ask a job that runs, `--continuous` or not, to end after the batch in hand."""
    from framework.cli.run import stop_job

    stop_job(job, env, set or [])


@app.command()
def table(
    name: Annotated[str, typer.Argument(metavar="NAME", help="database.table")],
    run: Annotated[str | None, typer.Option(metavar="RUN", help="as this run, or a job's latest one, left it")] = None,
    version: Annotated[int | None, typer.Option(help="as of this version")] = None,
    valid: Annotated[
        datetime | None, typer.Option("--as-of-valid", parser=moment, metavar="TIME", help="what holds at this time")
    ] = None,
    system: Annotated[
        datetime | None,
        typer.Option("--as-of-system", parser=moment, metavar="TIME", help="what was believed at this time, UTC"),
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="only rows with this value; may be repeated")
    ] = None,
    timeline: Annotated[bool, typer.Option("--timeline", help="draw both times of a key")] = False,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="the timeline as a picture, too")] = None,
    view: Annotated[
        str | None,
        typer.Option(
            metavar="ENGINE", help="the SQL of a view of what is believed now: athena, duckdb, spark or trino"
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="how many rows; 20 if left out", min=0)] = None,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """Print what a table is, and rows of it: now; or only rows: as a run left it, or as of the times that it keeps."""
    from framework.cli.table import Asked, draw_table, keyed, print_table, print_view

    asked = Asked(run, version, valid, system, keyed(key or []), about=limit is None)
    limit = ROWS if limit is None else limit
    if view:
        print_view(name, env, set or [], view)
    elif timeline or svg:
        draw_table(name, env, set or [], asked, svg=svg)
    else:
        print_table(name, env, set or [], asked, limit=limit)


@app.command()
def diff(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="database.table")],
    old: Annotated[str, typer.Option("--from", metavar="VERSION|TIME", help="the older version, or what was then")],
    new: Annotated[str | None, typer.Option("--to", metavar="VERSION|TIME", help="now if left out")] = None,
    limit: Annotated[int, typer.Option(help="how many rows", min=0)] = 20,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """Print the rows in which two versions of a table differ."""
    from framework.cli.diff import print_diff

    print_diff(name, old, new, env, set or [], limit=limit)


@app.command()
def restore(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="database.table")],
    to: Annotated[
        str, typer.Option("--to", metavar="VERSION|TIME", help="the version to go back to, or what was then")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be undone")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """Take one table back to a version, undoing what others did to it; loads are undone by `lakegate rollback`."""
    from framework.cli.restore import restore_to

    restore_to(name, to, env, set or [], dry_run=dry_run, yes=yes)


@app.command()
def maintain(
    name: Annotated[str | None, typer.Argument(metavar="[TABLE]", help="database.table")] = None,
    everything: Annotated[bool, typer.Option("--all", help="every table of this project's jobs")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be done")] = False,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """Put small files together, remove old ones, and print the tables before and after."""
    from framework.cli.maintain import maintain_tables

    maintain_tables(name, env, set or [], everything=everything, dry_run=dry_run)


@app.command()
def migrate(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="database.table")],
    rename: Annotated[
        list[str] | None, typer.Option(metavar="OLD=NEW", help="what a column is called now; may be repeated")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="a column to drop; may be repeated")] = None,
    job: Annotated[str | None, typer.Option(metavar="JOB", help="the job that declares the table")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be done")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """Show how a table differs from its declaration, and alter it."""
    from framework.cli.migrate import migrate_table

    migrate_table(name, env, set or [], renames=rename or [], drops=drop or [], job_name=job, dry_run=dry_run, yes=yes)


@app.command()
def erase(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="database.table")],
    key: Annotated[list[str], typer.Option(metavar="COLUMN=VALUE", help="whom; once for each column of its subject")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be removed")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """Remove a person from every table whose rows say whom they are about, for good."""
    from framework.cli.erase import erase_key

    erase_key(name, key, env, set or [], dry_run=dry_run, yes=yes)


@app.command()
def new(job: JobName) -> None:
    """Make a job from a template, with its test and a sample input."""
    from framework.cli.scaffold import new_job

    new_job(job)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a folder that does not exist yet, or is empty")],
) -> None:
    """Make a project of your own: jobs/, conf/, tests/, a Makefile and a pyproject.toml."""
    from framework.cli.scaffold import new_project

    new_project(folder)


@app.command()
def releases(
    label: Annotated[str | None, typer.Argument(metavar="[LABEL]", help="one release, in full")] = None,
    all: Annotated[bool, typer.Option("--all", help="also those that AWS supports no longer")] = False,
) -> None:
    """List the releases of Amazon EMR: versions, Pythons, and until when AWS supports them. Asks AWS nothing."""
    from framework.cli.releases import print_release, print_releases

    if label:
        print_release(label)
    else:
        print_releases(all=all)


@app.command()
def package(
    release: Annotated[str | None, typer.Option(help="EMR release label, in place of emr.release")] = None,
    arch: Annotated[str | None, typer.Option(metavar="x86_64|aarch64", help="in place of emr.architecture")] = None,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """Build what jobs need on a cluster into dist/: wheels, entrypoint and dependencies, for its CPU and Python."""
    from framework.cli.package import package as build_package

    build_package(env, set or [], release, arch)


Cluster = Annotated[
    str | None, typer.Option("--cluster", metavar="j-...", help="the cluster of the step, where it is another's")
]


@app.command()
def logs(
    step: Annotated[str, typer.Argument(metavar="STEP", help="the id of a step, s-...")],
    follow: Annotated[bool, typer.Option("--follow", help="go on until the step has ended and all is there")] = False,
    stdout: Annotated[bool, typer.Option("--stdout", help="only stdout; of the step, or as said beside it")] = False,
    stderr: Annotated[bool, typer.Option("--stderr", help="only stderr; of the step, or as said beside it")] = False,
    driver: Annotated[bool, typer.Option("--driver", help="of the driver, and of nothing else")] = False,
    executor: Annotated[int | None, typer.Option("--executor", metavar="N", help="of one executor", min=1)] = None,
    cluster: Cluster = None,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """Print the logs of an EMR step from S3: the driver's, else the step's. EMR uploads them every five minutes."""
    from framework.cli.logs import print_logs

    print_logs(
        step,
        env,
        set or [],
        cluster=cluster,
        stdout=stdout,
        stderr=stderr,
        driver=driver,
        executor=executor,
        follow=follow,
    )


@app.command()
def why(
    target: Annotated[str, typer.Argument(metavar="STEP|CLUSTER", help="the id of a step, s-..., or cluster, j-...")],
    cluster: Cluster = None,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """Say why an EMR step failed, or a cluster did not come up or ended: the probable cause, and what to do."""
    from framework.cli.why import print_why

    print_why(target, env, set or [], cluster=cluster)


@app.command()
def steps(
    everything: Annotated[bool, typer.Option("--all", help="all of them, not only the newest 20")] = False,
    cluster: Cluster = None,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """List the steps of the cluster, newest first."""
    from framework.cli.steps import print_steps

    print_steps(env, set or [], cluster=cluster, everything=everything)


@app.command()
def cancel(
    steps: Annotated[list[str], typer.Argument(metavar="STEP...", help="ids, as `lakegate steps` shows them")],
    cluster: Cluster = None,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """Cancel steps of the cluster, and kill the YARN applications that they started."""
    from framework.cli.steps import cancel_steps

    cancel_steps(steps, env, set or [], cluster=cluster)
