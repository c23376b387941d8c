"""EMR's own paths, and what stands for them here: a step names them as it would on a cluster."""

import re
from pathlib import Path

from framework.errors import PythonMissingError
from framework.local_emr.daemons import python

DELTA = re.compile(
    r"(?P<scheme>(?:local|file):(?://)?)?/usr/share/aws/delta/lib/(?P<name>\*|delta-(?:core|spark|storage)\.jar)"
)
PYTHON = re.compile(r"/usr/bin/python(?P<version>3(?:\.\d+)?)\b(?![-/])")


def here(argument: str, delta: Path) -> str:
    """Return an argument with the paths of this machine; `delta` is the folder of Delta's jars.

    Raises PythonMissingError for another Python than this machine's.
    """
    joint = ":" if "extraClassPath" in argument else ","
    argument = DELTA.sub(lambda found: joint.join(_jars(found, delta)), argument)
    return PYTHON.sub(_python, argument)


def _jars(found: "re.Match[str]", delta: Path) -> list[str]:
    """Return the jars for one of EMR's: delta-spark.jar there has in it what are several here."""
    storage = {jar for jar in delta.glob("*.jar") if "_delta-storage-" in jar.name}
    wanted = {
        "*": set(delta.glob("*.jar")),
        "delta-storage.jar": storage,
    }.get(found["name"], set(delta.glob("*.jar")) - storage)
    return [f"{found['scheme'] or ''}{jar}" for jar in sorted(wanted)]


def _python(found: "re.Match[str]") -> str:
    if found["version"] not in ("3", python.VERSION):
        raise PythonMissingError(found[0], python.VERSION)
    return python.executable()
