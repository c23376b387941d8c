import json
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from framework.emr.bundle.artifacts import Bundle
from framework.emr.bundle.build import build
from framework.emr.bundle.declared import declared, redeclared
from framework.emr.bundle.fresh import require_fresh
from framework.emr.bundle.platform import Platform
from framework.errors import StaleBundleError
from tests.command import project
from tests.emr.wheelhouse import Wheelhouse

GRAVITON = Platform.of("emr-spark-8.2.0", "aarch64", "3.11")
NEEDED = ["jobs/orders.py", "conf/prod.toml"]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Wheelhouse:
    return Wheelhouse(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def lock(house: Wheelhouse) -> list[str]:
    return house.add_what_lakegate_needs()


@pytest.fixture(autouse=True, scope="module")
def _away_from_the_network(house: Wheelhouse) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in house.variables.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def shop(tmp_path: Path, lock: list[str]) -> Path:
    """A project with a lock, two folders deep."""
    made = project(tmp_path / "shop")
    (made / "requirements").mkdir()
    (made / "requirements" / "runtime.txt").write_text("\n".join(lock))
    return made


def packaged(root: Path) -> Bundle:
    return build(root, GRAVITON, root / "dist")


def apart(bundle: Bundle) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bundle.manifest.path.read_bytes())["apart"]
    return found


def stale(bundle: Bundle, root: Path) -> dict[str, str]:
    """Return what keeps a bundle from being sent."""
    try:
        require_fresh(bundle, root, NEEDED)
    except StaleBundleError as error:
        return error.files
    return {}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# -- what the build leaves out, or takes from elsewhere -------------------------------------------------------------


@pytest.fixture
def ignored(shop: Path) -> Path:
    """It with a module that git ignores, which hatchling then leaves out."""
    subprocess.run(["git", "init", "-q"], cwd=shop, check=True)
    with (shop / ".gitignore").open("a") as file:
        file.write("jobs/mine.py\n")
    (shop / "jobs" / "mine.py").write_text("x = 1\n")
    return shop


def test_a_module_that_git_ignores_is_apart_and_its_change_and_its_loss_are_noticed(ignored: Path) -> None:
    bundle = packaged(ignored)
    assert {name: each["how"] for name, each in apart(bundle).items()} == {"jobs/mine.py": "new"}
    assert stale(bundle, ignored) == {}
    (ignored / "jobs" / "mine.py").write_text("x = 2\n")
    assert stale(bundle, ignored) == {"jobs/mine.py": "changed"}
    (ignored / "jobs" / "mine.py").unlink()
    assert stale(bundle, ignored) == {"jobs/mine.py": "gone"}
    assert stale(packaged(ignored), ignored) == {}


def test_the_files_behind_a_link_to_a_folder_are_compared_with_those_in_the_wheel(shop: Path) -> None:
    (shop.parent / "shared").mkdir()
    (shop.parent / "shared" / "tax.py").write_text("rate = 0.2\n")
    (shop / "jobs" / "shared").symlink_to("../../shared")
    (shop / "jobs" / "shared" / "round").symlink_to("../shared")
    bundle = packaged(shop)
    assert stale(bundle, shop) == {}
    (shop.parent / "shared" / "tax.py").write_text("rate = 0.3\n")
    (shop.parent / "shared" / "vat.py").write_text("")
    assert stale(bundle, shop) == {"jobs/shared/tax.py": "changed", "jobs/shared/vat.py": "new"}
    (shop / "jobs" / "shared").unlink()
    assert stale(bundle, shop) == {"jobs/shared/tax.py": "gone", "jobs/shared/round/": "gone"}


def test_a_link_to_a_folder_that_the_wheel_leaves_out_is_not_followed(ignored: Path, tmp_path: Path) -> None:
    with (ignored / ".gitignore").open("a") as file:
        file.write("jobs/data\n")
    (ignored / "jobs" / "data").symlink_to(tmp_path)
    edit(ignored / "pyproject.toml", 'packages = ["jobs"]', 'packages = ["jobs"]\nexclude = ["jobs/data"]')
    bundle = packaged(ignored)
    assert sorted(apart(bundle)) == ["jobs/data/", "jobs/mine.py"]
    (tmp_path / "more.csv").write_text("a")
    assert stale(bundle, ignored) == {}
    (ignored / "jobs" / "data").unlink()
    assert stale(bundle, ignored) == {"jobs/data/": "gone"}


