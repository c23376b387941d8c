import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from zipfile import ZipFile

import pytest

from framework.emr.bundle import uv
from framework.emr.bundle.artifacts import Bundle
from framework.emr.bundle.build import build, find_bundle
from framework.emr.bundle.fresh import require_fresh
from framework.emr.bundle.platform import Platform
from framework.errors import (
    BundleDamagedError,
    BundleMissingError,
    BundleToolMissingError,
    DependencyError,
    NoWheelError,
    StaleBundleError,
    UnfitDependencyError,
    UnreachableIndexError,
    WheelError,
)
from tests.command import ROOT, files_of, project
from tests.emr.wheelhouse import Wheelhouse, library

GRAVITON = Platform.of("emr-spark-8.2.0", "aarch64", "3.11")
X86 = Platform.of("emr-7.14.0", "x86_64", "3.11")
PLANTED = "AKIAPLANTED123456789"
LOGIN = f"user:{PLANTED}"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Wheelhouse:
    """A native package for both CPUs, one for x86 only, and what lakegate needs."""
    house = Wheelhouse(tmp_path_factory.mktemp("house"))
    for cpu in ("x86_64", "aarch64"):
        house.add("native", "1.0", {"native/core.so": library(cpu)}, tag=f"cp311-cp311-manylinux_2_17_{cpu}")
    house.add("intel-only", "1.0", {"intel.so": library("x86_64")}, tag="cp311-cp311-manylinux_2_17_x86_64")
    return house


@pytest.fixture(scope="module")
def lock(house: Wheelhouse) -> list[str]:
    """How all of these are locked."""
    return [*house.add_what_lakegate_needs(), "native==1.0", "intel-only==1.0"]


@pytest.fixture(autouse=True, scope="module")
def _away_from_the_network(house: Wheelhouse) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**house.variables, "AWS_ACCESS_KEY_ID": PLANTED}.items():
            patch.setenv(name, value)
        yield


def shop(folder: Path, lock: list[str], *requires: str) -> Path:
    """Make a project whose jobs need these packages."""
    made = project(folder)
    declared = made / "pyproject.toml"
    needs = ", ".join(f'"{text}"' for text in ("lakegate>=0.1.0", *requires))
    declared.write_text(declared.read_text().replace('"lakegate>=0.1.0"', needs))
    (made / "requirements").mkdir()
    (made / "requirements" / "runtime.txt").write_text("\n".join(lock))
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, lock: list[str]) -> Path:
    """A project that needs a native package."""
    return shop(tmp_path_factory.mktemp("made") / "shop", lock, "native")


@pytest.fixture(scope="module")
def bundle(made: Path) -> Bundle:
    """Its bundle for Graviton."""
    return build(made, GRAVITON, made / "dist")


def names(path: Path) -> set[str]:
    return set(ZipFile(path).namelist())


# -- what is in it ----------------------------------------------------------------------------------------------------


def test_a_bundle_is_two_wheels_an_entrypoint_dependencies_named_by_their_content_and_a_manifest(
    bundle: Bundle, made: Path
) -> None:
    assert {artifact.path.name for artifact in bundle} == {
        "run_job.py",
        "lakegate-0.1.0-py3-none-any.whl",
        "shop-0.1.0-py3-none-any.whl",
        f"deps-{bundle.dependencies.sha256[:16]}.zip",
        "bundle-emr-spark-8.2.0-aarch64-py3.11.json",
    }
    assert {path.name for path in (made / "dist").iterdir()} == {artifact.path.name for artifact in bundle}
    assert bundle.entrypoint.path.read_bytes() == (made / "scripts/run_job.py").read_bytes()


def test_it_has_the_library_of_the_cpu_and_delta_s_module_of_the_release(made: Path, bundle: Bundle) -> None:
    other = build(made, X86, made / "other")
    for found, cpu, delta in ((bundle, "aarch64", b"4.2.0"), (other, "x86_64", b"3.3.2")):
        packed = ZipFile(found.dependencies.path)
        assert packed.read("native/core.so") == library(cpu)
        assert packed.read("delta/__init__.py") == delta


