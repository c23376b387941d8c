import shlex

from framework.cli.follow_up import same


def test_a_printed_command_asks_the_same_region_and_cluster() -> None:
    given = ["aws.region=eu-west-1", "lake.root=s3://b/l", "emr.cluster.name=two words"]
    more = same("prod", given, "j-1")
    assert more == " --env prod --set aws.region=eu-west-1 --set 'emr.cluster.name=two words' --cluster j-1"
    assert same("local", []) == " --env local"
    assert shlex.split(more)[5] == "emr.cluster.name=two words"


def test_a_setting_that_may_be_a_secret_is_not_printed() -> None:
    assert same("prod", ["emr.cluster.configurations.hive-site.ConnectionPassword=hunter2"]) == " --env prod"
