from typing import Any

import pytest

from framework.config import EmrSettings
from framework.emr.cluster.classifications import FACTORY, GLUE, classifications, listed
from framework.emr.releases.release import RELEASES
from framework.errors import ConfigurationClashError

EIGHT, SEVEN = "emr-spark-8.2.0", "emr-7.14.0"


def made(release: str = EIGHT, catalog: str = "none", *, python: str = "3.11", **cluster: Any) -> dict[str, Any]:
    settings = EmrSettings.model_validate({"release": release, "python": python, "cluster": cluster})
    return classifications(settings, RELEASES[release], catalog)


def test_delta_is_enabled_on_every_release() -> None:
    assert made() == {"delta-defaults": {"delta.enabled": "true"}}
    assert made(SEVEN)["delta-defaults"] == {"delta.enabled": "true"}


def test_python_is_set_only_where_the_release_has_another_by_default() -> None:
    export = {"export": {"PYSPARK_PYTHON": "/usr/bin/python3.13"}}
    assert "spark-env" not in made(python="3.11")
    assert made(python="3.13")["spark-env"] == export
    assert made(python="3.13", applications=["Spark", "Livy"])["livy-env"] == export
    by_default = RELEASES[SEVEN].default_python
    assert ("spark-env" in made(SEVEN, python="3.11")) == (by_default != "3.11")
    assert ("spark-env" in made(SEVEN, python="3.9")) == (by_default != "3.9")


def test_the_glue_catalog_serves_spark_and_hive_where_that_is_there() -> None:
    assert made(catalog="glue")["spark-hive-site"] == {FACTORY: GLUE}
    assert "hive-site" not in made(catalog="glue")
    assert made(catalog="glue", applications=["Spark", "Hive"])["hive-site"] == {FACTORY: GLUE}
    assert "spark-hive-site" not in made(catalog="hive")


def test_dynamic_allocation_and_decommissioning_say_what_is_set_and_nothing_else() -> None:
    dynamic = {"enabled": False, "initial_executors": 2, "min_executors": 1, "max_executors": 9, "idle_timeout": 60}
    leaving = {"timeout": 600, "spot_threshold": 120, "exclude": True, "ignore_fetch_failures": True}
    tree = made(dynamic_allocation=dynamic, decommissioning={**leaving, "migrate_blocks": True})
    assert tree["spark-defaults"] == {
        "spark.dynamicAllocation.enabled": "false",
        "spark.dynamicAllocation.initialExecutors": "2",
        "spark.dynamicAllocation.minExecutors": "1",
        "spark.dynamicAllocation.maxExecutors": "9",
        "spark.dynamicAllocation.executorIdleTimeout": "60s",
        "spark.blacklist.decommissioning.enabled": "true",
        "spark.blacklist.decommissioning.timeout": "600s",
        "spark.decommissioning.timeout.threshold": "120",
        "spark.stage.attempt.ignoreOnDecommissionFetchFailure": "true",
        "spark.decommission.enabled": "true",
        "spark.storage.decommission.enabled": "true",
    }
    assert tree["yarn-site"] == {"yarn.resourcemanager.nodemanager-graceful-decommission-timeout-secs": "600"}
    assert made(dynamic_allocation={"max_executors": 9})["spark-defaults"] == {
        "spark.dynamicAllocation.maxExecutors": "9"
    }


def test_the_users_own_stand_beside_and_the_same_value_twice_is_no_clash() -> None:
    own = {
        "delta-defaults": {"delta.enabled": True},
        "spark-env": {"export": {"A": "b"}},
        "yarn-site": {"yarn.nodemanager.vmem-check-enabled": False},
    }
    assert made(python="3.13", configurations=own) == {
        "delta-defaults": {"delta.enabled": "true"},
        "spark-env": {"export": {"PYSPARK_PYTHON": "/usr/bin/python3.13", "A": "b"}},
        "yarn-site": {"yarn.nodemanager.vmem-check-enabled": "false"},
    }


def test_another_value_for_what_follows_from_the_settings_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationClashError) as error:
        made(configurations={"delta-defaults": {"delta.enabled": False}})
    assert (error.value.classification, error.value.property) == ("delta-defaults", "delta.enabled")
    with pytest.raises(ConfigurationClashError, match="spark-env/export") as error:
        made(python="3.13", configurations={"spark-env": {"export": {"PYSPARK_PYTHON": "/opt/python"}}})
    assert error.value.property == "PYSPARK_PYTHON"


def test_a_tree_is_listed_as_emr_takes_it() -> None:
    tree = {"container-executor": {"a": 1, "docker": {"trusted": True}}, "spark": {"b": 2.5}}
    nested = {"Classification": "docker", "Properties": {"trusted": "true"}}
    assert listed(tree) == [
        {"Classification": "container-executor", "Properties": {"a": "1"}, "Configurations": [nested]},
        {"Classification": "spark", "Properties": {"b": "2.5"}},
    ]
