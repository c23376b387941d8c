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


def test_places_that_a_cluster_reaches_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    conf = {
        "spark.hadoop.fs.s3a.endpoint": "http://minio.inside:9000",
        "spark.driver.bindAddress": "0.0.0.0",
        "spark.driver.extraJavaOptions": "-Dhttp.nonProxyHosts=localhost|127.0.0.1",
        "spark.hadoop.fs.s3a.proxy.host": "localhost",
        "spark.sql.localhost": True,
    }
    require_cluster_settings(given(emr={"conf": conf}, aws={"endpoint_url": "http://localhost.example.com:1"}))
    require_cluster_settings(given(lake={"root": "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/a/x"}))
    require_cluster_settings(given(lake={"root": "hdfs://nn:8020/lake"}, landing={"root": "viewfs://c/x"}))
    # A variable of this shell does not travel: what is tried here with a stand-in for AWS is sent to nobody else.
    monkeypatch.setenv("LAKEGATE_AWS__ENDPOINT_URL", "http://localhost:4566")
    require_cluster_settings(given(aws={"endpoint_url": "http://localhost:4566"}))


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"lake": {"root": "lake"}}, "lake.root is 'lake'"),
        ({"landing": {"root": "file:///data"}}, "landing.root is 'file:///data'"),
        ({"spark": {"jars": "provided", "master": "local[*]"}}, r"spark.master is 'local\[\*\]'"),
        ({"spark": {"jars": "provided", "conf": {"spark.master": "local"}}}, "spark.master is 'local'"),
        ({"emr": {"conf": {"spark.master": "local"}}}, "spark.master is 'local'"),
        ({"spark": {"jars": "maven"}}, "spark.jars is 'maven'"),
        ({"spark": {"jars": "provided", "master": "spark://h:7077"}}, "spark.master is 'spark://h:7077'.*`yarn`"),
        ({"emr": {"conf": {"spark.master": "k8s://https://h"}}}, "spark.master is 'k8s://https://h'"),
        ({"lake": {"root": "s3://"}}, "lake.root is 's3://', which names no bucket.*s3://BUCKET/FOLDER"),
        ({"lake": {"root": "s3:///lake"}}, "lake.root is 's3:///lake', which names no bucket"),
        ({"landing": {"root": "s3a://<bucket>/x"}}, "landing.root is 's3a://<bucket>/x', which names no bucket"),
        ({"lake": {"root": "hdfs://"}}, "lake.root is 'hdfs://', which names no folder"),
        ({"lake": {"root": "hdfs://localhost:9000/lake"}}, "lake.root is 'hdfs://localhost:9000/lake'.*itself"),
        ({"aws": {"endpoint_url": "http://localhost:4566"}}, "aws.endpoint_url is 'http://localhost:4566'.*itself"),
        ({"aws": {"endpoint_url": "https://127.0.0.1"}}, "aws.endpoint_url is 'https://127.0.0.1'"),
        ({"aws": {"endpoint_url": "http://[::1]:5000"}}, r"aws.endpoint_url is 'http://\[::1\]:5000'"),
        *(
            ({"emr": {"conf": {name: value}}}, f"emr.conf has {name} = '{value}'")
            for name, value in {
                "spark.hadoop.fs.s3a.endpoint": "http://localhost:9000",
                "spark.hadoop.fs.s3a.bucket.raw.endpoint": "127.0.0.1:9000",
                "spark.hadoop.hive.metastore.uris": "thrift://h:9083,thrift://localhost:9083",
                "spark.driver.host": "localhost",
                "spark.driver.bindAddress": "127.0.0.1",
            }.items()
        ),
        (
            {"spark": {"jars": "provided", "conf": {"spark.driver.host": "127.0.0.1"}}},
            "spark.conf has spark.driver.host = ",
        ),
    ],
)
def test_settings_of_a_laptop_are_refused(more: Any, fault: str) -> None:
    with pytest.raises(NotOfAClusterError, match=fault) as refused:
        require_cluster_settings(given(**more))
    assert len(refused.value.faults) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"lake": {"root": "s3://" + "KEY:hunter2@bucket/lake"}},
        {"aws": {"endpoint_url": "http://" + "u:hunter2@localhost:1"}},
        {"spark": {"jars": "provided", "conf": {"spark.url": "jdbc:mysql:" + "//u:hunter2@localhost/db"}}},
    ],
)
def test_a_fault_repeats_no_secret(more: Any) -> None:
    with pytest.raises(NotOfAClusterError) as refused:
        require_cluster_settings(given(**more))
    assert "hunter2" not in str(refused.value)


def test_all_faults_are_said_together() -> None:
    local = {"lake": {"root": "lake"}, "landing": {"root": "data"}, "spark": {"jars": "maven", "master": "local[2]"}}
    with pytest.raises(NotOfAClusterError) as refused:
        require_cluster_settings(given(**local))
    assert len(refused.value.faults) == 4
