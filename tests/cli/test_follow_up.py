import shlex

import pytest

from framework.cli.follow_up import same


def test_a_printed_command_asks_the_same_region_and_cluster() -> None:
    given = ["aws.region=eu-west-1", "lake.root=s3://b/l", "emr.cluster.name=two words"]
    more = same("prod", given, "j-1")
    assert more == " --env prod --set aws.region=eu-west-1 --set 'emr.cluster.name=two words' --cluster j-1"
    assert same("local", []) == " --env local"
    assert shlex.split(more)[5] == "emr.cluster.name=two words"


@pytest.mark.parametrize(
    "setting",
    [
        "emr.cluster.configurations.hive-site.ConnectionPassword=hunter2",
        "emr.cluster.configurations.hive-site.url=jdbc:mysql:" + "//u:hunter2@h/db",
        "emr.conf.spark.mine=-Dpassword=hunter2",
        "emr.conf.spark.mine=AKIAIOSFODNN7EXAMPLE",
    ],
)
def test_a_setting_that_is_a_secret_or_holds_one_is_not_printed(setting: str) -> None:
    assert same("prod", [setting]) == " --env prod"


def test_a_key_that_is_no_secret_is_printed() -> None:
    key = "emr.step_log_key=arn:aws:kms:eu-west-1:123456789012:key/k"
    assert shlex.split(same("prod", [key, "emr.cluster.key_pair=mine"]))[3::2] == [key, "emr.cluster.key_pair=mine"]
