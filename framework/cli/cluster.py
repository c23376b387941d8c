"""`lakegate cluster VERB`: the verbs and their help; what they do is in clusters.py."""

from typing import Annotated

import typer

from framework.cli.options import Environment, Overrides

cluster = typer.Typer(no_args_is_help=True)
Which = Annotated[
    str | None,
    typer.Argument(metavar="[CLUSTER]", help="id or name; emr.cluster_id or emr.cluster.name if left out"),
]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]


@cluster.command()
def plan(env: Environment = "local", set: Overrides = None) -> None:
    """Print the request that would make the cluster, and what is unsafe or costly about it. Changes nothing."""
    from framework.cli.clusters import print_plan

    print_plan(env, set or [])


@cluster.command()
def create(
    yes: Yes = False,
    wait: Annotated[bool, typer.Option("--wait", help="until it is up")] = False,
    timeout: Annotated[int, typer.Option(metavar="MINUTES", help="how long to wait", min=1)] = 30,
    creation: Annotated[
        str | None,
        typer.Option(metavar="ID", help="one of the last day whose answer was lost: made if it is not there"),
    ] = None,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """Make the cluster of the settings, and its security configuration where that is missing."""
    from framework.cli.clusters import create_cluster

    create_cluster(env, set or [], yes=yes, wait=wait, timeout=timeout, creation=creation)


@cluster.command("list")
def list_clusters(
    every: Annotated[bool, typer.Option("--all", help="those that have ended too")] = False,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """List the active clusters, newest first."""
    from framework.cli.clusters import print_clusters

    print_clusters(env, set or [], every=every)


@cluster.command()
def show(which: Which = None, env: Environment = "local", set: Overrides = None) -> None:
    """Show a cluster and its health: state, nodes, steps, YARN's memory, HDFS."""
    from framework.cli.clusters import print_cluster

    print_cluster(which, env, set or [])


@cluster.command()
def resize(
    which: Which = None,
    minimum: Annotated[int | None, typer.Option("--min", min=1, help="of managed scaling")] = None,
    maximum: Annotated[int | None, typer.Option("--max", min=1, help="of managed scaling")] = None,
    nodes: Annotated[
        list[str] | None, typer.Option(metavar="NAME=N", help="nodes of a group, or units on demand of a fleet")
    ] = None,
    spot: Annotated[list[str] | None, typer.Option(metavar="NAME=N", help="units on spot of a fleet")] = None,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """Change the bounds of managed scaling, or the nodes of groups and fleets."""
    from framework.cli.clusters import resize_cluster

    resize_cluster(which, env, set or [], minimum=minimum, maximum=maximum, nodes=nodes or [], spot=spot or [])


@cluster.command()
def terminate(
    which: Which = None,
    yes: Yes = False,
    unprotect: Annotated[bool, typer.Option("--unprotect", help="take termination protection off first")] = False,
    env: Environment = "local",
    set: Overrides = None,
) -> None:
    """End a cluster with all that runs on it, and its HDFS."""
    from framework.cli.clusters import terminate_cluster

    terminate_cluster(which, env, set or [], yes=yes, unprotect=unprotect)