def test_settings_that_are_packed_from_another_folder_are_compared_there(shop: Path) -> None:
    shutil.copytree(shop / "conf", shop / "deploy" / "cluster")
    (shop / "deploy" / "cluster" / "prod.toml").write_text("# of the cluster\n")
    edit(shop / "pyproject.toml", 'conf = "jobs/conf"', '"deploy/cluster" = "jobs/conf"')
    bundle = packaged(shop)
    assert list(apart(bundle)["conf/prod.toml"]["origins"]) == ["deploy/cluster/prod.toml"]
    assert stale(bundle, shop) == {}
    (shop / "deploy" / "cluster" / "prod.toml").write_text("# another\n")
    assert stale(bundle, shop) == {"deploy/cluster/prod.toml": "changed"}
    (shop / "deploy" / "cluster" / "prod.toml").unlink()
    (shop / "conf" / "prod.toml").write_text("# mine\n")
    assert stale(bundle, shop) == {"conf/prod.toml": "changed", "deploy/cluster/prod.toml": "gone"}


def test_a_module_that_is_packed_from_beside_the_project_is_compared_there(shop: Path) -> None:
    (shop.parent / "shared").mkdir()
    (shop.parent / "shared" / "tax.py").write_text("rate = 0.2\n")
    edit(shop / "pyproject.toml", 'conf = "jobs/conf"', 'conf = "jobs/conf"\n"../shared/tax.py" = "jobs/tax.py"')
    bundle = packaged(shop)
    assert {name: each["how"] for name, each in apart(bundle).items()} == {"jobs/tax.py": "gone"}
    assert stale(bundle, shop) == {}
    (shop.parent / "shared" / "tax.py").write_text("rate = 0.3\n")
    assert stale(bundle, shop) == {"../shared/tax.py": "changed"}
    (shop.parent / "shared" / "tax.py").write_text("rate = 0.2\n")
    (shop / "jobs" / "tax.py").write_text("rate = 0.4\n")
    assert stale(bundle, shop) == {"jobs/tax.py": "changed"}


def test_settings_that_are_packed_under_another_name_are_compared_there(shop: Path) -> None:
    (shop / "deploy").mkdir()
    (shop / "deploy" / "cluster.toml").write_text("# of the cluster\n")
    (shop / "conf" / "prod.toml").unlink()
    edit(
        shop / "pyproject.toml",
        'conf = "jobs/conf"',
        'conf = "jobs/conf"\n"deploy/cluster.toml" = "jobs/conf/prod.toml"',
    )
    bundle = packaged(shop)
    assert stale(bundle, shop) == {}
    (shop / "deploy" / "cluster.toml").write_text("# another\n")
    assert stale(bundle, shop) == {"deploy/cluster.toml": "changed"}


def test_a_hidden_file_that_travels_is_compared(shop: Path) -> None:
    (shop / "jobs" / ".rates.csv").write_text("1")
    bundle = packaged(shop)
    assert stale(bundle, shop) == {}
    (shop / "jobs" / ".rates.csv").write_text("2")
    assert stale(bundle, shop) == {"jobs/.rates.csv": "changed"}


# -- what nobody wrote ----------------------------------------------------------------------------------------------

SCRAP = [
    *("jobs/orders.py~", "jobs/.orders.py.swp", "jobs/#orders.py#", "jobs/.#orders.py", "jobs/.DS_Store"),
    *("jobs/__pycache__/orders.cpython-311.pyc", "conf/prod.toml~", "conf/.prod.toml.swo", "conf/._prod.toml"),
    *("jobs/orders.py___jb_tmp___", "jobs/sub/Thumbs.db", "jobs/.ruff_cache/0.9/1", "jobs/.ipynb_checkpoints/a.py"),
]


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "new"])
def test_what_an_editor_leaves_there_is_in_no_wheel_and_makes_no_bundle_stale(shop: Path, packed: bool) -> None:
    before = packaged(shop)
    for name in SCRAP:
        (shop / name).parent.mkdir(exist_ok=True, parents=True)
        (shop / name).write_text("mine")
    bundle = packaged(shop) if packed else before
    assert [wheel.sha256 for wheel in bundle.wheels] == [wheel.sha256 for wheel in before.wheels]
    assert stale(bundle, shop) == {}
    for name in SCRAP:
        (shop / name).unlink()
    assert stale(bundle, shop) == {}


