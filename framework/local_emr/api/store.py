"""All that the API remembers, in memory: plain values, changed by whoever holds the lock."""

from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock
from typing import Any

from framework.local_emr.api.model import Cluster


@dataclass(frozen=True, slots=True)
class SecurityConfiguration:
    """A security configuration; `text` is JSON, as it came."""

    name: str
    text: str
    created: datetime


@dataclass(slots=True)
class Store:
    """Clusters in the order in which they were made, and what belongs to the account; by region."""

    lock: RLock = field(default_factory=RLock)
    clusters: dict[str, Cluster] = field(default_factory=dict)
    security: dict[tuple[str, str], SecurityConfiguration] = field(default_factory=dict)
    block_public_access: dict[str, tuple[Any, datetime]] = field(default_factory=dict)

    def put(self, cluster: Cluster) -> None:
        """Remember a cluster as it is now."""
        self.clusters[cluster.id] = cluster
