import re
import subprocess
import tomllib
from email import message_from_string
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from framework.lanes import LANES
from tests.command import ROOT, wheels

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("runtime", "main", "emr7", "tools")
CLIENTS = ("clients-aws-cli", "clients-boto3", "clients-emr-cli", "clients-airflow")
PROVIDED = {"pyspark", "delta-spark", "py4j"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel of lakegate and that of the jobs."""
    return wheels(tmp_path_factory.mktemp("build"))


def _contents(wheel: Path) -> set[str]:
    return {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}


def _metadata(wheel: Path, file: str) -> str:
    (name,) = [name for name in ZipFile(wheel).namelist() if name.endswith(f".dist-info/{file}")]
    return ZipFile(wheel).read(name).decode()


def _sources(folder: str, *endings: str) -> set[str]:
    found = [path for path in (ROOT / folder).rglob("*") if path.name.endswith(endings)]
    return {str(path.relative_to(ROOT)) for path in found}


# -- wheels -----------------------------------------------------------------------------------------------------------


def test_the_framework_s_wheel_holds_framework_its_templates_and_the_base_settings(built: tuple[Path, Path]) -> None:
    contents = _contents(built[0])
    assert contents == _sources("framework", ".py", ".txt") | {"framework/py.typed", "framework/conf/base.toml"}
    assert {"framework/cli/templates/job.py.txt", "framework/cli/templates/project/Makefile.txt"} < contents


def test_the_jobs_wheel_holds_the_jobs_and_all_settings(built: tuple[Path, Path]) -> None:
    settings = {f"jobs/{path}" for path in _sources("conf", ".toml")}
    assert "jobs/conf/prod.toml" in settings
    assert _contents(built[1]) == _sources("jobs", ".py") | settings


def test_the_settings_in_the_wheels_are_those_of_conf(built: tuple[Path, Path]) -> None:
    base = (ROOT / "conf" / "base.toml").read_bytes()
    assert ZipFile(built[0]).read("framework/conf/base.toml") == base
    assert ZipFile(built[1]).read("jobs/conf/base.toml") == base


def test_both_wheels_run_on_any_platform_and_have_the_version_of_the_project(built: tuple[Path, Path]) -> None:
    version = PYPROJECT["project"]["version"]
    assert [wheel.name for wheel in built] == [
        f"lakegate-{version}-py3-none-any.whl",
        f"lakegate_jobs-{version}-py3-none-any.whl",
    ]


def test_the_wheel_installs_the_command_and_the_pytest_plugin(built: tuple[Path, Path]) -> None:
    assert _metadata(built[0], "entry_points.txt").split() == [
        *("[console_scripts]", "lakegate", "=", "framework.cli:main"),
        *("[pytest11]", "lakegate", "=", "framework.testing"),
    ]


def test_the_wheel_carries_its_license(built: tuple[Path, Path]) -> None:
    assert _metadata(built[0], "licenses/LICENSE") == (ROOT / "LICENSE").read_text()
    assert message_from_string(_metadata(built[0], "METADATA"))["License-Expression"] == "Apache-2.0"


def test_spark_is_needed_only_where_an_extra_asks_for_it(built: tuple[Path, Path]) -> None:
    needed = [
        Requirement(text)
        for wheel in built
        for text in message_from_string(_metadata(wheel, "METADATA")).get_all("Requires-Dist") or []
    ]
    assert {need.name for need in needed if need.marker is None} >= {"pydantic", "typer", "lakegate"}
    assert {need.name for need in needed if need.marker is None} & PROVIDED == set()
    extras = {(need.name, str(need.specifier), str(need.marker)) for need in needed if need.marker is not None}
    assert {name for name, _, extra in extras if extra == 'extra == "emr"'} == {"uv", "packaging", "pyelftools"}
    assert {name for name, _, extra in extras if extra == 'extra == "local-emr"'} == {"moto"}
    assert {need for need in extras if "emr" not in need[2]} == {
        ("pyspark", "==4.1.1", 'extra == "spark"'),
        ("delta-spark", "==4.2.0", 'extra == "spark"'),
        ("pyspark", "==3.5.6", 'extra == "spark35"'),
        ("delta-spark", "==3.3.2", 'extra == "spark35"'),
    }


# -- requirements -----------------------------------------------------------------------------------------------------


def _locked(lock: str) -> dict[str, tuple[str, int]]:
    """Return the version of each locked package and how many hashes it has."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    entries = re.split(r"^(?=[a-z0-9])", re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)[1:]
    found = {}
    for entry in entries:
        match = re.match(r"([a-z0-9._-]+)==([^ ]+)", entry)
        assert match, entry
        found[match[1]] = (match[2], len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", entry)))
    return found


@pytest.mark.parametrize("lock", [*LOCKS, *CLIENTS])
def test_every_locked_package_has_one_version_and_its_hashes(lock: str) -> None:
    locked = _locked(lock)
    assert len(locked) >= 4
    assert [name for name, (_, hashes) in locked.items() if hashes == 0] == []


@pytest.mark.parametrize("lock", [*LOCKS, *CLIENTS])
def test_a_lock_names_no_place_to_get_packages_from(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    assert re.findall(r"https?:|file:|--index-url|--extra-index-url|--find-links| @ ", text) == []


def test_what_is_needed_at_run_time_does_not_bring_spark() -> None:
    assert set(_locked("runtime")) & PROVIDED == set()


def test_what_runs_is_locked_to_what_is_tested() -> None:
    runtime, main, emr7 = _locked("runtime"), _locked("main"), _locked("emr7")
    assert {name for name in runtime if not runtime[name] == main.get(name) == emr7.get(name)} == set()
    assert {name for name in _locked("tools") if name in main and _locked("tools")[name] != main[name]} == set()


@pytest.mark.parametrize(("lock", "extra", "lane"), [("main", "spark", 0), ("emr7", "spark35", 1)])
def test_a_lane_s_lock_has_the_spark_and_delta_that_its_extra_and_the_session_name(
    lock: str, extra: str, lane: int
) -> None:
    pinned = {need.split("==")[0]: need.split("==")[1] for need in PYPROJECT["project"]["optional-dependencies"][extra]}
    locked = _locked(lock)
    assert pinned == {name: locked[name][0] for name in ("pyspark", "delta-spark")}
    assert pinned["pyspark"].startswith(LANES[lane].spark + ".")
    assert LANES[lane].packages[0].endswith(":" + pinned["delta-spark"])


@pytest.mark.parametrize("lock", ["main", "emr7"])
def test_what_pyproject_allows_is_what_is_locked(lock: str) -> None:
    project = PYPROJECT["project"]
    declared = [Requirement(need) for need in (*project["dependencies"], *PYPROJECT["dependency-groups"]["dev"])]
    locked = _locked(lock)
    assert [str(need) for need in declared if locked[need.name][0] not in need.specifier] == []


def test_the_oldest_boto3_that_pyproject_allows_is_one_of_the_clients() -> None:
    (oldest,) = [need for need in map(Requirement, PYPROJECT["project"]["dependencies"]) if need.name == "boto3"]
    locked = _locked("clients-boto3")
    assert (str(oldest.specifier), locked["boto3"][0], locked["botocore"][0]) == (">=1.34", "1.34.0", "1.34.0")


def test_the_page_of_the_local_emr_names_the_clients_that_are_locked() -> None:
    names = {
        "AWS CLI": ("clients-aws-cli", "awscli"),
        "boto3": ("clients-boto3", "boto3"),
        "amazon-emr-cli": ("clients-emr-cli", "emr-cli"),
        "Airflow": ("clients-airflow", "apache-airflow"),
        "Amazon provider": ("clients-airflow", "apache-airflow-providers-amazon"),
    }
    page = (ROOT / "docs" / "local-emr.md").read_text()
    said = {name: re.search(rf"{name} (\d[\d.]*\d)", page) for name in names}
    locked = {name: _locked(lock)[package][0] for name, (lock, package) in names.items()}
    assert {
        name for name, found in said.items() if not found or not f"{locked[name]}.".startswith(f"{found[1]}.")
    } == set()


# -- what is committed ------------------------------------------------------------------------------------------------


def _committed() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_place_of_one_machine_or_a_package_registry() -> None:
    # Written in parts, so that this file is none of those it finds.
    homes = "|".join(f"/{home}/" for home in ("work", "root", "Users", "home/(?!linuxbrew)"))
    hosts = "|".join(rf"\b{host}\b" for host in ("pypi" + ".org", "pythonhosted" + ".org", "maven" + ".org"))
    found = re.compile(f"{homes}|{hosts}|://[^/\\s]*:[^/\\s]*@".encode())
    files = _committed()
    assert len(files) > 80
    assert [path.name for path in files if found.search(path.read_bytes())] == []


def test_nothing_that_is_made_is_committed() -> None:
    made = ("__pycache__", ".venv", "lake", "dist", "build", "spark-warehouse", "metastore_db", ".egg-info")
    assert [str(path) for path in _committed() if set(path.relative_to(ROOT).parts) & set(made)] == []
