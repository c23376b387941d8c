"""What EMR requires of a new cluster, of new steps and of policies, and refuses otherwise, in its words."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from framework.emr import RELEASES, Release
from framework.lanes import is_of
from framework.local_emr.api.hardware import labels
from framework.local_emr.api.model import ACTIVE_STEPS, Cluster
from framework.local_emr.api.refusal import Refusal, invalid, not_offered, validation
from framework.local_emr.api.world import Call

MOST_ACTIVE_STEPS = 256
MOST_CONCURRENT = 256
LONGEST_STEP = 10240
# Of any of Hadoop's connectors, which all read and write the same objects; logs go nowhere else.
LOG_URI = re.compile(r"s3[an]?://[^/]+(/.*)?", re.DOTALL)
IDLE = (60, 604_800)
# Delta, Hudi and Iceberg come with Spark and are enabled by a classification: no cluster installs them by name.
BUILT_IN = {"Delta", "Hudi", "Iceberg"}
# What no release since emr-4 takes, or what would be kept and then do nothing.
NOT_OFFERED = ("AmiVersion", "SupportedProducts", "NewSupportedProducts", "AdditionalInfo", "SessionEnabled")


def require_cluster(call: Call, asked: Mapping[str, Any]) -> None:
    """Refuse a RunJobFlow request that EMR would, apart from its nodes."""
    for name in NOT_OFFERED:
        if asked.get(name):
            raise not_offered(f"RunJobFlow with {name}")
    if "ReleaseLabel" not in asked:
        raise validation("Must specify exactly one of the following: release label, AMI version, or Hadoop version.")
    release = require_release(asked["ReleaseLabel"])
    host = call.world.host
    if host and not is_of(release.spark, host.spark):
        fitting = [each.label for each in RELEASES.values() if is_of(each.spark, host.spark)]
        raise not_offered(f"{release.label}, which has Spark {release.spark}: {host.spark} is installed", fitting)
    if "ServiceRole" not in asked:
        raise validation("ServiceRole is required for creating cluster.")
    if "JobFlowRole" not in asked:
        raise validation("InstanceProfile is required for creating cluster.")
    installable = {name.lower() for name in release.applications if name not in BUILT_IN}
    for application in asked.get("Applications", ()):
        if application.get("Name", "").lower() not in installable:
            raise validation(
                f"Specified application: {application.get('Name')} is not valid for release label {release.label}. "
                f"Valid are: {', '.join(sorted(set(release.applications) - BUILT_IN))}."
            )
    security = asked.get("SecurityConfiguration")
    if security and (call.region, security) not in call.world.store.security:
        raise validation(f"Security configuration with name '{security}' does not exist.")
    _require_log_uri(asked.get("LogUri"))
    require_concurrency(asked.get("StepConcurrencyLevel", 1))
    require_steps(asked.get("Steps", ()), active=0, concurrency=asked.get("StepConcurrencyLevel", 1))
    require_role(call, asked, asked.get("StepExecutionRoleArn"))
    if "AutoTerminationPolicy" in asked:
        require_idle_timeout(asked["AutoTerminationPolicy"].get("IdleTimeout"))
    if "ManagedScalingPolicy" in asked:
        require_scaling(asked["ManagedScalingPolicy"], fleets="InstanceFleets" in asked["Instances"])
    require_tags(asked.get("Tags", ()))


def require_release(label: str) -> Release:
    """Return a release. Raises Refusal for a label that is none, or of which Lakegate knows nothing."""
    if label not in RELEASES and label in labels():
        raise not_offered(f"the release {label}", RELEASES)
    if label not in RELEASES:
        raise validation(f"The supplied release label is invalid: {label}.")
    return RELEASES[label]


def require_concurrency(level: int) -> None:
    """Refuse what is no number of steps at once."""
    if not 1 <= level <= MOST_CONCURRENT:
        raise validation(f"The step concurrency level must be between 1 and {MOST_CONCURRENT}: {level}.")


def require_steps(steps: Sequence[Mapping[str, Any]], *, active: int, concurrency: int) -> None:
    """Refuse steps: too many, too long, without a place for logs, or with an action that does not go with others."""
    if active + len(steps) > MOST_ACTIVE_STEPS:
        raise validation(
            "Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') for cluster exceeded."
        )
    for step in steps:
        action = step.get("ActionOnFailure", "TERMINATE_CLUSTER")
        if concurrency > 1 and action != "CONTINUE":
            raise validation(
                f"The ActionOnFailure setting {action} is not valid: with a step concurrency level of {concurrency} "
                "only CONTINUE is."
            )
        if sum(map(len, _strings(step["HadoopJarStep"]))) > LONGEST_STEP:
            raise validation(
                f"The strings of the HadoopJarStep of step '{step['Name']}' have more than {LONGEST_STEP} characters."
            )
        monitoring = step.get("StepMonitoringConfiguration", {}).get("S3MonitoringConfiguration", {})
        _require_log_uri(monitoring.get("LogUri"))


def require_role(call: Call, asked: Mapping[str, Any], role: str | None) -> None:
    """Refuse a runtime role where the cluster's security configuration has none enabled."""
    if role is None:
        return
    found = call.world.store.security.get((call.region, asked.get("SecurityConfiguration", "")))
    document = json.loads(found.text) if found else {}
    iam = document.get("AuthorizationConfiguration", {}).get("IAMConfiguration", {})
    if not iam.get("EnableApplicationScopedIAMRole"):
        raise validation("Runtime roles are not enabled in the security configuration of the cluster.")


