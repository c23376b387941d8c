"""Settings: what differs between environments, typed and frozen.

Later layers win: the packaged base.toml, conf/base.toml, conf/<environment>.toml, LAKEGATE_<SECTION>__<KEY>, --set. The
folder conf/ is LAKEGATE_CONF, or the one of the working directory, or the one in the project's wheel. Unknown keys are
refused wherever they come from; secrets come from the environment only and are never printed.
"""

import os
import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from framework.config.emr import EmrSettings
from framework.config.section import Section
from framework.errors import SettingError, UnknownEnvironmentError, alternatives
from framework.sensitive import shown

PREFIX = "LAKEGATE_"
NOT_SETTINGS = {
    *("LAKEGATE_CONF", "LAKEGATE_ENV", "LAKEGATE_LOCAL_EMR"),
    *("LAKEGATE_NO_INSTALL", "LAKEGATE_JVMS", "LAKEGATE_POSTGRES"),
}
# As botocore takes it.
HOST = r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
PORT = r"\d{1,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5]"
ADDRESS = re.compile(rf"https?://([^@/\s]*@)?({HOST}(\.{HOST})*|\[[0-9a-fA-F:]+\])(:({PORT}))?(/\S*)?")
CONFS = ("spark.conf.", "emr.conf.")
QUOTE = "'"
# What is meant by a pattern, by how it begins.
SHAPES = {"^s3:": "s3://BUCKET/FOLDER", "^arn:": "arn:aws:...", "^j-": "j-..."}


class LakeSettings(Section):
    """Where the tables live."""

    root: str = Field(description="folder or s3:// address of the tables")


class LandingSettings(Section):
    """Where the files to be read arrive."""

    root: str = Field(description="what relative paths of files() are under")


class CatalogSettings(Section):
    """Where tables are registered, beside their path."""

    kind: Literal["none", "hive", "glue"] = Field(description="none: tables are known by their path only")


