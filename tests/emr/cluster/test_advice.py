from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from framework.config import EmrSettings
from framework.emr.cluster.advice import advise
from framework.emr.cluster.network import Network
from framework.emr.releases.release import RELEASES

RELEASE = replace(RELEASES["emr-7.14.0"], supported_until=date(2028, 9, 8))
TODAY = date(2026, 11, 21)
KEY = "arn:aws:kms:eu-north-1:123456789012:key/1"
SAFE: dict[str, Any] = {
    "subnets": ["subnet-1"],
    "log_uri": "s3://b/logs/",
    "security": {"disk": {"kms_key": KEY}, "in_transit": {"s3_object": "s3://b/certs.zip"}},
}
FLEET = {"types": [{"instance_type": "m7g.xlarge"}], "on_demand": 1}
SPOT = {"types": [{"instance_type": "m7g.xlarge"}, {"instance_type": "r7g.xlarge"}], "spot": 1}


def said(
    network: Network | None = None, today: date = TODAY, *, emr: dict[str, Any] | None = None, **cluster: Any
) -> set[tuple[str, str]]:
    settings = EmrSettings.model_validate({**(emr or {}), "cluster": {**SAFE, **cluster}})
    found = advise(settings, RELEASE, today, network or Network())
    kinds = [each.kind for each in found]
    assert kinds == sorted(kinds, key=("unsafe", "costly", "unchecked").index)
    return {(each.kind, each.setting.removeprefix("emr.").removeprefix("cluster.")) for each in found}


def test_nothing_is_said_of_a_cluster_that_is_safe_and_cheap() -> None:
    assert said() == set()
    strategy = {"strategy": "price-capacity-optimized"}
    fleets = {"primary": FLEET, "core": FLEET, "task": {**SPOT, "spot_launch": strategy}}
    assert said(fleets=fleets) == set()


@pytest.mark.parametrize(
    ("given", "kind", "setting"),
    [
        ({"subnets": []}, "unsafe", "subnets"),
        ({"log_uri": None}, "unsafe", "log_uri"),
        ({"key_pair": "admins"}, "unsafe", "key_pair"),
        ({"groups": {"primary": {"market": "SPOT"}}}, "unsafe", "groups.primary"),
        ({"groups": {"core": {"market": "SPOT"}}}, "unsafe", "groups.core"),
        ({"groups": {"tasks": {}}}, "costly", "groups"),
        ({"groups": {"tasks": {"a": {"market": "ON_DEMAND"}}}}, "costly", "groups"),
        ({"idle_timeout": 0}, "costly", "idle_timeout"),
        ({"scaling": {"enabled": False}}, "costly", "scaling"),
        ({"step_concurrency": 8}, "costly", "step_concurrency"),
        ({"applications": ["Hive"]}, "unsafe", "applications"),
        ({"custom_ami": "ami-1"}, "unchecked", "custom_ami"),
        ({"fleets": {"primary": FLEET, "core": FLEET}}, "costly", "fleets"),
        ({"emr": {"architecture": "x86_64"}}, "costly", "architecture"),
    ],
)
def test_each_thing_is_said_alone(given: dict[str, Any], kind: str, setting: str) -> None:
    assert said(**given) == {(kind, setting)}


def test_what_is_not_encrypted_is_said() -> None:
    assert said(security={}) == {("unsafe", "security.disk"), ("unsafe", "security.in_transit")}
    assert ("unsafe", "security.encrypt_s3") in said(security={"encrypt_s3": False})
    assert ("unsafe", "security.imds") in said(security={"imds": 1})
    settings = EmrSettings.model_validate({"cluster": {"subnets": ["subnet-1"], "security_configuration": "theirs"}})
    found = advise(settings, RELEASE, TODAY, Network())
    assert ("unchecked", "emr.cluster.security_configuration") in {(each.kind, each.setting) for each in found}
    assert not [each for each in found if each.setting.startswith("emr.cluster.security.")]


def test_fleets_on_spot_are_to_have_a_choice_and_a_strategy() -> None:
    found = said(fleets={"primary": {**FLEET, "on_demand": 0, "spot": 1}, "core": SPOT, "task": SPOT})
    assert found == {
        ("unsafe", "fleets.primary"),
        ("unsafe", "fleets.core"),
        ("costly", "fleets.primary.types"),
        *(("costly", f"fleets.{name}.spot_launch.strategy") for name in ("primary", "core", "task")),
    }


def test_three_primary_nodes_in_one_zone_do_not_end_themselves() -> None:
    three = {"primary": {"count": 3}}
    assert said(groups=three) == {("unsafe", "subnets"), ("costly", "groups.primary")}
    assert said(groups=three, idle_timeout=0) == {("unsafe", "subnets"), ("costly", "groups.primary")}


def test_what_does_not_run_on_yarn_counts_as_idle() -> None:
    busy: dict[str, Any] = {"applications": ["Spark", "Trino"]}
    assert said(**busy) == {("unsafe", "idle_timeout"), ("unsafe", "scaling")}
    assert said(**busy, idle_timeout=0, scaling={"enabled": False}) == {
        ("costly", "idle_timeout"),
        ("costly", "scaling"),
    }


def test_what_the_internet_reaches_is_said_and_what_was_not_seen() -> None:
    assert said(Network(public=("subnet-1",))) == {("unsafe", "subnets")}
    assert said(Network(open=("sg-1 port 22",))) == {("unsafe", "security_groups")}
    assert said(Network(unseen="no credentials")) == {("unchecked", "subnets")}


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2028, 6, 9), set()),
        (date(2028, 6, 10), {("unsafe", "release")}),
        (date(2028, 9, 8), {("unsafe", "release")}),
        (date(2028, 9, 9), {("unsafe", "release")}),
    ],
)
def test_the_end_of_support_is_said_from_ninety_days_before(today: date, expected: set[tuple[str, str]]) -> None:
    assert said(today=today) == expected


def test_a_release_that_is_out_of_support_is_called_so() -> None:
    for today, word in ((date(2028, 9, 8), "until"), (date(2028, 9, 9), "Support of emr-7.14.0 ended with 2028-09-08")):
        found = advise(EmrSettings.model_validate({"cluster": SAFE}), RELEASE, today, Network())
        assert word in found[0].said
