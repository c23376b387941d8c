"""Advice: what is unsafe or costly about the cluster that the settings describe."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from framework.config.cluster import ClusterSettings
from framework.config.emr import EmrSettings
from framework.config.nodes import FleetsSettings, GroupsSettings
from framework.emr.cluster.hardware import types
from framework.emr.cluster.network import Network
from framework.emr.releases.fit import warnings
from framework.emr.releases.release import Release

Kind = Literal["unsafe", "costly", "unchecked"]
NOT_YARN = ("hbase", "presto", "trino")


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to know before a cluster is made."""

    kind: Kind
    setting: str
    said: str


def advise(settings: EmrSettings, release: Release, today: date, network: Network) -> list[Advice]:
    """Return what is unsafe first, then what is costly, then what nobody looked at."""
    cluster = settings.cluster
    found = [
        *(Advice("unsafe", "emr.release", said) for said in warnings(release, today)),
        *_network(cluster, network),
        *_security(cluster),
        *_logs(cluster),
        *_nodes(cluster),
        *_work(settings, release),
    ]
    order = ("unsafe", "costly", "unchecked")
    return sorted(found, key=lambda each: order.index(each.kind))


def _network(cluster: ClusterSettings, network: Network) -> Iterator[Advice]:
    if not cluster.subnets:
        said = "none is set: EMR takes one of the default network, which the internet reaches"
        yield Advice("unsafe", "emr.cluster.subnets", said)
    elif network.unseen:
        said = f"whether the internet reaches them was not checked ({network.unseen})"
        yield Advice("unchecked", "emr.cluster.subnets", said)
    for subnet in network.public:
        said = f"{subnet} is public: its routes lead to an internet gateway. Take a private one, with a gateway for S3"
        yield Advice("unsafe", "emr.cluster.subnets", said)
    for rule in network.open:
        yield Advice("unsafe", "emr.cluster.security_groups", f"{rule} is open to everybody")
    if cluster.key_pair:
        said = f"who has the key {cluster.key_pair!r} can log in to every node with all that its role may do"
        yield Advice("unsafe", "emr.cluster.key_pair", said)


def _security(cluster: ClusterSettings) -> Iterator[Advice]:
    at = "emr.cluster.security"
    if cluster.security_configuration:
        said = f"what {cluster.security_configuration!r} encrypts was not checked; `create` checks that it is there"
        yield Advice("unchecked", "emr.cluster.security_configuration", said)
        return
    security = cluster.security
    if not security.encrypt_s3:
        yield Advice("unsafe", f"{at}.encrypt_s3", "EMR does not say how what it writes to S3 is encrypted")
    if security.disk is None:
        said = "the nodes' disks are encrypted only if the account does so by default; give a kms_key"
        yield Advice("unsafe", f"{at}.disk", said)
    if security.in_transit is None:
        yield Advice("unsafe", f"{at}.in_transit", "what nodes send each other is not encrypted; give certificates")
    if security.imds == 1:
        said = "a request that a job is tricked into can read the role's credentials; take 2"
        yield Advice("unsafe", f"{at}.imds", said)


def _logs(cluster: ClusterSettings) -> Iterator[Advice]:
    if not cluster.log_uri:
        said = "none is set: no log outlives its node, and `lakegate logs` and `lakegate why` find nothing"
        yield Advice("unsafe", "emr.cluster.log_uri", said)


def _nodes(cluster: ClusterSettings) -> Iterator[Advice]:
    nodes = cluster.nodes
    kind = "fleets" if cluster.fleets else "groups"
    primary, core, task = _on_spot(nodes)
    if primary:
        said = "it is on spot: when it is taken away, the whole cluster ends"
        yield Advice("unsafe", f"emr.cluster.{kind}.primary", said)
    if core:
        said = "it is on spot: each node that is taken away takes its part of HDFS with it"
        yield Advice("unsafe", f"emr.cluster.{kind}.core", said)
    if not task:
        said = "no task nodes on spot: all that scaling adds costs the full price"
        yield Advice("costly", f"emr.cluster.{kind}", said)
    if nodes.primaries == 3:
        if len(cluster.subnets) == 1:
            said = "three primary nodes have one subnet, so one zone: fleets may choose among several"
            yield Advice("unsafe", "emr.cluster.subnets", said)
        said = "EMR protects three primary nodes from termination, and the idle timeout does not end them"
        yield Advice("costly", f"emr.cluster.{kind}.primary", said)
    elif not cluster.idle_timeout:
        yield Advice("costly", "emr.cluster.idle_timeout", "it is 0: the cluster costs until somebody ends it")
    if not cluster.scaling.enabled:
        yield Advice("costly", "emr.cluster.scaling", "it is off: nodes without work stay, and cost")
    if isinstance(nodes, FleetsSettings):
        for name, fleet in (("primary", nodes.primary), ("core", nodes.core), ("task", nodes.task)):
            if fleet and fleet.spot and not fleet.spot_launch.strategy:
                said = "no allocation strategy: price-capacity-optimized is cheap and seldom interrupted"
                yield Advice("costly", f"emr.cluster.fleets.{name}.spot_launch.strategy", said)
            if fleet and fleet.spot and len(fleet.types) == 1:
                said = "one type on spot: where it is short, there is nothing else to take. Name several"
                yield Advice("costly", f"emr.cluster.fleets.{name}.types", said)


def _work(settings: EmrSettings, release: Release) -> Iterator[Advice]:
    cluster = settings.cluster
    names = {name.lower() for name in cluster.applications}
    if elsewhere := [name for name in cluster.applications if name.lower() in NOT_YARN]:
        listed = ", ".join(elsewhere)
        if cluster.idle_timeout:
            said = f"{listed} does not run on YARN: the cluster counts as idle, and may end, while it works"
            yield Advice("unsafe", "emr.cluster.idle_timeout", said)
        if cluster.scaling.enabled:
            said = f"{listed} does not run on YARN: scaling does not see its work"
            yield Advice("unsafe", "emr.cluster.scaling", said)
    if "spark" not in names:
        yield Advice("unsafe", "emr.cluster.applications", "Spark is not among them: no job of Lakegate runs there")
    if cluster.step_concurrency > 1:
        said = (
            f"{cluster.step_concurrency} steps at a time each hold a process on the primary node, which is "
            f"{types(settings, release)[0]}: see that its memory does"
        )
        yield Advice("costly", "emr.cluster.step_concurrency", said)
    if settings.architecture == "x86_64":
        yield Advice("costly", "emr.architecture", "x86_64 costs more than Graviton, aarch64, for the same work")
    if cluster.custom_ami:
        said = f"that {cluster.custom_ami} is made for {settings.architecture} was not checked"
        yield Advice("unchecked", "emr.cluster.custom_ami", said)


def _on_spot(nodes: GroupsSettings | FleetsSettings) -> tuple[bool, bool, bool]:
    """Tell whether primary, core and task nodes are on spot."""
    if isinstance(nodes, FleetsSettings):
        return bool(nodes.primary.spot), bool(nodes.core.spot), bool(nodes.task and nodes.task.spot)
    tasks = any(group.market == "SPOT" for group in nodes.tasks.values())
    return nodes.primary.market == "SPOT", nodes.core.market == "SPOT", tasks
