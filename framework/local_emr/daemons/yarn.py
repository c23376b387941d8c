"""YARN: a ResourceManager, and NodeManagers that each have a loopback address of their own.

YARN decommissions hosts, and Spark places tasks by host: two NodeManagers on one address would be one to both.
"""

from collections.abc import Iterable
from pathlib import Path

from framework.errors import LoopbackError
from framework.local_emr.daemons import ports
from framework.local_emr.daemons.daemon import HOST, Daemon, Layout, addresses
from framework.local_emr.daemons.process import NODE_MARK

RESOURCE_MANAGER = "resourcemanager"
NODE = "node-"
CONTAINERS = "containers"
INHERITED = ("JAVA_HOME", "HADOOP_CONF_DIR", "CLASSPATH_PREPEND_DISTCACHE", "PATH", "LANG", "TZ")
WEB = "yarn.resourcemanager.webapp.address"


def shared(layout: Layout, jars: Path, resource_manager: Daemon) -> dict[str, str]:
    """Return what the daemons and their clients are all told."""
    queue = "yarn.scheduler.capacity"
    return {
        **resource_manager.settings,
        "yarn.resourcemanager.nodes.exclude-path": str(layout.excluded),
        # Waits that suit a data centre are minutes long.
        "yarn.resourcemanager.connect.retry-interval.ms": "300",
        "yarn.resourcemanager.connect.max-wait.ms": "60000",
        "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": "250",
        "yarn.resourcemanager.decommissioning-nodes-watcher.poll-interval-secs": "1",
        "yarn.nm.liveness-monitor.expiry-interval-ms": "10000",
        "yarn.am.liveness-monitor.expiry-interval-ms": "60000",
        "yarn.scheduler.minimum-allocation-mb": "32",
        f"{queue}.root.queues": "default",
        f"{queue}.root.default.capacity": "100",
        f"{queue}.maximum-am-resource-percent": "0.8",
        # One container for each heartbeat, or the first node that reports gets all of a small application.
        f"{queue}.per-node-heartbeat.maximum-container-assignments": "1",
        "yarn.nodemanager.pmem-check-enabled": "false",
        "yarn.nodemanager.vmem-check-enabled": "false",
        "yarn.nodemanager.disk-health-checker.enable": "false",
        "yarn.nodemanager.log.retain-seconds": "604800",
        "yarn.timeline-service.enabled": "false",
        "yarn.app.mapreduce.am.staging-dir": str(layout.staging),
        # In the client's process: on YARN its ApplicationMaster and the shuffle listen on all addresses, and cannot be
        # told otherwise. Who sets `yarn` here finds its classes.
        "mapreduce.framework.name": "local",
        "mapreduce.application.classpath": f"{jars}/*",
    }


def resource_manager() -> Daemon:
    """Return a ResourceManager on free ports."""
    names = ("address", "scheduler.address", "resource-tracker.address", "admin.address", "webapp.address")
    return Daemon(
        RESOURCE_MANAGER,
        "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager",
        HOST,
        addresses(HOST, *(f"yarn.resourcemanager.{name}" for name in names)),
    )


def node_manager(layout: Layout, number: int, memory_mb: int, cores: int, variables: Iterable[str]) -> Daemon:
    """Return a NodeManager on free ports of its own address, numbered from 1; its containers get these variables.

    Raises LoopbackError where the machine lacks the address.
    """
    host, name = f"127.0.0.{number + 1}", f"{NODE}{number}"
    if not ports.has(host):
        raise LoopbackError(host)
    own = layout.own(name)
    # Without its address Spark would listen on the one that the machine's name has.
    own_variables = {NODE_MARK: name, "SPARK_LOCAL_IP": host}
    return Daemon(
        name,
        "org.apache.hadoop.yarn.server.nodemanager.NodeManager",
        host,
        {
            **addresses(
                host,
                *(
                    f"yarn.nodemanager.{name}"
                    for name in ("address", "localizer.address", "webapp.address", "collector-service.address")
                ),
            ),
            "hadoop.tmp.dir": str(own / "tmp"),
            "yarn.nodemanager.local-dirs": str(own / "local"),
            "yarn.nodemanager.log-dirs": str(own / CONTAINERS),
            # Nothing else of the NodeManager's environment reaches a container, and what it sets itself wins.
            "yarn.nodemanager.env-whitelist": ",".join((*INHERITED, *own_variables, *variables)),
            "yarn.nodemanager.resource.memory-mb": str(memory_mb),
            "yarn.nodemanager.resource.cpu-vcores": str(cores),
        },
        variables=own_variables,
    )
