import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from framework.batch import FilePin
from framework.config import AwsSettings
from framework.errors import StorageError
from framework.storage import Storage, storage

WRITERS = 8


@pytest.fixture
def disk() -> Storage:
    return storage("/anywhere", AwsSettings(), None)


def _names(disk: Storage, where: str) -> list[str]:
    return sorted(file.path for file in disk.files(where))


@pytest.mark.parametrize("address", [str, lambda path: f"file:{path}", lambda path: f"file://{path}"])
def test_a_file_is_read_as_it_was_written_whatever_its_address(
    disk: Storage, tmp_path: Path, address: Callable[[Path], str]
) -> None:
    there = tmp_path / "new" / "er" / "Ærø 100%.json"
    assert disk.read(address(there)) is None
    assert disk.stat(address(there)) is None
    assert disk.create(address(there), "ø\n")
    assert there.read_bytes() == b"\xc3\xb8\n"
    assert disk.read(address(there)) == "ø\n"
    assert not disk.create(address(there), "another")
    assert disk.read(address(there)) == "ø\n"
    disk.replace(address(there), "another")
    assert disk.read(address(there)) == "another"
    assert disk.stat(address(there)) == FilePin(f"file:{there}", 7, there.stat().st_mtime_ns // 1_000_000)
    assert [path.name for path in there.parent.iterdir()] == [there.name]
    disk.delete(address(there))
    disk.delete(address(there))
    assert disk.read(address(there)) is None


def test_of_many_threads_that_create_a_file_one_does(disk: Storage, tmp_path: Path) -> None:
    begin = threading.Barrier(WRITERS)

    def create(writer: int) -> list[bool]:
        made = []
        for number in range(50):
            begin.wait()
            made.append(disk.create(f"{tmp_path}/{number}", str(writer)))
        return made

    with ThreadPoolExecutor(WRITERS) as pool:
        made = list(pool.map(create, range(WRITERS)))
    assert [sum(tries) for tries in zip(*made, strict=True)] == [1] * 50
    winners = [tries.index(True) for tries in zip(*made, strict=True)]
    assert [(tmp_path / str(number)).read_text() for number in range(50)] == [str(winner) for winner in winners]
    assert len(list(tmp_path.iterdir())) == 50


CREATING = """
import os, sys
from multiprocessing import get_context
from pathlib import Path
from framework.storage.local import LocalStorage
folder, writers, disk, children = sys.argv[1], int(sys.argv[2]), LocalStorage(), []
together = get_context("fork").Barrier(writers)
for writer in range(writers):
    if not (child := os.fork()):
        made = []
        for number in range(100):
            together.wait(60)
            if disk.create(f"{folder}/files/{number}", str(writer)):
                made.append(number)
        Path(folder, f"made {writer}").write_text(" ".join(map(str, made)))
        os._exit(0)
    children.append(child)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""


def test_of_many_processes_that_create_a_file_one_does(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", CREATING, str(tmp_path), str(WRITERS)], check=True)
    made = [(int(n), str(w)) for w in range(WRITERS) for n in (tmp_path / f"made {w}").read_text().split()]
    assert sorted(made) == [(number, (tmp_path / "files" / str(number)).read_text()) for number in range(100)]


def test_who_reads_while_others_replace_sees_one_whole_text(disk: Storage, tmp_path: Path) -> None:
    there, texts = f"{tmp_path}/state.json", [letter * 100_000 for letter in "abcd"]
    disk.replace(there, texts[0])
    done = threading.Event()

    def read() -> set[str | None]:
        seen = set()
        while not done.is_set():
            seen.add(disk.read(there))
        return seen

    with ThreadPoolExecutor(WRITERS) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        list(pool.map(lambda text: disk.replace(there, text), texts * 25))
        done.set()
        seen = set[str | None]().union(*(reader.result() for reader in readers))
    assert seen <= set(texts)
    assert len(seen) > 1


@pytest.mark.parametrize("write", ["create", "replace"])
def test_a_write_that_fails_leaves_nothing(disk: Storage, tmp_path: Path, write: str) -> None:
    (tmp_path / "a file").write_text("")
    with pytest.raises(StorageError) as caught:
        getattr(disk, write)(f"{tmp_path}/a file/below", "text")
    assert caught.value.path == f"{tmp_path}/a file/below"
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "full").mkdir()
    (tmp_path / "folder" / "full" / "of").touch()
    if write == "replace":
        with pytest.raises(StorageError):
            disk.replace(f"{tmp_path}/folder/full", "text")
    else:
        assert not disk.create(f"{tmp_path}/folder/full", "text")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["full"]


def test_a_folder_in_which_nothing_was_finished_goes_and_another_stays(disk: Storage, tmp_path: Path) -> None:
    empty, begun, done, deep = (tmp_path / name for name in ("empty", "begun", "done", "deep"))
    for folder in (empty, begun / "within", done, deep / "within"):
        folder.mkdir(parents=True)
    for draft in (begun / ".1.json", begun / ".1.json.crc", begun / "within" / ".3.json", done / ".2.json"):
        draft.write_text("draft")
    for finished in (done / "1.json", deep / "within" / "1.json"):
        finished.write_text("finished")
    for folder in (empty, begun, done, deep, tmp_path / "nowhere"):
        disk.delete_begun(str(folder))
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["deep", "deep/within", "deep/within/1.json", "done", "done/1.json"]


def test_what_is_no_text_is_a_storage_error(disk: Storage, tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(b"\xff\xd8")
    with pytest.raises(StorageError) as caught:
        disk.read(f"{tmp_path}/picture")
    assert caught.value.path == f"{tmp_path}/picture"
    with pytest.raises(StorageError):
        disk.read(str(tmp_path))


def test_names_are_sorted_and_without_what_is_being_written(disk: Storage, tmp_path: Path) -> None:
    assert disk.names(f"{tmp_path}/none") == []
    for name in ("b.json", "a.json", "Ærø 1%.json", ".a.json.0a1b", "_tmp"):
        (tmp_path / name).touch()
    assert disk.names(str(tmp_path)) == ["a.json", "b.json", "Ærø 1%.json"]


def test_folders_are_sorted_and_without_hidden_ones(disk: Storage, tmp_path: Path) -> None:
    assert disk.folders(f"{tmp_path}/none") == []
    for path in ("b/1.json", "a/2.json", ".c/3.json", "4.json"):
        disk.replace(f"{tmp_path}/{path}", "")
    assert disk.folders(str(tmp_path)) == ["a", "b"]


NAMES = ["a.csv", "b c.csv", "Ærø.csv", "100%25.csv", "d?.csv", "deep/[1].csv", "deep/er/{x,y}.csv"]


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    for name in [*NAMES, "_SUCCESS", ".e.csv.swp", "f.csv._COPYING_", "_tmp/g.csv", "deep/.hidden/h.csv"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("", NAMES),
        ("*", NAMES),
        ("*.csv", NAMES[:5]),
        ("b c.csv", ["b c.csv"]),
        ("Æ*", ["Ærø.csv"]),
        ("100%25.csv", ["100%25.csv"]),
        (r"d\?.csv", ["d?.csv"]),
        ("?.csv", ["a.csv"]),
        ("[^a-b]*", ["100%25.csv", "d?.csv", "deep/[1].csv", "deep/er/{x,y}.csv", "Ærø.csv"]),
        ("{a,b c}.csv", ["a.csv", "b c.csv"]),
        (r"deep/\[1\].csv", ["deep/[1].csv"]),
        (r"deep/*/\{x,y\}.csv", ["deep/er/{x,y}.csv"]),
        ("deep", NAMES[5:]),
        ("_tmp", ["_tmp/g.csv"]),
        ("_tmp/*.csv", ["_tmp/g.csv"]),
        ("deep/.hidden/", ["deep/.hidden/h.csv"]),
        ("_SUCCESS", []),
        ("?tmp", []),
        ("nothing*", []),
    ],
)
def test_files_are_found_under_a_folder_or_by_a_pattern(
    disk: Storage, landing: Path, where: str, found: list[str]
) -> None:
    assert _names(disk, f"{landing}/{where}") == sorted(f"file:{landing}/{name}" for name in found)
    assert _names(disk, f"file:{landing}/{where}") == sorted(f"file:{landing}/{name}" for name in found)


def test_a_file_is_listed_as_it_is(disk: Storage, landing: Path) -> None:
    os.utime(landing / "Ærø.csv", ns=(0, 1_700_000_000_123_999_999))
    assert list(disk.files(f"{landing}/Ærø.csv")) == [FilePin(f"file:{landing}/Ærø.csv", 9, 1_700_000_000_123)]
    assert disk.stat(f"file:{landing}/Ærø.csv") == FilePin(f"file:{landing}/Ærø.csv", 9, 1_700_000_000_123)


def test_a_file_that_another_name_leads_to_is_found_by_that_name(disk: Storage, landing: Path) -> None:
    (landing / "link").symlink_to(landing / "deep")
    assert _names(disk, f"{landing}/link") == [f"file:{landing}/link/[1].csv", f"file:{landing}/link/er/{{x,y}}.csv"]


def test_a_file_that_is_gone_while_the_folder_is_listed_is_left_out(disk: Storage, landing: Path) -> None:
    found = disk.files(str(landing))
    first = next(found)
    for name in NAMES:
        if f"file:{landing}/{name}" != first.path:
            (landing / name).unlink()
    (landing / "gone.csv").symlink_to(landing / "nothing")
    assert list(found) == []
    assert _names(disk, str(landing)) == [first.path]


def test_a_place_that_is_not_there_is_a_storage_error(disk: Storage, tmp_path: Path) -> None:
    for where in ("none", "none/*.csv"):
        with pytest.raises(StorageError) as caught:
            list(disk.files(f"{tmp_path}/{where}"))
        assert caught.value.path == f"{tmp_path}/{where}"
