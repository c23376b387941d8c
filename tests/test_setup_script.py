import os
import shutil
from pathlib import Path

import pytest

from tests.command import ROOT, Said, fresh

TOOLS = ("awk", "bash", "cat", "chmod", "cksum", "dirname", "head", "id", "mkdir", "printf", "sed")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with a shell, without Java and package managers: all that is on its PATH is under bin/."""
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or "/missing")
    return tmp_path


def _script(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def _java(home: Path, version: str) -> Path:
    """Put a Java there that says what the real ones of this version do."""
    return _script(home / "bin" / "java", f"echo 'openjdk version \"{version}\" 2025-04-15' >&2")


def _setup(machine: Path, *arguments: str, **variables: str) -> Said:
    given = {"PATH": str(machine / "bin"), "HOME": str(machine), "LAKEGATE_JVMS": "", "JAVA_HOME": ""}
    given |= {"LAKEGATE_POSTGRES": "", **variables}
    return fresh(machine, str(ROOT / "scripts" / "setup.sh"), *(arguments or ("--java",)), **given)


# -- found ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["17.0.15", "21.0.7", "17", "21-ea"])
def test_java_17_and_21_are_found_on_path(machine: Path, version: str) -> None:
    java = _java(machine, version)
    assert _setup(machine) == Said(0, f"{java}\n", "")


@pytest.mark.parametrize("version", ["17.0.15", "21.0.7"])
def test_java_home_comes_before_path_as_it_does_for_spark(machine: Path, version: str) -> None:
    _java(machine, "1.8.0_392")
    java = _java(machine / "jdk", version)
    assert _setup(machine, JAVA_HOME=str(machine / "jdk")) == Said(0, f"{java}\n", "")


def test_a_java_that_is_installed_but_not_on_path_is_used_with_what_to_type(machine: Path) -> None:
    _java(machine, "11.0.20")
    java = _java(machine / "jvm" / "17", "17.0.15")
    said = _setup(machine, LAKEGATE_JVMS=f"{machine}/jvm/missing {machine}/jvm/17")
    assert (said.code, said.out) == (0, f"{java}\n")
    assert f"{machine}/bin/java is Java 11" in said.err
    assert f"export JAVA_HOME={machine}/jvm/17" in said.err


# -- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "said_as"), [("1.8.0_392", "8"), ("11.0.20", "11"), ("24.0.1", "24")])
def test_another_java_on_path_is_refused_with_its_version_and_what_to_type(
    machine: Path, version: str, said_as: str
) -> None:
    _java(machine, version)
    _script(machine / "bin" / "apt-get", "exit 1")
    said = _setup(machine, LAKEGATE_NO_INSTALL="1")
    assert (said.code, said.out) == (1, "")
    assert f"{machine}/bin/java is Java {said_as}" in said.err
    assert "apt-get install -y --no-install-recommends openjdk-17-jre-headless" in said.err


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.20", "24.0.1"])
def test_another_java_in_java_home_is_refused_though_path_has_the_right_one(machine: Path, version: str) -> None:
    _java(machine, "17.0.15")
    _java(machine / "jdk", version)
    said = _setup(machine, JAVA_HOME=str(machine / "jdk"))
    assert (said.code, said.out) == (1, "")
    assert "unset JAVA_HOME" in said.err


@pytest.mark.parametrize("there", ["nothing", "no Java"])
def test_a_java_home_without_a_java_that_runs_is_refused(machine: Path, there: str) -> None:
    if there == "no Java":
        _script(machine / "jdk" / "bin" / "java", "echo 'The operation could not be completed.' >&2; exit 1")
    said = _setup(machine, JAVA_HOME=str(machine / "jdk"))
    assert said.code == 1
    assert f"{machine}/jdk/bin/java is no Java that runs" in said.err


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("apt-get", "sudo apt-get update && sudo apt-get install -y --no-install-recommends openjdk-17-jre-headless"),
        ("dnf", "sudo dnf install -y java-17-amazon-corretto-headless"),
        ("brew", "brew install openjdk@17"),
    ],
)
def test_without_java_it_says_what_to_type_on_this_system(machine: Path, manager: str, command: str) -> None:
    _script(machine / "bin" / manager, "exit 1")
    (machine / "bin" / "id").unlink()
    _script(machine / "bin" / "id", "echo 1000")  # not root
    said = _setup(machine, LAKEGATE_NO_INSTALL="1")
    assert (said.code, said.out) == (1, "")
    assert "no java is on PATH" in said.err
    assert f"\n    {command}\n" in said.err


def test_where_there_is_no_package_manager_it_says_what_is_needed(machine: Path) -> None:
    said = _setup(machine)
    assert said.code == 1
    assert "Spark needs Java 17 or 21, but no java is on PATH. Install it" in said.err


def test_an_unknown_lane_is_refused_with_those_there_are(machine: Path) -> None:
    _java(machine, "17.0.15")
    said = _setup(machine, "emr8")
    assert said.code == 1
    assert "emr8" in said.err
    assert "scripts/setup.sh main" in said.err
    assert "scripts/setup.sh emr7" in said.err


# -- installed --------------------------------------------------------------------------------------------------------


def _installing(machine: Path, home: Path) -> None:
    """Let apt-get put a Java 17 there, and note what it was asked."""
    put = f"mkdir -p {home}/bin && printf '#!/bin/sh\\necho openjdk version \\\"17.0.15\\\" >&2\\n' >{home}/bin/java"
    _script(
        machine / "bin" / "apt-get",
        f'echo "$@" >>{machine}/asked\n[ $1 = update ] || {{ {put}; chmod +x {home}/bin/java; }}',
    )
    (machine / "bin" / "id").unlink()
    _script(machine / "bin" / "id", "echo 0")  # root


def test_where_it_may_it_installs_java_17_and_uses_it(machine: Path) -> None:
    _installing(machine, machine / "jvm")
    said = _setup(machine, LAKEGATE_JVMS=str(machine / "jvm"))
    assert (said.code, said.out) == (0, f"{machine}/jvm/bin/java\n")
    assert (machine / "asked").read_text().splitlines() == [
        "update",
        "install -y --no-install-recommends openjdk-17-jre-headless",
    ]


def test_nothing_is_installed_where_it_may_not_be_or_java_is_there(machine: Path) -> None:
    _installing(machine, machine / "jvm")
    assert _setup(machine, LAKEGATE_NO_INSTALL="1").code == 1
    _java(machine, "21.0.7")
    assert _setup(machine).code == 0
    assert not (machine / "asked").exists()


def test_a_java_that_was_installed_elsewhere_is_asked_for(machine: Path) -> None:
    _installing(machine, machine / "hidden")
    said = _setup(machine)
    assert said.code == 1
    assert "export JAVA_HOME=DIR" in said.err


def test_a_user_who_may_not_install_is_asked_for_no_password(machine: Path) -> None:
    _installing(machine, machine / "jvm")
    (machine / "bin" / "id").write_text("#!/bin/sh\necho 1000\n")
    _script(machine / "bin" / "sudo", '[ "$1" = -n ] && exit 1; read answer; echo "$answer"')
    said = _setup(machine, LAKEGATE_JVMS=str(machine / "jvm"))
    assert said.code == 1
    assert "sudo apt-get install" in said.err
    assert not (machine / "asked").exists()


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


def _postgres(folder: Path) -> Path:
    for program in ("initdb", "postgres", "psql"):
        _script(folder / program, "exit 0")
    return folder


def test_postgres_is_found_with_all_its_programs_and_without_java(machine: Path) -> None:
    client, server = machine / "client", _postgres(machine / "server")
    _script(client / "psql", "exit 0")
    assert _setup(machine, "--postgres", LAKEGATE_POSTGRES=f"{client} {server}") == Said(0, f"{server}\n", "")


def test_where_postgres_is_not_and_may_not_be_installed_it_says_what_to_type(machine: Path) -> None:
    _script(machine / "bin" / "apt-get", "exit 1")
    said = _setup(machine, "--postgres", LAKEGATE_NO_INSTALL="1")
    assert (said.code, said.out) == (1, "")
    assert "The tests of databases need PostgreSQL." in said.err
    assert "apt-get install -y --no-install-recommends postgresql\n" in said.err


def test_postgres_is_installed_without_a_database_that_runs_as_a_service(machine: Path) -> None:
    server = machine / "server"
    put = f"[ $4 != postgresql ] || {{ /bin/mkdir {server}; for p in initdb postgres psql; do echo >{server}/$p; done; "
    _script(machine / "bin" / "apt-get", f'echo "apt-get $@" >>{machine}/asked; {put} chmod +x {server}/*; }}')
    for tool in ("id", "mkdir", "tee"):
        (machine / "bin" / tool).unlink(missing_ok=True)
    _script(machine / "bin" / "id", "echo 0")  # root
    _script(machine / "bin" / "mkdir", f'echo "mkdir $@" >>{machine}/asked')
    _script(machine / "bin" / "tee", f'read line; echo "$line >$@" >>{machine}/asked')
    assert _setup(machine, "--postgres", LAKEGATE_POSTGRES=str(server)).out == f"{server}\n"
    assert (machine / "asked").read_text().splitlines() == [
        "apt-get update",
        "apt-get install -y --no-install-recommends postgresql-common",
        "mkdir -p /etc/postgresql-common/createcluster.d",
        "create_main_cluster = false >/etc/postgresql-common/createcluster.d/lakegate.conf",
        "apt-get install -y --no-install-recommends postgresql",
    ]


def test_the_script_can_be_run_from_a_clone(machine: Path) -> None:
    assert os.access(ROOT / "scripts" / "setup.sh", os.X_OK)
