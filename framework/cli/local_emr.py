"""`lakegate local-emr VERB`: an EMR on this machine."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from framework.counted import counted

if TYPE_CHECKING:
    from framework.local_emr.control import Status
    from framework.local_emr.served import Served

local_emr = typer.Typer(no_args_is_help=True)


def _default() -> Path:
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "lakegate" / "local-emr"


Folder = Annotated[
    Path,
    typer.Option(
        "--folder",
        metavar="DIR",
        envvar="LAKEGATE_LOCAL_EMR",
        default_factory=_default,
        show_default="lakegate/local-emr below XDG_STATE_HOME or ~/.local/state",
        help="where all of it is; one for each that runs",
    ),
]


@local_emr.command()
def start(
    folder: Folder,
    port: Annotated[int | None, typer.Option(help="of the endpoint; a free one if left out", min=1, max=65_535)] = None,
    hdfs: Annotated[bool | None, typer.Option("--hdfs/--no-hdfs", help="with HDFS", show_default="no HDFS")] = None,
    nodes: Annotated[
        int | None, typer.Option(help="NodeManagers while there is no cluster", min=1, max=8, show_default="2")
    ] = None,
) -> None:
    """Start AWS's services, EMR and a YARN on this machine, for it alone; they run until they are stopped."""
    from time import monotonic

    from framework.local_emr import control

    began = monotonic()
    wanted = control.Wanted(port, hdfs, nodes)
    found, new = control.start(folder, wanted, lambda said: typer.echo(said, err=True))
    typer.echo(f"Up after {monotonic() - began:.1f} s." if new else "It runs already.")
    _say(found)
    typer.echo('\nGo on with: eval "$(lakegate local-emr env' + _option(folder) + ')"')


@local_emr.command()
def status(folder: Folder) -> None:
    """Show what runs: addresses, nodes, clusters, and faults that are made. Exit code 1: nothing does."""
    from framework.local_emr import control

    found = control.status(folder)
    _say(found.served)
    _say_state(found)


@local_emr.command()
def stop(folder: Folder) -> None:
    """End all of it, whatever of it still lives. Clusters and S3 are gone; logs and HDFS's files stay for `start`."""
    from framework.local_emr import control

    typer.echo("Stopped." if control.stop(folder) else f"Nothing runs in {folder}.")


@local_emr.command()
def reset(folder: Folder) -> None:
    """Stop, and remove logs and HDFS's files; if it ran, start it again as it was."""
    from framework.local_emr import control

    there = folder.exists()
    found, others = control.reset(folder)
    if found:
        typer.echo("All is as after a first start.")
        _say(found)
    elif there:
        typer.echo(f"{folder} is removed." if not others else f"All of it in {folder} is removed.")
    else:
        typer.echo(f"Nothing is in {folder}.")
    if others:
        typer.echo(f"Not made by it, and left: {', '.join(others)}.")


@local_emr.command()
def env(folder: Folder) -> None:
    """Print what a shell sets so that the AWS CLI, boto3 and --env local-emr find it: eval "$(lakegate ...)"."""
    from shlex import quote

    from framework.local_emr import control

    for name, value in control.variables(control.running(folder), os.environ).items():
        typer.echo(f"unset {name}" if value is None else f"export {name}={quote(value)}")


@local_emr.command()
def upload(
    source: Annotated[Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="with all below it")],
    address: Annotated[str, typer.Argument(metavar="s3://BUCKET/PREFIX", help="the bucket is made if need be")],
    folder: Folder,
) -> None:
    """Put files on its S3, such as those that a job is to find."""
    from framework.aws import failures, reason
    from framework.local_emr import control
    from framework.local_emr.daemons import s3

    if not address.startswith("s3://") or address == "s3://":
        raise typer.BadParameter(f"{address!r} is no place on S3: say s3://BUCKET/PREFIX")
    found = control.running(folder)
    try:
        count = s3.put(found.endpoint, source, address)
    except failures() as error:
        raise typer.BadParameter(reason(error)) from None
    typer.echo(f"Put {counted(count, 'file')} at {address}.")


@local_emr.command()
def fault(
    folder: Folder,
    s3_overloaded: Annotated[float, typer.Option(metavar="SHARE", help="of S3's answers are 503", min=0, max=1)] = 0,
    s3_slow: Annotated[float, typer.Option(metavar="SHARE", help="of S3's answers are late", min=0, max=1)] = 0,
    s3_delay: Annotated[float, typer.Option(metavar="SECONDS", help="how late those are", min=0, max=600)] = 1,
    throttle_next: Annotated[int, typer.Option(metavar="N", help="calls of EMR's API are throttled", min=0)] = 0,
    throttle_share: Annotated[
        float, typer.Option(metavar="SHARE", help="of the calls of EMR's API are throttled", min=0, max=1)
    ] = 0,
    expired: Annotated[bool, typer.Option("--expired", help="all credentials have expired")] = False,
    kill_node: Annotated[str | None, typer.Option(metavar="NODE", help="lose a node, now")] = None,
    lose_containers: Annotated[str | None, typer.Option(metavar="NODE", help="kill a node's containers, now")] = None,
) -> None:
    """Make things go wrong, for tests: these faults from now on, and no others; none without an option."""
    from framework.local_emr import control
    from framework.local_emr.api.faults import Faults
    from framework.local_emr.daemons import nodes

    try:
        faults = Faults(throttle_next, throttle_share, (), expired, s3_overloaded, s3_slow, s3_delay)
    except ValueError as error:  # of a number that is none
        raise typer.BadParameter(str(error)) from error
    found = control.running(folder)
    if kill_node:
        nodes.kill(found.folder, kill_node)
        typer.echo(f"{kill_node} is killed.")
    if lose_containers:
        count = nodes.lose_containers(found.folder, lose_containers)
        typer.echo(f"{count} processes of the containers of {lose_containers} are killed.")
    if faults != Faults() or not (kill_node or lose_containers):
        control.set_faults(folder, faults)
        typer.echo("No faults." if faults == Faults() else "The faults are made.")


def _say(found: "Served") -> None:
    lines = {
        "endpoint": found.endpoint,
        "YARN": found.resource_manager,
        "HDFS": f"{found.hdfs} (pages: {found.hdfs_pages})" if found.hdfs else None,
        "logs": found.logs,
        "Hadoop": f"{found.folder / 'conf'} (HADOOP_CONF_DIR)",
    }
    for name, value in lines.items():
        if value:
            typer.echo(f"{name:<9} {value}")


def _say_state(found: "Status") -> None:
    used = {node: each["id"] for each in found.clusters for node in each["nodes"]}
    if not found.nodes:
        typer.echo("\nYARN has ended: stop it, and start it again.")
    for node in found.nodes:
        whose = f", counts for {used[node.name]}" if node.name in used else ""
        typer.echo(f"{node.name:<9} {node.host} {node.state}, {node.containers} containers{whose}")
    for each in found.clusters:
        steps = ", ".join(f"{count} {state}" for state, count in each["steps"].items()) or "no steps"
        typer.echo(f"{each['id']} {each['name']}: {each['state']}, {steps}")
    if not found.clusters:
        typer.echo("no clusters")
    for name, value in found.faults.items():
        typer.echo(f"fault     {name} {value}")


def _option(folder: Path) -> str:
    """Return what names a folder that no variable does, and that is not the default."""
    from shlex import quote

    known = os.environ.get("LAKEGATE_LOCAL_EMR") or _default()
    return "" if Path(known) == folder else f" --folder {quote(str(folder))}"
