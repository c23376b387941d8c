"""`lakegate submit NAME…`: jobs of the project and steps of the settings, as steps of a cluster."""

import json
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from framework.cli import project
from framework.cli.clients import client
from framework.cli.follow_up import same
from framework.cli.job_command import JobCommands
from framework.cli.printed import masked, say_commas, say_what_is_masked
from framework.cli.watch import Follow, OnTimeout, Timeout, Wait, watch
from framework.errors import SettingError

if TYPE_CHECKING:
    from framework.config import Settings
    from framework.emr.bundle.artifacts import Bundle
    from framework.emr.steps.spark import SparkJob
    from framework.emr.steps.step import AddRequest, Chain
    from framework.emr.steps.step import OnFailure as Action
    from framework.emr.steps.upload import Upload

Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME", help="what runs after it, in this order", show_default=False)
]  # fmt: skip
DryRun = Annotated[bool, typer.Option("--dry-run", help="print the call and the `aws` command; AWS is not asked")]
OnFailure = Annotated[
    Literal["continue", "cancel-and-wait", "terminate"],
    typer.Option("--on-failure", help="of a step: go on, cancel what waits behind it, or terminate the cluster"),
]
Param = Annotated[
    list[str] | None, typer.Option("--param", metavar="JOB.NAME=VALUE", help="a parameter of a job in a chain")
]


def identifier(text: str) -> str:
    """Return the id of a submission, which becomes a tag on YARN: these are of lower case."""
    if not re.fullmatch(r"[a-z0-9]{1,32}", text):
        raise typer.BadParameter(f"{text!r} is no id of a submission: these have small letters and digits only")
    return text


IsTransient = Annotated[
    bool, typer.Option("--transient", help="on a cluster that is made for this chain and ends itself")
]
Submission = Annotated[
    str | None,
    typer.Option(
        "--submission",
        parser=identifier,
        metavar="ID",
        help="one of the last 7 days (--transient: of the last day) whose answer was lost: added if it is not there",
    ),
]
NO_CLUSTER = "j-CLUSTER"


class SubmitCommands(JobCommands):
    """`lakegate submit NAME…`."""

    verb = "submit"
    options = (
        ("then", None, Names),
        ("dry_run", False, DryRun),
        ("transient", False, IsTransient),
        ("wait", False, Wait),
        ("follow", False, Follow),
        ("timeout", None, Timeout),
        ("on_timeout", "ask", OnTimeout),
        ("on_failure", "continue", OnFailure),
        ("param", None, Param),
        ("submission", None, Submission),
    )

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command of the first name: with the parameters of a job where they can be known."""
        here, name = project.find(), args[0]
        call = partial(submit, here, name)
        if name in here.names() and project.has_pyspark():
            job = here.load(name)
            return name, self.made(name, here.names()[name], job.parameters, call), args[1:]
        # Parameters that nobody here knows are passed on.
        unknown = {"ignore_unknown_options": name in here.names()}
        return name, self.made(name, here.names().get(name, ""), {}, call, context_settings=unknown), args[1:]


def submit(
    here: project.Project,
    name: str,
    environment: str,
    overrides: list[str],
    given: dict[str, Any],
    *,
    then: list[str] | None,
    dry_run: bool,
    transient: bool,
    wait: bool,
    follow: bool,
    timeout: float | None,
    on_timeout: Literal["ask", "cancel", "leave"],
    on_failure: Literal["continue", "cancel-and-wait", "terminate"],
    param: list[str] | None,
    submission: str | None,
) -> None:
    """Add steps to a cluster, after looking at all that could stand against it, and watch them if that is wished."""
    from framework import aws
    from framework.cli.transient import on_transient, print_transient
    from framework.cli.works import works_of
    from framework.config import load
    from framework.emr.steps.spark import SparkJob
    from framework.emr.steps.step import add_request, chain
    from framework.emr.steps.upload import uploads

    words = [name, *(then or [])]
    here.enter()
    if here.names().keys() & set(words):
        _leave_out_variables()
    settings = load(environment, overrides)
    works = works_of(here, words, given, param or [], environment, overrides, settings)
    jobs = [work for work in works if isinstance(work, SparkJob)]
    bundle = _bundle(here, settings, jobs) if jobs else None
    token = submission or secrets.token_hex(4)
    region = aws.region(settings.aws)
    for setting, said in aws.doubts(settings.aws):
        typer.echo(f"{setting}: {said}", err=True)
    known = [*(value.get_secret_value() for value in settings.secrets.values()), *_of_shell()]
    made = chain(works, settings, bundle, on_failure=on_failure, token=token, region=region, secrets=known)
    if jobs:
        _require_fit(here, [job.name for job in jobs], settings, made.applications)
    if dry_run:
        if transient:
            print_transient(settings, made, token)
        else:
            _print(masked(add_request(settings.emr.cluster_id or NO_CLUSTER, made, settings.emr), settings), region)
        return

    wanted = uploads(bundle, [work for work in works if not isinstance(work, SparkJob)], settings.emr)
    to = on_transient if transient else on_cluster
    emr, cluster, ids = to(
        settings, made, wanted, token, on_failure, needs_bundle=bool(jobs), again=submission is not None
    )
    for each, work in zip(ids, works, strict=True):
        typer.echo(f"{each}  {work.name}")
    # One that was found by its name is not found so once it has ended.
    more = same(environment, overrides, None if cluster == settings.emr.cluster_id and not transient else cluster)
    if wait or follow or timeout is not None:
        watch(emr, cluster, ids, follow=follow, timeout=timeout, on_timeout=on_timeout, more=more)
    else:
        typer.echo(f"Follow it: `lakegate logs {ids[0]} --follow{more}`, or all of them: `lakegate steps{more}`.")


def on_cluster(
    settings: "Settings",
    made: "Chain",
    wanted: "Sequence[Upload]",
    token: str,
    on_failure: "Action",
    *,
    needs_bundle: bool,
    again: bool,
) -> tuple[Any, str, list[str]]:
    """Add a chain to the cluster of the settings; return the client, the cluster, and the steps in order."""
    from framework.cli.start import clock
    from framework.emr.find import cluster_id
    from framework.emr.pace import Pace
    from framework.emr.steps.preflight import preflight
    from framework.emr.steps.step import add_request
    from framework.emr.steps.submit import add
    from framework.emr.steps.upload import upload

    emr, s3 = client("emr", settings), client("s3", settings)
    cluster = cluster_id(emr, settings.emr)
    for said in preflight(emr, s3, cluster, made, settings, on_failure, needs_bundle=needs_bundle):
        typer.echo(said, err=True)
    typer.echo(upload(s3, wanted))
    # Said before the call: whoever interrupts it can say it again.
    typer.echo(f"Submission {token} to cluster {cluster}:")
    once = client("emr", settings, retries=False)
    ids = add(once, add_request(cluster, made, settings.emr), token, clock=clock, pace=Pace.of(emr), again=again)
    return emr, cluster, ids


def _require_fit(here: project.Project, jobs: Sequence[str], settings: "Settings", applications: Iterable[str]) -> None:
    """Refuse what the release lacks: a Python, an application, what the jobs' tables ask of Delta; warn of its end."""
    from framework.cli.start import clock
    from framework.emr.releases.delta_features import TableNeeds
    from framework.emr.releases.fit import require_fit, warnings
    from framework.emr.releases.release import release

    tables = [table for job in jobs for table in here.load(job).tables] if project.has_pyspark() else []
    needs = {table.name: TableNeeds(table.properties, bool(table.cluster_by)) for table in tables}
    found = release(settings.emr.release)
    require_fit(found, python=settings.emr.python, applications=sorted(applications), tables=needs)
    for said in warnings(found, clock().date()):
        typer.echo(said, err=True)


