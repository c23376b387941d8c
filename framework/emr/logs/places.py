"""Where the logs of a step are, below the log URI of its cluster or its own.

    <cluster>/steps/<step>/{controller,syslog,stderr,stdout}.gz                   the step's process on the primary node
    <cluster>/containers/<application>/<container>/{stderr,stdout}.gz             what YARN has started for it

In cluster mode the driver runs in the container whose number is 1, and there what Python writes to either stream
comes out on stdout. In client mode the driver is the step's own process. Which application belongs to a step, newer
answers of DescribeStep say; else the step's own log does, once it is there.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from framework.emr.api import ask
from framework.emr.logs.read import Log, folder, lines, listed, text
from framework.errors import AwsRefusedError, NoLogUriError, UnknownStepError

ENDED = ("COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED")
APPLICATION = re.compile(
    r"(?:Submitted application|Application report for|/proxy/|Running job:.*?)\s*/?(application_\d+_\d+)"
)
CONTAINER = re.compile(r"container_(?:e(?P<epoch>\d+)_)?(?P<application>\d+_\d+)_(?P<attempt>\d+)_(?P<number>\d+)")
# MapReduce logs to syslog, Flink to files of its own.
STREAMS = ("syslog", "jobmanager", "taskmanager", "stderr", "stdout")
LAUNCHED = re.compile(r"Launching container (\S+) on host .*? for executor with ID (\d+)")


@dataclass(frozen=True, slots=True)
class Container:
    """What one container of YARN has written."""

    id: str
    attempt: int
    number: int
    logs: tuple[Log, ...]

    @property
    def is_driver(self) -> bool:
        """Return whether it is the first of its attempt: the driver of a cluster-mode application."""
        return self.number == 1


@dataclass(frozen=True)
class StepLogs:
    """The logs of one step; each property asks S3 when it is first wanted, and `again()` asks anew."""

    s3: Any = field(repr=False)
    step: dict[str, Any]
    places: tuple[str, ...]
    cluster: str

    @cached_property
    def own(self) -> tuple[Log, ...]:
        """The step's own logs."""
        return tuple(self._below(f"steps/{self.step['Id']}"))

    @cached_property
    def applications(self) -> tuple[str, ...]:
        """The YARN applications of the step."""
        told = self.step.get("AdditionalInfo", {}).get("ResourceManagerApplicationIds", [])
        if told:
            return tuple(told)
        logs = self.named("stderr", "controller", "syslog")
        return submitted(line for log in logs for line in lines(text(self.s3, log)))

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        """The containers of the step's applications, the last attempt first and its driver before its executors."""
        found: dict[str, list[Log]] = {}
        for application in self.applications:
            for log in self._below(f"containers/{application}"):
                found.setdefault(log.address.split("/")[-2], []).append(log)
        made = []
        for name, logs in found.items():
            if parts := CONTAINER.fullmatch(name):
                made.append(Container(name, int(parts["attempt"]), int(parts["number"]), tuple(logs)))
        return tuple(sorted(made, key=lambda each: (each.id.split("_")[-3], -each.attempt, each.number)))

    def again(self) -> "StepLogs":
        """Return the same step's logs, to be looked for anew."""
        return StepLogs(self.s3, self.step, self.places, self.cluster)

    def named(self, *streams: str) -> tuple[Log, ...]:
        """Return the step's own logs of these streams, in the order of the streams."""
        return tuple(log for stream in streams for log in self.own if log.stream == stream)

    @property
    def in_cluster_mode(self) -> bool | None:
        """Whether the driver is in a container; None where the step's arguments do not say."""
        said = " ".join(self.step.get("Config", {}).get("Args", []))
        if re.search(r"--deploy-mode[ =]cluster|deployMode=cluster|--master[ =]yarn-cluster", said):
            return True
        # spark-submit's default, and EMR's.
        return False if re.search(r"--deploy-mode[ =]client|deployMode=client|spark-submit", said) else None

    @property
    def driver(self) -> tuple[Log, ...]:
        """What the driver has written, stdout last; empty where it is not there yet."""
        if self.in_cluster_mode is False:
            return self.named("stderr", "stdout")
        for container in self.containers:
            if container.is_driver:
                return streams(container.logs)
        return ()

    def executor(self, number: int) -> tuple[Log, ...]:
        """Return what an executor has written: in the container that the driver's log names.

        Where that log names none at all, it is most often the container of the next number.
        """
        launched = self._launched()
        for container in self.containers:
            if container.id == launched.get(number) or (not launched and container.number == number + 1):
                return streams(container.logs)
        return ()

    @property
    def looked(self) -> tuple[str, ...]:
        """The folders where the logs are looked for."""
        own = tuple(f"{place}/steps/{self.step['Id']}/" for place in self.places)
        theirs = tuple(f"{place}/containers/{name}/" for place in self.places for name in self.applications)
        return own + theirs

    def _below(self, folder_: str) -> list[Log]:
        for place in self.places:
            if found := listed(self.s3, f"{place}/{folder_}"):
                return found
        return []

    def _launched(self) -> dict[int, str]:
        found = {}
        for log in self.driver:
            if log.stream == "stderr":
                for line in lines(text(self.s3, log)):
                    if "Launching container" in line and (match := LAUNCHED.search(line)):
                        found[int(match[2])] = match[1]
        return found


def submitted(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of the YARN applications that lines say were submitted, each once, in their order."""
    found: dict[str, None] = {}
    for line in lines:
        if "application_" in line:
            found |= dict.fromkeys(APPLICATION.findall(line))
    return tuple(found)


def step_logs(emr: Any, s3: Any, cluster: str, step: str) -> StepLogs:
    """Return where the logs of a step are. Raises UnknownStepError, NoLogUriError or AwsRefusedError."""
    found = described(emr, cluster, step)
    of_cluster = ask(emr.describe_cluster, ClusterId=cluster)["Cluster"].get("LogUri")
    places = []
    if own := found.get("LogUri"):
        # Whether the id of the cluster is in the path of a step's own URI, AWS does not say.
        places = [f"{folder(own)}/{cluster}", folder(own)]
    if of_cluster:
        places.append(f"{folder(of_cluster)}/{cluster}")
    if not places:
        raise NoLogUriError(cluster, step)
    return StepLogs(s3, found, tuple(dict.fromkeys(places)), cluster)


def described(emr: Any, cluster: str, step: str) -> dict[str, Any]:
    """Return what EMR says of a step. Raises UnknownStepError, UnknownClusterError or AwsRefusedError."""
    try:
        found: dict[str, Any] = ask(emr.describe_step, ClusterId=cluster, StepId=step).get("Step") or {}
    except AwsRefusedError as error:
        if error.code == "InvalidRequestException" and "step" in error.reason.lower():
            raise UnknownStepError(step, cluster) from error
        raise
    if not found:
        raise UnknownStepError(step, cluster)
    return found


def streams(logs: Sequence[Log]) -> tuple[Log, ...]:
    """Return what a container's program has written, stdout last; its other files are YARN's."""
    return tuple(log for stream in STREAMS for log in logs if log.stream == stream)
