import os
import platform
import subprocess
from pathlib import Path

import pytest

from framework.errors import ProgramUsageError
from framework.local_emr.daemons import jars, site
from framework.local_emr.daemons.hadoop import Hadoop, container_environment
from framework.local_emr.steps.programs import copy
from framework.local_emr.steps.s3_dist_cp import Copy, read, removal
from framework.process import process as process_of

SAID = """FILE_COPIED: source=s3://b/in/a b.csv, size=2 --> target=s3://b/out/a b.csv, size=0
DIR_COPIED: source=s3://b/in/below, size=0 --> target=s3://b/out/below, size=0
FILE_SKIPPED: source=s3://b/in/same.csv, size=2 --> target=s3://b/out/same.csv, size=2
FILE_COPIED: source=s3://b/in/below/{it's}[*?].csv, size=2 --> target=s3://b/out/below/{it's}[*?].csv, size=0
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--src", "s3://b/in", "--dest", "hdfs:///out", "--deleteOnSuccess"],
        [
            "--src=s3://b/in",
            "--dest=hdfs:///out",
            "--deleteOnSuccess=true",
            "--s3Endpoint=s3.eu-central-1.amazonaws.com",
        ],
    ],
)
def test_options_are_read_in_both_forms(arguments: list[str]) -> None:
    assert read(arguments) == Copy("s3://b/in", "hdfs:///out", delete_on_success=True)


def test_distcp_copies_what_is_in_the_folder(tmp_path: Path) -> None:
    assert Copy("s3://b/in", "hdfs:///out").of_distcp(tmp_path) == ("-overwrite", "s3://b/in", "hdfs:///out")


def test_a_pattern_leaves_out_what_does_not_fit_it(tmp_path: Path) -> None:
    flag, option, file, *folders = read(["--src=s3://b", "--dest=s3://c", r"--srcPattern=.*\.csv|a"]).of_distcp(
        tmp_path
    )
    assert (flag, option, folders) == ("-overwrite", "-filters", ["s3://b", "s3://c"])
    assert Path(file).read_text() == "^(?!(?:.*\\.csv|a)$).*\n"


@pytest.fixture
def hadoop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hadoop:
    """Hadoop's programs, on the files of this machine, without daemons."""
    made = Hadoop(tmp_path, jars.fetched(jars.DAEMONS), process_of(os.getpid()), {}, {}, 256, 1)
    made.layout.temporary.mkdir()
    site.write(made.layout.conf, {"hadoop.tmp.dir": str(made.layout.temporary)})
    made.layout.hosts.write_text(f"127.0.0.1 localhost {platform.node()}\n")
    for name, value in container_environment(made).items():
        monkeypatch.setenv(name, value)
    return made


@pytest.mark.parametrize("folder", ["n", "name{a}*"])
def test_what_is_removed_is_what_was_copied_and_no_pattern(folder: str, tmp_path: Path) -> None:
    log = tmp_path / folder
    log.mkdir()
    (log / "part-m-00000").write_text(SAID)
    (log / "part-m-00001").write_text("")
    said = subprocess.check_output(["sh", "-c", removal(log, ["printf", "<%s>"])], text=True)
    assert said == r"<s3://b/in/a b.csv><s3://b/in/below/\{it's\}\[\*\?\].csv>"


def test_where_nothing_was_copied_nothing_is_removed(tmp_path: Path) -> None:
    (tmp_path / "part-m-00000").touch()
    assert subprocess.check_output(["sh", "-c", removal(tmp_path, ["echo", "removed"])]) == b""


@pytest.mark.heavy
def test_a_copy_deletes_what_fits_its_pattern_and_nothing_else(hadoop: Hadoop, tmp_path: Path) -> None:
    src, dest = tmp_path / "src", tmp_path / "dest"
    fit, kept = ["a.csv", "below/c d.csv", "x*y.csv", "z.gz"], ["b.csv.bak", "keep.txt"]
    for name in (*fit, *kept):
        (src / name).parent.mkdir(parents=True, exist_ok=True)
        (src / name).write_text(name)
    asked = [f"--src=file://{src}", f"--dest=file://{dest}", r"--srcPattern=.*\.csv|.*\.gz", "--deleteOnSuccess"]
    subprocess.run(copy(hadoop, asked), check=True, capture_output=True)
    assert _files(dest) == {name: name for name in fit}
    assert _files(src) == {name: name for name in kept}


def _files(folder: Path) -> dict[str, str]:
    files = [each for each in folder.rglob("*") if each.is_file() and not each.name.endswith(".crc")]
    return {str(each.relative_to(folder)): each.read_text() for each in files}


@pytest.mark.parametrize(
    ("src", "dest"),
    [
        ("s3://data/n/", "s3://data/n/done/"),
        ("s3://data/n", "s3a://data/x/../n"),
        ("s3n://data/n/m", "s3://data"),
        ("hdfs:///n", "/n/done"),
        ("hdfs://here:8020/n/", "file:/n/done"),
        (".", "done"),
        ("/", "/user/x"),
    ],
)
def test_of_folders_that_overlap_nothing_is_deleted(src: str, dest: str) -> None:
    with pytest.raises(ProgramUsageError, match="'--deleteOnSuccess where --src and --dest overlap' is not offered"):
        read([f"--src={src}", f"--dest={dest}", "--deleteOnSuccess"])
    assert read([f"--src={src}", f"--dest={dest}"]) == Copy(src, dest)


@pytest.mark.parametrize(("src", "dest"), [("s3://data/n", "s3://data/n2"), ("/", "s3://data/n"), ("s3://a", "s3://b")])
def test_of_folders_beside_each_other_one_is_deleted(src: str, dest: str) -> None:
    assert read([f"--src={src}", f"--dest={dest}", "--deleteOnSuccess"]).delete_on_success


@pytest.mark.parametrize("arguments", [["--src=a", "--dest=b", "--groupBy=.*(x)"], ["--src=a"], ["--dest", "b"], []])
def test_what_is_not_offered_is_refused_and_not_left_out(arguments: list[str]) -> None:
    with pytest.raises(ProgramUsageError, match=r"is not offered on this machine\..*--dest"):
        read(arguments)
