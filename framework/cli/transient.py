"""`lakegate submit --transient`: a cluster that is made for one chain, and ends itself after it."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from framework.cli.clients import client
from framework.cli.printed import masked, say_commas, say_what_is_masked
from framework.cli.start import clock
from framework.errors import LostAnswerError, LostClusterError

if TYPE_CHECKING:
    from framework.config import Settings
    from framework.emr.steps.step import Chain, OnFailure
    from framework.emr.steps.upload import Upload


def print_transient(settings: "Settings", made: "Chain", token: str) -> None:
    """Print the call and the command that does the same."""
    from framework import aws
    from framework.emr.cluster import request as requests
    from framework.emr.command import create_cluster, parted, unsaid

    request = masked(requests.shown(_request(settings, made, token, requests.masked)), settings)
    typer.echo(json.dumps(request, indent=2, ensure_ascii=False))
    typer.echo("")
    typer.echo(command := create_cluster(request, aws.region(settings.aws)))
    say_what_is_masked(command)
    say_commas(parted(request))
    if left_out := unsaid(request):
        typer.echo(f"The command has no option for {', '.join(left_out)}.", err=True)


def on_transient(
    settings: "Settings",
    made: "Chain",
    wanted: "Sequence[Upload]",
    token: str,
    on_failure: "OnFailure",
    *,
    needs_bundle: bool,
    again: bool,
) -> tuple[Any, str, list[str]]:
    """Make the cluster with its steps; return the client, the cluster, and the steps in order."""
    from framework.emr.cluster import life as cluster
    from framework.emr.cluster import security
    from framework.emr.cluster.health import console
    from framework.emr.pace import Pace
    from framework.emr.steps.preflight import preflight_transient
    from framework.emr.steps.same import same_steps
    from framework.emr.steps.submit import look
    from framework.emr.steps.upload import upload
    from framework.secrets import secret

    request = _request(settings, made, token, lambda name: secret(name, settings))
    emr, s3, name = client("emr", settings), client("s3", settings), request["Name"]
    since = cluster.since(clock(), again=again)
    found = earlier = cluster.made(emr, name, token, since) if again else None
    if found is None:
        for said in preflight_transient(s3, request, made, settings, on_failure, needs_bundle=needs_bundle):
            typer.echo(said, err=True)
        typer.echo(upload(s3, wanted))
        if security.provide(emr, settings.emr):
            typer.echo(f"Made the security configuration {request['SecurityConfiguration']}.")
        typer.echo(f"Submission {token} to a cluster of its own:")
        try:
            found = cluster.create(emr, client("emr", settings, retries=False), request, token, since, Pace.of(emr))
        except LostClusterError as error:
            raise LostAnswerError(name, token, error.reason) from error
    typer.echo(f"{found}  {name}: {console(emr, found)}")
    unlisted = "it is there, and its steps are not listed yet"
    steps = look(emr, found, token, len(made.requests), clock, Pace.of(emr), unlisted)
    if not steps:
        raise LostAnswerError(found, token, unlisted)
    return emr, found, same_steps(steps, made.requests, found, token, lost="" if earlier else unlisted)


def _request(settings: "Settings", made: "Chain", token: str, secret: Callable[[str], str]) -> dict[str, Any]:
    from framework.emr.cluster.request import run_job_flow, transient
    from framework.emr.steps.step import step_requests

    alone = run_job_flow(settings.emr, settings.catalog.kind, secret, token=token)
    return transient(alone, step_requests(made), settings.emr.runtime_role, token=token)
