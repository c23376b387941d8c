import pytest

from framework.local_emr.seats import Change, Wish, changed, planned

CORE, TASK, OTHER = ("j-1", "core"), ("j-1", "task"), ("j-2", "core")
FIRST = ("node-1", "node-2")
TWO = dict.fromkeys(FIRST, "RUNNING")


def _three(**states: str) -> dict[str, str]:
    return {f"node-{number}": states.get(f"node_{number}", "RUNNING") for number in (1, 2, 3)}


def test_without_a_cluster_the_first_nodes_are_in_service() -> None:
    plan = planned({}, {}, _three(node_2="DECOMMISSIONED"), FIRST, used=False)
    assert (plan.seats, set(plan.kept), plan.more) == ({}, set(FIRST), 0)
    assert changed(plan, _three(node_2="DECOMMISSIONED")) == Change("recommission", "node-2")
    assert changed(plan, _three()) == Change("decommission", "node-3")
    assert changed(plan, _three(), shrink=False) is None


def test_what_runs_is_handed_out_and_what_lacks_joins() -> None:
    plan = planned({CORE: Wish(2), TASK: Wish(2)}, {}, _three(), FIRST, used=True)
    assert plan.seats == {"node-1": CORE, "node-2": CORE, "node-3": TASK}
    assert plan.more == 1
    assert changed(plan, _three()) == Change("join", count=1)


def test_a_node_that_has_left_comes_back_before_another_joins() -> None:
    states = _three(node_1="LOST")
    plan = planned({CORE: Wish(4)}, {}, states, FIRST, used=True)
    assert (set(plan.kept), plan.more) == ({"node-1", "node-2", "node-3"}, 1)
    assert changed(plan, states) == Change("recommission", "node-1")


def test_what_is_about_to_leave_is_called_back_but_after_what_runs_is_handed_out() -> None:
    states = _three(node_1="DECOMMISSIONING")
    assert planned({CORE: Wish(2)}, {}, states, FIRST, used=True).seats == {"node-2": CORE, "node-3": CORE}
    plan = planned({CORE: Wish(3)}, {}, states, FIRST, used=True)
    assert plan.seats == dict.fromkeys(states, CORE)
    assert changed(plan, states) == Change("recommission", "node-1")


@pytest.mark.parametrize(("away", "goes"), [((), "node-1"), (("node-2",), "node-2")])
def test_those_named_go_first_and_then_the_newest(away: tuple[str, ...], goes: str) -> None:
    seats = {"node-3": CORE, "node-2": CORE, "node-1": CORE}  # in the order in which they came
    plan = planned({CORE: Wish(2, away)}, seats, _three(), FIRST, used=True)
    assert plan.kept == set(seats) - {goes}
    assert changed(plan, _three()) == Change("decommission", goes)
    # Whose it is, until it has left.
    leaving = {**_three(), goes: "DECOMMISSIONING"}
    assert planned({CORE: Wish(2, away)}, plan.seats, leaving, FIRST, used=True).seats == seats
    left = {**_three(), goes: "DECOMMISSIONED"}
    assert goes not in planned({CORE: Wish(2)}, plan.seats, left, FIRST, used=True).seats


def test_a_node_whose_process_has_ended_is_nobodys_and_not_started_before_its_loss_is_known() -> None:
    states = _three(node_1="DYING", node_3="DECOMMISSIONED")
    plan = planned({CORE: Wish(2)}, dict.fromkeys(FIRST, CORE), states, FIRST, used=True)
    assert plan.seats == {"node-2": CORE}
    assert changed(plan, states) == Change("recommission", "node-3")
    assert planned({CORE: Wish(2)}, {}, {"node-1": "DYING", "node-2": "RUNNING"}, FIRST, used=True).more == 1


def test_a_cluster_of_a_primary_node_alone_has_one_node_in_service() -> None:
    plan = planned({}, {}, TWO, FIRST, used=True)
    assert (set(plan.kept), plan.more) == ({"node-1"}, 0)
    assert planned({}, {}, dict.fromkeys(FIRST, "LOST"), FIRST, used=True).kept == {"node-1"}
    assert planned({TASK: Wish(0)}, {}, {}, FIRST, used=True).more == 1


def test_what_an_ended_cluster_had_is_handed_on() -> None:
    plan = planned({OTHER: Wish(1)}, dict.fromkeys(FIRST, CORE), TWO, FIRST, used=True)
    assert plan.seats == {"node-1": OTHER}
    assert changed(plan, TWO) == Change("decommission", "node-2")
