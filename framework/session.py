"""The Spark session of an environment, and sessions derived from it.

Spark and Delta come in lanes that are tested together; any other pair is refused. Where nothing provides Delta's jars
(a laptop) Spark's own Ivy fetches them, also under spark-submit, whose JVM is running before this code is. The driver's
JVM is in UTC, whatever the machine is: a JDBC driver reads timestamps without zone in the JVM's.
"""

import logging
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.config import Settings
from framework.errors import DeltaMissingError, JavaError, SparkStartError, VersionError
from framework.lanes import LANES, PROVIDED, Lane, is_of, lane_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# From Delta 4.1 on a version that is older than the recovery window is refused, also while its files are there: an
# interrupted batch would never be finished, and no run gone back to, a week later. What is needed is not vacuumed.
READS_OLD_VERSIONS = {"spark.databricks.delta.vacuum.enforceTimeTravelWithinDeletedFileRetentionDuration": "false"}
DELTA_CLASS = "io.delta.sql.DeltaSparkSessionExtension"


@dataclass(frozen=True, slots=True)
class Jars:
    """What Ivy is asked for: a lane's packages and those of the settings, without what Spark has already."""

    packages: tuple[str, ...]
    excludes: tuple[str, ...]

    @classmethod
    def of(cls, chosen: Lane, settings: Settings) -> "Jars":
        """Return what a session of these settings needs.

        Ivy drops without a word a package that an exclude matches, even if it was asked for by name. So such an exclude
        is left out.
        """
        packages = (*chosen.packages, *settings.spark.packages)
        excludes = (*PROVIDED, *settings.spark.package_excludes)
        asked = [package.rsplit(":", 1)[0] for package in packages]
        return cls(packages, tuple(e for e in excludes if not any(fnmatchcase(name, e) for name in asked)))


def lane() -> Lane:
    """Return the lane of the installed Spark and Delta. Raises VersionError where it is none that is tested."""
    spark, delta = _installed("pyspark"), _installed("delta-spark")
    names = [str(lane) for lane in LANES]
    if spark is None:
        raise VersionError("Spark is not installed", names)
    # On a cluster Delta's Python module may come in an archive, without a version; its jar is checked then.
    if found := lane_of(spark, delta):
        return found
    raise VersionError(f"Spark {spark} with Delta {delta} was found", names)


def create(settings: Settings, application: str) -> "SparkSession":
    """Make the session of an environment, or return the one that runs already.

    Raises VersionError, JavaError or DeltaMissingError before anything is read or written.
    """
    chosen = lane()
    from pyspark import SparkContext
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName(application)
    for name, value in {**READS_OLD_VERSIONS, **settings.spark.conf}.items():
        builder = builder.config(name, value)
    if settings.catalog.kind != "none":
        builder = builder.enableHiveSupport()
    under_spark_submit = "PYSPARK_GATEWAY_PORT" in os.environ
    if settings.spark.master and not under_spark_submit:
        builder = builder.master(settings.spark.master)
    jars = Jars.of(chosen, settings)
    fetched = _fetched_jars(jars)
    if settings.spark.jars == "maven" and fetched:
        builder = builder.config("spark.driver.extraClassPath", os.pathsep.join(fetched))
    elif settings.spark.jars == "maven":
        builder = builder.config("spark.jars.packages", ",".join(jars.packages))
        builder = builder.config("spark.jars.excludes", ",".join(jars.excludes))
    _require_java()
    is_first = SparkContext._active_spark_context is None
    try:
        if under_spark_submit:
            SparkContext._ensure_initialized()
            _add_missing_jars(SparkContext._jvm, settings, jars)
        spark = builder.getOrCreate()
    except PySparkRuntimeError as error:
        raise SparkStartError(f"the Java is {_java_version()}") from error
    _require_delta_jar(spark, chosen)
    _be_in_utc(spark._jvm)
    _say_errors_once()
    if settings.spark.jars == "maven" and is_first and not fetched and not under_spark_submit:
        _remember_jars(jars, spark.sparkContext.getConf().get("spark.jars", "").split(","))
    return spark


