import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from framework.emr.steps.properties import refuse_misread
from framework.emr.steps.spark import SparkJob
from framework.emr.steps.step import chain
from framework.errors import SettingError
from tests.emr.things import bundle, settings

DRIVER, EXECUTOR = "spark.driver.extraJavaOptions", "spark.executor.defaultJavaOptions"
MINE = "spark.executorEnv.MINE"
PATHS = "spark.executor.extraLibraryPath"
PRINT = (
    "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ.get('MINE'), os.environ.get('LD_LIBRARY_PATH')]))"
)


def parted(text: str) -> list[str]:
    """What Spark's Utils.splitCommandString makes of options."""
    words, word, quote, letters = list[str](), None, "", iter(text)
    for letter in letters:
        if quote and letter == quote:
            quote = ""
        elif quote == '"' and letter == "\\":
            word = (word or "") + next(letters, "")
        elif quote or letter not in " \t\r\n\"'":
            word = (word or "") + letter
        elif letter in "\"'":
            word, quote = word or "", letter
        elif word is not None:
            words, word = [*words, word], None
    return words if word is None else [*words, word]


def escaped(word: str) -> str:
    """What Spark's YarnSparkHadoopUtil.escapeForShell makes of a word."""
    replaced = {"$": "\\$", '"': '\\"', "'": "'\\''"}
    return "'" + "".join(replaced.get(letter, letter) for letter in word) + "'"


def started(words: list[str], folder: Path, *, mine: str = "", paths: str = "") -> list[object]:
    """Return the arguments, the variable and the paths of what the script of YARN starts; [] where it does not."""
    quoted = paths.replace('"', '\\\\\\"')
    libraries = f'LD_LIBRARY_PATH=\\"{quoted}:$LD_LIBRARY_PATH\\" '
    command = f"{libraries}'{sys.executable}' print.py {' '.join(map(escaped, words))}"
    script = f'export MINE="{mine}"\nexec /bin/bash -c "{command}"\n'
    for mark, meaning in {"<LOG_DIR>": "/logs", "<CPS>": ":", "{{": "$", "}}": ""}.items():
        script = script.replace(mark, meaning)
    (folder / "print.py").write_text(PRINT)
    (folder / "launch.sh").write_text(script)
    env = {"HOME": "/home/me", "PWD": str(folder)}
    done = subprocess.run(["bash", "launch.sh"], cwd=folder, env=env, capture_output=True, text=True, check=False)
    found: list[object] = json.loads(done.stdout) if done.returncode == 0 and not done.stderr else []
    return found


ARRIVE = [
    ("-Duser.timezone=UTC -XX:+UseG1GC", ["-Duser.timezone=UTC", "-XX:+UseG1GC"]),
    ("-Da=x;y&z|w>v#u!*?~[t]", ["-Da=x;y&z|w>v#u!*?~[t]"]),
    ("-Da=1\n  -Db=2\n", ["-Da=1", "-Db=2"]),
    ("-Dname='a b' -Dtold=\"it's\"", ["-Dname=a b", "-Dtold=it's"]),
    ("-Dhost=$(hostname) -Dhome=$HOME -Dpaid=5$", ["-Dhost=$(hostname)", "-Dhome=$HOME", "-Dpaid=5$"]),
    (r"-Dpath=C:\temp -Dquoted='say \'", [r"-Dpath=C:\temp", "-Dquoted=say \\"]),
    ('-Dquote="a\\"b"', ['-Dquote=a"b']),
    ("-XX:HeapDumpPath=<LOG_DIR>/a -Dconf={{HOME}}/x", ["-XX:HeapDumpPath=/logs/a", "-Dconf=/home/me/x"]),
    ('-Djson={\'"a"\':{"b":1}', ['-Djson={"a":{b:1}']),
]


@pytest.mark.parametrize("name", [DRIVER, EXECUTOR])
@pytest.mark.parametrize(("value", "meant"), ARRIVE)
def test_options_that_are_taken_arrive_as_they_are_meant(
    name: str, value: str, meant: list[str], tmp_path: Path
) -> None:
    if name == DRIVER and value.startswith("-Dpath"):
        value, meant = "-Dpath='C:\\temp'", ["-Dpath=C:\\temp"]
    refuse_misread({name: value}, {})
    assert started(parted(value), tmp_path)[:1] == [meant]


GO_WRONG = [
    ("-Dnote=a`echo INJECTED`b", "a backquote"),
    ("-Dnote='a`echo INJECTED`b'", "a backquote"),
    (r"-Dregex='\\d'", "a backslash before another"),
    (r"-Dprice='\$HOME'", "a backslash before another, \\$"),
    ("-Dquote='\\\"'", "a backslash before another, \\$, a double quote"),
    ('-Djson=\'{"a":{"b":1}}\'', "{{ and }}"),
    ("-Dday={{(echo INJECTED)}}", "{{ and }}"),
]


@pytest.mark.parametrize("name", [DRIVER, EXECUTOR])
@pytest.mark.parametrize(("value", "said"), GO_WRONG)
def test_options_that_are_refused_would_arrive_as_something_else(
    name: str, value: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match=said) as refused:
        refuse_misread({name: value}, {})
    assert refused.value.setting == f"emr.conf.{name}"
    assert "INJECTED" not in str(refused.value)
    assert started(parted(value), tmp_path)[:1] != [parted(value)]


@pytest.mark.parametrize("value", ["-Dname=it's -Db=1", '-Dname="a', "-Dname='a", '-Dname="a\\"'])
def test_a_quotation_that_does_not_end_is_refused_since_it_swallows_what_follows(value: str) -> None:
    for name in (DRIVER, EXECUTOR):
        with pytest.raises(SettingError, match="a quotation in it does not end"):
            refuse_misread({name: value}, {})
    with pytest.raises(ValueError, match="No closing quotation"):
        shlex.split(value)


