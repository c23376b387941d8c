"""The steps of a cluster as EMR tells of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from framework.emr.api import pages

ACTIVE = ("PENDING", "CANCEL_PENDING", "RUNNING")
IDS_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class StepState:
    """A step at one moment. `reason` is empty where EMR names none; `applications` are ids of YARN, where EMR knows.

    `config` is what runs, as HadoopStepConfig has it, and `action` what a failure does; {} and "" where EMR names none.
    """

    id: str
    name: str
    state: str
    created: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    reason: str = ""
    log_file: str | None = None
    applications: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    action: str = ""

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "StepState":
        """Return what a summary of list_steps says."""
        status = found.get("Status", {})
        details, times = status.get("FailureDetails", {}), status.get("Timeline", {})
        said = [details.get("Reason"), details.get("Message"), status.get("StateChangeReason", {}).get("Message")]
        return cls(
            id=found["Id"],
            name=found.get("Name", ""),
            state=status.get("State", "PENDING"),
            created=times.get("CreationDateTime"),
            started=times.get("StartDateTime"),
            ended=times.get("EndDateTime"),
            reason=": ".join(dict.fromkeys(text for text in said if text)),
            log_file=details.get("LogFile"),
            # Older models of the API do not have it.
            applications=tuple(found.get("AdditionalInfo", {}).get("ResourceManagerApplicationIds", ())),
            config=found.get("Config", {}),
            action=found.get("ActionOnFailure", ""),
        )

    @property
    def is_active(self) -> bool:
        """Return whether it waits or runs."""
        return self.state in ACTIVE

    @property
    def strings(self) -> tuple[str, ...]:
        """Return the values of its properties and its arguments."""
        return (*self.config.get("Properties", {}).values(), *self.config.get("Args", ()))

    @property
    def marker(self) -> str | None:
        """Return the mark by which Lakegate knows a step of its own."""
        marks = (text.rpartition("spark.yarn.tags=")[2].rpartition(",")[2] for text in self.strings)
        return next((mark for mark in marks if mark.startswith("lakegate-")), None)

    def seconds(self, now: datetime) -> float | None:
        """Return how long it has run, up to now where it still does."""
        return ((self.ended or now) - self.started).total_seconds() if self.started else None


def listed(emr: Any, cluster: str, states: Sequence[str] = ()) -> Iterator[StepState]:
    """Give the steps of a cluster, newest first, as they are asked for."""
    only = {"StepStates": list(states)} if states else {}
    return (StepState.of(found) for found in pages(emr.list_steps, "Steps", ClusterId=cluster, **only))


def described(emr: Any, cluster: str, ids: Sequence[str]) -> list[StepState]:
    """Return steps by their ids, in the order of these; EMR tells of ten at once."""
    found = {}
    for first in range(0, len(ids), IDS_AT_ONCE):
        some = list(ids[first : first + IDS_AT_ONCE])
        for step in pages(emr.list_steps, "Steps", ClusterId=cluster, StepIds=some):
            found[step["Id"]] = StepState.of(step)
    return [found[each] for each in ids if each in found]
