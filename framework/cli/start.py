"""What every verb that needs Spark begins with: settings, log, session, lake."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from framework import log
from framework.cli.project import Project

if TYPE_CHECKING:
    from framework.config import Settings
    from framework.tables import Lake


def start(
    project: Project, job: str, environment: str, overrides: Sequence[str], *, quiet: bool
) -> "tuple[Settings, Lake]":
    """Read the settings, configure the log, and make the session; `quiet` logs warnings only."""
    settings = _settings(project, environment, overrides, quiet=quiet)
    from framework.session import create
    from framework.tables import Lake

    spark = create(settings, f"lakegate {job}")
    return settings, Lake(spark, settings.lake.root, settings.catalog.kind, settings.aws)


def clock() -> datetime:
    """Return the time of now; the one place where the clock is read."""
    return datetime.now(UTC)


def place(project: Project, environment: str, overrides: Sequence[str]) -> "Lake":
    """Return the lake for what needs its files only: Spark is started where nothing but Hadoop reaches them."""
    settings = _settings(project, environment, overrides, quiet=True)
    from framework.session import create
    from framework.storage import needs_spark
    from framework.tables import Lake

    spark: Any = create(settings, "lakegate") if needs_spark(settings.lake.root) else None
    return Lake(spark, settings.lake.root, settings.catalog.kind, settings.aws)


def _settings(project: Project, environment: str, overrides: Sequence[str], *, quiet: bool) -> "Settings":
    from framework.config import load

    project.enter()
    settings = load(environment, overrides)
    log.configure(settings.log.format, "warning" if quiet and settings.log.level != "error" else settings.log.level)
    return settings