def require_modifiable(cluster: Cluster) -> None:
    """Refuse to change a cluster that ends or has ended."""
    if cluster.is_ending:
        raise validation("A job flow that is shutting down, terminated, or finished may not be modified.")


def require_idle_timeout(seconds: int | None) -> None:
    """Refuse an idle time that is out of bounds."""
    if seconds is not None and not IDLE[0] <= seconds <= IDLE[1]:
        raise validation(f"The idle timeout must be between {IDLE[0]} and {IDLE[1]} seconds: {seconds}.")


def require_scaling(policy: Mapping[str, Any], *, fleets: bool) -> None:
    """Refuse a policy of managed scaling whose limits contradict each other or the cluster."""
    limits = policy.get("ComputeLimits")
    if limits is None:
        raise validation("Invalid configuration for managed scaling. The compute limits are missing")
    least, most = limits["MinimumCapacityUnits"], limits["MaximumCapacityUnits"]
    if fleets != (limits["UnitType"] == "InstanceFleetUnits"):
        wanted = "InstanceFleetUnits" if fleets else "Instances or VCPU"
        raise _scaling(f"The unit type of this cluster must be {wanted}")
    if least < 1:
        raise _scaling("The min capacity must be one or more")
    if least > most:
        raise _scaling("The min capacity cannot be higher than max capacity")
    for name, said in (("MaximumOnDemandCapacityUnits", "On-Demand"), ("MaximumCoreCapacityUnits", "Core")):
        if limits.get(name, 0) > most:
            raise _scaling(f"The max {said} capacity cannot be higher than max capacity")
    index = policy.get("UtilizationPerformanceIndex")
    if index is not None and not 1 <= index <= 100:
        raise _scaling("The utilization performance index must be between 1 and 100")
    if index is not None and policy.get("ScalingStrategy") != "ADVANCED":
        raise _scaling("A utilization performance index needs the scaling strategy ADVANCED")


def require_tags(tags: Sequence[Mapping[str, str]]) -> None:
    """Refuse tags whose key or value is too short or too long."""
    for tag in tags:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        if not 1 <= len(key) <= 128:
            raise invalid(
                f"Invalid tag key: '{key or 'null'}'. Tag keys must be between 1 and 128 characters in length."
            )
        if len(value) > 256:
            raise invalid(f"Invalid tag value: '{value}'. Tag values must be at most 256 characters in length.")


def active_steps(cluster: Cluster) -> int:
    """Return how many of a cluster's steps wait or run."""
    return sum(1 for _ in cluster.steps_in(*ACTIVE_STEPS))


def _require_log_uri(uri: str | None) -> None:
    if uri and not LOG_URI.fullmatch(uri):
        raise validation(f"The log URI '{uri}' is not valid: it is s3://, and a bucket.")


def _scaling(said: str) -> Refusal:
    return validation(f"Invalid configuration for managed scaling. {said}")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, Sequence):
        for each in value:
            yield from _strings(each)
