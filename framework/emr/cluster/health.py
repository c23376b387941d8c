"""The health of a cluster: its state, its nodes, its steps, and what CloudWatch measures of YARN and HDFS."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from framework.aws import is_local
from framework.emr.api import ask, pages
from framework.emr.cluster.life import OVER, reason
from framework.errors import AwsRefusedError

GROUPS = "INSTANCE_GROUP"
NAMESPACE = "AWS/ElasticMapReduce"
# EMR reports these every five minutes, under the id of the cluster.
METRICS = (
    "YARNMemoryAvailablePercentage",
    "ContainerPending",
    "AppsRunning",
    "AppsPending",
    "MRUnhealthyNodes",
    "MRLostNodes",
    "HDFSUtilization",
    "LiveDataNodes",
    "MissingBlocks",
    "CorruptBlocks",
)
RECENT, PERIOD = timedelta(minutes=20), 300
DOMAINS = {"cn": "amazonaws.cn", "us-gov": "amazonaws-us-gov.com"}


@dataclass(frozen=True, slots=True)
class Nodes:
    """One group, or one fleet, whose nodes count in units of capacity."""

    id: str
    name: str
    role: str
    types: tuple[str, ...]
    market: str
    state: str
    requested: int
    running: int


@dataclass(frozen=True, slots=True)
class Health:
    """A cluster as it was seen; `unmeasured` says why CloudWatch told nothing."""

    id: str
    name: str
    state: str
    reason: str
    release: str
    created: datetime | None
    ended: datetime | None
    nodes: tuple[Nodes, ...]
    pending: int
    running: int
    metrics: Mapping[str, float]
    unmeasured: str
    protected: bool
    log_uri: str

    @property
    def faults(self) -> tuple[str, ...]:
        """Return what is not as it should be."""
        measured = self.metrics
        found = [
            f"{each.name}: {each.running} of {each.requested} running ({each.state})"
            for each in self.nodes
            if each.running < each.requested and self.state not in OVER
        ]
        if measured.get("YARNMemoryAvailablePercentage", 100) < 10:
            found.append("YARN has less than 10 % of its memory left: work waits")
        if measured.get("HDFSUtilization", 0) > 80:
            found.append("HDFS is more than 80 % full")
        for name, said in (
            ("MRUnhealthyNodes", "node(s) that YARN calls unhealthy, often for a full disk"),
            ("MRLostNodes", "node(s) that YARN has lost"),
            ("MissingBlocks", "block(s) of HDFS missing"),
            ("CorruptBlocks", "block(s) of HDFS corrupt"),
        ):
            if count := measured.get(name, 0):
                found.append(f"{count:.0f} {said}")
        return tuple(found)


def health(emr: Any, cloudwatch: Any, cluster: str, now: datetime) -> Health:
    """Return the health of a cluster; where CloudWatch refuses, the rest is there. Raises AwsRefusedError."""
    found = ask(emr.describe_cluster, ClusterId=cluster)["Cluster"]
    status = found["Status"]
    timeline = status.get("Timeline", {})
    active = pages(emr.list_steps, "Steps", ClusterId=cluster, StepStates=["PENDING", "RUNNING"])
    states = [step["Status"]["State"] for step in active]
    over = status["State"] in OVER
    metrics, unmeasured = ({}, "it has ended") if over else _measured(cloudwatch, cluster, now)
    return Health(
        id=cluster,
        name=found["Name"],
        state=status["State"],
        reason=reason(status),
        release=found.get("ReleaseLabel", ""),
        created=timeline.get("CreationDateTime"),
        ended=timeline.get("EndDateTime"),
        nodes=tuple(nodes_of(emr, cluster, found.get("InstanceCollectionType", GROUPS))),
        pending=states.count("PENDING"),
        running=states.count("RUNNING"),
        metrics=metrics,
        unmeasured=unmeasured,
        protected=bool(found.get("TerminationProtected")),
        log_uri=str(found.get("LogUri", "")).replace("s3n://", "s3://"),
    )


def console(emr: Any, cluster: str) -> str:
    """Return the address of a cluster in AWS's console; for one on this machine, that of its endpoint."""
    if is_local(emr.meta.endpoint_url):
        return str(emr.meta.endpoint_url)
    region = emr.meta.region_name
    partition = "cn" if region.startswith("cn-") else "us-gov" if region.startswith("us-gov-") else ""
    domain = DOMAINS.get(partition, "aws.amazon.com")
    return f"https://{region}.console.{domain}/emr/home?region={region}#/clusterDetails/{cluster}"


def nodes_of(emr: Any, cluster: str, collection: str) -> Iterator[Nodes]:
    """Give the groups, or the fleets, of a cluster with such a collection."""
    if collection == "INSTANCE_FLEET":
        for fleet in pages(emr.list_instance_fleets, "InstanceFleets", ClusterId=cluster):
            on_demand, spot = fleet.get("TargetOnDemandCapacity", 0), fleet.get("TargetSpotCapacity", 0)
            yield Nodes(
                id=fleet["Id"],
                name=fleet.get("Name") or fleet["InstanceFleetType"].lower(),
                role=fleet["InstanceFleetType"],
                types=tuple(each["InstanceType"] for each in fleet.get("InstanceTypeSpecifications", [])),
                market=" + ".join(filter(None, [on_demand and f"{on_demand} on demand", spot and f"{spot} on spot"])),
                state=fleet["Status"]["State"],
                requested=on_demand + spot,
                running=fleet.get("ProvisionedOnDemandCapacity", 0) + fleet.get("ProvisionedSpotCapacity", 0),
            )
        return
    for group in pages(emr.list_instance_groups, "InstanceGroups", ClusterId=cluster):
        yield Nodes(
            id=group["Id"],
            name=group.get("Name") or group["InstanceGroupType"].lower(),
            role=group["InstanceGroupType"],
            types=(group["InstanceType"],),
            market="on spot" if group.get("Market") == "SPOT" else "on demand",
            state=group["Status"]["State"],
            requested=group.get("RequestedInstanceCount", 0),
            running=group.get("RunningInstanceCount", 0),
        )


def _measured(cloudwatch: Any, cluster: str, now: datetime) -> tuple[dict[str, float], str]:
    """Return the newest value of each metric, and why there is none."""
    queries = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": NAMESPACE,
                    "MetricName": name,
                    "Dimensions": [{"Name": "JobFlowId", "Value": cluster}],
                },
                "Period": PERIOD,
                "Stat": "Average",
            },
        }
        for number, name in enumerate(METRICS)
    ]
    try:
        answer = ask(
            cloudwatch.get_metric_data,
            MetricDataQueries=queries,
            StartTime=now - RECENT,
            EndTime=now,
            ScanBy="TimestampDescending",
        )
    except AwsRefusedError as error:
        return {}, f"{error.operation}: {error.code or error.reason}"
    found = {METRICS[int(each["Id"][1:])]: each["Values"][0] for each in answer["MetricDataResults"] if each["Values"]}
    return found, "" if found else "CloudWatch has no value of the last 20 minutes"
