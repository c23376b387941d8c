"""`lakegate why STEP` and `lakegate why CLUSTER`: the probable cause of a failure, and what to do about it."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import typer

from framework.cli.follow_up import same
from framework.cli.logs import clients, the_cluster
from framework.errors import NeitherStepNorClusterError

if TYPE_CHECKING:
    from framework.emr.logs.cluster_end import ClusterReport
    from framework.emr.logs.read import Log
    from framework.emr.logs.setting_up import Excerpt
    from framework.emr.logs.why import Found, StepReport


def print_why(target: str, environment: str, overrides: Sequence[str], *, cluster: str | None) -> None:
    """Print why a step or a cluster failed; what is quoted of logs is masked. Raises NeitherStepNorClusterError."""
    from framework.emr.logs.cluster_end import why_cluster
    from framework.emr.logs.mask import masked
    from framework.emr.logs.why import why_step

    if not target.startswith(("s-", "j-")):
        raise NeitherStepNorClusterError(target)
    settings, emr, s3 = clients(environment, overrides)
    if target.startswith("j-"):
        said = _of_cluster(why_cluster(emr, s3, target), same(environment, overrides, target))
    else:
        chosen = the_cluster(emr, settings, cluster)
        said = _of_step(why_step(emr, s3, chosen, target), same(environment, overrides, chosen))
    for line in said:
        typer.echo(masked(line))


def _of_step(report: "StepReport", place: str) -> Iterable[str]:
    step = report.step
    yield f"Step {step['Id']} ({step.get('Name', '')}) is {report.state}."
    details = report.details
    if details:
        yield "EMR says: " + "; ".join(filter(None, [details.get("Reason", ""), details.get("Message", "")]))
        if details.get("LogFile"):
            yield f"  and names {details['LogFile']}"
    elif message := step["Status"].get("StateChangeReason", {}).get("Message"):
        yield f"EMR says: {message}"
    yield ""
    if report.found:
        yield from _cause(report.found)
    elif report.fault:
        yield "Probable cause, by what EMR says:"
    elif report.state in ("PENDING", "RUNNING", "CANCEL_PENDING"):
        yield "It has not ended, and its logs show no failure yet."
    elif report.state == "COMPLETED":
        yield "Nothing failed."
    else:
        yield "No cause is to be seen." + ("" if report.last or report.unreadable else _why_not(report))
    if report.fault:
        yield f"What to do ({report.fault.name}): {report.fault.advice}"
    elif report.found:
        yield "What to do: it is none of the known faults; look at the line above, and at all of the log."
    if report.unreadable:
        yield f"The logs cannot be read: {report.unreadable}"
    yield from _quoted(report.found, report.last, report.last_log)
    yield from _rest(report, place)


def _cause(found: "Found") -> Iterable[str]:
    cause = found.cause
    yield f"Probable cause: {cause.said}"
    if cause.deepest and cause.deepest[:80] not in cause.said and cause.said[-80:] not in cause.deepest:
        yield f"  because of {cause.deepest}"
    stage = f"stage {cause.stage!r}" + (f" of job {cause.job!r}" if cause.job else "") if cause.stage else ""
    job = f"job {cause.job!r}" if cause.job and not cause.stage else ""
    where = ", ".join(filter(None, [cause.at, stage, job, cause.spark]))
    if where:
        yield f"  at {where}"


def _quoted(found: "Found | None", last: Sequence[str], log: "Log | None") -> Iterable[str]:
    from framework.emr.logs.why import excerpt

    if found:
        record = found.cause.record
        which = f"line {record.first}" if record.first == record.last else f"lines {record.first} to {record.last}"
        yield ""
        yield f"{found.log.address}, {which}:"
        for number, line in excerpt(found.cause):
            yield f"  {number:>5}  {line}"
    elif last and log:
        yield ""
        yield f"{log.address} ends with:"
        for line in last:
            yield f"  {line}"


def _excerpt(read: "Excerpt | None", log: "Log | None") -> Iterable[str]:
    """Give a log's first error, where that is not in its end, and the end."""
    if read is None or log is None:
        return
    yield ""
    if read.first:
        more = f" of {read.errors:,}" if read.errors > 1 else ""
        yield f"{log.address}, around its first error{more}:"
        yield from (f"  {number:>5}  {line}" for number, line in read.first)
        yield f"It ends at line {read.last[-1][0]:,} with:"
    else:
        yield f"{log.address} ends with:"
    yield from (f"  {line}" for _, line in read.last)


def _rest(report: "StepReport", place: str) -> Iterable[str]:
    if report.looked:
        yield ""
        yield f"All of it: `lakegate logs {report.step['Id']}{place}`, or in {', '.join(report.looked)}"


def _why_not(report: "StepReport") -> str:
    if not report.keeps_logs:
        return (
            " The cluster keeps no logs: it has no log URI. Set emr.cluster.log_uri before the next one is made, or "
            "emr.step_log_uri for the steps to come."
        )
    return f" There are no logs yet in {', '.join(report.looked)}; EMR uploads them every five minutes."


def _of_cluster(report: "ClusterReport", place: str) -> Iterable[str]:
    from framework.emr.logs.cluster_end import ACTIVE

    cluster = report.cluster
    yield f"Cluster {cluster['Id']} ({cluster.get('Name', '')}) is {report.state}."
    if report.reason:
        yield f"EMR says: {report.reason}"
    yield from (f"  {detail}" for detail in report.details)
    yield from (f"  {node}" for node in report.nodes)
    yield ""
    if report.pending:
        yield f"It has not ended. Pending: {'; '.join(report.pending)}."
    elif report.state in ACTIVE:
        yield "It has not ended, and EMR names no failure."
    if report.ending:
        yield ("Held up by: " if report.state in ACTIVE else "Probable cause: ") + report.ending.name
        yield f"What to do: {report.ending.advice}"
    elif report.state not in ACTIVE:
        yield "No cause is to be seen."
    if report.found:
        yield ""
        yield from _cause(report.found)
        if fault := report.found.cause.fault:
            yield f"What to do ({fault.name}): {fault.advice}"
    yield from _excerpt(report.excerpt, report.excerpt_log)
    if report.unreadable:
        yield f"The logs cannot be read: {report.unreadable}"
    if report.looked and not report.excerpt:
        yield f"There are no logs of the nodes yet in {', '.join(report.looked)}; EMR uploads them every five minutes."
    if report.step:
        yield ""
        yield from _of_step(report.step, place)