def test_what_only_looks_like_scrap_counts(shop: Path) -> None:
    bundle = packaged(shop)
    for name in ("jobs/old.py", "jobs/a~b.py", "jobs/_._x.py", "jobs/pycache.py"):
        (shop / name).write_text("")
    assert sorted(stale(bundle, shop)) == ["jobs/_._x.py", "jobs/a~b.py", "jobs/old.py", "jobs/pycache.py"]


# -- what is declared -----------------------------------------------------------------------------------------------


def declare(root: Path, *requires: str) -> None:
    needs = ", ".join(f'"{text}"' for text in ("lakegate>=0.1.0", *requires))
    edit(root / "pyproject.toml", 'dependencies = ["lakegate>=0.1.0"]', f"dependencies = [{needs}]")


def test_dependencies_that_changed_since_are_noticed_and_packaging_again_mends_it(
    shop: Path, house: Wheelhouse, lock: list[str]
) -> None:
    bundle = packaged(shop)
    declare(shop, "tiny")
    assert stale(bundle, shop) == {"dependencies in pyproject.toml": "changed"}
    (shop / "requirements" / "runtime.txt").write_text("\n".join([*lock, house.add("tiny", "1.0")]))
    with pytest.raises(StaleBundleError) as refused:
        require_fresh(bundle, shop, NEEDED)
    assert "now: dependencies in pyproject.toml (changed), requirements/runtime.txt (changed). The" in str(
        refused.value
    )
    assert "Run `lakegate package --release emr-spark-8.2.0 " in str(refused.value)
    assert stale(packaged(shop), shop) == {}


def test_a_lock_that_came_or_went_is_noticed(shop: Path) -> None:
    bundle = packaged(shop)
    (shop / "uv.lock").write_text("version = 1\n")
    assert stale(bundle, shop) == {}
    (shop / "requirements" / "runtime.txt").rename(shop / "kept.txt")
    found = {name: how for name, how in stale(bundle, shop).items() if "installed" not in how}
    assert found == {"requirements/runtime.txt": "gone", "uv.lock": "new"}


def without_lock(root: Path, **changed: Any) -> Bundle:
    """Return the bundle of a project without a lock, in the versions that are installed here."""
    bundle = packaged(root)
    (root / "requirements" / "runtime.txt").unlink()
    said = json.loads(bundle.manifest.path.read_bytes())
    said["declared"] = declared(root)
    said["packages"] = [
        {**each, "version": changed.get(each["name"], version(each["name"]))}
        for each in said["packages"]
        if each["name"] != "delta-spark"
    ]
    bundle.manifest.path.write_text(json.dumps(said))
    return bundle


def test_without_a_lock_another_version_that_is_installed_is_noticed(shop: Path, lock: list[str]) -> None:
    assert stale(without_lock(shop), shop) == {}
    (shop / "requirements" / "runtime.txt").write_text("\n".join(lock))
    assert stale(without_lock(shop, rich="1.0"), shop) == {"rich 1.0": f"{version('rich')} is installed here"}


