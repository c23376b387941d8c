from typing import Any

import pytest

from framework.emr.cluster.resize import bounds, nodes
from framework.errors import ResizeError
from tests.emr.amazon import Amazon

LIMITS = {
    "UnitType": "Instances",
    "MinimumCapacityUnits": 2,
    "MaximumCapacityUnits": 10,
    "MaximumOnDemandCapacityUnits": 8,
    "MaximumCoreCapacityUnits": 3,
}
POLICY = {"ComputeLimits": LIMITS, "ScalingStrategy": "ADVANCED", "UtilizationPerformanceIndex": 25}


def group(number: int, role: str, name: str) -> dict[str, Any]:
    return {
        "Id": f"ig-{number}",
        "Name": name,
        "InstanceGroupType": role,
        "InstanceType": "m7g.xlarge",
        "Status": {"State": "RUNNING"},
    }


def grouped() -> Amazon:
    found = [group(1, "MASTER", "primary"), group(2, "CORE", "core"), group(3, "TASK", "a"), group(4, "TASK", "b")]
    return Amazon(
        describe_cluster=[{"Cluster": {"InstanceCollectionType": "INSTANCE_GROUP"}}],
        list_instance_groups=[{"InstanceGroups": found}],
        modify_instance_groups=[{}],
    )


def in_fleets() -> Amazon:
    found = [
        {"Id": f"if-{n}", "Name": name, "InstanceFleetType": role, "Status": {"State": "RUNNING"}}
        for n, (role, name) in enumerate((("MASTER", "primary"), ("CORE", "core"), ("TASK", "task")))
    ]
    return Amazon(
        describe_cluster=[{"Cluster": {"InstanceCollectionType": "INSTANCE_FLEET"}}],
        list_instance_fleets=[{"InstanceFleets": found}],
        modify_instance_fleet=[{}],
    )


def test_the_bounds_are_set_and_what_else_the_policy_says_is_kept_as_far_as_it_fits() -> None:
    emr = Amazon(get_managed_scaling_policy=[{"ManagedScalingPolicy": POLICY}], put_managed_scaling_policy=[{}])
    changed = {**LIMITS, "MaximumCapacityUnits": 5, "MaximumOnDemandCapacityUnits": 5}
    assert bounds(emr, "j-1", None, 5) == changed
    assert emr.asked("put_managed_scaling_policy") == [
        {"ClusterId": "j-1", "ManagedScalingPolicy": {**POLICY, "ComputeLimits": changed}}
    ]


@pytest.mark.parametrize(
    ("policy", "bound", "said"), [({}, (1, 2), "no managed scaling"), (POLICY, (11, None), "11 to 10")]
)
def test_bounds_that_are_none_change_nothing(policy: dict[str, Any], bound: tuple[Any, Any], said: str) -> None:
    emr = Amazon(get_managed_scaling_policy=[{"ManagedScalingPolicy": policy}])
    with pytest.raises(ResizeError, match=said):
        bounds(emr, "j-1", *bound)


def test_groups_are_resized_by_name_role_or_id_in_one_call() -> None:
    emr = grouped()
    nodes(emr, "j-1", {"CORE": 4, "a": 0, "ig-4": 6}, {})
    changes = [{"InstanceGroupId": f"ig-{n}", "InstanceCount": count} for n, count in ((2, 4), (3, 0), (4, 6))]
    assert emr.asked("modify_instance_groups") == [{"ClusterId": "j-1", "InstanceGroups": changes}]


def test_fleets_are_resized_on_demand_and_on_spot_one_call_each() -> None:
    emr = in_fleets()
    nodes(emr, "j-1", {"core": 2, "task": 0}, {"task": 6})
    assert [asked["InstanceFleet"] for asked in emr.asked("modify_instance_fleet")] == [
        {"InstanceFleetId": "if-1", "TargetOnDemandCapacity": 2},
        {"InstanceFleetId": "if-2", "TargetOnDemandCapacity": 0, "TargetSpotCapacity": 6},
    ]


@pytest.mark.parametrize(
    ("emr", "counts", "spot", "said"),
    [
        (grouped(), {}, {"a": 1}, "market is fixed"),
        (grouped(), {"core": 0}, {}, "hold HDFS"),
        (grouped(), {"primary": 3}, {}, "primary nodes is fixed"),
        (grouped(), {"core": 2, "tsk": 1}, {}, "none of its groups or fleets is called 'tsk'"),
        (grouped(), {"task": 1}, {}, "2 of its groups"),
        (in_fleets(), {}, {"primary": 1}, "primary nodes is fixed"),
    ],
)
def test_what_cannot_be_resized_is_refused_before_anything_is(
    emr: Amazon, counts: dict[str, int], spot: dict[str, int], said: str
) -> None:
    with pytest.raises(ResizeError, match=said):
        nodes(emr, "j-1", counts, spot)
    assert not [name for name, _ in emr.calls if name.startswith("modify")]
