"""Steps: the requests of a chain, from names and settings to what AddJobFlowSteps takes. Nothing is called here.

Every step carries a marker, `lakegate-<submission>-<number>`, by which it is found again: AddJobFlowSteps has no client
token. Its place is the Java properties of a step, which are for key-value pairs and which no program mistakes for an
argument; for a job it is a tag of the YARN application, too, so that the application is found by it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NotRequired, TypedDict

from framework.config import EmrSettings, Settings
from framework.config.steps import StepSettings
from framework.emr.bundle.artifacts import Bundle
from framework.emr.steps.credentials import refuse_arguments, refuse_formed, refuse_properties
from framework.emr.steps.kinds import Command, command
from framework.emr.steps.spark import SparkJob, submission
from framework.emr.steps.upload import place_of
from framework.errors import CredentialRefusedError, StepTooLongError

BUDGET = 10_240
MARKER = "lakegate.submission"
SHORTEST_SECRET = 6  # a shorter one would be found in words that are none

OnFailure = Literal["continue", "cancel-and-wait", "terminate"]
ACTIONS: Mapping[OnFailure, str] = {
    "continue": "CONTINUE",
    "cancel-and-wait": "CANCEL_AND_WAIT",
    "terminate": "TERMINATE_CLUSTER",
}
Work = SparkJob | StepSettings


class Property(TypedDict):
    """A Java property."""

    Key: str
    Value: str


class HadoopJarStep(TypedDict):
    """A jar, its main class, and what that is given."""

    Jar: str
    Args: list[str]
    Properties: list[Property]
    MainClass: NotRequired[str]


class S3Monitoring(TypedDict):
    """Where the logs of a step go."""

    LogUri: str
    EncryptionKeyArn: NotRequired[str]


class Monitoring(TypedDict):
    """How a step is logged."""

    S3MonitoringConfiguration: S3Monitoring


class StepRequest(TypedDict):
    """One step as EMR takes it."""

    Name: str
    ActionOnFailure: str
    HadoopJarStep: HadoopJarStep
    StepMonitoringConfiguration: NotRequired[Monitoring]


class AddRequest(TypedDict):
    """One call of AddJobFlowSteps."""

    JobFlowId: str
    Steps: list[StepRequest]
    ExecutionRoleArn: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Chain:
    """Steps that are added with one call, in order, and the applications that they need."""

    requests: tuple[StepRequest, ...]
    applications: frozenset[str] = field(default_factory=frozenset)


def chain(
    works: Sequence[Work],
    settings: Settings,
    bundle: Bundle | None,
    *,
    on_failure: OnFailure,
    token: str,
    region: str | None = None,
    secrets: Iterable[str] = (),
) -> Chain:
    """Return the requests of a chain. A bundle is needed where a job is among them.

    Raises StepTooLongError where the strings of a step are longer than EMR takes, CredentialRefusedError where one
    holds a secret, and SettingError where a setting is missing or names a file that is not there.
    """
    commands = [
        _command(work, settings, bundle, marker(token, number), region) for number, work in enumerate(works, start=1)
    ]
    known = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]
    requests = []
    for number, (work, found) in enumerate(zip(works, commands, strict=True), start=1):
        request = _request(work.name, found, ACTIONS[on_failure], marker(token, number), settings.emr)
        _refuse(request, known, work.args if isinstance(work, SparkJob) else ())
        if not isinstance(work, SparkJob):
            _refuse_named(work.name, found)
        requests.append(request)
    return Chain(tuple(requests), frozenset(found.application for found in commands if found.application))


def step_requests(chain: Chain) -> list[StepRequest]:
    """Return the steps of a chain as a list, as RunJobFlow and AddJobFlowSteps take them."""
    return list(chain.requests)


def add_request(cluster: str, chain: Chain, settings: EmrSettings) -> AddRequest:
    """Return the call that adds a chain to a cluster; its steps share the runtime role."""
    request: AddRequest = {"JobFlowId": cluster, "Steps": list(chain.requests)}
    if settings.runtime_role:
        request["ExecutionRoleArn"] = settings.runtime_role
    return request


def marker(token: str, number: int) -> str:
    """Return the mark of a step of a submission."""
    return f"lakegate-{token}-{number:03}"


def strings(request: StepRequest) -> list[str]:
    """Return the strings of a step that share EMR's limit of 10,240 characters."""
    step = request["HadoopJarStep"]
    pairs = [text for pair in step["Properties"] for text in (pair["Key"], pair["Value"])]
    return [step["Jar"], *step["Args"], step.get("MainClass", ""), *pairs]


def _command(work: Work, settings: Settings, bundle: Bundle | None, mark: str, region: str | None) -> Command:
    if isinstance(work, SparkJob):
        assert bundle is not None, "a job needs a bundle"
        return submission(work, settings, bundle, mark, region)
    return command(work, partial(place_of, settings=settings.emr, step=work.name), region)


def _request(name: str, found: Command, action: str, mark: str, settings: EmrSettings) -> StepRequest:
    properties = {**found.properties, MARKER: mark}
    step: HadoopJarStep = {
        "Jar": found.jar,
        "Args": list(found.args),
        "Properties": [{"Key": key, "Value": value} for key, value in properties.items()],
    }
    if found.main_class:
        step["MainClass"] = found.main_class
    request: StepRequest = {"Name": name, "ActionOnFailure": action, "HadoopJarStep": step}
    if settings.step_log_uri:
        logs: S3Monitoring = {"LogUri": settings.step_log_uri}
        if settings.step_log_key:
            logs["EncryptionKeyArn"] = settings.step_log_key
        request["StepMonitoringConfiguration"] = {"S3MonitoringConfiguration": logs}
    return request


def _refuse(request: StepRequest, secrets: Sequence[str], packed: Sequence[str]) -> None:
    """Refuse what is too long, and secrets: also in what is packed, which does not show them."""
    found = strings(request)
    if (length := sum(map(len, found))) > BUDGET:
        raise StepTooLongError(request["Name"], length, BUDGET, max(found, key=len)[:40])
    found += packed
    if any(secret in text for secret in secrets for text in found):
        raise CredentialRefusedError(f"An argument of step {request['Name']!r}", "it holds a secret of this shell")
    refuse_formed(found, f"step {request['Name']!r}")


def _refuse_named(name: str, found: Command) -> None:
    refuse_arguments(found.args, f"step {name!r}")
    refuse_properties(found.properties, "Property", f"step {name!r}")
