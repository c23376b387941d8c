import sys
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

from framework.emr.bundle import archive, uv, wheels
from framework.errors import WheelError
from tests.command import ROOT, fresh
from tests.emr.wheelhouse import library

# As the code of a bundle does it, with no checkout at hand.
REPACK = """
import sys
from pathlib import Path
from framework.emr.bundle import fresh, wheels
into = Path(sys.argv[1])
made = [wheels.lakegate(into).path, wheels.jobs(None, into).path]
print(*made, dict(fresh.compare(made, None).found))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[wheels.Wheel, wheels.Wheel]:
    """The wheels of this checkout."""
    into = tmp_path_factory.mktemp("built")
    return wheels.lakegate(into), wheels.jobs(ROOT, into)


def test_the_wheels_of_a_checkout_are_those_of_the_framework_and_of_its_jobs(
    built: tuple[wheels.Wheel, wheels.Wheel],
) -> None:
    assert [(wheel.name, wheel.version, wheel.python) for wheel in built] == [
        ("lakegate", "0.1.0", ">=3.11"),
        ("lakegate-jobs", "0.1.0", ">=3.11"),
    ]
    assert built[1].requires == ("lakegate>=0.1.0",)
    assert any(text.startswith("boto3") for text in built[0].requires)


def test_who_has_lakegate_from_a_wheel_makes_the_same_wheels_again(
    built: tuple[wheels.Wheel, wheels.Wheel], tmp_path: Path
) -> None:
    target = tmp_path / "installed"
    paths = [str(wheel.path) for wheel in built]
    done = uv.run(["pip", "install", "--no-deps", "--offline", "--target", target, "--python", sys.executable, *paths])
    assert done.returncode == 0, done.stderr
    (target / "jobs" / "__pycache__").mkdir()
    (target / "jobs" / "__pycache__" / "flights.cpython-311.pyc").write_bytes(b"")
    into = tmp_path / "again"
    into.mkdir()
    # Found first: what is installed here comes after it.
    said = fresh(tmp_path, sys.executable, "-c", REPACK, str(into), PYTHONPATH=str(target))
    assert said.code == 0, said.err
    *again, differences = said.out.split()
    assert differences == "{}"
    for text, wheel in zip(again, built, strict=True):
        assert Path(text).name == wheel.path.name
        assert Path(text).read_bytes() == wheel.path.read_bytes()


def test_a_record_lists_each_file_with_its_hash_and_itself_without(
    built: tuple[wheels.Wheel, wheels.Wheel],
) -> None:
    content = archive.read(built[1].path)
    (record,) = [name for name in content if name.endswith("/RECORD")]
    lines = {line.split(",")[0]: line.split(",")[1:] for line in content[record].decode().splitlines()}
    assert set(lines) == set(content)
    digest = urlsafe_b64encode(sha256(content["jobs/flights.py"]).digest()).decode().rstrip("=")
    assert lines["jobs/flights.py"] == [f"sha256={digest}", str(len(content["jobs/flights.py"]))]
    assert lines[record] == ["", ""]


def test_every_entry_has_one_time_and_one_mode(built: tuple[wheels.Wheel, wheels.Wheel]) -> None:
    entries = [entry for wheel in built for entry in ZipFile(wheel.path).infolist()]
    assert {(entry.date_time, entry.external_attr >> 16) for entry in entries} == {((1980, 1, 1, 0, 0, 0), 0o100644)}


def test_jobs_that_are_installed_nowhere_have_no_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(WheelError, match="neither a checkout nor installed"):
        wheels.jobs(None, tmp_path)


def test_jobs_of_which_nobody_recorded_the_files_have_no_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jobs-1.dist-info").mkdir()
    (tmp_path / "jobs-1.dist-info" / "METADATA").write_text("Name: jobs\nVersion: 1\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(WheelError, match="kept no record"):
        wheels.jobs(None, tmp_path)


def test_a_project_without_a_pyproject_is_shown_the_way(tmp_path: Path) -> None:
    with pytest.raises(WheelError, match="lakegate init"):
        wheels.jobs(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[project", "pyproject.toml is not TOML: Expected"),
        ('[build-system]\nrequires = ["hatchling=>1"]\n[project]\nname = "shop"\nversion = "1"\n', "hatchling=>1"),
    ],
)
def test_a_pyproject_that_cannot_be_read_is_said(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(WheelError, match=reason):
        wheels.jobs(tmp_path, tmp_path)


def test_native_code_among_the_jobs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "fast.py").write_text("")
    (tmp_path / "jobs" / "core.so").write_bytes(library("aarch64"))
    (tmp_path / "hatch_build.py").write_text(
        "from hatchling.builders.hooks.plugin.interface import BuildHookInterface\n"
        "class Hook(BuildHookInterface):\n"
        "    def initialize(self, version, build_data):\n"
        "        build_data['tag'] = 'cp311-cp311-linux_x86_64'\n"
    )
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "shop"\nversion = "1"\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["jobs"]\n[tool.hatch.build.targets.wheel.hooks.custom]\n'
    )
    with pytest.raises(WheelError, match="native code"):
        wheels.jobs(tmp_path, tmp_path)
