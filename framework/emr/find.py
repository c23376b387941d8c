"""Finding the cluster that is meant."""

from typing import Any

from framework.config import EmrSettings
from framework.emr.api import pages
from framework.errors import AmbiguousClusterError, ClusterNotFoundError

ACTIVE = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")


def cluster_id(emr: Any, settings: EmrSettings) -> str:
    """Return emr.cluster_id, or the id of the one active cluster that has the name emr.cluster.name.

    Raises ClusterNotFoundError where no active cluster has that name, AmbiguousClusterError where several have.
    """
    if settings.cluster_id:
        return settings.cluster_id
    name = settings.cluster.name
    active = list(pages(emr.list_clusters, "Clusters", ClusterStates=list(ACTIVE)))
    found = [cluster["Id"] for cluster in active if cluster["Name"] == name]
    if not found:
        raise ClusterNotFoundError(name, [cluster["Name"] for cluster in active])
    if len(found) > 1:
        raise AmbiguousClusterError(name, found)
    return str(found[0])