def test_what_only_the_launcher_refuses_is_refused_of_the_driver_only() -> None:
    for value in ("-Dpath=C:\\", '-Da="b"\\"c"'):
        refuse_misread({EXECUTOR: value}, {})
        with pytest.raises(SettingError, match="a quotation in it does not end"):
            refuse_misread({DRIVER: value}, {})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (DRIVER, "-Da=1 -Xmx4g", "set spark.driver.memory"),
        (DRIVER, "'-Xmx4g'", "set spark.driver.memory"),
        (EXECUTOR, "-Xmx4g", "set spark.executor.memory"),
        (EXECUTOR, "-Dspark.mine=1", "none of its own"),
        ("spark.mine", "a\rb", "carriage return"),
    ],
)
def test_what_spark_refuses_or_loses_itself_is_refused_before(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        refuse_misread({name: value}, {})


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("a b", "a b"),
        ("it's", "it's"),
        ("one\ntwo", "one\ntwo"),
        ("$HOME/x:${HOME}", "/home/me/x:/home/me"),
        ("{{HOME}}/x", "/home/me/x"),
        (r"C:\temp", r"C:\temp"),
        ("5$", "5$"),
    ],
)
def test_a_variable_that_is_taken_arrives_as_it_is_meant(value: str, meant: str, tmp_path: Path) -> None:
    for name in (MINE, "spark.yarn.appMasterEnv.MINE", "spark.driver.extraClassPath"):
        refuse_misread({name: value}, {})
    assert started([], tmp_path, mine=value)[1:2] == [meant]


@pytest.mark.parametrize(
    "value",
    ['{"a": 1}', "`echo INJECTED`", "$(echo INJECTED)", "5$5", "a$$b", r"a\\b", r"a\$b", "a\\", "{{ x }}", 'a"', "}}"],
)
def test_a_variable_that_is_refused_would_arrive_as_something_else(value: str, tmp_path: Path) -> None:
    for name in (MINE, "spark.yarn.appMasterEnv.MINE", "spark.executor.extraClassPath"):
        with pytest.raises(SettingError, match=re.escape(f"emr.conf.{name}")):
            refuse_misread({name: value}, {})
    assert started([], tmp_path, mine=value)[1:2] != [value]


@pytest.mark.parametrize("name", ["MY-VAR", "", "A B", "1A", "A`id`"])
def test_a_name_that_is_no_variable_s_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="is no name that a shell takes"):
        refuse_misread({f"spark.executorEnv.{name}": "x"}, {})
    refuse_misread({"spark.executorEnv._My2": "x"}, {})


@pytest.mark.parametrize(
    ("value", "meant"), [("/a:/b c", "/a:/b c:"), ('/a"b', '/a"b:'), ("$HOME/lib", "/home/me/lib:")]
)
def test_paths_of_libraries_that_are_taken_arrive(value: str, meant: str, tmp_path: Path) -> None:
    refuse_misread({PATHS: value}, {})
    assert started([], tmp_path, paths=value)[2:] == [meant]


@pytest.mark.parametrize("value", ["/a`echo INJECTED`", "/a$(echo INJECTED)"])
def test_paths_of_libraries_that_run_something_are_refused(value: str, tmp_path: Path) -> None:
    for name in (PATHS, "spark.driver.extraLibraryPath", "spark.driver.libraryPath"):
        with pytest.raises(SettingError, match="a backquote, or a"):
            refuse_misread({name: value}, {})
    assert started([], tmp_path, paths=value)[2:] == ["/aINJECTED:"]


@pytest.mark.parametrize("name", ["spark.network.timeout", "spark.rpc.mine", "spark.ssl.keyStore", "spark.ui.port"])
def test_what_executors_are_started_with_is_looked_at_likewise(name: str, tmp_path: Path) -> None:
    refuse_misread({name: 'a b "c" $(d)'}, {})
    assert started([f'-D{name}=a b "c" $(d)'], tmp_path)[:1] == [[f'-D{name}=a b "c" $(d)']]
    with pytest.raises(SettingError, match="a backquote"):
        refuse_misread({name: "`id`"}, {})


def test_a_property_that_travels_in_a_file_may_be_anything() -> None:
    anything = "`id` $(id) \" ' \\\\ {{ x }}\n-Xmx1g"
    names = ("spark.mine", "spark.sql.x", "spark.app.name", "spark.ssl.keyPassword", "spark.authenticate.secret")
    refuse_misread(dict.fromkeys(names, anything), {})


def test_of_the_session_s_properties_those_of_executors_count() -> None:
    bad = {EXECUTOR: "`id`", MINE: "`id`", PATHS: "`id`", "spark.rpc.x": "`id`"}
    for name, value in bad.items():
        with pytest.raises(SettingError, match=re.escape(f"spark.conf.{name}")):
            refuse_misread({}, {name: value})
    refuse_misread({}, {DRIVER: "`id`", "spark.yarn.appMasterEnv.A": "`id`", "spark.mine": "`\r"})


def test_a_step_with_such_a_property_is_not_made(tmp_path: Path) -> None:
    job = SparkJob("a", "prod")
    for given in (settings(conf={DRIVER: "-Da=`id`"}), settings().model_copy(update={"spark": _spark(EXECUTOR)})):
        with pytest.raises(SettingError, match="a backquote"):
            chain([job], given, bundle(tmp_path), on_failure="continue", token="t")


def _spark(name: str) -> object:
    spark = settings().spark
    return spark.model_copy(update={"conf": {name: "-Da=`id`"}})
