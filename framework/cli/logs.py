"""`lakegate logs STEP`: what a step has written, from S3."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from framework.cli import project
from framework.cli.follow_up import same
from framework.cli.start import clock
from framework.errors import LogsMissingError, NeitherStepNorClusterError

if TYPE_CHECKING:
    from framework.config import Settings
    from framework.emr.logs.places import StepLogs
    from framework.emr.logs.read import Log


def print_logs(
    step: str,
    environment: str,
    overrides: Sequence[str],
    *,
    cluster: str | None,
    stdout: bool,
    stderr: bool,
    driver: bool,
    executor: int | None,
    follow: bool,
) -> None:
    """Print logs of a step on stdout, masked, and what there is to say about them on stderr.

    Raises LogsMissingError where there is nothing to print yet and nobody waits for it.
    """
    from framework.emr.logs.mask import masked
    from framework.emr.logs.places import step_logs
    from framework.emr.logs.read import log_lines

    if driver and executor is not None:
        raise typer.BadParameter("--driver and --executor name two logs: say one of them")
    if not step.startswith("s-"):
        raise NeitherStepNorClusterError(step)
    settings, emr, s3 = clients(environment, overrides)
    chosen = the_cluster(emr, settings, cluster)
    wanted = [stream for stream, is_wanted in (("stderr", stderr), ("stdout", stdout)) if is_wanted]
    there = step_logs(emr, s3, chosen, step)
    if follow:
        state = _follow(emr, s3, there, wanted, driver=driver, executor=executor)
        why = f" `lakegate why {step}{same(environment, overrides, chosen)}` says why."
        _say(masked(f"Step {step} is {state}." + (why if state == "FAILED" else "")))
        return
    logs, what = _chosen(there, wanted, driver=driver, executor=executor)
    if not logs:
        raise LogsMissingError(what, [masked(place) for place in there.looked])
    for log in logs:
        _say(f"==> {masked(log.address)} ({log.size:,} bytes, {log.written:%Y-%m-%d %H:%M} UTC) <==")
        for line in log_lines(s3, log):
            typer.echo(masked(line))
    if there.step["Status"]["State"] == "RUNNING":
        _say("The step is running: EMR uploads its logs every five minutes. --follow prints what comes.")


def clients(environment: str, overrides: Sequence[str]) -> "tuple[Settings, Any, Any]":
    """Return the settings of an environment, a client of EMR and one of S3."""
    from framework.cli.clients import client
    from framework.config import load

    project.find().enter()
    settings = load(environment, overrides)
    return settings, client("emr", settings), client("s3", settings)


def the_cluster(emr: Any, settings: "Settings", named: str | None) -> str:
    """Return the cluster that is named, or the one of the settings."""
    from framework.emr.find import cluster_id

    return named or cluster_id(emr, settings.emr)


def _chosen(
    there: "StepLogs", wanted: Sequence[str], *, driver: bool, executor: int | None
) -> "tuple[tuple[Log, ...], str]":
    """Return the logs that are asked for and what they are called; the driver's, or the step's, where nothing is."""
    if executor is not None:
        logs, what = there.executor(executor), f"log of executor {executor}"
    elif driver:
        logs, what = there.driver, "log of the driver"
    elif wanted:
        return there.named(*wanted), f"{' and '.join(wanted)} of the step"
    elif there.in_cluster_mode is None:
        return there.named("stderr", "stdout"), "log of the step"
    else:
        return there.driver or there.named("stderr"), "log of the driver, and no stderr of the step,"
    return tuple(log for log in logs if not wanted or log.stream in wanted), what


def _follow(emr: Any, s3: Any, there: "StepLogs", wanted: Sequence[str], *, driver: bool, executor: int | None) -> str:
    """Print what comes until the step has ended, and return the state that it ended in."""
    from framework.emr.logs.follow import followed
    from framework.emr.logs.mask import AcrossLines, masked
    from framework.emr.logs.places import ENDED, StepLogs, described
    from framework.emr.pace import Pace

    waited: list[bool] = []

    def look() -> "tuple[tuple[Log, ...], datetime | None]":
        now = StepLogs(s3, described(emr, there.cluster, there.step["Id"]), there.places, there.cluster)
        logs, what = _chosen(now, wanted, driver=driver, executor=executor)
        status = now.step["Status"]
        if not logs and not waited:
            waited.append(True)
            _say(
                f"There is no {what} yet, in {', '.join(map(masked, now.looked))}. EMR uploads logs every five minutes."
            )
        ended = status.get("Timeline", {}).get("EndDateTime", clock()) if status["State"] in ENDED else None
        return logs, ended

    current = None
    hidden: defaultdict[str, AcrossLines] = defaultdict(AcrossLines)
    for log, line in followed(s3, look, clock=clock, sleep=Pace.of(emr).sleep):
        if log.address != current:
            _say(f"==> {masked(log.address)} <==")
            current = log.address
        typer.echo(masked(hidden[log.address](line)))
    return str(described(emr, there.cluster, there.step["Id"])["Status"]["State"])


def _say(text: str) -> None:
    typer.echo(text, err=True)
