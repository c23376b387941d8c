"""Why a step failed: the likeliest cause that its logs show, driver before executors before the step's own process."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from framework.emr.logs.cause import Cause, cause_of, is_theirs
from framework.emr.logs.faults import Fault, recognise
from framework.emr.logs.mask import masked
from framework.emr.logs.places import StepLogs, described, step_logs, streams
from framework.emr.logs.read import Log, log_lines
from framework.errors import AwsRefusedError, NoLogUriError

EXECUTORS = 20  # of those that wrote last: what is not in their logs is not likely in the rest
LAST_LINES = 15


@dataclass(frozen=True, slots=True)
class Found:
    """A cause and the log that it was found in."""

    cause: Cause
    log: Log


@dataclass(frozen=True, slots=True)
class StepReport:
    """What is known of a step that failed; the texts are as the logs have them, not masked."""

    step: dict[str, Any]
    found: Found | None = None
    fault: Fault | None = None
    last: tuple[str, ...] = ()
    last_log: Log | None = None
    looked: tuple[str, ...] = ()
    read: tuple[Log, ...] = ()
    keeps_logs: bool = True
    unreadable: str = ""

    @property
    def state(self) -> str:
        """The state of the step."""
        return str(self.step["Status"]["State"])

    @property
    def details(self) -> dict[str, str]:
        """What EMR itself says of the failure."""
        return dict(self.step["Status"].get("FailureDetails", {}))


def why_step(emr: Any, s3: Any, cluster: str, step: str) -> StepReport:
    """Return why a step failed, as far as its logs say and can be read. Raises UnknownStepError or AwsRefusedError."""
    try:
        logs = step_logs(emr, s3, cluster, step)
    except NoLogUriError:
        return _without_logs(StepReport(described(emr, cluster, step), keeps_logs=False))
    try:
        return _read(s3, logs)
    except AwsRefusedError as error:
        return _without_logs(StepReport(logs.step, unreadable=str(error)))


def _read(s3: Any, logs: StepLogs) -> StepReport:
    read: list[Log] = []
    found = None
    for some in _in_turn(logs):
        found = _likelier(found, _likeliest(s3, some))
        read += some
        if found and found.cause.ended_the_program:
            break
    report = StepReport(logs.step, found, looked=logs.looked, read=tuple(read))
    if found:
        return replace(report, fault=found.cause.fault)
    return _without_logs(_with_last_lines(s3, report, logs))


def _in_turn(logs: StepLogs) -> Iterator[Sequence[Log]]:
    """Give the logs to be read, the likeliest first, as they are needed."""
    drivers = [each for each in logs.containers if each.is_driver]
    if logs.in_cluster_mode:
        # The last attempt first; earlier ones only where it does not know what it died of.
        yield from (streams(each.logs)[::-1] for each in drivers)
        yield logs.named("stderr", "stdout")
    else:
        yield logs.named("stdout", "stderr")
        yield from (streams(each.logs)[::-1] for each in drivers)
    others = [streams(each.logs) for each in logs.containers if not each.is_driver]
    newest = sorted((each for each in others if each), key=lambda each: max(log.written for log in each), reverse=True)
    yield [log for each in newest[:EXECUTORS] for log in each]
    yield logs.named("controller", "syslog")


def _likeliest(s3: Any, logs: Iterable[Log]) -> Found | None:
    """Return the likeliest cause in logs that belong together; where Spark was, any of them may say."""
    found, spark = None, ""
    for log in logs:
        cause = cause_of(log_lines(s3, log))
        if cause is not None:
            spark = spark or cause.spark
            found = _likelier(found, Found(cause, log))
    return replace(found, cause=replace(found.cause, spark=found.cause.spark or spark)) if found else None


def _likelier(first: Found | None, second: Found | None) -> Found | None:
    if first is None or second is None:
        return first or second
    return second if second.cause.weight > first.cause.weight else first


def _with_last_lines(s3: Any, report: StepReport, logs: StepLogs) -> StepReport:
    for log in (*reversed(logs.driver), *logs.named("stderr", "stdout", "controller")):
        if last := deque(log_lines(s3, log), LAST_LINES):
            return replace(report, last=tuple(last), last_log=log)
    return report


def _without_logs(report: StepReport) -> StepReport:
    """Recognise a fault in what EMR itself says."""
    known = recognise("\n".join(report.details.values()))
    return replace(report, fault=known[0]) if known else report


def excerpt(cause: Cause, most: int = 12) -> list[tuple[int, str]]:
    """Return the lines of a cause that say most, masked, each with its number: around what was said, without frames."""
    telling = [(n, line) for n, line in cause.record.numbered if line.strip() and not is_theirs(line)]
    key = cause.said.split(" ", 1)[-1][:60]
    place = next((i for i, (_, line) in enumerate(telling) if key in line), len(telling) - 1)
    begin = max(0, min(place - most // 2, len(telling) - most))
    return [(number, masked(line)) for number, line in telling[begin : begin + most]]
