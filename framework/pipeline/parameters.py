"""Run parameters: from what was typed to typed values."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from framework.errors import MissingParameterError, ParameterValueError, UnknownParameterError
from framework.pipeline.job import Job

ANY: TypeAdapter[Any] = TypeAdapter(Any)


def values(job: Job, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for each parameter of the job; text is parsed to the parameter's type, a list as JSON.

    Raises UnknownParameterError, ParameterValueError, or MissingParameterError naming all that are missing.
    """
    for name in given:
        if name not in job.parameters:
            raise UnknownParameterError(job.name, name, list(job.parameters))
    missing = [name for name, parameter in job.parameters.items() if parameter.required and name not in given]
    if missing:
        raise MissingParameterError(job.name, missing)
    return {name: _value(job, name, given.get(name, p.default)) for name, p in job.parameters.items()}


def as_json(value: Any) -> str:
    """Return a value as JSON text, in which a plan keeps it and two are compared."""
    return ANY.dump_json(value).decode()


def changes(planned: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Say which parameters differ from the planned ones."""
    names = sorted({*planned, *given})
    pairs = [(name, as_json(planned.get(name)), as_json(given.get(name))) for name in names]
    return [f"{name} was planned as {before} and is now {now}" for name, before, now in pairs if before != now]


def _value(job: Job, name: str, value: Any) -> Any:
    kind = job.parameters[name]
    adapter = TypeAdapter(kind.type)
    try:
        return _parsed(adapter, value) if isinstance(value, str) else adapter.validate_python(value)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        shown = json.dumps(value, default=str)
        raise ParameterValueError(job.name, name, str(kind).split(" = ")[0], f"{shown} is not ({reason})") from None


def _parsed(adapter: TypeAdapter[Any], text: str) -> Any:
    try:
        return adapter.validate_strings(text)
    except ValidationError as error:
        try:
            return adapter.validate_json(text)  # a list, a Literal of numbers, null
        except ValidationError:
            raise error from None
