import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from framework.emr.bundle.dependencies import lock, locked, needed


def test_a_project_s_lock_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "runtime.txt").write_text("rich==1.0 \\\n    --hash=sha256:00\n")
    assert lock(tmp_path) == "rich==1.0 \\\n    --hash=sha256:00\n"


@pytest.mark.parametrize("root", [None, Path("nowhere")])
def test_without_one_it_is_what_is_installed_here(root: Path | None) -> None:
    found = locked(lock(root))
    assert found["pydantic"] == {version("pydantic")}
    assert found["typing-extensions"] == {version("typing_extensions")}


def test_of_two_installed_versions_it_is_the_one_that_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in ("1", "2"):
        folder = tmp_path / number / f"twice-{number}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Name: twice\nVersion: {number}\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "2"), str(tmp_path / "1")])
    assert lock(None) == "twice==2"


def test_a_lock_for_all_platforms_may_have_several_versions_of_a_package() -> None:
    text = (
        "numpy==1.26 ; python_version < '3.12' \\\n    --hash=sha256:00\n"
        "numpy==2.3 ; python_version >= '3.12'\n    # via pandas==9\nTyping_Extensions==4.1\n"
    )
    assert locked(text) == {"numpy": {"1.26", "2.3"}, "typing-extensions": {"4.1"}}


def test_what_only_an_extra_needs_is_left_out() -> None:
    given = ["b>=1 ; python_version > '3'", "a", "pyspark==4.1.1; extra == 'spark'", "a", "extra-bits"]
    assert needed(given) == ("a", "b>=1 ; python_version > '3'", "extra-bits")
