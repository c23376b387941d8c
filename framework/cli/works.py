"""What the words behind `lakegate submit` mean: jobs with their parameters, and steps of the settings."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from framework.cli import project
from framework.errors import AmbiguousWorkError, ChainParameterError, UnknownWorkError

if TYPE_CHECKING:
    from framework.config import Settings
    from framework.emr.steps.step import Work


def works_of(
    here: project.Project,
    words: Sequence[str],
    given: Mapping[str, str],
    param: Sequence[str],
    environment: str,
    overrides: Sequence[str],
    settings: "Settings",
) -> "list[Work]":
    """Return what each name among the words means; `given` are the options of the first, `param` are --param's.

    Raises UnknownWorkError, AmbiguousWorkError or ChainParameterError, and what a job's parameters raise.
    """
    from framework.emr.steps.spark import SparkJob

    names, unchecked = _parted(words)
    parameters = _parameters(names, {**given, **unchecked}, param)
    jobs, steps = here.names(), {step.name: step for step in settings.emr.steps}
    passed_on = tuple(each for each in overrides if not each.startswith("emr."))
    works: list[Work] = []
    for name in names:
        if name in jobs and name in steps:
            raise AmbiguousWorkError(name)
        if name in jobs:
            own = parameters.get(name, {})
            _check(here, name, own)
            works.append(SparkJob(name, environment, own, passed_on))
        elif name in steps:
            if name in parameters:
                raise ChainParameterError(f"A parameter of {name!r}", "it is a step of the settings, not a job")
            works.append(steps[name])
        else:
            raise UnknownWorkError(name, [*jobs, *steps], environment)
    return works


def _parted(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Part what was typed where options are not known: names, and `--option VALUE` or `--option=VALUE`."""
    names = list(words[:1])
    given: dict[str, str] = {}
    rest = iter(words[1:])
    for word in rest:
        if not word.startswith("--"):
            names.append(word)
            continue
        option, equals, value = word.removeprefix("--").partition("=")
        value = value if equals else next(rest, "--")
        if not equals and value.startswith("--"):
            raise ChainParameterError(word, f"as a parameter of {names[0]!r} it needs a value")
        given[option.replace("-", "_")] = value
    return names, given


def _parameters(names: Sequence[str], given: Mapping[str, str], param: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the parameters of each job: options are of the only one, --param says whose."""
    if given and len(names) > 1:
        raise ChainParameterError(f"--{next(iter(given)).replace('_', '-')}", f"{len(names)} steps could mean it")
    found: dict[str, dict[str, str]] = {names[0]: dict(given)} if given else {}
    for each in param:
        key, equals, value = each.partition("=")
        job, dot, parameter = key.partition(".")
        if not equals or not dot:
            # Without a = it may be the value alone, and a secret.
            typed = f"--param {key}" if equals else "--param"
            raise ChainParameterError(typed, "it has no value" if dot else "it names no job")
        if job not in names:
            raise ChainParameterError(f"--param {key}", f"{job!r} is not submitted")
        found.setdefault(job, {})[parameter.replace("-", "_")] = value
    return found


def _check(here: project.Project, name: str, given: Mapping[str, str]) -> None:
    """Import a job and check its parameters; without pyspark say that nobody did."""
    if not project.has_pyspark():
        said = "its parameters, and what its tables ask of Delta, are unchecked: pyspark is not installed here"
        typer.echo(f"{name}: {said}.", err=True)
        return
    from framework.cli.run import RunCommands
    from framework.pipeline.parameters import values

    job = here.load(name)
    RunCommands.refuse_clash(name, job.parameters)
    values(job, given)
