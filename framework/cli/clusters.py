"""What `lakegate cluster VERB` does."""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from framework import aws
from framework.cli import project
from framework.cli.clients import client
from framework.cli.console import wide_enough
from framework.cli.follow_up import same
from framework.cli.options import confirm
from framework.cli.printed import masked, say_what_is_masked
from framework.cli.start import clock
from framework.errors import SettingError

if TYPE_CHECKING:
    from framework.config import Settings
    from framework.emr.cluster.advice import Advice
    from framework.emr.cluster.health import Health


def print_plan(environment: str, overrides: Sequence[str]) -> None:
    """Print the request and the security configuration as JSON, and advice; no secret, and no number of an account."""
    from framework.emr.cluster import security
    from framework.emr.cluster.request import run_job_flow, shown
    from framework.emr.command import create_cluster, unsaid

    settings = _settings(environment, overrides)
    request = masked(shown(run_job_flow(settings.emr, settings.catalog.kind)), settings)
    advice = _advice(settings)
    _print(request)
    if not settings.emr.cluster.security_configuration:
        typer.echo(f"\nSecurity configuration {security.name(settings.emr)}, made when it is missing:")
        _print(masked(security.document(settings.emr), settings))
    left_out = f", which has no option for {', '.join(unsaid(request))}" if unsaid(request) else ""
    typer.echo(f"\nThe same with AWS's own command{left_out}:")
    typer.echo(command := create_cluster(request, aws.region(settings.aws)))
    typer.echo("")
    _print_advice(advice)
    typer.echo("Nothing was changed.")
    say_what_is_masked(command)


def create_cluster(
    environment: str, overrides: Sequence[str], *, yes: bool, wait: bool, timeout: int, creation: str | None
) -> None:
    """Make the cluster, after saying what is unsafe or costly about it and asking."""
    from framework.emr.cluster import life as cluster
    from framework.emr.cluster import security
    from framework.emr.cluster.health import console
    from framework.emr.cluster.request import run_job_flow
    from framework.emr.pace import Pace
    from framework.secrets import secret

    settings = _settings(environment, overrides)
    token = creation or secrets.token_hex(8)
    # All that can be refused without AWS is refused before anybody is asked.
    request = run_job_flow(settings.emr, settings.catalog.kind, lambda name: secret(name, settings), token=token)
    _print_advice(_advice(settings))
    emr, once = client("emr", settings), client("emr", settings, retries=False)
    for each in cluster.clusters(emr):
        if each.name == settings.emr.cluster.name:
            typer.echo(f"{each.id} is active under the same name, and costs: of two, `submit` wants emr.cluster_id.")
    confirm(f"Make the cluster {settings.emr.cluster.name!r}?", yes=yes)
    since = cluster.since(clock(), again=creation is not None)
    found = cluster.made(emr, request["Name"], token, since) if creation else None
    if found:
        cluster.require_not_over(emr, found)
    if found is None and security.provide(emr, settings.emr):
        typer.echo(f"Made the security configuration {request['SecurityConfiguration']}.")
    # Said before the call: whoever interrupts it can say it again.
    typer.echo(f"Creation {token}:")
    made = found or cluster.create(emr, once, request, token, since, Pace.of(emr))
    typer.echo(f"{made}  {settings.emr.cluster.name}")
    typer.echo(f"  {console(emr, made)}")
    if not wait:
        more = same(environment, overrides)
        show, end = f"`lakegate cluster show {made}{more}`", f"`lakegate cluster terminate {made}{more}`"
        typer.echo(f"Follow it: {show}; end it: {end}.")
        return
    cluster.wait(emr, made, pace=Pace.of(emr), timeout=60 * timeout, observe=lambda state: typer.echo(f"  {state}"))


def print_clusters(environment: str, overrides: Sequence[str], *, every: bool) -> None:
    """Print a line for each cluster."""
    from framework.emr.cluster.life import clusters

    settings = _settings(environment, overrides)
    table = Table(Column("id", no_wrap=True), Column("name", overflow="fold"), "state", "made (UTC)", "instance hours")
    for found in clusters(client("emr", settings), every=every):
        table.add_row(found.id, escape(found.name), found.state, _time(found.created), f"{found.instance_hours:,}")
    if table.row_count:
        wide_enough(table).print(table)
    else:
        typer.echo("There is no cluster." if every else "There is no active cluster; --all lists those that ended.")


def print_cluster(which: str | None, environment: str, overrides: Sequence[str]) -> None:
    """Print a cluster and its health."""
    from framework.emr.cluster.health import console, health
    from framework.emr.cluster.life import identify

    settings = _settings(environment, overrides)
    emr, now = client("emr", settings), clock()
    found = health(emr, client("cloudwatch", settings), identify(emr, settings.emr, which), now)
    _print_health(found, console(emr, found.id), now)