def _bundle(here: project.Project, settings: "Settings", jobs: "Sequence[SparkJob]") -> "Bundle":
    """Return the bundle for the cluster, after comparing it with the project: the cluster has nothing else."""
    from framework.emr.bundle.fresh import require_fresh
    from framework.emr.bundle.manifest import find_bundle
    from framework.emr.releases.release import release
    from framework.emr.steps.reach import require_cluster_settings

    _require_own_conf(here)
    require_cluster_settings(settings)
    release(settings.emr.release)  # of one that there is not, a bundle is missing too
    found: Bundle = find_bundle(Path("dist"), settings.emr.release, settings.emr.architecture, settings.emr.python)
    needed = [f"jobs/{job.name}.py" for job in jobs]
    require_fresh(found, here.root, [*needed, f"conf/{settings.environment}.toml"])
    return found


def _require_own_conf(here: project.Project) -> None:
    """Refuse settings of another folder than the one that travels with the jobs."""
    from framework.config.settings import conf_folder

    travels = [here.jobs / "conf", here.jobs.parent / "conf"]
    if conf_folder().resolve() not in [folder.resolve() for folder in travels]:
        reason = f"{conf_folder()} is read here, and the cluster reads the conf/ that travels with the jobs; unset it"
        raise SettingError("LAKEGATE_CONF", reason, "the environment variables")


def _print(request: "AddRequest", region: str | None) -> None:
    """Print the call and, in a line of its own, the command that does the same."""
    from framework.emr.command import add_steps, parted

    typer.echo(json.dumps(request, indent=2, ensure_ascii=False))
    typer.echo()
    typer.echo(command := add_steps(request, region))
    say_what_is_masked(command)
    say_commas(parted(request))
    if request["JobFlowId"] == NO_CLUSTER:
        typer.echo(f"{NO_CLUSTER} stands for the cluster, which is found by its name.", err=True)


def _leave_out_variables() -> None:
    """Forget the settings that only this shell has, and name them: a job on a cluster does not see them."""
    from framework.config.settings import NOT_SETTINGS, PREFIX

    elsewhere = ("SECRETS__", "EMR__", "AWS__")
    mine = [name for name in os.environ if name.startswith(PREFIX) and name not in NOT_SETTINGS]
    if lost := sorted(name for name in mine if not name.removeprefix(PREFIX).startswith(elsewhere)):
        typer.echo(f"{', '.join(lost)}: set in this shell only; for the cluster say --set.", err=True)
    for name in lost:
        del os.environ[name]


def _of_shell() -> list[str]:
    """Return the credentials of AWS that this shell has."""
    return [os.environ.get(name, "") for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")]
