from typing import Any

import pytest

from framework.config import Settings
from framework.emr.steps.reach import require_cluster_settings
from framework.errors import NotOfAClusterError
from tests.emr.things import BASE


def given(**more: Any) -> Settings:
    return Settings.model_validate({**BASE, **more})


@pytest.mark.parametrize("root", ["s3://b/lake", "hdfs:///lake", "s3a://b/lake"])
def test_settings_of_a_cluster_pass(root: str) -> None:
    require_cluster_settings(given(lake={"root": root}, landing={"root": root}))
    require_cluster_settings(given(spark={"jars": "provided", "master": "yarn"}))


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"lake": {"root": "lake"}}, "lake.root is 'lake'"),
        ({"landing": {"root": "file:///data"}}, "landing.root is 'file:///data'"),
        ({"spark": {"jars": "provided", "master": "local[*]"}}, r"spark.master is 'local\[\*\]'"),
        ({"spark": {"jars": "provided", "conf": {"spark.master": "local"}}}, "spark.master is 'local'"),
        ({"emr": {"conf": {"spark.master": "local"}}}, "spark.master is 'local'"),
        ({"spark": {"jars": "maven"}}, "spark.jars is 'maven'"),
    ],
)
def test_settings_of_a_laptop_are_refused(more: Any, fault: str) -> None:
    with pytest.raises(NotOfAClusterError, match=fault) as refused:
        require_cluster_settings(given(**more))
    assert len(refused.value.faults) == 1


def test_all_faults_are_said_together() -> None:
    local = {"lake": {"root": "lake"}, "landing": {"root": "data"}, "spark": {"jars": "maven", "master": "local[2]"}}
    with pytest.raises(NotOfAClusterError) as refused:
        require_cluster_settings(given(**local))
    assert len(refused.value.faults) == 4