def derive(spark: "SparkSession", confs: Mapping[str, str]) -> "SparkSession":
    """Return a session with the confs and views of `spark` and these confs besides; `spark` keeps its own.

    Delta takes a MERGE's transaction only from session confs; on a session of its own they leak into nothing else.
    (`newSession` would drop the parent's time zone and ANSI mode.)
    """
    clone = type(spark)(spark.sparkContext, spark._jsparkSession.cloneSession())
    for name, value in confs.items():
        clone.conf.set(name, value)
    return clone


def _installed(distribution: str) -> str | None:
    if distribution == "pyspark":
        try:
            import pyspark
        except ImportError:
            return None
        return str(pyspark.__version__)
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _say_errors_once() -> None:
    """Keep PySpark 4 from logging an error, with all of its stacks, that it raises as well."""
    try:
        from pyspark.logger import PySparkLogger
    except ImportError:
        return
    for name in ("DataFrameQueryContextLogger", "SQLQueryContextLogger"):
        PySparkLogger.getLogger(name).setLevel(logging.CRITICAL)


def _be_in_utc(jvm: Any) -> None:
    jvm.java.util.TimeZone.setDefault(jvm.java.util.TimeZone.getTimeZone("UTC"))


def _add_missing_jars(jvm: Any, settings: Settings, asked: Jars) -> None:
    """Bring Delta, and what the settings ask for besides, into a JVM that spark-submit started without it."""
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    if loader.getResource(DELTA_CLASS.replace(".", "/") + ".class") is not None:
        return
    master = jvm.java.lang.System.getProperty("spark.master") or "yarn"
    if settings.spark.jars == "provided" or not master.startswith("local"):
        raise DeltaMissingError(master)
    jars = _fetched_jars(asked)
    if not jars:
        utils = getattr(getattr(jvm.org.apache.spark.util, "DependencyUtils$"), "MODULE$")
        resolved = utils.resolveMavenDependencies(
            True, ",".join(asked.excludes), ",".join(asked.packages), None, None, jvm.scala.Option.empty()
        )
        jars = resolved.mkString("\n").split("\n")
        _remember_jars(asked, jars)
    for jar in jars:
        loader.addURL(jvm.java.io.File(jar).toURI().toURL())


def _fetched_jars(asked: Jars) -> list[str]:
    """Return the jars that an earlier session fetched, if all are still there: it saves Ivy's second and its noise."""
    note = _jar_note(asked)
    jars = note.read_text().split("\n") if note.is_file() else []
    return jars if all(os.path.isfile(jar) for jar in jars) else []


def _remember_jars(asked: Jars, jars: Sequence[str]) -> None:
    note = _jar_note(asked)
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        draft = note.with_suffix(f".{os.getpid()}")
        draft.write_text("\n".join(jar.removeprefix("file://") for jar in jars))
        draft.replace(note)
    except OSError:
        return  # a home that cannot be written to costs the next session a second, no more


def _jar_note(asked: Jars) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = sha256(repr(asked).encode()).hexdigest()[:16]
    return cache / "lakegate" / f"jars-{name}.txt"


def _require_delta_jar(spark: "SparkSession", chosen: Lane) -> None:
    jvm: Any = spark._jvm
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    if loader.getResource(DELTA_CLASS.replace(".", "/") + ".class") is None:
        raise DeltaMissingError(str(spark.sparkContext.master))
    jar = str(getattr(getattr(jvm.io.delta, "package$"), "MODULE$").VERSION())
    if not is_of(jar, chosen.delta):
        raise VersionError(
            f"Spark {spark.version} with Delta's jar {jar} was found", [f"{chosen.spark} with {chosen.delta}"]
        )


def _require_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if home and not os.access(os.path.join(home, "bin", "java"), os.X_OK):
        raise JavaError(f"JAVA_HOME is {home}, where there is none")
    if not home and not shutil.which("java"):
        raise JavaError("none was found by JAVA_HOME or PATH")


def _java_version() -> str:
    home = os.environ.get("JAVA_HOME")
    java = os.path.join(home, "bin", "java") if home else "java"
    asked = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    return (asked.stderr or asked.stdout).splitlines()[0] if asked.stderr or asked.stdout else java
