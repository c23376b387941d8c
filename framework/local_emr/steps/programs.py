"""The programs that EMR has on the primary node: each becomes one of Spark's or of Hadoop's own."""

import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from framework.errors import LakegateError, ProgramUsageError
from framework.local_emr.daemons import jars, process
from framework.local_emr.daemons.hadoop import Hadoop, running
from framework.local_emr.daemons.spark import delta
from framework.local_emr.steps import s3_dist_cp
from framework.local_emr.steps.emr_paths import here

STEP = "LOCAL_EMR_STEP"  # the id of the step, in the environment of its processes
CLUSTER = "LOCAL_EMR_CLUSTER"  # and that of its cluster
TAGS = "spark.yarn.tags"
RUN_JAR = "org.apache.hadoop.util.RunJar"
FS, DISTCP = "org.apache.hadoop.fs.FsShell", "org.apache.hadoop.tools.DistCp"
STREAMING = "org.apache.hadoop.streaming.HadoopStreaming"
CLI = "org.apache.hadoop.yarn.client.cli"
HADOOP = {
    "fs": FS,
    "dfs": FS,
    "jar": RUN_JAR,
    "distcp": DISTCP,
    "version": "org.apache.hadoop.util.VersionInfo",
}
YARN = {
    "application": f"{CLI}.ApplicationCLI",
    "app": f"{CLI}.ApplicationCLI",
    "applicationattempt": f"{CLI}.ApplicationCLI",
    "container": f"{CLI}.ApplicationCLI",
    "node": f"{CLI}.NodeCLI",
    "top": f"{CLI}.TopCLI",
    "rmadmin": f"{CLI}.RMAdminCLI",
    "jar": RUN_JAR,
    "version": "org.apache.hadoop.util.VersionInfo",
}
HDFS = {"dfs": FS, "dfsadmin": "org.apache.hadoop.hdfs.tools.DFSAdmin", "version": YARN["version"]}
MAPRED = {"job": "org.apache.hadoop.mapred.JobClient", "streaming": STREAMING, "distcp": DISTCP}
# They are told their own name, as they serve several.
NAMED = ("application", "app", "applicationattempt", "container")

Arguments = Sequence[str]


def main() -> None:
    """Become the program that is named first, with the arguments that follow."""
    name, *arguments = sys.argv[1:]
    try:
        command = PROGRAMS[name](running(Path(os.environ[process.MARK])), arguments)
    except LakegateError as error:
        sys.stderr.write(f"{name}: {error}\n")
        sys.exit(error.exit_code)
    os.execv(command[0], list(command))


def spark(program: str) -> Callable[[Hadoop, Arguments], Arguments]:
    """Return what runs one of Spark's programs, with EMR's paths as they are here, and tagged with the step's id."""

    def command(_: Hadoop, arguments: Arguments) -> Arguments:
        folder = delta()
        given = [here(each, folder) for each in arguments]
        return (str(jars.spark_home() / "bin" / program), *tagged(given, os.environ.get(STEP)))

    return command


def tagged(arguments: Arguments, step: str | None) -> Arguments:
    """Return arguments of spark-submit that tag the application with the step's id, beside the tags that it has."""
    if step is None:
        return arguments
    for index, each in enumerate(arguments):
        is_own = index > 0 and arguments[index - 1] in ("--conf", "-c") and each.startswith(f"{TAGS}=")
        if is_own or each.startswith(f"--conf={TAGS}="):
            return [*arguments[:index], f"{each},{step}", *arguments[index + 1 :]]
    return ["--conf", f"{TAGS}={step}", *arguments]


def hadoop(kinds: Mapping[str, str]) -> Callable[[Hadoop, Arguments], Arguments]:
    """Return what runs one of Hadoop's programs, which is named by its first argument."""

    def command(found: Hadoop, arguments: Arguments) -> Arguments:
        name = arguments[0] if arguments else ""
        if name not in kinds:
            raise ProgramUsageError(name, list(kinds))
        return java(found, kinds[name], arguments if name in NAMED else arguments[1:])

    return command


def java(
    found: Hadoop,
    main: str,
    arguments: Arguments,
    environment: Mapping[str, str] = os.environ,
    options: Arguments = (),
) -> Arguments:
    """Return the command of a class of Hadoop's, configured as its environment says: a step's logs to its syslog."""
    logging: Arguments = ()
    if folder := environment.get("HADOOP_LOG_DIR"):
        logging = (f"-Dhadoop.log.dir={folder}", f"-Dhadoop.root.logger={environment['HADOOP_ROOT_LOGGER']}")
    conf = Path(environment["HADOOP_CONF_DIR"])
    return found.command(main, *arguments, conf=conf, heap_mb=512, options=(*logging, *options))


def streaming(found: Hadoop, arguments: Arguments) -> Arguments:
    """Return the command of Hadoop's streaming, in the step's own process.

    Files that it is to have (`-files`) are fetched into the step's folder: a job in one process would look for them on
    HDFS, where that is the default, and has them on the disk.
    """
    if "-files" not in arguments[:-1]:
        return java(found, STREAMING, arguments)
    at = arguments.index("-files")
    files, given = arguments[at + 1].split(","), [*arguments[:at], *arguments[at + 2 :]]
    named = [(address, name or address.rpartition("/")[2]) for address, _, name in (f.partition("#") for f in files)]
    fetched = [shlex.join(java(found, FS, ("-get", "-f", address, name))) for address, name in named]
    executable = shlex.join(("chmod", "+x", *(name for _, name in named)))
    return ("/bin/sh", "-c", " && ".join([*fetched, executable, f"exec {shlex.join(java(found, STREAMING, given))}"]))


def copy(found: Hadoop, arguments: Arguments) -> Arguments:
    """Return the command of DistCp that does what s3-dist-cp is asked for."""
    asked = s3_dist_cp.read(arguments)
    temporary = found.layout.temporary
    if not asked.delete_on_success:
        return java(found, DISTCP, asked.of_distcp(temporary))
    log = Path(tempfile.mkdtemp(dir=temporary, suffix=".copied")) / "log"
    copied = java(found, DISTCP, asked.of_distcp(temporary, log))
    removed = s3_dist_cp.removal(log, java(found, FS, ("-rm", "-skipTrash")))
    return ("/bin/sh", "-c", f"{shlex.join(copied)} && {removed}")


def hive(found: Hadoop, arguments: Arguments) -> Arguments:
    """Return the command of Spark SQL, with its support of Hive, for a script of Hive's."""
    given = [each for each in arguments if each not in ("--run-hive-script", "--args")]
    given = [each for each in given if not each.startswith(("--hive-versions", "--base-path"))]
    conf = ("--conf", "spark.sql.catalogImplementation=hive")
    return spark("spark-sql")(found, (*conf, *given))


PROGRAMS: Mapping[str, Callable[[Hadoop, Arguments], Arguments]] = {
    **{name: spark(name) for name in ("spark-submit", "spark-sql", "spark-shell", "pyspark")},
    "hadoop": hadoop(HADOOP),
    "hdfs": hadoop(HDFS),
    "yarn": hadoop(YARN),
    "mapred": hadoop(MAPRED),
    "hadoop-streaming": streaming,
    "s3-dist-cp": copy,
    "hive-script": hive,
}
