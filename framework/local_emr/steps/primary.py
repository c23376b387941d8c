"""What the primary node of a cluster has: its configuration, as the classifications say, and programs on PATH.

<Hadoop's folder>/clusters/<cluster>/hadoop/    HADOOP_CONF_DIR
                                     spark/     SPARK_CONF_DIR
                                     bin/       EMR's programs
                                     steps/<step>/{controller,syslog,stderr,stdout}
                                     node/<instance>/bootstrap-actions/<number>/
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import framework
from framework.local_emr.api.model import Cluster
from framework.local_emr.daemons import jars, s3, site, spark
from framework.local_emr.daemons.daemon import HOST
from framework.local_emr.daemons.hadoop import DEFAULT_FS, Hadoop, container_environment
from framework.local_emr.steps.programs import CLUSTER, PROGRAMS

HADOOP = ("core-site", "hdfs-site", "yarn-site", "mapred-site")
ENVIRONMENTS = ("hadoop-env", "spark-env", "yarn-env")


@dataclass(frozen=True, slots=True)
class Primary:
    """The folder of a cluster, and the environment of what runs on its primary node."""

    folder: Path
    hadoop: Hadoop
    environment: Mapping[str, str]


def prepared(hadoop: Hadoop, cluster: Cluster) -> Primary:
    """Write what a cluster's programs read, and return where it is. Daemons that run already are not told."""
    folder, found = hadoop.folder / "clusters" / cluster.id, dict(_classifications(cluster))
    own = {name: value for each in HADOOP for name, value in found.get(each, {}).items()}
    exported = {name: value for each in ENVIRONMENTS for name, value in found.get(f"{each}/export", {}).items()}
    lane = spark.installed()
    with_delta = found.get("delta-defaults", {}).get("delta.enabled") == "true"
    libraries = [spark.delta()] if with_delta else []
    conf = site.write(folder / "hadoop", {**hadoop.settings, **own})
    settings = {**spark.defaults(hadoop), **_warehouse(hadoop, folder), **found.get("spark-defaults", {})}
    spark_conf = spark.write(folder / "spark", lane, settings, variables=exported, libraries=libraries)
    site.write_one(folder / "spark" / "hive-site.xml", {**_metastore(folder), **found.get("spark-hive-site", {})})
    programs = _programs(folder / "bin")
    inherited = container_environment(hadoop)
    environment = {
        **inherited,
        **exported,
        "PATH": os.pathsep.join([str(programs), inherited["PATH"]]),
        "HADOOP_CONF_DIR": str(conf),
        "YARN_CONF_DIR": str(conf),
        "SPARK_CONF_DIR": str(spark_conf),
        "SPARK_HOME": str(jars.spark_home()),
        CLUSTER: cluster.id,
    }
    return Primary(folder, hadoop, environment)


def shell(folder: Path, endpoint: str) -> dict[str, str]:
    """Write what a shell's Spark reads, and return the variable that says so: s3:// and Delta, and no YARN.

    It is for looking at tables, as `lakegate table` with the environment local-emr does; steps have the cluster's own.
    No other file system becomes the default one: paths of the shell stay what they are.
    """
    lane = spark.installed()
    known = {f"spark.hadoop.{name}": value for name, value in s3.settings(endpoint).items()}
    settings = {"spark.master": "local[*]", "spark.driver.host": HOST, "spark.driver.bindAddress": HOST, **known}
    return {"SPARK_CONF_DIR": str(spark.write(folder / "shell", lane, settings, libraries=[spark.delta()]))}


def _classifications(cluster: Cluster) -> Iterator[tuple[str, dict[str, str]]]:
    """Give the properties of each classification, and of those nested in one: `spark-env/export`."""

    def parts(given: Sequence[Mapping[str, Any]], above: str) -> Iterator[tuple[str, dict[str, str]]]:
        for each in given:
            name = above + each.get("Classification", "")
            yield name, each.get("Properties", {})
            yield from parts(each.get("Configurations", ()), f"{name}/")

    return parts(cluster.request.get("Configurations", ()), "")


def _warehouse(hadoop: Hadoop, folder: Path) -> dict[str, str]:
    return {} if DEFAULT_FS in hadoop.settings else {"spark.sql.warehouse.dir": f"file://{folder / 'warehouse'}"}


def _metastore(folder: Path) -> dict[str, str]:
    """Return where Hive's metastore is: in a database of the cluster's folder, which one process at a time can open."""
    return {"javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={folder / 'metastore'};create=true"}


def _programs(folder: Path) -> Path:
    """Write EMR's programs: each goes on in this package, whatever its own environment has."""
    folder.mkdir(parents=True, exist_ok=True)
    above = str(Path(framework.__file__).parents[1])
    main = f"import sys; sys.path.insert(0, {above!r}); from framework.local_emr.steps.programs import main; main()"
    for name in PROGRAMS:
        file = folder / name
        file.write_text(f'#!/bin/sh\nexec {quote(sys.executable)} -c {quote(main)} {name} "$@"\n')
        file.chmod(0o755)
    return folder
