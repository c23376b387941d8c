import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from framework.batch import FilePin, Interval, Pin, Plan, Position
from framework.errors import DamagedPlanError
from framework.state import PlanStore
from framework.tables import Lake

PLAN = Plan(
    job="cities",
    run_id="20240101T120000-abc123",
    position=Position(1, 7),
    started_at=datetime(2024, 1, 1, 12, tzinfo=UTC),
    code_version="0123456789ab",
    loads=("cities", "towns"),
    parameters={"min_area": 1.5, "name": "Ærø"},
    pins={"raw": Pin(files=(FilePin("s3://b/ø.csv", 10, 1_700_000_000_000),)), "towns": Pin(version=3), "own": Pin()},
    interval=Interval(end=datetime(2024, 1, 1, tzinfo=UTC)),
)


@pytest.fixture
def store(lake: Lake) -> PlanStore:
    return PlanStore(lake, "cities")


def test_a_plan_is_found_again_as_it_was_written(lake: Lake, store: PlanStore) -> None:
    assert store.load(PLAN.position) is None
    assert store.save(PLAN) == PLAN

    assert store.load(Position(1, 7)) == PLAN
    assert store.load(Position(0, 7)) is None
    assert PlanStore(lake, "towns").load(Position(1, 7)) is None
    written = json.loads(Path(lake.root, "_lakegate/plans/cities/1-0000000007.json").read_text())
    assert written["pins"]["raw"]["files"] == [{"path": "s3://b/ø.csv", "size": 10, "modified_at": 1_700_000_000_000}]


def test_of_two_plans_of_a_batch_the_first_is_kept_unless_it_is_planned_anew(store: PlanStore) -> None:
    second = replace(PLAN, run_id="another")
    store.save(PLAN)

    assert store.save(second) == PLAN
    assert store.load(PLAN.position) == PLAN

    assert store.save(second, anew=True) == second
    assert store.load(PLAN.position) == second


def test_the_newest_plan_is_of_the_greatest_epoch_and_then_the_greatest_batch(store: PlanStore) -> None:
    assert store.newest() is None

    for position in (Position(0, 11), Position(1, 2), Position(1, 10)):
        store.save(replace(PLAN, position=position))

    assert store.newest() == Position(1, 10)


@pytest.mark.parametrize("text", ["", "{", '{"job": "cities"}', "[]"])
def test_a_plan_that_is_not_one_is_damaged(lake: Lake, store: PlanStore, text: str) -> None:
    path = Path(lake.root, "_lakegate/plans/cities/0-0000000001.json")
    path.parent.mkdir(parents=True)
    path.write_text(text)

    with pytest.raises(DamagedPlanError) as refused:
        store.load(Position(0, 1))

    assert refused.value.path == str(path)


def test_a_plan_that_was_changed_behind_hadoops_checksum_is_damaged(lake: Lake, store: PlanStore) -> None:
    path = Path(lake.root, "_lakegate/plans/cities/1-0000000007.json")
    store.save(replace(PLAN, parameters={"day": date(2024, 1, 1)}))
    path.write_text(path.read_text().replace("2024-01-01", "2024-01-02"))

    for read in (store.load, lambda position: store.save(replace(PLAN, position=position))):
        with pytest.raises(DamagedPlanError) as refused:
            read(Position(1, 7))
        assert refused.value.path == str(path)
