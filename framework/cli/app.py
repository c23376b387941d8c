"""The verbs and their help."""

from pathlib import Path
from typing import Annotated

import typer

from framework.cli.options import Environment, Overrides
from framework.cli.run import JobCommands

app = typer.Typer(
    help="PySpark jobs on Delta Lake: stages you can test, tables you can trust, runs you can repeat.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(
    typer.Typer(cls=JobCommands, no_args_is_help=True), name="run", help="Run a job: lakegate run JOB [--help]"
)

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
