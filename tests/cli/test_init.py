import re
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

from framework.errors import FileExistsRefusedError
from tests.command import ROOT, files_of, fresh, lakegate, project, rows_at

MADE = {
    ".gitignore",
    "Makefile",
    "README.md",
    "conf/local-emr.toml",
    "conf/local.toml",
    "conf/prod.toml",
    "conf/test.toml",
    "data/orders/2024-01-02.csv",
    "jobs/__init__.py",
    "jobs/orders.py",
    "pyproject.toml",
    "scripts/run_job.py",
    "tests/jobs/test_orders.py",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as it was made."""
    return project(tmp_path_factory.mktemp("init") / "My Shop!")


def test_a_project_is_made(tmp_path: Path) -> None:
    assert set(files_of(project(tmp_path / "shop"))) == MADE


def test_a_folder_that_is_empty_is_filled(tmp_path: Path) -> None:
    assert lakegate(tmp_path, "init", ".").code == 0
    assert set(files_of(tmp_path)) == MADE


def test_its_environment_of_a_cluster_is_the_sample_of_this_repository(shop: Path) -> None:
    assert (shop / "conf" / "prod.toml").read_text() == (ROOT / "conf" / "prod.toml").read_text()


def test_its_emr_on_this_machine_is_that_of_this_repository_without_the_steps(shop: Path) -> None:
    ours, its = (tomllib.loads((root / "conf" / "local-emr.toml").read_text()) for root in (ROOT, shop))
    assert ours["emr"].pop("steps")
    assert its == ours


def test_its_distribution_has_a_name_that_python_allows_and_needs_this_lakegate(shop: Path) -> None:
    declared = tomllib.loads((shop / "pyproject.toml").read_text())["project"]
    assert (declared["name"], declared["dependencies"]) == ("my-shop", ["lakegate>=0.1.0"])


def test_no_gap_of_a_template_stays_open(shop: Path) -> None:
    texts = [path.read_text() for path in shop.rglob("*") if path.is_file()]
    assert [
        gap for text in texts for gap in re.findall(r"\{(?:name|Name|NAME|models|project|version|lakegate)\}", text)
    ] == []


@pytest.mark.parametrize("there", ["a file", "a project", "a folder with a file"])
def test_what_is_there_already_is_left_alone(tmp_path: Path, there: str) -> None:
    target = tmp_path / "shop"
    if there == "a project":
        project(target)
    elif there == "a file":
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "notes").write_text("mine")
    before = files_of(tmp_path)
    said = lakegate(tmp_path, "init", "shop")
    assert said.code == 2
    assert isinstance(said.error, FileExistsRefusedError)
    assert said.error.paths == ("shop",)
    assert files_of(tmp_path) == before


def test_make_lists_every_target(shop: Path) -> None:
    targets = re.findall(r"^([a-z][a-z-]*):", (shop / "Makefile").read_text(), re.MULTILINE)
    for command in (["make"], ["make", "help"]):
        listed = [line.split()[1] for line in fresh(shop, *command).out.splitlines()]
        assert listed == targets == ["help", "setup", "run", "check", "package", "test", "clean"]


def test_its_wheel_has_the_jobs_and_their_settings(shop: Path, tmp_path: Path) -> None:
    built = fresh(shop, sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    assert built.code == 0, built.err
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == "my_shop-0.1.0-py3-none-any.whl"
    assert {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name} == {
        "jobs/__init__.py",
        "jobs/orders.py",
        "jobs/conf/local-emr.toml",
        "jobs/conf/local.toml",
        "jobs/conf/prod.toml",
        "jobs/conf/test.toml",
    }


def test_make_run_loads_the_sample(shop: Path) -> None:
    said = fresh(shop, "make", "run", f"VENV={sys.prefix}")
    assert said.code == 0, said.err
    assert rows_at(shop / "lake/silver/orders", "id, status, amount, month") == [
        (1, "paid", 10.0, "2024-01"),
        (2, "open", 7.5, "2024-01"),
    ]


def test_make_test_passes(shop: Path) -> None:
    said = fresh(shop, "make", "test", f"VENV={sys.prefix}")
    assert said.code == 0, said.out + said.err
    assert re.search(r"^=+ 2 passed in ", said.out, re.MULTILINE), said.out
