import shutil
from pathlib import Path

import pytest

from framework.errors import FileExistsRefusedError, NoWheelError, SettingError
from tests.command import lakegate, project
from tests.emr.wheelhouse import Wheelhouse


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Wheelhouse:
    return Wheelhouse(tmp_path_factory.mktemp("house"))


@pytest.fixture(autouse=True)
def _away_from_the_network(house: Wheelhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in house.variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, house: Wheelhouse) -> Path:
    """A project with a lock."""
    made = project(tmp_path_factory.mktemp("package") / "shop")
    (made / "requirements").mkdir()
    (made / "requirements" / "runtime.txt").write_text("\n".join(house.add_what_lakegate_needs()))
    return made


def test_a_bundle_is_built_into_dist_from_any_folder_of_the_project(shop: Path) -> None:
    said = lakegate(shop / "jobs", "package", "--env", "prod")
    assert said.code == 0, said.err
    listed = [line.split()[0] for line in said.out.splitlines()[1:-1]]
    assert sorted(listed) == sorted(f"dist/{path.name}" for path in (shop / "dist").iterdir())
    assert "bundle-emr-spark-8.2.0-aarch64-py3.11.json" in said.out
    assert said.out.splitlines()[-1].startswith("Built for emr-spark-8.2.0 (Python 3.11, aarch64, glibc 2.34) in ")


def test_what_the_wheel_has_not_as_it_is_here_is_said_with_why_it_matters(shop: Path, tmp_path: Path) -> None:
    assert lakegate(shop, "package", "--env", "prod").err == ""
    made = shutil.copytree(shop, tmp_path / "shop")
    shutil.copytree(made / "conf", made / "deploy")
    (made / "deploy" / "prod.toml").write_text("# of the cluster\n")
    for number in range(5):
        (made / "jobs" / f"{number}.csv").write_text("")
    declared = made / "pyproject.toml"
    text = declared.read_text().replace('conf = "jobs/conf"', 'deploy = "jobs/conf"')
    declared.write_text(text.replace('packages = ["jobs"]', 'packages = ["jobs"]\nexclude = ["*.csv"]'))
    said = lakegate(made, "package", "--env", "prod")
    assert said.code == 0, said.err
    assert said.err.splitlines() == [
        "Not in the wheel as here: conf/prod.toml (packed from deploy/prod.toml), jobs/0.csv (left out), jobs/1.csv "
        "(left out), jobs/2.csv (left out), jobs/3.csv (left out) and 1 more.",
        "The cluster has what the build packed, by pyproject.toml and .gitignore: a job that needs what is left out "
        "fails there.",
    ]


@pytest.mark.parametrize(
    "options",
    [
        ("--release", "emr-7.14.0", "--arch", "x86_64"),
        ("--set", "emr.release=emr-7.14.0", "--set", "emr.architecture=x86_64"),
        ("--release", "emr-7.14.0", "--arch", "x86_64", "--set", "emr.release=emr-spark-8.2.0"),
    ],
)
def test_the_release_and_the_cpu_are_flags_that_go_before_settings(shop: Path, options: tuple[str, ...]) -> None:
    said = lakegate(shop, "package", *options)
    assert said.code == 0, said.err
    assert "dist/bundle-emr-7.14.0-x86_64-py3.11.json" in said.out


def test_a_cpu_that_emr_does_not_have_is_a_usage_error(shop: Path) -> None:
    said = lakegate(shop, "package", "--arch", "riscv64")
    assert said.code == 2
    assert isinstance(said.error, SettingError)


def test_a_failure_is_said_in_words(shop: Path, house: Wheelhouse) -> None:
    house.add("rich", "100.0", tag="cp311-cp311-manylinux_2_17_x86_64")
    lock = shop / "requirements" / "runtime.txt"
    text = lock.read_text()
    lock.write_text(text.replace("rich==99.0", "rich==100.0"))
    said = lakegate(shop, "package")
    lock.write_text(text)
    assert said.code == 1
    assert isinstance(said.error, NoWheelError)
    assert "There is no wheel of rich==100.0 for emr-spark-8.2.0 (Python 3.11, aarch64" in said.err


def test_what_is_in_the_way_is_said(shop: Path) -> None:
    (shop / "dist").rename(shop / "kept")
    (shop / "dist").write_text("")
    said = lakegate(shop, "package", "--env", "prod")
    (shop / "dist").unlink()
    (shop / "dist" / "bundle-emr-spark-8.2.0-aarch64-py3.11.json").mkdir(parents=True)
    second = lakegate(shop, "package", "--env", "prod")
    shutil.rmtree(shop / "dist")
    (shop / "kept").rename(shop / "dist")
    for each in (said, second):
        assert isinstance(each.error, FileExistsRefusedError)
        assert "dist" in each.err
