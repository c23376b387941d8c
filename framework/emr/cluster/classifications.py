"""Classifications: the configuration of a cluster's applications, as it follows from release and settings.

A tree of texts, `{"spark-env": {"export": {"PYSPARK_PYTHON": "/usr/bin/python3.11"}}}`; a table inside a classification
is a nested one. Sources: the Amazon EMR Release Guide on Delta Lake, Iceberg, the Glue Data Catalog and Spark.
"""

from collections.abc import Mapping
from typing import Any

from framework.config.emr import EmrSettings
from framework.config.nodes import Configurations
from framework.emr.releases.release import Release
from framework.errors import ConfigurationClashError

GLUE = "com.amazonaws.glue.catalog.metastore.AWSGlueDataCatalogHiveClientFactory"
FACTORY = "hive.metastore.client.factory.class"
Tree = dict[str, Any]


def classifications(settings: EmrSettings, release: Release, catalog: str) -> Tree:
    """Return the classifications of a cluster: those that follow from the settings, and the user's own.

    Raises ConfigurationClashError where the two give one property different values.
    """
    return merged(follow(settings, release, catalog), texts(settings.cluster.configurations))


def follow(settings: EmrSettings, release: Release, catalog: str) -> Tree:
    """Return what follows from release and settings."""
    cluster = settings.cluster
    applications = {name.lower() for name in cluster.applications}
    tree: Tree = {"delta-defaults": {"delta.enabled": "true"}}
    if settings.python != release.default_python:
        export = {"PYSPARK_PYTHON": f"/usr/bin/python{settings.python}"}
        tree["spark-env"] = {"export": export}
        if "livy" in applications:
            tree["livy-env"] = {"export": dict(export)}
    if catalog == "glue":
        tree["spark-hive-site"] = {FACTORY: GLUE}
        if "hive" in applications:
            tree["hive-site"] = {FACTORY: GLUE}
    if "iceberg" in applications:
        tree["iceberg-defaults"] = {"iceberg.enabled": "true"}
    dynamic, leaving = cluster.dynamic_allocation, cluster.decommissioning
    spark = {
        "spark.dynamicAllocation.enabled": dynamic.enabled,
        "spark.dynamicAllocation.initialExecutors": dynamic.initial_executors,
        "spark.dynamicAllocation.minExecutors": dynamic.min_executors,
        "spark.dynamicAllocation.maxExecutors": dynamic.max_executors,
        "spark.dynamicAllocation.executorIdleTimeout": _seconds(dynamic.idle_timeout),
        "spark.blacklist.decommissioning.enabled": leaving.exclude,
        # A node is to be kept free of new tasks for as long as YARN waits for it.
        "spark.blacklist.decommissioning.timeout": _seconds(leaving.timeout),
        "spark.decommissioning.timeout.threshold": leaving.spot_threshold,
        "spark.stage.attempt.ignoreOnDecommissionFetchFailure": leaving.ignore_fetch_failures,
        "spark.decommission.enabled": leaving.migrate_blocks,
        "spark.storage.decommission.enabled": leaving.migrate_blocks,
    }
    yarn = {"yarn.resourcemanager.nodemanager-graceful-decommission-timeout-secs": leaving.timeout}
    for name, properties in (("spark-defaults", spark), ("yarn-site", yarn)):
        if stated := {key: value for key, value in properties.items() if value is not None}:
            tree[name] = texts(stated)
    return tree


def merged(ours: Tree, theirs: Tree, within: str = "") -> Tree:
    """Return both trees as one. Raises ConfigurationClashError."""
    result = dict(ours)
    for name, value in theirs.items():
        known = result.get(name)
        if isinstance(known, dict) and isinstance(value, dict):
            result[name] = merged(known, value, f"{within}/{name}".lstrip("/"))
        elif known is not None and known != value:
            raise ConfigurationClashError(within, name, str(known), str(value))
        else:
            result[name] = value
    return result


def texts(values: Mapping[str, Any]) -> Tree:
    """Return a tree with the values as EMR takes them, which is as texts."""
    return {name: texts(value) if isinstance(value, Mapping) else _text(value) for name, value in values.items()}


def listed(tree: Tree | Configurations) -> list[dict[str, Any]]:
    """Return a tree in the form of a request."""
    return [_classification(name, properties) for name, properties in texts(tree).items()]


def _classification(name: str, properties: Tree) -> dict[str, Any]:
    nested = {key: value for key, value in properties.items() if isinstance(value, dict)}
    own = {key: value for key, value in properties.items() if key not in nested}
    return {"Classification": name, "Properties": own, **({"Configurations": listed(nested)} if nested else {})}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _seconds(value: int | None) -> str | None:
    return None if value is None else f"{value}s"
