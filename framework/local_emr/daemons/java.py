"""Java, and how one of Hadoop's programs is started with it."""

import os
import shutil
from collections.abc import Sequence

from framework.errors import JavaError

# What is small or short takes half the time without the second compiler, and needs little memory.
LIGHT = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
QUICK = (*LIGHT, "-XX:-UsePerfData", "-Djdk.lang.Process.launchMechanism=VFORK")
# What Hadoop 3.4 reaches into on Java 17.
OPEN = ("--add-opens=java.base/java.lang=ALL-UNNAMED", "-Djava.net.preferIPv4Stack=true")


def executable() -> str:
    """Return the `java` of JAVA_HOME, else of PATH. Raises JavaError where there is none."""
    home = os.environ.get("JAVA_HOME")
    found = os.path.join(home, "bin", "java") if home else shutil.which("java")
    if not found or not os.access(found, os.X_OK):
        raise JavaError(f"JAVA_HOME is {home}, where there is none" if home else "none was found by JAVA_HOME or PATH")
    return found


def home() -> str:
    """Return what JAVA_HOME is to be for programs that insist on it, such as YARN's containers."""
    return os.environ.get("JAVA_HOME") or os.path.dirname(os.path.dirname(os.path.realpath(executable())))


def command(main: str, class_path: Sequence[str], options: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the command that runs a class; its arguments follow."""
    return (executable(), *QUICK, *OPEN, *options, "-cp", os.pathsep.join(class_path), main)
