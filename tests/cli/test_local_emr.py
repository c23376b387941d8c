"""What the command says of an endpoint without daemons, or of none."""

import os
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framework.errors import FolderNameError, NotRunningError, StorageError
from framework.local_emr import control, served
from framework.local_emr.api.faults import Faults
from framework.local_emr.daemons import s3, yarn
from framework.local_emr.daemons.daemon import Daemon
from framework.local_emr.daemons.hadoop import RECORD, Hadoop
from framework.local_emr.daemons.process import MARK, start
from framework.local_emr.served import Served
from framework.process import lives, process
from tests.command import Said, fresh, lakegate
from tests.local_emr.api.endpoint import Endpoint
from tests.local_emr.api.endpoint import served as serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "it"


@pytest.fixture
def endpoint(tmp_path: Path, folder: Path) -> Iterator[Endpoint]:
    """An endpoint of this process, recorded in the folder as one that was started; no YARN answers beside it."""
    assert served.claim(folder)
    this, settings = process(os.getpid()), {yarn.WEB: "127.0.0.1:1"}
    manager = Daemon("manager", "", "", {})
    Hadoop(folder, folder, this, settings, {}, 1, 1, (manager,), {"manager": this}).write()
    with serving(tmp_path / "steps") as made:
        port, address = made.server.port, made.server.address
        Served(folder, this, "0", port, address, 2, "http://127.0.0.1:1", None, None).write()
        yield made


def call(folder: Path, verb: str, *arguments: str, **variables: Any) -> Said:
    typed_in = next(each for each in folder.parents if each.is_dir())
    return lakegate(typed_in, "local-emr", verb, "--folder", str(folder), *arguments, **variables)


def test_where_nothing_runs_it_says_so(folder: Path) -> None:
    stopped = call(folder, "stop")
    assert (stopped.code, stopped.out) == (0, f"Nothing runs in {folder}.\n")
    for verb in ("status", "env", "fault"):
        said = call(folder, verb)
        assert (said.code, said.out) == (1, "")
        assert "Start it: `lakegate local-emr start`" in said.err
    assert not folder.exists()


def test_the_folder_is_named_by_an_option_a_variable_or_the_home(tmp_path: Path) -> None:
    def where(**variables: Any) -> str:
        return lakegate(tmp_path, "local-emr", "stop", **variables).out

    assert where(XDG_STATE_HOME="/state") == "Nothing runs in /state/lakegate/local-emr.\n"
    assert where(XDG_STATE_HOME="", HOME="/home/x") == "Nothing runs in /home/x/.local/state/lakegate/local-emr.\n"
    assert where(LAKEGATE_LOCAL_EMR="/there") == "Nothing runs in /there.\n"
    assert "/other" in lakegate(tmp_path, "local-emr", "stop", "--folder", "/other", LAKEGATE_LOCAL_EMR="/there").out


def test_a_second_start_says_that_it_runs_and_where(endpoint: Endpoint, folder: Path) -> None:
    port = str(endpoint.server.port)
    for options in ((), ("--port", port), ("--no-hdfs", "--nodes", "2")):
        said = call(folder, "start", *options)
        assert said.code == 0, said.err
        assert said.out.startswith(f"It runs already.\nendpoint  {endpoint.server.address}\n")
        assert said.out.endswith(f'Go on with: eval "$(lakegate local-emr env --folder {folder})"\n')
    other = call(folder, "start", "--port", "1", "--hdfs", "--nodes", "3")
    assert other.code == 1
    assert f"its port is {port}, it has no HDFS, it began with 2 nodes. Stop it first" in other.err


def test_its_state_is_nodes_and_clusters(endpoint: Endpoint, folder: Path) -> None:
    assert "\nno clusters\n" in call(folder, "status").out
    made = endpoint.running()
    endpoint.faults.set(Faults(expired=True, throttle_next=2))
    said = call(folder, "status")
    assert said.code == 0
    # Whatever the faults are, and without using one up.
    assert f"\n{made} test: WAITING, no steps\nfault     throttle_next 2\nfault     expired True\n" in said.out
    assert "YARN has ended" in said.out


