"""Amazon's side of a test: a client whose requests and answers are held against botocore's own service model.

It shares nothing with the framework. botocore checks names, types and lengths; enumerations, patterns and the longest
that a text may be are checked here.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

import botocore.session
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

Answer = Mapping[str, Any] | Exception


@cache
def _service(name: str) -> Any:
    return botocore.session.get_session().get_service_model(name)


def faults(operation: str, value: Any, service: str = "emr", *, answer: bool = False) -> list[str]:
    """Return what a request, or an answer, of an operation (`RunJobFlow`) has that the service model does not allow."""
    model = _service(service).operation_model(operation)
    shape = model.output_shape if answer else model.input_shape
    if shape is None:
        return [f"{operation} takes nothing"] if value else []
    report = ParamValidator().validate(value, shape)
    return [*([report.generate_report()] if report.has_errors() else []), *_limits(value, shape, operation)]


def refusal(operation: str, code: str, message: str = "no") -> ClientError:
    """Return the error with which AWS refuses a call: `ValidationException`, `ThrottlingException`, ..."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class Amazon:
    """A client of one service: answers what the test told it to, and remembers what it was asked.

    `add_job_flow_steps=[{...}, refusal(...)]` answers calls in turn, the last one for ever; a function is called with
    the request.
    """

    meta: Any = SimpleNamespace(region_name="eu-central-1", endpoint_url="https://aws.amazon.com")

    def __init__(self, service: str = "emr", **answers: list[Answer] | Callable[..., Answer]) -> None:
        self.service = service
        self.answers = {name: list(found) if isinstance(found, list) else found for name, found in answers.items()}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def asked(self, operation: str) -> list[dict[str, Any]]:
        """Return the requests of one operation (`run_job_flow`), in order."""
        return [request for name, request in self.calls if name == operation]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = "".join(word.capitalize() for word in name.split("_"))
        if name.startswith("_") or operation not in _service(self.service).operation_names:
            raise AttributeError(name)

        def call(**request: Any) -> Any:
            wrong = faults(operation, request, self.service)
            assert not wrong, wrong
            self.calls.append((name, request))
            assert name in self.answers, f"{name} was not expected: {request}"
            answers = self.answers[name]
            if isinstance(answers, list):
                found = answers.pop(0) if len(answers) > 1 else answers[0]
            else:
                found = answers(**request)
            if isinstance(found, Exception):
                raise found
            wrong = faults(operation, found, self.service, answer=True)
            assert not wrong, f"the test's answer is none of AWS: {wrong}"
            return found

        return call


def _limits(value: Any, shape: Any, where: str) -> list[str]:
    if shape.type_name == "structure" and isinstance(value, Mapping):
        members = shape.members
        inner = [_limits(each, members[name], f"{where}.{name}") for name, each in value.items() if name in members]
        unknown = [f"{where}.{name}: unknown" for name in value if name not in members]
        return [*unknown, *(fault for found in inner for fault in found)]
    if shape.type_name == "list" and isinstance(value, list | tuple):
        return [f for n, each in enumerate(value) for f in _limits(each, shape.member, f"{where}[{n}]")]
    if shape.type_name == "map" and isinstance(value, Mapping):
        return [f for name, each in value.items() for f in _limits(each, shape.value, f"{where}[{name}]")]
    found = []
    if isinstance(value, str):
        limits = shape.metadata
        if (enum := limits.get("enum")) and value not in enum:
            found.append(f"{where}: {value!r} is none of {enum}")
        if (longest := limits.get("max")) is not None and len(value) > longest:
            found.append(f"{where}: longer than {longest}")
        # The patterns are Java's; what Python cannot read is left to AWS.
        pattern = limits.get("pattern", "").replace("\\p{IsAlphabetic}", "A-Za-z")
        if pattern and "\\p" not in pattern and "\\u" not in pattern and not re.fullmatch(pattern, value, re.DOTALL):
            found.append(f"{where}: {value!r} does not match {pattern}")
    return found
