import sys
from pathlib import Path

import pytest

from framework.emr.bundle.native import faults, libraries
from framework.emr.bundle.platform import Platform
from framework.errors import BundleToolMissingError
from tests.emr.wheelhouse import library

GRAVITON = Platform.of("emr-spark-8.2.0", "aarch64", "3.11")
OLD = Platform("emr-6.15.0", "2.4.0", "aarch64", "3.7", (2, 26))


def file(folder: Path, name: str, content: bytes) -> dict[str, Path]:
    (folder / name).write_bytes(content)
    return {f"package/{name}": folder / name}


def test_a_library_for_the_cpu_and_the_glibc_of_the_nodes_is_right(tmp_path: Path) -> None:
    assert faults(file(tmp_path, "fast.so", library("aarch64", "2.34")), GRAVITON) == []


@pytest.mark.parametrize(
    ("name", "content", "platform", "fault"),
    [
        ("fast.so", library("x86_64"), GRAVITON, "is for x86_64 (64 bit), not aarch64"),
        ("fast.so", library("aarch64", "2.35"), GRAVITON, "needs glibc 2.35"),
        ("fast.so", library("aarch64", "2.28"), OLD, "needs glibc 2.28"),
        ("program", library("x86_64"), GRAVITON, "is for x86_64 (64 bit), not aarch64"),
        ("fast.so.1", b"\xcf\xfa\xed\xfe and so on", GRAVITON, "is no ELF file: its format is Mach-O"),
        ("fast.pyd", b"MZ and so on", GRAVITON, "is no ELF file: its format is Windows"),
        ("fast.so", b"/* GNU ld script */", GRAVITON, "is no ELF file: its format is none that is known"),
    ],
)
def test_one_that_would_not_load_there_is_named_with_the_reason(
    tmp_path: Path, name: str, content: bytes, platform: Platform, fault: str
) -> None:
    assert faults(file(tmp_path, name, content), platform) == [f"package/{name} {fault}"]


def test_a_library_that_is_cut_off_is_damaged(tmp_path: Path) -> None:
    (fault,) = faults(file(tmp_path, "fast.so", library("aarch64")[:70]), GRAVITON)
    assert fault.startswith("package/fast.so is a damaged ELF file")


def test_both_faults_of_a_library_are_named(tmp_path: Path) -> None:
    assert len(faults(file(tmp_path, "fast.so", library("x86_64", "2.39")), GRAVITON)) == 2


def test_python_is_no_native_code(tmp_path: Path) -> None:
    assert libraries(file(tmp_path, "fast.py", b"import this")) == []


def test_without_pyelftools_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "elftools.elf.elffile", None)
    with pytest.raises(BundleToolMissingError, match=r"pyelftools.*lakegate\[emr\]"):
        faults(file(tmp_path, "fast.so", library("aarch64")), GRAVITON)
