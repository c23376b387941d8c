"""YARN's applications, as the ResourceManager tells of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from framework.errors import NotRunningError
from framework.local_emr.daemons import web, yarn
from framework.local_emr.daemons.hadoop import Hadoop

ACTIVE = "NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"


@dataclass(frozen=True, slots=True)
class Application:
    """An application; `started` is when it was submitted, in seconds of time.time(). Its tags are lower case."""

    id: str
    name: str
    state: str
    started: float
    tags: frozenset[str] = frozenset()


def active(hadoop: Hadoop) -> tuple[Application, ...]:
    """Return those that have not ended, waiting ones too. Raises NotRunningError where no ResourceManager answers."""
    return _asked(hadoop, f"states={ACTIVE}")


def tagged(hadoop: Hadoop, tag: str) -> tuple[Application, ...]:
    """Return those with a tag, the first one first. Raises NotRunningError where no ResourceManager answers."""
    # YARN keeps tags in lower case.
    return tuple(sorted(_asked(hadoop, f"applicationTags={tag.lower()}"), key=lambda each: each.id))


def kill(hadoop: Hadoop, application: str) -> None:
    """Begin to end an application with all of its containers. Raises OSError where that is not taken."""
    web.ask(f"{hadoop.url(yarn.WEB)}/ws/v1/cluster/apps/{application}/state", "PUT", {"state": "KILLED"})


def kill_tagged(hadoop: Hadoop, tags: Iterable[str]) -> None:
    """Begin to end those that have one of these tags. Raises NotRunningError, and OSError where that is not taken."""
    wanted = {tag.lower() for tag in tags}
    for each in active(hadoop):
        if each.tags & wanted:
            kill(hadoop, each.id)


def _asked(hadoop: Hadoop, which: str) -> tuple[Application, ...]:
    try:
        said = web.ask(f"{hadoop.url(yarn.WEB)}/ws/v1/cluster/apps?{which}")
    except OSError as error:
        raise NotRunningError(str(hadoop.folder)) from error
    found = (said["apps"] or {}).get("app", [])
    return tuple(
        Application(
            each["id"],
            each["name"],
            each["state"],
            each["startedTime"] / 1000,
            frozenset(filter(None, each.get("applicationTags", "").split(","))),
        )
        for each in found
    )
