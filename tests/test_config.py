import os
import platform
import re
import traceback
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from framework.config import Section, Settings, StepSettings, conf_folder, load
from framework.config.emr import EmrSettings
from framework.errors import SettingError, UnknownEnvironmentError

BASE = """
[catalog]
kind = "none"
[spark]
jars = "provided"
[spark.conf]
"spark.sql.ansi.enabled" = true
"spark.sql.shuffle.partitions" = 8
[log]
format = "auto"
level = "info"
"""
DEV = """
[lake]
root = "lake of dev"
[landing]
root = "landing of dev"
[spark.conf]
"spark.sql.shuffle.partitions" = 4
"""


@pytest.fixture(autouse=True)
def _no_settings_of_this_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("LAKEGATE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A conf/ with base.toml and the environment `dev`."""
    return _folder(tmp_path / "conf", base=BASE, dev=DEV)


def _folder(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


# -- layers -----------------------------------------------------------------------------------------------------------


def test_what_no_file_says_comes_from_the_packaged_base(tmp_path: Path) -> None:
    conf = _folder(tmp_path / "conf", dev=DEV)
    assert load("dev", conf=conf).spark.conf["spark.sql.session.timeZone"] == "UTC"


def test_the_environment_s_file_comes_before_base_toml(conf: Path) -> None:
    settings = load("dev", conf=conf)
    assert settings.lake.root == "lake of dev"
    assert settings.spark.conf["spark.sql.shuffle.partitions"] == 4


def test_tables_of_two_files_are_merged_key_by_key(conf: Path) -> None:
    assert load("dev", conf=conf).spark.conf["spark.sql.ansi.enabled"] is True


def test_a_variable_comes_before_the_files(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEGATE_LAKE__ROOT", "s3://bucket/lake")
    settings = load("dev", conf=conf)
    assert (settings.lake.root, settings.landing.root) == ("s3://bucket/lake", "landing of dev")


def test_a_flag_comes_before_a_variable(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEGATE_LAKE__ROOT", "from a variable")
    assert load("dev", ["lake.root=from=a flag"], conf).lake.root == "from=a flag"


def test_below_spark_conf_the_rest_of_a_flag_is_one_key(conf: Path) -> None:
    assert load("dev", ["spark.conf.spark.a.b=c"], conf).spark.conf["spark.a.b"] == "c"


def test_a_flag_with_packages_separates_them_by_commas(conf: Path) -> None:
    driver = "org.postgresql:postgresql:42.7.7"
    assert load("dev", [f"spark.packages={driver},a:b:1"], conf).spark.packages == (driver, "a:b:1")
    assert load("dev", ["spark.package_excludes=a:*"], conf).spark.package_excludes == ("a:*",)
    assert driver in repr(load("dev", [f"spark.packages={driver}"], conf))


def test_the_environment_is_the_one_that_was_asked_for(conf: Path) -> None:
    assert load("dev", conf=conf).environment == "dev"


def test_settings_are_frozen(conf: Path) -> None:
    settings = load("dev", conf=conf)
    with pytest.raises(ValidationError):
        settings.lake.root = "elsewhere"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.environment = "prod"  # type: ignore[misc]


# -- where the files are ----------------------------------------------------------------------------------------------


def test_a_conf_in_the_working_directory_is_used(tmp_path: Path, conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load("dev").lake.root == "lake of dev"


def test_lakegate_conf_comes_before_the_working_directory(
    tmp_path: Path, conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _folder(tmp_path / "elsewhere", dev=DEV.replace("of dev", "elsewhere"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAKEGATE_CONF", str(tmp_path / "elsewhere"))
    assert load("dev").lake.root == "lake elsewhere"


def test_without_a_conf_of_its_own_a_folder_gets_the_one_beside_the_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert conf_folder().resolve() == Path(__file__).parent.parent / "conf"


@pytest.mark.parametrize("environment", ["deb", "base"])
def test_an_unknown_environment_is_refused_with_those_there_are(conf: Path, environment: str) -> None:
    with pytest.raises(UnknownEnvironmentError) as caught:
        load(environment, conf=conf)
    assert (caught.value.environment, caught.value.known) == (environment, ("dev",))


def test_every_environment_of_this_project_loads() -> None:
    assert [load(name).environment for name in ("local", "prod", "test")] == ["local", "prod", "test"]


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("[lakes]\nroot = 'x'", "lakes"),
        ("[log]\ncolour = 'x'", "log.colour"),
        ("[log]\nlevel = 'loud'", "log.level"),
        ("[lake", "dev.toml"),
        ("environment = 'prod'", "environment"),
    ],
)
def test_what_a_file_must_not_say_is_refused(tmp_path: Path, text: str, setting: str) -> None:
    conf = _folder(tmp_path / "bad", base=BASE + "[lake]\nroot='x'\n[landing]\nroot='x'", dev=text)
    assert _refused(conf) == setting


@pytest.mark.parametrize(
    ("variable", "value", "setting"),
    [
        ("LAKEGATE_LAKES__ROOT", "x", "LAKEGATE_LAKES__ROOT"),
        ("LAKEGATE_LAKE_ROOT", "x", "LAKEGATE_LAKE_ROOT"),
        ("lakegate_lakes__root", "x", "lakegate_lakes__root"),
        ("LAKEGATE_LAKE__ROOTS", "x", "lake.roots"),
        ("LAKEGATE_LAKE", "not JSON", "lake"),
        ("LAKEGATE_LOG__LEVEL", "loud", "log.level"),
        ("LAKEGATE_ENVIRONMENT", "prod", "LAKEGATE_ENVIRONMENT"),
    ],
)
def test_a_variable_that_does_not_fit_is_refused(
    conf: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, setting: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert _refused(conf) == setting


@pytest.mark.parametrize(
    "variable", ["ENVIRONMENT", "LAKEGATE_ENV", "LAKEGATE_JVMS", "LAKEGATE_NO_INSTALL", "LAKEGATE_POSTGRES"]
)
def test_a_variable_that_is_no_setting_is_left_alone(
    conf: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "anything")
    assert load("dev", conf=conf).environment == "dev"


@pytest.mark.parametrize(
    ("override", "setting"),
    [
        ("lake.rot=x", "lake.rot"),
        ("lakes.root=x", "lakes"),
        ("lake.root", "KEY"),
        ("=x", "KEY"),
        ("log.level=loud", "log.level"),
        ("spark.packages=postgresql", "spark.packages.0"),
        ("spark.package_excludes=a:b:1", "spark.package_excludes.0"),
        ("environment=prod", "environment"),
        ("log.level.deep=x", "log.level"),
    ],
)
def test_a_flag_that_does_not_fit_is_refused(conf: Path, override: str, setting: str) -> None:
    assert _refused(conf, override) == setting


@pytest.mark.parametrize(
    ("override", "shape"),
    [
        ("emr.artifacts=bucket/folder", "s3://BUCKET/FOLDER"),
        ("emr.cluster.log_uri=s3://", "s3://BUCKET/FOLDER"),
        ("emr.step_log_uri=s3:/b", "s3://BUCKET/FOLDER"),
        ("emr.runtime_role=etl", "arn:aws:..."),
        ("emr.cluster_id=nightly", "j-..."),
    ],
)
def test_what_is_written_in_another_shape_is_refused_with_the_right_one(conf: Path, override: str, shape: str) -> None:
    with pytest.raises(SettingError, match=re.escape(f"write it as {shape} (the pattern is ^")):
        load("dev", [override], conf)


def test_flags_that_contradict_each_other_are_refused(conf: Path) -> None:
    assert _refused(conf, "lake=x", "lake.root=y") == "lake.root"


def test_an_unknown_setting_is_refused_with_what_was_probably_meant(conf: Path) -> None:
    with pytest.raises(SettingError, match=r"Did you mean 'root'\?"):
        load("dev", ["lake.rot=x"], conf)


def _refused(conf: Path, *overrides: str) -> str:
    with pytest.raises(SettingError) as caught:
        load("dev", overrides, conf)
    return caught.value.setting


# -- secrets ----------------------------------------------------------------------------------------------------------

SECRET = "hunter2"


def test_a_secret_comes_from_a_variable_and_is_never_shown(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEGATE_SECRETS__DATABASE", SECRET)
    settings = load("dev", conf=conf)
    assert settings.secrets["database"].get_secret_value() == SECRET
    assert SECRET not in "".join([repr(settings), str(settings), settings.model_dump_json(), f"{settings.secrets}"])


def test_credentials_in_the_spark_conf_are_never_shown(conf: Path) -> None:
    settings = load("dev", [f"spark.conf.spark.hadoop.fs.s3a.secret.key={SECRET}"], conf)
    assert settings.spark.conf["spark.hadoop.fs.s3a.secret.key"] == SECRET
    assert SECRET not in f"{settings!r} {settings} {settings.spark!r} {settings.spark}"


@pytest.mark.parametrize(
    "conf_value",
    ["spark.url=jdbc:mysql:" + f"//u:{SECRET}@h/db", f"spark.executor.extraJavaOptions=-Dpassword={SECRET}"],
)
def test_a_credential_inside_of_a_value_of_the_spark_conf_is_never_shown(conf: Path, conf_value: str) -> None:
    settings = load("dev", [f"spark.conf.{conf_value}", "spark.conf.spark.sql.mapKeyDedupPolicy=LAST_WIN"], conf)
    assert SECRET not in f"{settings!r} {settings}"
    assert "LAST_WIN" in f"{settings!r}"


def test_a_secret_in_a_file_is_refused(conf: Path) -> None:
    (conf / "dev.toml").write_text(DEV + f"[secrets]\ndatabase = '{SECRET}'")
    assert SECRET not in _said(conf)


@pytest.mark.parametrize("override", [f"secrets.database={SECRET}", f"secrets.database:{SECRET}"])
def test_a_secret_on_the_command_line_is_refused(conf: Path, override: str) -> None:
    assert SECRET not in _said(conf, override)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("LAKEGATE_SECRETS", f'{{"database": "{SECRET}"'), ("LAKEGATE_SECRETS__DATABASE__PASSWORD", SECRET)],
)
def test_a_secret_that_does_not_fit_is_not_repeated(
    conf: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert SECRET not in _said(conf)


def _said(conf: Path, *overrides: str) -> str:
    """Return all that a refusal prints, with its causes."""
    with pytest.raises(SettingError) as caught:
        load("dev", overrides, conf)
    assert caught.value.setting.split(".")[0] == "secrets"
    return "".join(traceback.format_exception(caught.value))


def test_every_section_refuses_unknown_keys_and_hides_its_values_in_errors() -> None:
    sections: list[type[BaseModel]] = [Settings, *Section.__subclasses__()]
    configs = {section.__name__: section.model_config for section in sections}
    assert {f"{name}Settings" for name in ("Lake", "Landing", "Spark")} < configs.keys()
    wanted = {"extra": "forbid", "frozen": True, "hide_input_in_errors": True}
    assert {name: {**config, **wanted} for name, config in configs.items()} == configs


# -- steps ------------------------------------------------------------------------------------------------------------


def _steps(conf: Path, *steps: str) -> tuple[StepSettings, ...]:
    """Read settings whose [[emr.steps]] are these."""
    (conf / "dev.toml").write_text(DEV + "".join(f"[[emr.steps]]\n{step}\n" for step in steps))
    return load("dev", conf=conf).emr.steps


def test_each_step_is_of_its_kind(conf: Path) -> None:
    steps = _steps(
        conf,
        'name = "a"\nkind = "hive-script"\nscript = "a.hql"\nvariables = {DAY = "1"}',
        'name = "b"\nkind = "hadoop-streaming"\ninput = ["i"]\noutput = "o"\nmapper = "m"',
        'name = "c"\nkind = "jar"\njar = "c.jar"',
        'name = "d"\nkind = "s3-dist-cp"\nsrc = "s"\ndest = "d"\ntarget_size = 128',
        'name = "e"\nkind = "flink"\njar = "e.jar"',
        'name = "f"\nkind = "bash"\ncommand = "echo"\nargs = ["x"]',
        'name = "g"\nkind = "script-runner"\nscript = "s3://b/g.sh"',
    )
    kinds = ["HiveScript", "HadoopStreaming", "CustomJar", "S3DistCp", "FlinkRun", "Bash", "ScriptRunner"]
    assert [type(step).__name__ for step in steps] == kinds
    assert [step.places for step in steps] == [("a.hql",), (), ("c.jar",), (), ("e.jar",), (), ("s3://b/g.sh",)]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ('name = "a"', "'emr.steps.0'.*: it has no kind"),
        ('name = "a"\nkind = "pig"', "'emr.steps.0'.*: no kind is called 'pig'. There is: 'bash', 'flink',"),
        ('name = "a"\nkind = "hive_script"', r"Did you mean 'hive-script'\?"),
        ('name = "a"\nkind = "bash"', "'emr.steps.0.bash.command'.*: it is missing"),
        ('name = ""\nkind = "bash"\ncommand = "x"', "at least 1 character"),
        ('name = "a"\nkind = "bash"\ncomand = "x"\ncommand = "x"', "There is: 'args', 'command', 'kind', 'name'"),
        ('name = "a"\nkind = "flink"\njarr = "x"\njar = "x"', r"Did you mean 'jar'\?"),
    ],
)
def test_a_step_that_is_written_wrongly_is_refused_with_what_its_kind_has(conf: Path, step: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        _steps(conf, step)


def test_two_steps_of_one_name_are_refused(conf: Path) -> None:
    one = 'name = "a"\nkind = "bash"\ncommand = "x"'
    with pytest.raises(SettingError, match="several are called 'a'"):
        _steps(conf, one, one)


@pytest.mark.parametrize(
    "address", ["localhost:5000", "http://", "http://a b", "ftp://h", "http://h:99999", "https://under_score:1", "x"]
)
def test_an_endpoint_that_is_no_address_is_refused(conf: Path, address: str) -> None:
    with pytest.raises(SettingError, match=r"'aws.endpoint_url'.*Write it as http://HOST:PORT"):
        load("dev", [f"aws.endpoint_url={address}"], conf)


@pytest.mark.parametrize("address", ["http://localhost:5000", "https://s3.example.com/path", "http://[::1]:5000"])
def test_an_endpoint_is_an_address(conf: Path, address: str) -> None:
    assert load("dev", [f"aws.endpoint_url={address}"], conf).aws.endpoint_url == address


def test_the_cpu_and_the_python_of_the_host_are_found() -> None:
    found = EmrSettings.model_validate({"architecture": "host", "python": "host"})
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    assert (found.architecture, found.python) == (machine, "{}.{}".format(*platform.python_version_tuple()))
