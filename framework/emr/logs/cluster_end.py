"""Why a cluster did not come up, or ended: EMR's reason, what its groups and nodes say, and the log that proves it."""

import re
from dataclasses import dataclass, replace
from typing import Any

from framework.emr.api import ask, pages
from framework.emr.logs.cause import cause_of
from framework.emr.logs.endings import Ending, ending_of
from framework.emr.logs.hardware import Hardware, hardware_of
from framework.emr.logs.read import Log, folder, listed, log_lines
from framework.emr.logs.setting_up import Excerpt, excerpt
from framework.emr.logs.why import Found, StepReport, why_step
from framework.errors import AwsRefusedError

ACTIVE = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
ACTION_STREAMS = ("stderr", "stdout", "controller")
PROVISION_STREAMS = ("puppet", "stderr", "stdout")
INSTANCE = re.compile(r"\bi-[0-9a-f]{8,17}\b")
ACTION = re.compile(r"[Bb]ootstrap[ -]action[ -]?(?:number )?#?(\d+)")


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """What is known of a cluster that did not come up or ended; the texts are as AWS has them, not masked.

    Of an active cluster `ending` is what holds up what is `pending`.
    """

    cluster: dict[str, Any]
    ending: Ending | None
    nodes: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    found: Found | None = None
    excerpt: Excerpt | None = None
    excerpt_log: Log | None = None
    looked: tuple[str, ...] = ()
    step: StepReport | None = None
    details: tuple[str, ...] = ()
    unreadable: str = ""

    @property
    def state(self) -> str:
        """The state of the cluster."""
        return str(self.cluster["Status"]["State"])

    @property
    def reason(self) -> str:
        """EMR's reason for the state, with its code."""
        reason = self.cluster["Status"].get("StateChangeReason", {})
        return ": ".join(filter(None, [reason.get("Code", ""), reason.get("Message", "")]))


def why_cluster(emr: Any, s3: Any, cluster: str) -> ClusterReport:
    """Return why a cluster did not come up, or ended. Raises UnknownClusterError or AwsRefusedError."""
    found = dict(ask(emr.describe_cluster, ClusterId=cluster)["Cluster"])
    status = found["Status"]
    details = tuple(
        ": ".join(filter(None, [each.get("ErrorCode", ""), each.get("ErrorMessage", "")]))
        for each in status.get("ErrorDetails", [])
    )
    try:
        hardware = hardware_of(emr, found)
    except AwsRefusedError as error:
        hardware = Hardware((f"What its nodes say cannot be asked: {error}",))
    reason = status.get("StateChangeReason", {})
    code, own = reason.get("Code", ""), "\n".join([reason.get("Message", ""), *details])
    if status["State"] in ACTIVE:
        held = ending_of("", [hardware.words_pending])
        return ClusterReport(found, held, hardware.said, hardware.pending, details=details)
    report = ClusterReport(found, ending_of(code, [own, *hardware.words(code)]), hardware.said, details=details)
    try:
        if code == "BOOTSTRAP_FAILURE":
            return _with_log(s3, report)
        if code == "STEP_FAILURE":
            return replace(report, step=_failed_step(emr, s3, cluster))
    except AwsRefusedError as error:
        return replace(report, unreadable=str(error))
    return report


def _with_log(s3: Any, report: ClusterReport) -> ClusterReport:
    """Find what the bootstrap action, or the setting up of the node, has written."""
    status, uri = report.cluster["Status"], report.cluster.get("LogUri")
    if not uri:
        return report
    values = [
        value for each in status.get("ErrorDetails", []) for data in each.get("ErrorData", []) for value in data.items()
    ]
    said = "\n".join([report.reason, *report.details, *(f"{key} {value}" for key, value in values)])
    action = ACTION.search(said)
    nodes = dict.fromkeys(INSTANCE.findall(said) or INSTANCE.findall("\n".join(report.nodes)))
    place = f"{folder(uri)}/{report.cluster['Id']}/node"
    # Applications are set up by Puppet, after the bootstrap actions went well.
    is_action = bool(action) or report.ending is None or report.ending.name.startswith("bootstrap action")
    what, streams = ("bootstrap-actions", ACTION_STREAMS) if is_action else ("provision-node", PROVISION_STREAMS)
    looked = [f"{place}/{node}/{what}/" for node in nodes] or [f"{place}/"]
    logs = [log for where in looked for log in listed(s3, where) if f"/{what}/" in log.address]
    if action:
        logs = [log for log in logs if f"/bootstrap-actions/{action[1]}/" in log.address] or logs
    logs = [log for stream in streams for log in logs if log.stream == stream]
    found, shown = None, None
    for log in logs:
        cause = cause_of(log_lines(s3, log))
        if cause and (found is None or cause.weight > found.cause.weight):
            found = Found(cause, log)
        # The first log that has an error, else the first.
        if not (shown and shown[0].errors) and (read := excerpt(log_lines(s3, log))).last:
            shown = (read, log) if shown is None or read.errors else shown
    read_, log_ = shown or (None, None)
    return replace(report, found=found, excerpt=read_, excerpt_log=log_, looked=tuple(looked))


def _failed_step(emr: Any, s3: Any, cluster: str) -> StepReport | None:
    """Return why the step failed that took the cluster along: the newest that was to do so, else the newest."""
    failed = list(pages(emr.list_steps, "Steps", ClusterId=cluster, StepStates=["FAILED"]))
    failed.sort(key=lambda step: step.get("ActionOnFailure") not in ("TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW"))
    return why_step(emr, s3, cluster, failed[0]["Id"]) if failed else None