def test_nothing_that_the_cluster_provides_is_in_it_nor_what_an_installer_left(bundle: Bundle) -> None:
    found = names(bundle.dependencies.path)
    assert {name.split("/")[0].split("-")[0] for name in found} & {"pyspark", "py4j", "lakegate", "framework"} == set()
    traces = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json", ".lock", ".pyc")
    assert [name for name in found if name.endswith(traces) or name.startswith("bin/")] == []


def test_needless_aws_services_are_left_out_unless_the_jobs_call_aws_themselves(
    bundle: Bundle, lock: list[str], tmp_path: Path
) -> None:
    data = {name.split("/")[2] for name in names(bundle.dependencies.path) if name.startswith("botocore/data/")}
    assert data == {"endpoints.json", "s3"}
    calling = shop(tmp_path / "shop", lock, "boto3>=1")
    found = names(build(calling, GRAVITON, tmp_path / "dist").dependencies.path)
    assert "botocore/data/polly/1/a.json" in found


def test_the_manifest_says_versions_licenses_hashes_and_the_platform_and_nothing_of_where_it_was_built(
    bundle: Bundle, made: Path
) -> None:
    text = bundle.manifest.path.read_text()
    said = json.loads(text)
    assert [said[name] for name in ("release", "architecture", "python", "glibc")] == [
        *("emr-spark-8.2.0", "aarch64", "3.11", "2.34")
    ]
    assert {
        "name": "native",
        "version": "1.0",
        "license": "MIT",
        "tags": ["cp311-cp311-manylinux_2_17_aarch64"],
    } in said["packages"]
    assert said["dependencies"]["sha256"] == bundle.dependencies.sha256
    assert [wheel["sha256"] for wheel in said["wheels"]] == [wheel.sha256 for wheel in bundle.wheels]
    assert [word for word in (PLANTED, str(made), os.uname().nodename, str(Path.home())) if word in text] == []


def test_a_project_without_an_entrypoint_gets_the_one_that_init_makes(lock: list[str], tmp_path: Path) -> None:
    bare = shop(tmp_path / "shop", lock)
    entrypoint = (bare / "scripts/run_job.py").read_bytes()
    shutil.rmtree(bare / "scripts")
    assert build(bare, GRAVITON, tmp_path / "dist").entrypoint.path.read_bytes() == entrypoint


# -- built again ------------------------------------------------------------------------------------------------------


