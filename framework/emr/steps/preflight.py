"""What stands against a submission, found before anything is uploaded."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from framework.config import Settings
from framework.emr.api import ask
from framework.emr.cluster.instances import architecture
from framework.emr.find import ACTIVE
from framework.emr.steps.state import ACTIVE as ACTIVE_STEPS
from framework.emr.steps.state import listed
from framework.emr.steps.step import Chain, OnFailure
from framework.emr.steps.upload import bucket_of
from framework.errors import (
    ApplicationMissingError,
    AwsRefusedError,
    BucketError,
    ClusterArchitectureError,
    ClusterReleaseError,
    ClusterStateError,
    EmrError,
    PreflightError,
    RuntimeRoleError,
    StepConcurrencyError,
    StepLimitError,
)

STEPS_AT_MOST = 256


def preflight(
    emr: Any, s3: Any, cluster: str, chain: Chain, settings: Settings, on_failure: OnFailure, *, needs_bundle: bool
) -> list[str]:
    """Raise what stands against adding a chain to a cluster, several faults as one PreflightError.

    A chain without a job needs neither the release nor the CPU of a bundle, nor the lake. Returns what stands against
    nothing, and is to be known all the same.
    """
    told = ask(emr.describe_cluster, ClusterId=cluster)["Cluster"]
    found = [*_cluster(cluster, told, chain, settings, on_failure, needs_bundle=needs_bundle)]
    if not any(isinstance(fault, ClusterStateError) for fault in found):
        found += _steps(emr, cluster, chain)
        found += _nodes(emr, cluster, told, settings) if needs_bundle else ()
    _require_none([*found, *_buckets(s3, told, settings, needs_lake=needs_bundle)])
    return _doubts(cluster, told, chain)


def preflight_transient(
    s3: Any, request: Mapping[str, Any], chain: Chain, settings: Settings, on_failure: OnFailure, *, needs_bundle: bool
) -> list[str]:
    """Do the same for a cluster that is made with the chain: what is to be known of it stands in the request."""
    told = {**request, "Status": {"State": "STARTING"}}
    faults = _cluster(request["Name"], told, chain, settings, on_failure, needs_bundle=needs_bundle)
    _require_none([*faults, *_buckets(s3, told, settings, needs_lake=needs_bundle)])
    return _doubts(request["Name"], told, chain)


def _doubts(cluster: str, told: Mapping[str, Any], chain: Chain) -> list[str]:
    level = told.get("StepConcurrencyLevel", 1)
    if level == 1 or len(chain.requests) == 1:
        return []
    return [f"Cluster {cluster} runs up to {level} steps at once: none of these waits for the one before it."]


def _require_none(found: list[EmrError]) -> None:
    if found:
        raise found[0] if len(found) == 1 else PreflightError(found)


def _cluster(
    cluster: str,
    told: Mapping[str, Any],
    chain: Chain,
    settings: Settings,
    on_failure: OnFailure,
    *,
    needs_bundle: bool,
) -> Iterator[EmrError]:
    status = told["Status"]
    if status["State"] not in ACTIVE:
        yield ClusterStateError(cluster, status["State"], status.get("StateChangeReason", {}).get("Message", ""))
    if needs_bundle and told.get("ReleaseLabel") != settings.emr.release:
        yield ClusterReleaseError(cluster, told.get("ReleaseLabel", "unknown"), settings.emr.release)
    applications = [application["Name"] for application in told.get("Applications", [])]
    installed = {name.lower() for name in applications}
    if missing := sorted(name for name in chain.applications if name.lower() not in installed):
        yield ApplicationMissingError(cluster, missing, applications)
    level = told.get("StepConcurrencyLevel", 1)
    if level > 1 and on_failure != "continue":
        yield StepConcurrencyError(cluster, level, on_failure)
    if settings.emr.runtime_role and not told.get("SecurityConfiguration"):
        yield RuntimeRoleError(cluster)


def _steps(emr: Any, cluster: str, chain: Chain) -> Iterator[EmrError]:
    active = sum(1 for _ in listed(emr, cluster, ACTIVE_STEPS))
    if active + len(chain.requests) > STEPS_AT_MOST:
        yield StepLimitError(cluster, active, len(chain.requests), STEPS_AT_MOST)


def _nodes(emr: Any, cluster: str, told: Mapping[str, Any], settings: Settings) -> Iterator[EmrError]:
    wanted = settings.emr.architecture
    types = _fleet_types(emr, cluster) if told.get("InstanceCollectionType") == "INSTANCE_FLEET" else None
    types = _group_types(emr, cluster) if types is None else types
    if foreign := sorted({each for each in types if architecture(each) != wanted}):
        yield ClusterArchitectureError(cluster, foreign, wanted)


def _fleet_types(emr: Any, cluster: str) -> list[str]:
    fleets = ask(emr.list_instance_fleets, ClusterId=cluster).get("InstanceFleets", [])
    return [each["InstanceType"] for fleet in fleets for each in fleet.get("InstanceTypeSpecifications", [])]


def _group_types(emr: Any, cluster: str) -> list[str]:
    return [
        group["InstanceType"] for group in ask(emr.list_instance_groups, ClusterId=cluster).get("InstanceGroups", [])
    ]


def _buckets(s3: Any, told: Mapping[str, Any], settings: Settings, *, needs_lake: bool) -> Iterator[EmrError]:
    """Look at each bucket once, whatever it is for."""
    lake = {"lake.root": settings.lake.root, "landing.root": settings.landing.root} if needs_lake else {}
    named: dict[str, str | None] = {
        "emr.artifacts": settings.emr.artifacts,
        **lake,
        "emr.step_log_uri": settings.emr.step_log_uri,
        "the cluster's log URI": told.get("LogUri"),
    }
    wanted: dict[str, list[str]] = {}
    for name, address in named.items():
        if address and address.startswith(("s3://", "s3a://", "s3n://")):
            wanted.setdefault(bucket_of(address), []).append(name)
    for bucket, names in wanted.items():
        if reason := _refused(s3.head_bucket, bucket):
            yield BucketError(bucket, names, reason)


def _refused(head: Callable[..., Any], bucket: str) -> str:
    try:
        ask(head, Bucket=bucket)
    except AwsRefusedError as error:
        # The answer to HEAD has no body, so its only word is the number.
        known = {"404": "there is none of that name", "403": "access is denied", "301": "it is in another region"}
        return known.get(error.code, f"{error.code} {error.reason}".strip())
    return ""
