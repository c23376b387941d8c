"""The RunJobFlow request of a cluster, made from settings and release alone.

What depends on the settings alone is refused where they are read; what depends on the release too is refused here, all
of it before any call of AWS.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from framework.config.cluster import ClusterSettings
from framework.config.emr import EmrSettings
from framework.config.nodes import FleetsSettings
from framework.emr.cluster import security
from framework.emr.cluster.classifications import classifications, listed
from framework.emr.cluster.hardware import given, instances, managed_scaling
from framework.emr.releases.release import Release, release
from framework.errors import TransientClusterError, UnknownApplicationError, UnsupportedSettingError
from framework.sensitive import MASK, shown_arguments
from framework.sensitive import shown as shown_value

CREATION = "lakegate:creation"
MOST_STEPS = 256
LONGEST_NAME = 256
# Not installed by name: Delta and Iceberg are enabled by a classification, Hudi comes with Spark, Hive, Presto, Flink.
BUILT_IN = {"delta", "hudi", "iceberg"}
# Beside all from 6.12 on, these can have three primary nodes in fleets (Management Guide, "Plan primary nodes").
PATCHED = {"emr-6.9.1", "emr-6.10.1", "emr-6.11.1"}


def masked(_: str) -> str:
    """Stand in for a secret where a request is only shown."""
    return MASK


def shown(request: Any) -> Any:
    """Return a request with a mask for credentials among properties, such as a metastore's password, and arguments.

    The properties and arguments of a step stay: they are checked when it is made.
    """
    if isinstance(request, list):
        return [shown(each) for each in request]
    if not isinstance(request, dict):
        return request
    return {name: _shown(name, value) for name, value in request.items()}


def _shown(name: str, value: Any) -> Any:
    if name == "Properties" and isinstance(value, dict):
        return {key: shown_value(key, each) for key, each in value.items()}
    if name == "ScriptBootstrapAction":
        return {**value, **given(Args=shown_arguments(value.get("Args", [])))}
    return value if name == "HadoopJarStep" else shown(value)


def run_job_flow(
    settings: EmrSettings, catalog: str, secret: Callable[[str], str] = masked, *, token: str = ""
) -> dict[str, Any]:
    """Return the request of the cluster that the settings describe; `secret` is asked for the passwords of Kerberos.

    `token` becomes a tag by which a cluster is found again whose id was lost on the way. Raises UnknownReleaseError,
    UnknownApplicationError, UnsupportedSettingError, MixedArchitectureError or ConfigurationClashError.
    """
    cluster, made_of = settings.cluster, release(settings.release)
    require_supported(settings, made_of)
    root, tags = cluster.root_volume, {**settings.tags, **({CREATION: token} if token else {})}
    return given(
        Name=cluster.name,
        ReleaseLabel=settings.release,
        LogUri=cluster.log_uri,
        LogEncryptionKmsKeyId=cluster.log_key,
        Applications=[{"Name": name} for name in applications(cluster.applications, made_of)],
        Instances=_instances(settings, made_of),
        Configurations=listed(classifications(settings, made_of, catalog)),
        BootstrapActions=[
            {"Name": each.name, "ScriptBootstrapAction": given(Path=each.path, Args=list(each.arguments))}
            for each in cluster.bootstrap
        ],
        ManagedScalingPolicy=managed_scaling(cluster.scaling, cluster.nodes) if cluster.scaling.enabled else None,
        AutoTerminationPolicy={"IdleTimeout": cluster.idle_timeout} if cluster.idle_timeout else None,
        StepConcurrencyLevel=cluster.step_concurrency,
        ScaleDownBehavior=cluster.scale_down,
        PlacementGroupConfigs=[{"InstanceRole": "MASTER", "PlacementStrategy": "SPREAD"}]
        if cluster.placement_group
        else None,
        ServiceRole=cluster.service_role,
        JobFlowRole=cluster.instance_profile,
        SecurityConfiguration=security.name(settings),
        KerberosAttributes=_kerberos(cluster, secret),
        CustomAmiId=cluster.custom_ami,
        RepoUpgradeOnBoot=cluster.repo_upgrade,
        OSReleaseLabel=cluster.os_release,
        EbsRootVolumeSize=root.size,
        EbsRootVolumeIops=root.iops,
        EbsRootVolumeThroughput=root.throughput,
        MonitoringConfiguration=_monitoring(cluster),
        SessionEnabled=True if cluster.sessions else None,
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )


def transient(
    request: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], role: str | None = None, *, token: str = ""
) -> dict[str, Any]:
    """Return the request of a cluster that runs these steps and ends itself; `role` is the IAM role of the steps.

    Its name says that it is transient, and of which submission: it is never found as the one that stays.
    Raises TransientClusterError where it would not end itself, or where EMR would not take the steps.
    """
    nodes = request["Instances"]
    if nodes.get("TerminationProtected"):
        raise TransientClusterError("it has termination protection. Set emr.cluster.termination_protection = false.")
    if _primaries(nodes) == 3:
        raise TransientClusterError("EMR protects three primary nodes from termination. Take one.")
    if not 0 < len(steps) <= MOST_STEPS:
        raise TransientClusterError(f"it has {len(steps)} steps, and takes 1 to {MOST_STEPS}.")
    stopping = sorted({step["ActionOnFailure"] for step in steps} - {"CONTINUE"})
    if stopping and request.get("StepConcurrencyLevel", 1) > 1:
        raise TransientClusterError(
            f"EMR takes only CONTINUE where steps run at the same time, not {', '.join(stopping)}. Say --on-failure "
            "continue, or set emr.cluster.step_concurrency = 1."
        )
    # It has no idle time to wait for: it ends with its last step.
    kept = {name: value for name, value in request.items() if name != "AutoTerminationPolicy"}
    alone = {**nodes, "KeepJobFlowAliveWhenNoSteps": False}
    own = "-transient" + (f"-{token}" if token else "")
    named = request["Name"][: LONGEST_NAME - len(own)] + own
    return {
        **kept,
        "Name": named,
        "Instances": alone,
        "Steps": [dict(step) for step in steps],
        **given(StepExecutionRoleArn=role),
    }


def require_supported(settings: EmrSettings, made_of: Release) -> None:
    """Refuse settings that the release does not have. Raises UnsupportedSettingError."""
    cluster = settings.cluster
    root, version = cluster.root_volume, _version(made_of.label)

    def refuse(setting: str, reason: str) -> None:
        raise UnsupportedSettingError(made_of.label, setting, reason)

    if settings.python not in made_of.pythons:
        refuse("emr.python", f"it has Python {' and '.join(made_of.pythons)}, not {settings.python}")
    if (root.iops or root.throughput) and version < (6, 15):
        refuse("emr.cluster.root_volume", "iops and throughput are there since emr-6.15.0")
    if cluster.scaling.enabled and cluster.scaling.strategy == "ADVANCED" and version < (7, 0):
        refuse("emr.cluster.scaling.strategy", "ADVANCED is there since emr-7.0.0")
    if cluster.sessions and version < (8, 0):
        refuse("emr.cluster.sessions", "Spark Connect sessions are there since emr-spark-8.0.0")
    three = isinstance(cluster.nodes, FleetsSettings) and cluster.nodes.primaries == 3
    if three and version < (6, 12) and made_of.label not in PATCHED:
        refuse("emr.cluster.fleets.primary.on_demand", "three primary nodes in fleets are there since emr-6.12.0")


def applications(wanted: Sequence[str], made_of: Release) -> list[str]:
    """Return the applications to be installed, spelled as EMR spells them. Raises UnknownApplicationError."""
    known = {_plain(name): name for name in made_of.applications}
    for name in wanted:
        if _plain(name) not in known:
            raise UnknownApplicationError(made_of.label, name, list(known.values()))
    spelled = [known[_plain(name)] for name in wanted if _plain(name) not in BUILT_IN]
    # Its name in the API, which release pages shorten.
    return ["AmazonCloudWatchAgent" if _plain(name) == "cloudwatchagent" else name for name in dict.fromkeys(spelled)]


def _plain(application: str) -> str:
    return application.lower().removeprefix("amazon")


def _version(label: str) -> tuple[int, ...]:
    """Return the numbers of a label; those of `emr-spark-8.0.0` come after `emr-7.14.0`."""
    return tuple(int(number) for number in label.rpartition("-")[2].split("."))


def _instances(settings: EmrSettings, made_of: Release) -> dict[str, Any]:
    cluster = settings.cluster
    groups, subnets = cluster.security_groups, list(cluster.subnets)
    nodes = instances(settings, made_of)
    where = {"Ec2SubnetIds": subnets} if cluster.fleets else {"Ec2SubnetId": next(iter(subnets), None)}
    return given(
        **nodes,
        **where,
        KeepJobFlowAliveWhenNoSteps=True,
        TerminationProtected=cluster.termination_protection,
        UnhealthyNodeReplacement=cluster.unhealthy_node_replacement,
        Ec2KeyName=cluster.key_pair,
        EmrManagedMasterSecurityGroup=groups.primary,
        EmrManagedSlaveSecurityGroup=groups.nodes,
        ServiceAccessSecurityGroup=groups.service,
        AdditionalMasterSecurityGroups=list(groups.more_primary),
        AdditionalSlaveSecurityGroups=list(groups.more_nodes),
    )


def _primaries(nodes: Mapping[str, Any]) -> int:
    """Return how many primary nodes on demand there are; on spot there is never more than one."""
    for each in (*nodes.get("InstanceGroups", ()), *nodes.get("InstanceFleets", ())):
        if "MASTER" in (each.get("InstanceRole"), each.get("InstanceFleetType")):
            return int(each.get("InstanceCount") or each.get("TargetOnDemandCapacity") or 1)
    return 1


def _kerberos(cluster: ClusterSettings, secret: Callable[[str], str]) -> dict[str, Any] | None:
    kerberos = cluster.kerberos
    if kerberos is None:
        return None
    return given(
        Realm=kerberos.realm,
        KdcAdminPassword=secret("kdc_admin_password"),
        CrossRealmTrustPrincipalPassword=secret("cross_realm_trust_password") if kerberos.cross_realm else None,
        ADDomainJoinUser=kerberos.ad_join_user,
        ADDomainJoinPassword=secret("ad_domain_join_password") if kerberos.ad_join_user else None,
    )


def _monitoring(cluster: ClusterSettings) -> dict[str, Any]:
    logs, s3 = cluster.cloudwatch, cluster.s3_logs
    policy = given(
        **{"system-logs": s3.system, "application-logs": s3.application, "persistent-ui-logs": s3.persistent_ui}
    )
    cloudwatch = logs and given(
        Enabled=logs.enabled,
        LogGroupName=logs.log_group,
        LogStreamNamePrefix=logs.stream_prefix,
        EncryptionKeyArn=logs.kms_key,
        LogTypes=given(STEP_LOGS=list(logs.steps), SPARK_DRIVER=list(logs.driver), SPARK_EXECUTOR=list(logs.executors)),
    )
    return given(
        CloudWatchLogConfiguration=cloudwatch,
        S3LoggingConfiguration={"LogTypeUploadPolicy": policy} if policy else None,
    )
