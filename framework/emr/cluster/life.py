"""The life of a cluster: made once, waited for, listed, ended."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from framework import aws
from framework.config.emr import EmrSettings
from framework.emr.api import Patience, ask, pages
from framework.emr.cluster.request import CREATION
from framework.emr.find import ACTIVE, cluster_id
from framework.emr.pace import Pace
from framework.errors import (
    AwsRefusedError,
    ClusterFailedError,
    ClusterProtectedError,
    ClusterTimeoutError,
    LostClusterError,
    UnknownClusterError,
)

UP = ("RUNNING", "WAITING")
OVER = ("TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS")
ATTEMPTS, LOOKS = 5, 3
SHORTEST, LONGEST = 10.0, 30.0
# A clock may be off, and a cluster is to be found by when it was made; a token that is said again is of a day at most.
MARGIN, OLDEST = timedelta(minutes=15), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Listed:
    """A cluster as a list has it."""

    id: str
    name: str
    state: str
    created: datetime | None
    instance_hours: int

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Listed":
        """Return what EMR says of a cluster."""
        status = found.get("Status", {})
        created = status.get("Timeline", {}).get("CreationDateTime")
        return cls(
            found["Id"], found["Name"], status.get("State", ""), created, found.get("NormalizedInstanceHours", 0)
        )


def create(emr: Any, once: Any, request: Mapping[str, Any], token: str, since: datetime, pace: Pace) -> str:
    """Make a cluster and return its id; `token` is that of the request, and `once` a client that tries a call once.

    RunJobFlow has no token of AWS's own that would make a second call harmless. So after an answer that was lost the
    clusters made since `since` are looked through for the tag before the call is made again. Raises AwsRefusedError, or
    LostClusterError where it cannot be known whether the cluster is there.
    """
    for attempt in range(ATTEMPTS):
        try:
            return str(once.run_job_flow(**request)["JobFlowId"])
        except aws.failures() as error:
            failed = error
        if not (aws.is_lost(failed) or aws.is_throttled(failed)):
            break
        # A new cluster may take a moment to be in the list.
        for _ in range(LOOKS if aws.is_lost(failed) else 1):
            pace.pause(SHORTEST * 2**attempt)
            try:
                found = made(emr, request["Name"], token, since)
            except (AwsRefusedError, UnknownClusterError) as error:
                raise LostClusterError(request["Name"], token, str(error)) from failed
            if found:
                return found
    if aws.is_lost(failed):
        raise LostClusterError(request["Name"], token, aws.reason(failed)) from failed
    raise AwsRefusedError("RunJobFlow", aws.code(failed), aws.reason(failed)) from failed


def since(now: datetime, *, again: bool) -> datetime:
    """Return from when on a cluster with a token is looked for; `again` says that the token was used before."""
    return now - (OLDEST if again else MARGIN)


def made(emr: Any, name: str, token: str, since: datetime) -> str | None:
    """Return the id of the cluster that was made with a token, None where there is none. Raises AwsRefusedError."""
    for listed in pages(emr.list_clusters, "Clusters", CreatedAfter=since):
        if listed["Name"] == name:
            tags = ask(emr.describe_cluster, ClusterId=listed["Id"])["Cluster"].get("Tags", [])
            if {"Key": CREATION, "Value": token} in tags:
                return str(listed["Id"])
    return None


def identify(emr: Any, settings: EmrSettings, wanted: str | None) -> str:
    """Return the id of a cluster that is named by its id or name, or else the one of the settings.

    Raises ClusterNotFoundError or AmbiguousClusterError.
    """
    if wanted is None:
        return cluster_id(emr, settings)
    if re.fullmatch(r"j-[A-Z0-9]+", wanted):
        return wanted
    named = settings.cluster.model_copy(update={"name": wanted})
    return cluster_id(emr, settings.model_copy(update={"cluster_id": None, "cluster": named}))


def clusters(emr: Any, *, every: bool = False) -> Iterator[Listed]:
    """Give the active clusters, or every one that EMR still knows, the newest first."""
    wanted = {} if every else {"ClusterStates": list(ACTIVE)}
    yield from map(Listed.of, pages(emr.list_clusters, "Clusters", **wanted))


def wait(emr: Any, cluster: str, *, pace: Pace, timeout: float, observe: Callable[[str], None] = lambda _: None) -> str:
    """Wait until a cluster is up and return its state; `observe` gets each new one.

    Throttling, and a network that fails for a while, are waited out. Raises ClusterFailedError where it ends instead,
    ClusterTimeoutError after `timeout` seconds, and AwsRefusedError.
    """
    end, state, interval, patience = pace.now() + timeout, "", SHORTEST, Patience()
    while True:
        with patience:
            status = ask(emr.describe_cluster, ClusterId=cluster)["Cluster"]["Status"]
            if status["State"] != state:
                state = status["State"]
                observe(state)
            if state in UP:
                return str(state)
            if state in OVER:
                raise ClusterFailedError(cluster, state, reason(status))
        if (left := end - pace.now()) <= 0:
            raise ClusterTimeoutError(cluster, state or "unknown", timeout)
        pace.pause(interval, at_most=left)
        interval = min(interval * 1.5, LONGEST)


def require_not_over(emr: Any, cluster: str) -> None:
    """Refuse a cluster that has ended, or ends. Raises ClusterFailedError."""
    status = ask(emr.describe_cluster, ClusterId=cluster)["Cluster"]["Status"]
    if status["State"] in OVER:
        raise ClusterFailedError(cluster, status["State"], reason(status))


def reason(status: Mapping[str, Any]) -> str:
    """Return why a cluster is in its state, in EMR's words; empty where it does not say."""
    said = status.get("StateChangeReason", {})
    details = [each.get("ErrorMessage", "") for each in status.get("ErrorDetails", [])]
    return ": ".join(filter(None, [said.get("Code"), said.get("Message"), *details]))


def terminate(emr: Any, cluster: str, *, unprotect: bool = False) -> bool:
    """End a cluster, and tell whether there was anything to end.

    Raises ClusterProtectedError where it has termination protection and `unprotect` does not allow to take that off.
    """
    found = ask(emr.describe_cluster, ClusterId=cluster)["Cluster"]
    if found["Status"]["State"] in OVER:
        return False
    if found.get("TerminationProtected"):
        if not unprotect:
            raise ClusterProtectedError(cluster)
        ask(emr.set_termination_protection, JobFlowIds=[cluster], TerminationProtected=False)
    ask(emr.terminate_job_flows, JobFlowIds=[cluster])
    return True
