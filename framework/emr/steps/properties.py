r"""Spark's properties that are read once more on their way: by spark-submit, by Spark, and by the shell of YARN.

YARN starts driver and executors by `bash -c "..."` and sets their environment by `export NAME="..."`; in both it
takes {{NAME}} for a variable (ContainerLaunch of Hadoop's NodeManager). The options of the JVMs stand in that line:
Spark parts them at blanks, quotes being those of a shell (Utils.splitCommandString), and puts each in single quotes,
with a backslash before `$` and `"` (YarnSparkHadoopUtil.escapeForShell). So `$(...)` arrives there as it is, and a
backquote is run; a backslash is lost where the shell finds it before another, before `$` or before `"`. The environment
is not escaped at all, and of paths of libraries only `"` is. All other properties travel in a file.
"""

import re
from collections.abc import Iterator, Mapping

from framework.errors import SettingError

OPTIONS = re.compile(r"spark\.(driver|executor)\.(extra|default)JavaOptions")
# What Spark gives an executor among the options of its JVM (SparkConf.isExecutorStartupConf).
STARTUP = re.compile(
    r"spark\.(auth|rpc|network|port\.)(?!enticate\.secret$).*|spark\.ssl(?!.*Password).*|spark\..*\.port"
)
LIBRARIES = re.compile(r"spark\.(driver|executor)\.extraLibraryPath|spark\.driver\.libraryPath")
VARIABLE = re.compile(r"spark\.(?:yarn\.appMasterEnv|executorEnv)\.(.*)", re.DOTALL)
CLASS_PATH = re.compile(r"spark\.(driver|executor)\.extraClassPath")
# Of the driver there is nothing more to be set when the session is made.
OF_DRIVER = re.compile(r"spark\.(driver|yarn)\..*")

QUOTED = r"""'[^']*'|"(?:[^"\\]|\\.)*\""""
# As Spark parts options, to which a backslash outside of quotes is a letter, and as its launcher does.
PARTED = re.compile(rf"""(?:[^"']|{QUOTED})*""", re.DOTALL)
LAUNCHED = re.compile(rf"""(?:[^"'\\]|\\.|{QUOTED})*""", re.DOTALL)


def refuse_misread(step: Mapping[str, str], session: Mapping[str, str]) -> None:
    """Raise SettingError for a property that would arrive as something else, or keep the step from starting.

    Looked at are those of the step, emr.conf, and those of the session, spark.conf, which Spark still gives executors.
    The value is not repeated.
    """
    for name, value in step.items():
        if "\r" in value:
            raise SettingError(f"emr.conf.{name}", "it has a carriage return, which spark-class takes out")
        for fault in _faults(name, value):
            raise SettingError(f"emr.conf.{name}", fault)
    for name, value in session.items():
        for fault in () if OF_DRIVER.fullmatch(name) else _faults(name, value):
            raise SettingError(f"spark.conf.{name}", fault)


def _faults(name: str, value: str) -> Iterator[str]:
    if which := OPTIONS.fullmatch(name):
        yield from _of_options(value, which[1])
    elif variable := VARIABLE.fullmatch(name):
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable[1]):
            yield f"{variable[1]!r} is no name that a shell takes for a variable, and the container would not start"
        yield from _unquoted(value, quotes=True)
    elif CLASS_PATH.fullmatch(name):
        yield from _unquoted(value, quotes=True)
    elif LIBRARIES.fullmatch(name):
        yield from _unquoted(value, quotes=False)
    elif STARTUP.fullmatch(name):
        yield from _escaped(value)


def _of_options(value: str, of: str) -> Iterator[str]:
    if not PARTED.fullmatch(value) or (of == "driver" and not LAUNCHED.fullmatch(value)):
        yield "a quotation in it does not end (a lone quote stands in quotes of the other kind)"
    value = re.sub(QUOTED, _inside, value, flags=re.DOTALL)
    # SparkConf.validateSettings and SparkSubmitCommandBuilder.checkJavaOptions.
    if re.search(r"(?:^|\s)-Xmx" if of == "driver" else "-Xmx", value):
        yield f"Spark takes no -Xmx there: set spark.{of}.memory"
    if of == "executor" and "-Dspark" in value:
        yield "Spark takes none of its own properties there: set it as one"
    yield from _escaped(value)


def _inside(found: re.Match[str]) -> str:
    """Return what stands in quotes."""
    inside = found[0][1:-1]
    return inside if found[0][0] == "'" else re.sub(r"\\(.)", r"\1", inside, flags=re.DOTALL)


def _escaped(value: str) -> Iterator[str]:
    """Give what goes wrong in single quotes with escapes, inside of double quotes."""
    if "`" in value:
        yield "it has a backquote, and YARN's shell runs what follows"
    if re.search(r'\\[\\$"\n]', value):
        yield "it has a backslash before another, $, a double quote or the end of a line, and YARN's shell takes it"
    yield from _marked(value)


def _unquoted(value: str, *, quotes: bool) -> Iterator[str]:
    """Give what goes wrong in double quotes; $NAME and ${NAME} are meant to be replaced."""
    if re.search(r"`|\$[(0-9$?!#*@-]", value):
        yield "it has a backquote, or a $ that begins no name, and YARN's shell runs or replaces it"
    if quotes and '"' in value:
        yield "it has a double quote, which ends the value in YARN's script"
    if re.search(r'\\[\\$"`\n]', value) or value.endswith("\\"):
        yield "it has a backslash that YARN's shell takes away"
    yield from _marked(value)


def _marked(value: str) -> Iterator[str]:
    if re.search(r"\{\{|\}\}", re.sub(r"\{\{[A-Za-z_][A-Za-z0-9_]*\}\}", "", value)):
        yield "YARN takes {{ and }} for a variable's: only {{NAME}} may have them"