def test_its_variables_are_exported_and_what_leads_elsewhere_is_unset(endpoint: Endpoint, folder: Path) -> None:
    said = call(folder, "env", AWS_PROFILE="prod", AWS_ENDPOINT_URL_S3="http://elsewhere", AWS_SESSION_TOKEN="t")
    shell = fresh(folder, "bash", "-c", f"AWS_PROFILE=prod; eval {shlex.quote(said.out)}; env; echo =$AWS_PROFILE=")
    assert {
        f"AWS_ENDPOINT_URL={endpoint.server.address}",
        *(f"{name}={value}" for name, value in s3.KEYS.items()),
        "AWS_DEFAULT_REGION=us-east-1",
        f"LAKEGATE_LOCAL_EMR={folder}",
        f"SPARK_CONF_DIR={folder}/shell",
        "==",
    } <= set(shell.out.splitlines())
    assert said.out.startswith("unset AWS_PROFILE\nunset AWS_SESSION_TOKEN\nunset AWS_ENDPOINT_URL_S3\nexport ")
    assert (
        f"spark.hadoop.fs.s3a.endpoint {endpoint.server.address}\n"
        in (folder / "shell/spark-defaults.conf").read_text()
    )
    assert "PROXY" not in said.out
    assert "AWS_REGION" not in said.out


def test_a_proxy_and_another_region_are_not_in_the_way(endpoint: Endpoint, folder: Path) -> None:
    found = control.variables(
        control.running(folder), {"https_proxy": "http://p:1", "NO_PROXY": "a.example", "AWS_REGION": "eu-west-1"}
    )
    assert found["no_proxy"] == found["NO_PROXY"] == "a.example,127.0.0.1,localhost"
    assert found["AWS_REGION"] == "us-east-1"


def test_settings_are_read_where_these_variables_are(endpoint: Endpoint, folder: Path) -> None:
    from framework.config import load

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEGATE_LOCAL_EMR", str(folder))
        assert load("test").environment == "test"


def test_faults_are_made_and_taken_back(endpoint: Endpoint, folder: Path) -> None:
    said = call(
        folder, "fault", "--s3-overloaded", "0.05", "--s3-slow", "0.1", "--s3-delay", "2", "--throttle-next", "3"
    )
    assert (said.code, said.out) == (0, "The faults are made.\n")
    assert endpoint.faults.faults == Faults(throttle_next=3, s3_overloaded=0.05, s3_slow=0.1, s3_delay=2)
    assert call(folder, "fault", "--expired", "--throttle-share", "1").code == 0
    assert endpoint.faults.faults == Faults(expired=True, throttle_share=1)
    assert call(folder, "fault").out == "No faults.\n"
    assert endpoint.faults.faults == Faults()
    for wrong in (("--s3-slow", "2"), ("--s3-slow", "nan"), ("--s3-delay", "nan"), ("--s3-delay", "inf")):
        assert call(folder, "fault", *wrong).code == 2
    assert endpoint.faults.faults == Faults()


def test_no_node_is_killed_where_yarn_has_ended(endpoint: Endpoint, folder: Path) -> None:
    endpoint.faults.set(Faults(expired=True))
    said = call(folder, "fault", "--kill-node", "node-1")
    assert (said.code, said.out) == (1, "")
    assert endpoint.faults.faults == Faults(expired=True)


@pytest.mark.parametrize("verb", ["start", "reset"])
def test_a_folder_of_somebody_elses_is_left_alone(verb: str, folder: Path) -> None:
    folder.mkdir()
    (folder / "theirs").write_text("kept")
    said = call(folder, verb)
    assert said.code == 1
    assert "holds other files" in said.err
    assert [path.name for path in folder.iterdir()] == ["theirs"]
    assert call(folder, "stop").code == 0
    assert [path.name for path in folder.iterdir()] == ["theirs"]