def resize_cluster(
    which: str | None,
    environment: str,
    overrides: Sequence[str],
    *,
    minimum: int | None,
    maximum: int | None,
    nodes: Sequence[str],
    spot: Sequence[str],
) -> None:
    """Change the bounds, the nodes, or both."""
    from framework.emr.cluster import resize
    from framework.emr.cluster.life import identify

    counts, on_spot = _counts("--nodes", nodes), _counts("--spot", spot)
    bounds = minimum is not None or maximum is not None
    if not (bounds or counts or on_spot):
        raise typer.BadParameter("say --min, --max, --nodes NAME=N or --spot NAME=N")
    settings = _settings(environment, overrides)
    emr = client("emr", settings)
    cluster = identify(emr, settings.emr, which)
    if bounds:
        limits = resize.bounds(emr, cluster, minimum, maximum)
        least, most = limits["MinimumCapacityUnits"], limits["MaximumCapacityUnits"]
        typer.echo(f"{cluster} scales between {least} and {most} {limits['UnitType']}.")
    if counts or on_spot:
        resize.nodes(emr, cluster, counts, on_spot)
        show = f"`lakegate cluster show {cluster}{same(environment, overrides)}`"
        typer.echo(f"{cluster} is being resized: {show}. Managed scaling, if on, goes on.")


def terminate_cluster(
    which: str | None, environment: str, overrides: Sequence[str], *, yes: bool, unprotect: bool
) -> None:
    """End a cluster, after asking."""
    from framework.emr.cluster.life import identify, terminate

    settings = _settings(environment, overrides)
    emr = client("emr", settings)
    cluster = identify(emr, settings.emr, which)
    confirm(f"End {cluster}, what runs on it, and its HDFS?", yes=yes)
    ended = terminate(emr, cluster, unprotect=unprotect)
    typer.echo(f"{cluster} is terminating." if ended else f"{cluster} has ended already.")


def _settings(environment: str, overrides: Sequence[str]) -> "Settings":
    from framework.config import load

    project.find().enter()
    return load(environment, overrides)


def _advice(settings: "Settings") -> "list[Advice]":
    from framework.emr.cluster.advice import Advice, advise
    from framework.emr.cluster.network import Network, look
    from framework.emr.releases.release import release

    cluster, groups = settings.emr.cluster, settings.emr.cluster.security_groups
    network, doubts = Network(), [Advice("unchecked", setting, said) for setting, said in aws.doubts(settings.aws)]
    if cluster.subnets or groups.model_dump(exclude_defaults=True):
        try:
            network = look(client("ec2", settings, retries=False), cluster)
        except SettingError as error:
            network = Network(unseen=error.reason)
    return [*advise(settings.emr, release(settings.emr.release), clock().date(), network), *doubts]


def _print_advice(found: "list[Advice]") -> None:
    console, styles = Console(highlight=False, soft_wrap=True), {"unsafe": "red", "costly": "yellow"}
    for each in found:
        style, said = styles.get(each.kind, "dim"), aws.without_accounts(each.said)
        console.print(f"[{style}]{each.kind:<9}[/{style}] {escape(each.setting)}: {escape(said)}")


def _print_health(found: "Health", console_link: str, now: datetime) -> None:
    console = Console(highlight=False)

    def say(what: str, text: str) -> None:
        if text:
            console.print(f"  {what:<9} {escape(aws.without_accounts(text))}", soft_wrap=True)

    console.print(f"[bold]{found.id}[/bold]  {escape(found.name)}: {found.state}", soft_wrap=True)
    say("reason", found.reason)
    if found.created:
        up = f"{(found.ended or now) - found.created}".partition(".")[0]
        say("made", f"{_time(found.created)} UTC, {'was' if found.ended else 'is'} up for {up}")
    say("release", found.release)
    say("steps", f"{found.running} running, {found.pending} pending")
    say("logs", found.log_uri or "none are kept")
    say("console", console_link)
    if found.protected:
        say("protected", "from termination")
    table = Table("nodes", "role", "types", "market", "state", "running", "requested")
    for each in found.nodes:
        numbers = (str(each.running), str(each.requested))
        table.add_row(escape(each.name), each.role.lower(), ", ".join(each.types), each.market, each.state, *numbers)
    console.print(table)
    for name, value in found.metrics.items():
        say("", f"{name} {value:g}")
    say("measured", f"nothing: {found.unmeasured}" if found.unmeasured else "")
    for fault in found.faults:
        console.print(f"  [red]{escape(fault)}[/red]", soft_wrap=True)


def _counts(option: str, given: Sequence[str]) -> Mapping[str, int]:
    """Return `["core=3"]` as `{"core": 3}`."""
    found = {}
    for each in given:
        name, _, number = each.rpartition("=")
        if not name or not number.isdecimal():
            raise typer.BadParameter(f"{each!r} is not NAME=N", param_hint=option)
        found[name] = int(number)
    return found


def _print(value: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(value, indent=2))


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""
