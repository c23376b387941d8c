"""What spark-submit finds on an EMR cluster in /etc/spark/conf, for the PySpark of this environment."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from shlex import quote

from framework.errors import JarsMissingError
from framework.lanes import LANES, Lane, lane_of
from framework.local_emr.daemons import jars, java, python
from framework.local_emr.daemons.hadoop import DEFAULT_FS, Hadoop

ENVIRONMENT = "spark-env.sh"
DEFAULTS = "spark-defaults.conf"
LIGHT = " ".join(java.LIGHT)


def installed() -> Lane:
    """Return the lane of the PySpark of this environment. Raises JarsMissingError where it is of none."""
    found = lane_of(version("pyspark"), None)
    if found is None:
        wanted = " or ".join(lane.spark for lane in LANES)
        raise JarsMissingError(f"Spark {version('pyspark')}", f"clusters have Spark {wanted}")
    return found


def delta() -> Path:
    """Return the folder of Delta's jars, as EMR has one; they are fetched where they are not here yet."""
    return jars.fetched(jars.for_delta(installed()))


def defaults(hadoop: Hadoop) -> dict[str, str]:
    """Return the settings of spark-defaults.conf."""
    return {
        "spark.master": "yarn",
        # Each container has Spark here already; else each application would bring 400 MB.
        "spark.yarn.jars": f"local:{jars.spark_home()}/jars/*",
        "spark.pyspark.python": python.executable(),
        # A stage may begin with the first executor: here they start in turn, and each takes seconds.
        "spark.scheduler.minRegisteredResourcesRatio": "0",
        "spark.driver.extraJavaOptions": LIGHT,
        "spark.executor.extraJavaOptions": LIGHT,
        # As EMR has it; executors keep what they have shuffled themselves, as no service of YARN does it for them.
        "spark.dynamicAllocation.enabled": "true",
        "spark.dynamicAllocation.shuffleTracking.enabled": "true",
        **({} if DEFAULT_FS in hadoop.settings else {"spark.yarn.stagingDir": f"file://{hadoop.layout.staging}"}),
    }


def write(
    folder: Path,
    lane: Lane,
    settings: Mapping[str, str],
    cache: Path | None = None,
    variables: Mapping[str, str] | None = None,
    libraries: Sequence[Path] = (),
) -> Path:
    """Write Spark's configuration into a folder that SPARK_CONF_DIR is to name, and return the folder.

    The jars for S3 are fetched where they are not here yet. They come by the environment, as on EMR: spark-submit, the
    driver and the executors have them, and no setting of a job takes them away. `libraries` are folders of further
    jars, `variables` what spark-env.sh exports besides.
    """
    s3a = jars.fetched(jars.for_spark(lane), cache)
    folder.mkdir(parents=True, exist_ok=True)
    lines = (f"{name} {value}\n" for name, value in sorted(settings.items()))
    (folder / DEFAULTS).write_text("".join(lines))
    class_path = ":".join(f"{each}/*" for each in (s3a, *libraries))
    # What submits to YARN is no driver, and gets its options only so; who has said others, keeps them.
    submits = f'export SPARK_SUBMIT_OPTS="${{SPARK_SUBMIT_OPTS-{LIGHT}}}"\n'
    exported = {**(variables or {}), "SPARK_DIST_CLASSPATH": class_path}
    said = "".join(f"export {name}={quote(value)}\n" for name, value in exported.items())
    (folder / ENVIRONMENT).write_text(submits + said)
    return folder
