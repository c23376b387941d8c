import hashlib
import json
import shutil
from dataclasses import dataclass
from dataclasses import replace as changed
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from framework.batch import Position
from framework.errors import DamagedStateError, LostPlanError, PinVanishedError, PlanChangedError, StageFailedError
from framework.pipeline import BatchReport, Job, Stage, extract, load
from framework.pipeline.plan import code_version, positions
from framework.sources import files, written
from framework.tables import Frame, Lake, RowModel, Table, append, replace
from framework.testing import NOON
from tests.delta import rows_of, version_of
from tests.runs import run_in

LATER = NOON + timedelta(hours=1)


class Line(RowModel):
    line: str


BRONZE, SILVER, GOLD = (Table(f"{layer}.lines") for layer in ("bronze", "silver", "gold"))
TOLD: list[int] = []

raw = extract(raw=files("lines", Line, format="text"))


def told(rows: DataFrame) -> None:
    TOLD.append(rows.count())


def fragile(
    raw: DataFrame, written_lines: DataFrame, *, flag: str, since: date = date(2013, 1, 1), share: float = 1
) -> DataFrame:
    """Fail, when it is computed, for as long as a file is there."""
    lines = raw.withColumn("came", F.lit("by file")).union(written_lines.withColumn("came", F.lit("by table")))
    failing = F.raise_error(F.lit("the flag is there")).cast("string")
    return lines.withColumn("came", failing) if Path(flag).exists() else lines


stages: list[Stage] = [
    raw,
    load(raw, into=BRONZE, write=append()),
    load(raw, into=told),
    extract(written_lines=written(BRONZE)),
    fragile,
    load(fragile, into=SILVER, write=replace(by="came")),
]
job = Job("lines", stages)


@dataclass(frozen=True)
class Scene:
    """A lake, the landing folder of its job, and the file that makes the job fail."""

    lake: Lake
    landing: Path
    flag: Path
    landed: Path = Path()

    def run(self, job: Job = job, *, replan: bool = False, **given: Any) -> BatchReport:
        values = {"flag": str(self.flag), **given}
        return run_in(self.lake, job, self.landing, LATER, given=values, replan=replan).last

    def rows(self, table: Table, columns: str = "line, _ingested_at") -> list[tuple[Any, ...]]:
        return rows_of(self.lake, table, columns)

    def versions(self) -> dict[str, int]:
        return {table.name: version_of(self.lake, table) for table in (BRONZE, SILVER, GOLD)}

    def plan_file(self, batch: int = 1) -> Path:
        return Path(self.lake.root, "_lakegate", "plans", "lines", f"0000-{batch:010}.json")


