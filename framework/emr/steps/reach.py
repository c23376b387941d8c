"""Whether the settings of a job mean on a cluster what they say: most often those of a laptop were named."""

from collections.abc import Iterator

from framework.config import Settings
from framework.errors import NotOfAClusterError

SHARED = ("s3://", "s3a://", "s3n://", "hdfs://", "viewfs://")


def require_cluster_settings(settings: Settings) -> None:
    """Refuse places that only one machine has, a master that is not YARN, and jars that the release has already.

    Raises NotOfAClusterError with every fault.
    """
    if faults := list(_faults(settings)):
        raise NotOfAClusterError(settings.environment, faults)


def _faults(settings: Settings) -> Iterator[str]:
    for name, place in (("lake.root", settings.lake.root), ("landing.root", settings.landing.root)):
        if not place.startswith(SHARED):
            yield f"{name} is {place!r}, which is not on S3 (s3://) or HDFS (hdfs://)"
    master = settings.spark.master or settings.spark.conf.get("spark.master") or settings.emr.conf.get("spark.master")
    if str(master or "").startswith("local"):
        yield f"spark.master is {master!r}, so that Spark would run on one node"
    if settings.spark.jars == "maven":
        yield "spark.jars is 'maven', and the release has Delta's jars of its own"