def test_the_same_input_makes_the_same_bytes(bundle: Bundle, made: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(made, tmp_path / "elsewhere" / "copy", ignore=shutil.ignore_patterns("dist", "other"))
    for path in copy.rglob("*.py"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
        path.chmod(0o777)
    again = build(copy, GRAVITON, tmp_path / "dist")
    assert [artifact.path.read_bytes() for artifact in again] == [artifact.path.read_bytes() for artifact in bundle]


def test_dependencies_are_not_fetched_again_until_the_lock_changes(
    lock: list[str], house: Wheelhouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = shop(tmp_path / "shop", lock, "native")
    first = build(made, GRAVITON, tmp_path / "dist")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    (made / "jobs" / "more.py").write_text("")
    second = build(made, GRAVITON, tmp_path / "dist")
    assert second.dependencies == first.dependencies
    assert second.wheels[1] != first.wheels[1]
    (made / "requirements" / "runtime.txt").write_text("\n".join([*lock, "another==1.0"]))
    with pytest.raises(DependencyError):
        build(made, GRAVITON, tmp_path / "dist")


# -- refused ----------------------------------------------------------------------------------------------------------


def test_a_native_dependency_without_a_wheel_for_the_nodes_is_named_and_nothing_is_written(
    lock: list[str], tmp_path: Path
) -> None:
    made = shop(tmp_path / "shop", lock, "intel-only")
    before = files_of(made)
    with pytest.raises(NoWheelError) as refused:
        build(made, GRAVITON, tmp_path / "dist")
    assert refused.value.packages == ("intel-only==1.0",)
    assert "emr-spark-8.2.0 (Python 3.11, aarch64, glibc 2.34)" in str(refused.value)
    assert files_of(made) == before
    assert list((tmp_path / "dist").iterdir()) == []
    assert "intel.so" in names(build(made, X86, tmp_path / "dist").dependencies.path)


def test_a_wheel_that_promises_more_than_its_library_keeps_is_refused(
    house: Wheelhouse, lock: list[str], tmp_path: Path
) -> None:
    tag = "cp311-cp311-manylinux_2_17_aarch64"
    locked = [
        *lock,
        house.add("wrong-cpu", "1.0", {"wrong.so": library("x86_64")}, tag=tag),
        house.add("too-new", "1.0", {"new.so": library("aarch64", "2.39")}, tag=tag),
    ]
    with pytest.raises(UnfitDependencyError) as refused:
        build(shop(tmp_path / "shop", locked, "wrong-cpu", "too-new"), GRAVITON, tmp_path / "dist")
    assert refused.value.faults == ("new.so needs glibc 2.39", "wrong.so is for x86_64 (64 bit), not aarch64")


def test_what_nobody_locked_is_refused(house: Wheelhouse, lock: list[str], tmp_path: Path) -> None:
    house.add("hidden", "1.0")
    house.add("open", "1.0", requires=("hidden",))
    with pytest.raises(UnfitDependencyError) as refused:
        build(shop(tmp_path / "shop", [*lock, "open==1.0"], "open"), GRAVITON, tmp_path / "dist")
    assert refused.value.faults == ("hidden 1.0 is in no lock, nor installed here",)


def test_a_version_that_is_nowhere_is_named(lock: list[str], tmp_path: Path) -> None:
    newer = [line.replace("native==1.0", "native==2.0") for line in lock]
    with pytest.raises(DependencyError, match=r"native==2\.0"):
        build(shop(tmp_path / "shop", newer, "native"), GRAVITON, tmp_path / "dist")


def test_a_wheel_whose_hash_is_not_the_locked_one_is_refused(lock: list[str], tmp_path: Path) -> None:
    hashed = [line.replace("native==1.0", f"native==1.0 --hash=sha256:{'0' * 64}") for line in lock]
    with pytest.raises(DependencyError, match="Hash mismatch"):
        build(shop(tmp_path / "shop", hashed, "native"), GRAVITON, tmp_path / "dist")


def test_jobs_for_a_newer_python_than_the_nodes_are_refused(lock: list[str], tmp_path: Path) -> None:
    made = shop(tmp_path / "shop", lock)
    declared = made / "pyproject.toml"
    declared.write_text(declared.read_text().replace(">=3.11", ">=3.12"))
    with pytest.raises(UnfitDependencyError, match=r"shop 0\.1\.0 needs Python >=3\.12"):
        build(made, GRAVITON, tmp_path / "dist")


def test_jobs_that_their_wheel_leaves_out_are_missed(lock: list[str], tmp_path: Path) -> None:
    made = shop(tmp_path / "shop", lock)
    declared = made / "pyproject.toml"
    declared.write_text(declared.read_text().replace('packages = ["jobs"]', 'packages = ["scripts"]'))
    with pytest.raises(WheelError, match="no package 'jobs'"):
        build(made, GRAVITON, tmp_path / "dist")


def test_a_project_that_cannot_be_built_says_why(lock: list[str], tmp_path: Path) -> None:
    made = shop(tmp_path / "shop", lock)
    shutil.rmtree(made / "conf")
    with pytest.raises(WheelError, match="Forced include not found"):
        build(made, GRAVITON, tmp_path / "dist")


def test_without_a_network_the_error_says_so(lock: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = shop(tmp_path / "shop", lock)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("UV_FIND_LINKS")
    monkeypatch.delenv("UV_NO_INDEX")
    with pytest.raises(UnreachableIndexError):
        build(made, GRAVITON, tmp_path / "dist")


def test_the_password_of_an_index_is_not_repeated(
    lock: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = shop(tmp_path / "shop", lock, f"planted @ http://{LOGIN}@127.0.0.1:9/planted-1.0-py3-none-any.whl")
    declared = made / "pyproject.toml"
    declared.write_text(declared.read_text() + "\n[tool.hatch.metadata]\nallow-direct-references = true\n")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.delenv("UV_OFFLINE")
    with pytest.raises(UnreachableIndexError) as refused:
        build(made, GRAVITON, tmp_path / "dist")
    assert PLANTED not in str(refused.value)
    assert "127.0.0.1:9" in str(refused.value)


def test_no_password_is_repeated_that_a_builder_prints() -> None:
    done = CompletedProcess((), 1, "", f"cannot read https://{LOGIN}@1@index/simple and https://index/a@1")
    assert uv.said(done) == "cannot read https://****@index/simple and https://index/a@1"


def test_without_uv_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BundleToolMissingError, match=r"lakegate\[emr\]"):
        uv.run(["--version"])


# -- found again ------------------------------------------------------------------------------------------------------


@pytest.fixture
def dist(bundle: Bundle, tmp_path: Path) -> Path:
    return shutil.copytree(bundle.manifest.path.parent, tmp_path / "dist")


def test_a_bundle_is_found_for_its_own_platform_only(dist: Path, bundle: Bundle) -> None:
    found = find_bundle(dist, "emr-spark-8.2.0", "aarch64", "3.11")
    assert [artifact.sha256 for artifact in found] == [artifact.sha256 for artifact in bundle]
    with pytest.raises(BundleMissingError, match="lakegate package"):
        find_bundle(dist, "emr-spark-8.2.0", "x86_64", "3.11")
    (dist / "bundle-emr-spark-8.2.0-aarch64-py3.11.json").rename(dist / "bundle-emr-spark-8.2.0-x86_64-py3.11.json")
    with pytest.raises(BundleDamagedError, match="another release, CPU or Python"):
        find_bundle(dist, "emr-spark-8.2.0", "x86_64", "3.11")


@pytest.mark.parametrize("kind", ["run_job.py", "shop-*.whl", "deps-*.zip"])
def test_a_file_that_changed_or_is_gone_is_not_sent(dist: Path, kind: str) -> None:
    (file,) = dist.glob(kind)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(BundleDamagedError, match="it has changed"):
        find_bundle(dist, "emr-spark-8.2.0", "aarch64", "3.11")
    file.unlink()
    with pytest.raises(BundleDamagedError, match="it is gone"):
        find_bundle(dist, "emr-spark-8.2.0", "aarch64", "3.11")


@pytest.mark.parametrize("text", ["", "[]", '{"release": "emr-spark-8.2.0"}'])
def test_a_damaged_manifest_is_said_to_be_none(dist: Path, text: str) -> None:
    (dist / "bundle-emr-spark-8.2.0-aarch64-py3.11.json").write_text(text)
    with pytest.raises(BundleDamagedError, match="it is no manifest"):
        find_bundle(dist, "emr-spark-8.2.0", "aarch64", "3.11")


def test_a_bundle_that_was_just_built_is_fresh_and_its_manifest_says_what_is_left_out(
    tmp_path: Path, lock: list[str]
) -> None:
    made = shop(tmp_path / "shop", lock)
    declared = made / "pyproject.toml"
    declared.write_text(declared.read_text().replace('packages = ["jobs"]', 'packages = ["jobs"]\nexclude = ["*.csv"]'))
    (made / "jobs" / "names.csv").write_text("a")
    built = build(made, GRAVITON, made / "dist")
    assert list(json.loads(built.manifest.path.read_bytes())["apart"]) == ["jobs/names.csv"]
    require_fresh(built, made, ["jobs/orders.py", "conf/prod.toml"])
    with pytest.raises(StaleBundleError, match=r"names\.csv \(new\).*leaves out jobs/names\.csv"):
        require_fresh(built, made, ["jobs/names.csv"])
    (made / "jobs" / "new.py").write_text("")
    with pytest.raises(StaleBundleError, match=r"now: jobs/new\.py \(new\)\. The"):
        require_fresh(built, made, ["jobs/orders.py"])


def test_a_bundle_of_another_framework_is_not_fresh(
    made: Path, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_fresh(bundle, made, [])
    shutil.copytree(ROOT / "framework", tmp_path / "framework", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    monkeypatch.setattr("framework.__file__", str(tmp_path / "framework" / "__init__.py"))
    require_fresh(bundle, made, [])
    (tmp_path / "framework" / "batch.py").write_text("")
    with pytest.raises(StaleBundleError, match=r"now: framework/batch\.py \(changed\)\. The"):
        require_fresh(bundle, made, [])