def test_without_a_lock_that_of_uv_is_compared(shop: Path) -> None:
    (shop / "uv.lock").write_text("version = 1\n")
    bundle = without_lock(shop)
    assert stale(bundle, shop) == {}
    (shop / "uv.lock").write_text("version = 1\nrevision = 2\n")
    assert stale(bundle, shop) == {"uv.lock": "changed"}
    (shop / "uv.lock").unlink()
    assert stale(bundle, shop) == {"uv.lock": "gone"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('requires-python = ">=3.11"', 'requires-python = ">=3.10"'),
        ('version = "0.1.0"', 'version = "0.2.0"'),
        ('requires = ["hatchling"]', 'requires = ["hatchling>=1"]'),
        ('packages = ["jobs"]', 'packages = ["jobs"]\nexclude = ["*.csv"]'),
        ("[dependency-groups]", '[tool.uv]\nindex-url = "https://index"\n[dependency-groups]'),
    ],
)
def test_another_way_to_build_the_wheel_is_noticed(shop: Path, old: str, new: str) -> None:
    bundle = packaged(shop)
    edit(shop / "pyproject.toml", old, new)
    assert stale(bundle, shop) == {"build in pyproject.toml": "changed"}


def test_what_does_not_reach_the_cluster_makes_no_bundle_stale(shop: Path) -> None:
    declare(shop, "rich>=1", "typer >=0.1")
    bundle = packaged(shop)
    edit(shop / "pyproject.toml", '"rich>=1", "typer >=0.1"', '"typer>=0.1",\n  # tables\n  "rich>=1"')
    edit(shop / "pyproject.toml", 'dev = ["pytest", "chispa"]', 'dev = ["pytest"]')
    with (shop / "pyproject.toml").open("a") as file:
        file.write('\n[tool.hatch.envs.docs]\ndependencies = ["x"]\n')
        file.write('\n[tool.ruff]\nline-length = 100\n[project.optional-dependencies]\nmore = ["x"]\n')
    (shop / "requirements.txt").write_text("x\n")
    assert stale(bundle, shop) == {}


def test_jobs_that_are_a_project_of_their_own_are_compared_by_what_its_pyproject_says(shop: Path) -> None:
    text = (shop / "pyproject.toml").read_text()
    text = text.replace('packages = ["jobs"]', 'sources = {"" = "jobs"}\ninclude = ["*.py"]')
    (shop / "jobs" / "pyproject.toml").write_text(text.replace('conf = "jobs/conf"', '"../conf" = "conf"'))
    bundle = packaged(shop)
    assert apart(bundle) == {}
    (shop / "jobs" / "jobs.egg-info").mkdir()
    (shop / "jobs" / "jobs.egg-info" / "PKG-INFO").write_text("")
    with (shop / "jobs" / "pyproject.toml").open("a") as file:
        file.write("# more\n")
    assert stale(bundle, shop) == {}
    edit(shop / "jobs" / "pyproject.toml", '["lakegate>=0.1.0"]', '["lakegate>=0.1.0", "pandas"]')
    assert stale(bundle, shop) == {"dependencies in jobs/pyproject.toml": "changed"}


def test_a_pyproject_that_cannot_be_read_is_another_one(shop: Path) -> None:
    bundle = packaged(shop)
    (shop / "pyproject.toml").write_text("[project\n")
    assert stale(bundle, shop)["build in pyproject.toml"] == "changed"


def test_what_setuptools_reads_beside_pyproject_counts(shop: Path) -> None:
    text = (shop / "pyproject.toml").read_text()
    text = text.replace("hatchling.build", "setuptools.build_meta")
    (shop / "pyproject.toml").write_text(
        text.replace('dependencies = ["lakegate>=0.1.0"]', 'dynamic = ["dependencies"]')
    )
    (shop / "requirements.txt").write_text("a\n")
    (shop / "setup.cfg").write_text("[options]\n")
    before = declared(shop)
    (shop / "requirements.txt").write_text("b\n")
    (shop / "setup.cfg").unlink()
    assert redeclared(before, declared(shop), shop) == {"requirements.txt": "changed", "setup.cfg": "gone"}


def test_dependencies_of_an_installed_lakegate_are_those_of_its_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = declared(None)
    monkeypatch.setattr("framework.emr.bundle.declared.lakegate_checkout", lambda: None)
    assert declared(None)["dependencies of lakegate"] == mine["dependencies of lakegate"]
    monkeypatch.setattr("framework.emr.bundle.declared.requires", lambda name: ["more", 'spark; extra == "s"'])
    assert declared(None)["dependencies of lakegate"] != mine["dependencies of lakegate"]