def test_a_reset_removes_what_was_made_and_names_what_was_not(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    assert served.claim(folder)
    for each in ("src", "logs", "node-1"):
        (folder / each).mkdir()
        (folder / each / "file").write_text("x")
    link = tmp_path / "link"
    link.symlink_to(folder)
    said = call(link, "reset")
    assert said.out == f"All of it in {link} is removed.\nNot made by it, and left: src.\n"
    assert [str(each.relative_to(folder)) for each in folder.rglob("*")] == ["src", "src/file"]
    assert call(tmp_path / "none", "reset").out == f"Nothing is in {tmp_path / 'none'}.\n"


@pytest.mark.parametrize("name", ["a b", "a,b", "a:b", "it's", "$x"])
def test_a_name_that_hadoop_or_spark_would_take_apart_is_refused(name: str, folder: Path) -> None:
    said = call(folder / name, "start")
    assert isinstance(said.error, FolderNameError)
    assert not folder.exists()


def test_a_file_where_a_folder_is_wanted_is_said(folder: Path) -> None:
    folder.write_text("theirs")
    for verb in ("start", "status", "env"):
        said = call(folder / "below", verb)
        assert isinstance(said.error, StorageError), said.err
        assert "Not a directory" in said.err
    assert [call(folder / "below", verb).code for verb in ("stop", "reset")] == [0, 0]
    assert folder.read_text() == "theirs"


def test_records_that_are_damaged_are_none(folder: Path) -> None:
    assert served.claim(folder)
    for record in (served.RECORD, RECORD):
        (folder / record).write_text("{}")
    assert isinstance(call(folder, "status").error, NotRunningError)
    assert call(folder, "stop").code == 0
    assert call(folder, "reset").out == f"{folder} is removed.\n"


def test_what_a_killed_start_left_is_ended_by_the_next_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert served.claim(folder)
    left = start(["sleep", "600"], {"PATH": os.environ["PATH"], MARK: str(folder)}, folder / "logs" / "left.log")
    monkeypatch.setattr(control, "SERVER", "keyword")
    said = call(folder, "start")
    assert "It ended without a word" in said.err
    assert not lives(left)


def test_a_folder_is_put_on_s3(endpoint: Endpoint, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "data" / "of day").mkdir(parents=True)
    (tmp_path / "data" / "of day" / "a=1.csv").write_text("x")
    for _ in range(2):
        said = call(folder, "upload", str(tmp_path / "data"), "s3://landed/in")
        assert (said.code, said.out) == (0, "Put 1 file at s3://landed/in.\n")
    keys = s3.client("s3", endpoint.server.address).list_objects_v2(Bucket="landed")["Contents"]
    assert [each["Key"] for each in keys] == ["in/of day/a=1.csv"]
    assert call(folder, "upload", str(tmp_path / "data"), "landed").code == 2
    assert call(folder, "upload", str(tmp_path / "data"), "s3://no bucket").code == 2


def test_without_moto_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "find_spec", lambda name: None if name == "moto" else name)
    said = call(folder, "start")
    assert said.code == 1
    assert "needs moto, which is not installed here: pip install 'lakegate[local-emr]'." in said.err
    assert not folder.exists()


def test_a_port_that_is_taken_is_said_and_nothing_is_left(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = call(folder, "start", "--port", str(taken.getsockname()[1]))
    assert said.code == 1
    assert f"Port {taken_port(said)} is taken" in said.err
    assert served.recorded(folder) is None
    assert call(folder, "reset").out == f"{folder} is removed.\n"
    assert not folder.exists()


def taken_port(said: Said) -> str:
    return said.err.partition("Port ")[2].partition(" ")[0]


def test_help_and_list_do_not_load_it(tmp_path: Path) -> None:
    looked = (
        "import sys; from framework.cli import main\n"
        "try: main(['local-emr', '--help'])\n"
        "finally: print([m for m in sys.modules if m.startswith(('framework.local_emr', 'framework.config', 'moto'))])"
    )
    said: Any = fresh(tmp_path, "python", "-c", looked, PYTHONPATH=str(Path(control.__file__).parents[2]))
    assert said.out.splitlines()[-1] == "[]"
    assert "fault" in said.out
