"""What `run` and `check` begin with: settings, log, session, lake."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from framework import log
from framework.cli.project import Project

if TYPE_CHECKING:
    from framework.tables import Lake


def start(project: Project, job: str, environment: str, overrides: Sequence[str], *, quiet: bool) -> "tuple[str, Lake]":
    """Read the settings, configure the log, and make the session; `quiet` logs warnings only.

    Return the landing folder, absolute since a JVM of spark-submit has a working directory of its own, and the lake.
    """
    from framework.config import load

    project.enter()
    settings = load(environment, overrides)
    log.configure(settings.log.format, "warning" if quiet and settings.log.level != "error" else settings.log.level)
    from framework.session import create
    from framework.tables import Lake

    spark = create(settings, f"lakegate {job}")
    landing = settings.landing.root if "://" in settings.landing.root else str(Path(settings.landing.root).absolute())
    return landing, Lake(spark, settings.lake.root, settings.catalog.kind)
