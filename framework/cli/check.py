"""`lakegate check`."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape

from framework.cli import project
from framework.cli.start import start


def check_job(name: str, environment: str, overrides: Sequence[str]) -> None:
    """Compile a job on empty frames and print what it found. Raises CheckFailedError with every fault."""
    here = project.find()
    job = here.load(name)
    settings, lake = start(here, name, environment, overrides, quiet=True)
    from framework.pipeline import Run, check
    from framework.pipeline.work import reading

    console = Console(highlight=False)
    now = datetime.now(UTC)
    # A parameter without a default has no value here; NULL compiles wherever one would.
    parameters = {parameter.name: parameter.default for parameter in job.parameters.values()}
    checked = check(job, reading(lake, settings, now), Run(name, "check", 0, now, environment), parameters)
    for note in checked.notes:
        console.print(f"[yellow]note[/yellow]  {escape(note)}")
    checked.require(job)
    console.print(f"[green]ok[/green]  {name}: {len(job.nodes)} stages compile; no data was read.")