def _landing(folder: Path, name: str, *lines: str) -> Path:
    (folder / "lines").mkdir(parents=True, exist_ok=True)
    (folder / "lines" / name).write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def first_attempt(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """At noon: bronze.lines is in, silver.lines failed."""
    folder = tmp_path_factory.mktemp("interrupted")
    landing = _landing(folder / "landing", "1.txt", "one", "two")
    landed = landing / "lines" / "1.txt"
    scene = Scene(Lake(spark, str(folder / "lake")), landing, folder / "flag", landed)
    scene.flag.touch()
    with pytest.raises(StageFailedError) as caught:
        run_in(scene.lake, job, scene.landing, NOON, given={"flag": str(scene.flag)})
    assert caught.value.stage == "silver.lines"
    scene.flag.unlink()
    return scene


@pytest.fixture
def interrupted(first_attempt: Scene, tmp_path: Path) -> Scene:
    """A copy of the interrupted lake, and another landing folder, where a file more has landed since."""
    shutil.copytree(first_attempt.lake.root, tmp_path / "lake")
    shutil.copytree(first_attempt.landing, tmp_path / "landing")
    landing = _landing(tmp_path / "landing", "2.txt", "three")
    return changed(first_attempt, lake=Lake(first_attempt.lake.spark, str(tmp_path / "lake")), landing=landing)


# -- a plan -----------------------------------------------------------------------------------------------------------


def test_the_plan_is_written_down_before_the_first_commit(first_attempt: Scene) -> None:
    plan = json.loads(first_attempt.plan_file().read_text())
    landed = first_attempt.landed.stat()
    (pinned,) = plan["pins"]["raw"]["files"]
    assert pinned["path"].removeprefix("file:") == str(first_attempt.landed)
    assert (pinned["size"], pinned["modified_at"]) == (landed.st_size, landed.st_mtime_ns // 1_000_000)
    assert plan["position"] == {"epoch": 0, "batch": 1}
    assert plan["started_at"] == "2024-01-01T12:00:00Z"
    assert plan["loads"] == ["bronze.lines", "silver.lines"]
    assert plan["parameters"] == {"flag": str(first_attempt.flag), "since": "2013-01-01", "share": 1.0}


def test_each_load_s_position_is_in_its_own_table(first_attempt: Scene) -> None:
    assert positions(job, first_attempt.lake, "lines") == {"bronze.lines": Position(0, 1), "silver.lines": None}


def test_the_code_s_version_is_that_of_the_files_that_its_functions_and_row_models_are_in() -> None:
    assert code_version(job) == hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    assert code_version(Job("lines", [raw, load(raw, into=BRONZE, write=append())])) == code_version(job)
    made = type("Made", (Line,), {"__module__": "nowhere"})
    nowhere = extract(raw=files("lines", made, format="text"))
    assert code_version(Job("lines", [nowhere, load(nowhere, into=BRONZE, write=append())])) != code_version(job)


# -- taking up --------------------------------------------------------------------------------------------------------

ONCE = [("one", NOON), ("two", NOON)]
ALL = ("one", "three", "two")
IN_SILVER = "line, came, _ingested_at"


def _came(how: str, at: datetime, *lines: str) -> list[tuple[Any, ...]]:
    return [(line, how, at) for line in lines]


def test_an_interrupted_batch_is_taken_up_with_its_inputs_and_its_clock(interrupted: Scene) -> None:
    shutil.rmtree(interrupted.landing)  # what has landed since is not looked at
    report = interrupted.run()
    assert report.resumed
    assert (report.plan.position, report.plan.started_at) == (Position(0, 1), NOON)
    twice = [*_came("by file", NOON, "one", "two"), *_came("by table", NOON, "one", "two")]
    assert interrupted.rows(SILVER, IN_SILVER) == sorted(twice)


def test_loads_that_are_in_are_not_repeated_and_those_of_one_s_own_are(interrupted: Scene) -> None:
    TOLD.clear()
    outcomes = {stage.name: stage.outcome for stage in interrupted.run().stages if stage.kind == "load"}
    assert outcomes == {"bronze.lines": "already applied", "told": "done", "silver.lines": "done"}
    assert interrupted.rows(BRONZE) == ONCE
    assert TOLD == [2]


def test_a_load_that_is_added_to_an_interrupted_batch_is_made_with_it(interrupted: Scene) -> None:
    interrupted.run(Job("lines", [*stages, load(raw, into=GOLD, write=append())]))
    assert interrupted.rows(GOLD) == ONCE


def test_a_load_that_is_added_later_begins_a_new_batch(interrupted: Scene) -> None:
    interrupted.run()
    report = interrupted.run(Job("lines", [*stages, load(raw, into=GOLD, write=append())]))
    assert (report.resumed, report.plan.position, report.plan.started_at) == (False, Position(0, 2), LATER)
    assert interrupted.rows(GOLD) == [(line, LATER) for line in ALL]
    assert interrupted.rows(BRONZE) == sorted([*ONCE, *((line, LATER) for line in ALL)])


# -- what is refused, and planned anew --------------------------------------------------------------------------------


def test_other_parameters_than_the_planned_ones_are_refused(interrupted: Scene) -> None:
    before = interrupted.versions()
    with pytest.raises(PlanChangedError) as caught:
        interrupted.run(since="2013-02-28", share="1")
    assert (caught.value.job, caught.value.batch) == ("lines", 1)
    assert [change.split()[0] for change in caught.value.changes] == ["since"]
    assert interrupted.versions() == before


def test_a_source_that_was_not_planned_is_refused(interrupted: Scene) -> None:
    more = [*stages, extract(added=files("lines", Line, format="text")), load("added", into=GOLD, write=append())]
    with pytest.raises(PlanChangedError) as caught:
        interrupted.run(Job("lines", more))
    assert [change.split()[0] for change in caught.value.changes] == ["'added'"]


def test_a_planned_file_that_is_gone_is_refused_until_the_rest_is_planned_anew(interrupted: Scene) -> None:
    before = interrupted.versions()
    gone = interrupted.landed.rename(interrupted.landed.with_suffix(".gone"))
    try:
        with pytest.raises(PinVanishedError) as caught:
            interrupted.run()
        assert [Path(path).name for path in caught.value.gone] == ["1.txt"]
        assert interrupted.versions() == before
        report = interrupted.run(replan=True)
    finally:
        gone.rename(interrupted.landed)
    # What is in was written by the batch's clock, so what is left is too.
    assert (report.plan.position, report.plan.started_at) == (Position(0, 1), NOON)
    assert interrupted.rows(BRONZE) == ONCE
    anew = [*_came("by file", NOON, *ALL), *_came("by table", NOON, "one", "two")]
    assert interrupted.rows(SILVER, IN_SILVER) == sorted(anew)


@pytest.mark.parametrize("replan", [False, True])
def test_a_damaged_plan_of_a_batch_that_is_begun_is_refused(interrupted: Scene, replan: bool) -> None:
    before = interrupted.versions()
    interrupted.plan_file().write_text('{"job": "lines"')
    with pytest.raises(DamagedStateError) as caught:
        interrupted.run(replan=replan)
    assert caught.value.path == str(interrupted.plan_file())
    assert interrupted.versions() == before


@pytest.mark.parametrize("replan", [False, True])
def test_a_plan_that_is_gone_though_a_table_holds_its_batch_is_refused(interrupted: Scene, replan: bool) -> None:
    before = interrupted.versions()
    interrupted.plan_file().unlink()
    with pytest.raises(LostPlanError) as caught:
        interrupted.run(replan=replan)
    assert (caught.value.job, caught.value.path) == ("lines", str(interrupted.plan_file()))
    assert interrupted.versions() == before


# -- batches that no load followed ------------------------------------------------------------------------------------


class Number(RowModel):
    number: int | None


def counted(numbers: Frame[Number], *, flag: str) -> DataFrame:
    return fragile(numbers, numbers, flag=flag)


def test_a_batch_that_no_load_followed_is_planned_anew_and_keeps_each_malformed_record_once(
    spark: SparkSession, tmp_path: Path
) -> None:
    numbers = Job(
        "numbers",
        [extract(numbers=files("numbers", Number, format="csv")), counted, load(counted, into=GOLD, write=append())],
    )
    scene = Scene(Lake(spark, str(tmp_path / "lake")), tmp_path, tmp_path / "flag")
    (tmp_path / "numbers").mkdir()
    (tmp_path / "numbers" / "1.csv").write_text("number\n1\n")
    assert scene.run(numbers).plan.position == Position(0, 1)
    (tmp_path / "numbers" / "2.csv").write_text("number\nfirst\n")
    scene.flag.touch()
    with pytest.raises(StageFailedError):
        scene.run(numbers)
    assert version_of(scene.lake, Table("_lakegate.malformed_numbers")) == -1
    scene.flag.unlink()
    (tmp_path / "numbers" / "3.csv").write_text("number\nsecond\n")
    report = scene.run(numbers)
    assert (report.resumed, report.plan.position) == (False, Position(0, 3))
    assert scene.rows(Table("_lakegate.malformed_numbers"), "record") == [("first",), ("second",)]
