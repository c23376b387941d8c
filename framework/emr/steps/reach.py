"""Whether the settings of a job mean on a cluster what they say: most often those of a laptop were named."""

import os
import re
from collections.abc import Iterator, Mapping

from framework.config import Settings
from framework.errors import NotOfAClusterError
from framework.sensitive import shown

S3 = re.compile(r"s3[an]?://")
BUCKET = re.compile(r"s3[an]?://[\w.:-]+(?:/.*)?")
HDFS = re.compile(r"(?:hdfs|viewfs)://")
FOLDER = re.compile(r"(?:hdfs|viewfs)://[^/\s]*/.*")
# This machine, whichever it is.
LOOPBACK = r"(?:localhost|127(?:\.\d+){3}|\[::1\])(?=[:/,;?]|$)"
AT_ITSELF = re.compile(rf"://(?:[^/\s@]*@)?{LOOPBACK}", re.IGNORECASE)
HOST = re.compile(LOOPBACK, re.IGNORECASE)
# Properties that have a host without a scheme.
OF_A_HOST = (".endpoint", "spark.driver.host", "spark.driver.bindAddress")
ITSELF = "where each node would look for it at itself"
# A variable of this shell does not travel to the cluster.
OF_SHELL = "LAKEGATE_AWS__ENDPOINT_URL"


def require_cluster_settings(settings: Settings) -> None:
    """Refuse places that only one machine has, a master that is not YARN, and jars that the release has already.

    Raises NotOfAClusterError with every fault.
    """
    if faults := list(_faults(settings)):
        raise NotOfAClusterError(settings.environment, faults)


def _faults(settings: Settings) -> Iterator[str]:
    for name, place in (("lake.root", settings.lake.root), ("landing.root", settings.landing.root)):
        if reason := _not_of_a_cluster(place):
            yield f"{name} is {shown(name, place)!r}, {reason}"
    master = settings.spark.master or settings.spark.conf.get("spark.master") or settings.emr.conf.get("spark.master")
    if master and not str(master).startswith("yarn"):
        where = "on one node" if str(master).startswith("local") else "elsewhere"
        yield f"spark.master is {master!r}, so that Spark would run {where}; leave it out, or set `yarn`"
    if settings.spark.jars == "maven":
        yield "spark.jars is 'maven', and the release has Delta's jars of its own"
    endpoint = settings.aws.endpoint_url or ""
    if AT_ITSELF.search(endpoint) and endpoint != os.environ.get(OF_SHELL):
        yield f"aws.endpoint_url is {shown('', endpoint)!r}, {ITSELF}; leave it out for AWS's own"
    yield from _at_itself("spark.conf", settings.spark.conf)
    yield from _at_itself("emr.conf", settings.emr.conf)


def _not_of_a_cluster(place: str) -> str:
    """Return why a place is none of a cluster; empty where it is one."""
    if S3.match(place):
        return "" if BUCKET.fullmatch(place) else "which names no bucket; write s3://BUCKET/FOLDER"
    if not HDFS.match(place):
        return "which is not on S3 (s3://) or HDFS (hdfs://)"
    if not FOLDER.fullmatch(place):
        return "which names no folder; write hdfs:///FOLDER"
    return f"{ITSELF}; write hdfs:///FOLDER" if AT_ITSELF.search(place) else ""


def _at_itself(section: str, conf: Mapping[str, object]) -> Iterator[str]:
    found = [
        f"{name} = {shown(name, str(value))!r}"
        for name, value in conf.items()
        if AT_ITSELF.search(str(value)) or (name.endswith(OF_A_HOST) and HOST.match(str(value)))
    ]
    if found:
        yield f"{section} has {', '.join(found)}, {ITSELF}; leave it out, or name a host that the nodes reach"