class SparkSettings(Section):
    """How the Spark session is made."""

    master: str | None = Field(None, description="None: spark-submit decides")
    jars: Literal["maven", "provided"] = Field(description="maven: fetch Delta's jars; provided: the cluster has them")
    packages: tuple[Annotated[str, Field(pattern=r"^[^:,]+:[^:,]+:[^:,]+$")], ...] = Field(
        (), description="further Maven packages, such as a JDBC driver: org.postgresql:postgresql:42.7.7"
    )
    package_excludes: tuple[Annotated[str, Field(pattern=r"^[^:,]+:[^:,]+$")], ...] = Field(
        (), description="what the packages ask for and Spark does not need: group:artifact, * for any"
    )
    conf: dict[str, str | int | float | bool] = Field(default_factory=dict, description="spark.* properties")

    @field_validator("packages", "package_excludes", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """A flag is one text: `--set spark.packages=a:b:1,c:d:2`."""
        return tuple(value.split(",")) if isinstance(value, str) else value

    def __repr_args__(self) -> Any:
        """Show the conf without the values of credentials."""
        conf = {key: shown(key, value) for key, value in self.conf.items()}
        return [*((name, getattr(self, name)) for name in type(self).model_fields if name != "conf"), ("conf", conf)]


class LogSettings(Section):
    """How events are written to stderr."""

    format: Literal["auto", "json", "rich"] = Field(description="auto: rich on a terminal, JSON elsewhere")
    level: Literal["debug", "info", "warning", "error"]


class AwsSettings(Section):
    """How AWS is reached."""

    region: str | None = None
    endpoint_url: str | None = Field(None, description="another endpoint than AWS's own, for tests")
    local: bool = Field(False, description="take no endpoint but one on this machine")
    secrets: bool = Field(False, description="ask AWS Secrets Manager for secrets that the environment does not have")

    @field_validator("endpoint_url")
    @classmethod
    def _is_an_address(cls, address: str | None) -> str | None:
        if address is not None and not ADDRESS.fullmatch(address):
            raise ValueError("it is no address. Write it as http://HOST:PORT")
        return address


class LeaseSettings(Section):
    """How runs keep out of each other's way."""

    expiry: float = Field(60, gt=0, description="seconds without a sign of life after which a run counts as dead")
    wait: float | None = Field(None, ge=0, description="seconds to wait for another run; None: twice the expiry")

    @property
    def longest_wait(self) -> float:
        """Seconds to wait for another run to end."""
        return 2 * self.expiry if self.wait is None else self.wait


class RunSettings(Section):
    """How a run goes on."""

    interval: float = Field(60, gt=0, description="seconds between two looks for what is new, with --continuous")


class Settings(BaseSettings):
    """The settings of one environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    environment: str
    lake: LakeSettings
    landing: LandingSettings
    catalog: CatalogSettings
    spark: SparkSettings
    log: LogSettings
    aws: AwsSettings = AwsSettings()
    lease: LeaseSettings = LeaseSettings()
    run: RunSettings = RunSettings()
    emr: EmrSettings = EmrSettings()
    secrets: dict[str, SecretStr] = Field(default_factory=dict, description="LAKEGATE_SECRETS__NAME only")


def load(environment: str, overrides: Sequence[str] = (), conf: Path | None = None) -> Settings:
    """Read the settings of an environment; `overrides` are `key=value` with dotted keys, as given to --set.

    Raises UnknownEnvironmentError, or SettingError naming the first setting that is unknown or does not fit.
    """
    folder = conf or conf_folder()
    if not (folder / f"{environment}.toml").is_file() or environment == "base":
        raise UnknownEnvironmentError(environment, _environments(folder), str(folder))
    files = [f for f in (_packaged_base(), folder / "base.toml", folder / f"{environment}.toml") if f.is_file()]
    given = _nested(overrides)
    if "environment" in given:
        raise SettingError("environment", "it is chosen with --env, not set", "--set")
    _refuse_unknown_variables(os.environ)
    try:
        return _layered(files)(environment=environment, **given)
    except ValidationError as error:
        raise _refused(error, " -> ".join([*map(str, files), "LAKEGATE_* variables", "--set"])) from None
    except SettingsError as error:  # a section given as one variable, which is then JSON; the value is not repeated
        raise SettingError(str(error).split('"')[1], "its variable is not JSON", "the environment variables") from None


def conf_folder() -> Path:
    """Return the folder of settings files: LAKEGATE_CONF, ./conf, or the one packaged with the project's jobs."""
    if chosen := os.environ.get("LAKEGATE_CONF"):
        return Path(chosen)
    if Path("conf").is_dir():
        return Path("conf")
    jobs = find_spec("jobs")
    for location in (jobs.submodule_search_locations or []) if jobs else []:
        for folder in (Path(location) / "conf", Path(location).parent / "conf"):
            if folder.is_dir():
                return folder
    return Path("conf")


def _packaged_base() -> Path:
    here = Path(__file__).parent.parent
    wheel, checkout = here / "conf" / "base.toml", here.parent / "conf" / "base.toml"
    return wheel if wheel.is_file() else checkout


def _environments(folder: Path) -> list[str]:
    return [f.stem for f in folder.glob("*.toml") if f.stem != "base"]


def _layered(files: Sequence[Path]) -> type[Settings]:
    class Layered(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            tomls = [_toml(settings_cls, file) for file in reversed(files)]
            return (init_settings, env_settings, *tomls)

    Layered.__name__ = Layered.__qualname__ = "Settings"
    return Layered


def _toml(settings: type[BaseSettings], file: Path) -> TomlConfigSettingsSource:
    try:
        source = TomlConfigSettingsSource(settings, file)
    except ValueError as error:
        raise SettingError(file.name, f"the file is not TOML: {error}", str(file)) from None
    if "secrets" in source.toml_data:
        raise SettingError("secrets", "a secret does not belong in a file; set LAKEGATE_SECRETS__NAME", str(file))
    if "environment" in source.toml_data:
        raise SettingError("environment", "the file's name says it", str(file))
    return source


def _nested(overrides: Sequence[str]) -> dict[str, Any]:
    """`["lake.root=x"]` becomes `{"lake": {"root": "x"}}`; below a conf the rest of the key is one name."""
    result: dict[str, Any] = {}
    for override in overrides:
        key, equals, value = override.partition("=")
        if key.startswith("secrets"):
            raise SettingError("secrets", "a command line is seen by others; set LAKEGATE_SECRETS__NAME", "--set")
        if not equals or not key:
            raise SettingError("KEY", "write it as section.key=value", "--set")  # what was typed may be a secret
        path = _path(key)
        table = result
        for name in path[:-1]:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise SettingError(key, f"{name!r} is a value here, not a section", "--set")
        table[path[-1]] = value
    return result


def _path(key: str) -> list[str]:
    """Split a dotted key; what is below a conf is one name."""
    for conf in CONFS:
        if key.startswith(conf):
            return [*conf.removesuffix(".").split("."), key.removeprefix(conf)]
    return key.split(".")


def _refuse_unknown_variables(variables: Mapping[str, str]) -> None:
    # pydantic-settings ignores variables whose section it does not know; a typo there would be silent.
    for variable in variables:
        name = variable.upper()
        if not name.startswith(PREFIX) or name in NOT_SETTINGS:
            continue
        section = name.removeprefix(PREFIX).split("__")[0].lower()
        if section not in Settings.model_fields:
            raise SettingError(variable, alternatives(section, Settings.model_fields), "the environment variables")
        if section == "environment":
            raise SettingError(
                variable, "the environment is chosen with --env or LAKEGATE_ENV", "the environment variables"
            )


def _refused(error: ValidationError, origin: str) -> SettingError:
    first = error.errors(include_url=False, include_input=False)[0]
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        return SettingError(".".join(path), f"it is unknown. {alternatives(path[-1], _known(path[:-1]))}", origin)
    return SettingError(".".join(path), _reason(first), origin)


def _reason(error: ErrorDetails) -> str:
    """Say what is wrong with a setting, where pydantic's own words speak of the code that reads it."""
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "it is missing"
        case "union_tag_not_found":
            return f"it has no {context['discriminator'].strip(QUOTE)}"
        case "union_tag_invalid":
            known = [each.strip(QUOTE) for each in context["expected_tags"].split(", ")]
            tag = context["tag"]
            return f"no {context['discriminator'].strip(QUOTE)} is called {tag!r}. {alternatives(tag, known)}"
        case "string_pattern_mismatch" if shape := SHAPES.get(context["pattern"].partition("/")[0].partition("[")[0]):
            return f"write it as {shape} (the pattern is {context['pattern']})"
    return error["msg"].removeprefix("Value error, ")


def _known(path: Sequence[str]) -> Sequence[str]:
    """Return the keys of the section at a path; the number of an entry in a list is passed over."""
    models: list[type[BaseModel]] = [Settings]
    for name in path:
        field = next((model.model_fields[name] for model in models if name in model.model_fields), None)
        if field:
            models = _sections(field.annotation)
        elif chosen := [model for model in models if name in _kinds(model)]:
            models = chosen
    return [name for model in models for name in model.model_fields]


def _sections(annotation: Any) -> list[type[BaseModel]]:
    """Return the sections inside an annotation such as `tuple[Section, ...]` or `Section | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in get_args(annotation) for found in _sections(inner)]


def _kinds(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the values of `kind` by which a section is chosen among several."""
    return get_args(model.model_fields["kind"].annotation) if "kind" in model.model_fields else ()
