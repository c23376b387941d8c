"""Jars from Maven Central, fetched once by the Ivy that comes with Spark.

A set of jars is a folder of the cache, named after what is in it; it appears there whole, or not at all.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import quoteattr

from framework.errors import JarsMissingError
from framework.lanes import PROVIDED, Lane
from framework.local_emr.daemons import java

HADOOP = "3.4.2"
# hadoop-aws asks for a bundle of all of AWS, in half a gigabyte; these parts of it are what it uses.
S3A = {
    "4.1": (
        f"org.apache.hadoop:hadoop-aws:{HADOOP}",
        *(f"software.amazon.awssdk:{module}:2.29.52" for module in ("s3", "s3-transfer-manager", "sts", "kms")),
        "software.amazon.s3.analyticsaccelerator:analyticsaccelerator-s3:1.2.1",
    ),
    "3.5": (
        "org.apache.hadoop:hadoop-aws:3.3.4",
        *(f"com.amazonaws:aws-java-sdk-{module}:1.12.262" for module in ("s3", "sts", "dynamodb")),
    ),
}
BUNDLES = ("software.amazon.awssdk:bundle", "com.amazonaws:aws-java-sdk-bundle")
# What Spark has: on the class path ours would come first.
PRESENT = ("io.netty:*", "commons-codec:*")


@dataclass(frozen=True, slots=True)
class JarSet:
    """Modules of Maven Central with all that they need, but for what is excluded (`organisation:module`, globs)."""

    name: str
    modules: tuple[str, ...]
    excludes: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """The name of its folder; another one for another content."""
        return f"{self.name}-{sha256(repr(self).encode()).hexdigest()[:12]}"


# The daemons, their clients, and the programs that EMR brings: `hadoop fs`, DistCp, Hadoop's streaming; all with S3.
DAEMONS = JarSet(
    "hadoop",
    (
        *(
            f"org.apache.hadoop:{module}:{HADOOP}"
            for module in (
                "hadoop-yarn-server-resourcemanager",
                "hadoop-yarn-server-nodemanager",
                "hadoop-yarn-server-timelineservice",
                "hadoop-hdfs",
                "hadoop-distcp",
                "hadoop-streaming",
                "hadoop-mapreduce-client-jobclient",
                "hadoop-mapreduce-client-shuffle",
                "hadoop-mapreduce-client-app",  # or its ApplicationMaster is not found
            )
        ),
        *S3A["4.1"],
    ),
    BUNDLES,
)


def for_spark(lane: Lane) -> JarSet:
    """Return what a Spark of this lane needs for S3."""
    return JarSet(f"s3a-spark{lane.spark}", S3A[lane.spark], (*BUNDLES, *PRESENT, *PROVIDED))


def for_delta(lane: Lane) -> JarSet:
    """Return Delta Lake as an EMR release of this lane has it in /usr/share/aws/delta/lib."""
    delta = tuple(package for package in lane.packages if package.startswith("io.delta:"))
    return JarSet(f"delta-spark{lane.spark}", delta, PROVIDED)


def spark_home() -> Path:
    """Return the folder of the installed PySpark, without importing it. Raises JarsMissingError where it is not."""
    found = find_spec("pyspark")
    if found is None or not found.submodule_search_locations:
        raise JarsMissingError("Spark, whose Ivy fetches jars,", "PySpark is not installed")
    return Path(found.submodule_search_locations[0])


def cache() -> Path:
    """Return the folder below which sets of jars are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lakegate"


def fetched(wanted: JarSet, root: Path | None = None) -> Path:
    """Return the folder of a set of jars, after fetching it if it is not there.

    One process fetches at a time; the others wait for it. Raises JarsMissingError where Maven Central cannot be
    reached or lacks something, and JavaError.
    """
    root = (root or cache()).absolute()
    folder = root / wanted.folder
    if folder.is_dir():
        return folder
    with _alone(root / "ivy.lock"):
        if folder.is_dir():
            return folder
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=root))
        try:
            for jar in _resolved(wanted, root / "ivy", draft):
                _place(jar, draft / f"{jar.parts[-4]}_{jar.name}")
            draft.chmod(0o755)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def described(wanted: JarSet) -> str:
    """Return the module that Ivy is asked to resolve: it depends on all of a set."""
    conf = 'conf="default->master,runtime"'
    modules = "".join(
        f"<dependency org={quoteattr(org)} name={quoteattr(name)} rev={quoteattr(version)} {conf}/>"
        for org, name, version in (module.split(":") for module in wanted.modules)
    )
    excludes = "".join(
        f'<exclude org={quoteattr(org)} module={quoteattr(name)} matcher="glob"/>'
        for org, name in (exclude.split(":") for exclude in wanted.excludes)
    )
    return (
        f'<ivy-module version="2.0"><info organisation="lakegate" module={quoteattr(wanted.name)}/>'
        f'<configurations><conf name="default"/></configurations>'
        f"<dependencies>{modules}{excludes}</dependencies></ivy-module>"
    )


def _resolved(wanted: JarSet, ivy: Path, draft: Path) -> Sequence[Path]:
    """Let Ivy resolve a set into its cache, and return the jars there."""
    asked, found = draft / "ivy.xml", draft / "class-path"
    asked.write_text(described(wanted))
    command = java.command("org.apache.ivy.Main", [str(spark_home() / "jars" / "*")])
    arguments = ("-ivy", asked, "-confs", "default", "-cache", ivy, "-cachepath", found, "-error")
    said = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, check=False)
    try:
        if said.returncode or not found.is_file():
            raise JarsMissingError(f"The jars of {wanted.name}", _last(said.stdout + said.stderr))
        return [Path(jar) for jar in found.read_text().strip().split(os.pathsep)]
    finally:
        asked.unlink()
        found.unlink(missing_ok=True)


def _place(jar: Path, there: Path) -> None:
    try:
        os.link(jar, there)
    except OSError:  # another file system
        shutil.copyfile(jar, there)


def _last(words: str) -> str:
    return "\n".join([line.strip() for line in words.splitlines() if line.strip()][-10:])


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
