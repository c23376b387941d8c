"""`lakegate run JOB`: each job is a command of its own, whose options are the job's parameters."""

import inspect
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from framework.cli import project
from framework.cli.options import Environment, Overrides
from framework.cli.start import clock, start
from framework.errors import ParameterConflictError

if TYPE_CHECKING:
    from framework.pipeline import Job
    from framework.pipeline.stage import Parameter

Replan = Annotated[bool, typer.Option("--replan", help="pin the inputs of an interrupted batch anew")]

Continuous = Annotated[bool, typer.Option("--continuous", help="go on until `lakegate stop JOB`, SIGTERM or SIGINT")]
STOPPING = (signal.SIGTERM, signal.SIGINT)


class JobCommands(TyperGroup):
    """A command for each job of the project, made when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the jobs' names."""
        return list(project.find().names())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return what the help lists of a job; nothing is imported, so a broken file hides no other job."""
        return TyperCommand(cmd_name, help=project.find().names().get(cmd_name))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the job that is to run and make its command. Raises UnknownJobError or JobImportError."""
        here = project.find()
        return args[0], command(here, here.load(args[0])), args[1:]


def command(here: project.Project, job: "Job") -> Any:
    """Return the command that runs a job, with an option for each of its parameters."""

    def run(env: str, set: list[str] | None, replan: bool, continuous: bool, **given: str | None) -> None:
        typed = {name: text for name, text in given.items() if text is not None}
        run_job(here, job, env, set or [], typed, replan=replan, continuous=continuous)

    described = (inspect.getdoc(sys.modules[f"jobs.{job.name}"]) or "").split("\n", 1)[0]
    own = [_option(parameter) for parameter in job.parameters.values()]
    keyword = inspect.Parameter.KEYWORD_ONLY
    common = [
        inspect.Parameter("env", keyword, default="local", annotation=Environment),
        inspect.Parameter("set", keyword, default=None, annotation=Overrides),
        inspect.Parameter("replan", keyword, default=False, annotation=Replan),
        inspect.Parameter("continuous", keyword, default=False, annotation=Continuous),
    ]
    for name in ("help", *(option.name for option in common)):
        if name in job.parameters:
            raise ParameterConflictError(job.name, name, str(job.parameters[name]), "an option of `lakegate run`")
    run.__signature__ = inspect.Signature([*own, *common])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *common)}
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    single.command(job.name, help=described)(run)
    return typer.main.get_command(single)


def run_job(
    here: project.Project,
    job: "Job",
    environment: str,
    overrides: list[str],
    given: dict[str, Any],
    *,
    replan: bool,
    continuous: bool,
) -> None:
    """Run a job with a display of its progress, and print what each batch read and wrote."""
    from framework.pipeline import run
    from framework.pipeline.parameters import values
    from framework.report import batch_summary, progress, summary

    values(job, given)  # before Spark takes its seconds to start
    interactive = sys.stderr.isatty()
    settings, lake = start(here, job.name, environment, overrides, quiet=interactive)
    with stop_signals(enabled=continuous) as stop, progress(enabled=interactive) as observe:
        report = run(
            job,
            lake,
            settings,
            given,
            clock=clock,
            observe=observe,
            replan=replan,
            continuous=continuous,
            stop=stop,
            done=lambda batch: batch_summary(job, batch),
        )
    summary(job, report, lake.root)


@contextmanager
def stop_signals(*, enabled: bool) -> Iterator[Callable[[], bool]]:
    """Take SIGTERM and SIGINT for a wish to end after the batch in hand; give a function that says whether one came."""
    came: list[int] = []
    if not enabled:
        yield lambda: False
        return
    # Spark's own handler would cancel what runs.
    before = {number: signal.signal(number, lambda number, frame: came.append(number)) for number in STOPPING}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _option(parameter: "Parameter") -> inspect.Parameter:
    shown = str(parameter) + (", required" if parameter.required else "")
    flag = "--" + parameter.name.replace("_", "-")
    option = Annotated[str | None, typer.Option(flag, help=shown, metavar="VALUE", show_default=False)]
    return inspect.Parameter(parameter.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
