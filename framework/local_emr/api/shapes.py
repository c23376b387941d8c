"""Requests and answers, held against botocore's own model of EMR."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session

from framework.local_emr.api.refusal import Refusal, not_offered

TYPES: Mapping[str, type | tuple[type, ...]] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float, datetime),
}


def operations() -> list[str]:
    """Return the names of all operations that EMR has."""
    return list(_service().operation_names)


def request(operation: str, body: bytes) -> dict[str, Any]:
    """Return what a call asks for, times as datetimes. Raises Refusal as AWS does for what the model does not allow."""
    try:
        return _request(operation, json.loads(body or b"{}", parse_float=_number, parse_constant=_number))
    except (ValueError, OverflowError, OSError):
        raise Refusal("SerializationException", "The body of the request is no JSON, or has a wrong number.") from None
    except RecursionError:
        raise Refusal("SerializationException", "The body of the request is nested too deep.") from None


def _request(operation: str, value: Any) -> dict[str, Any]:
    shape = _service().operation_model(operation).input_shape
    faults = list(_faults(value, shape, ""))
    if faults:
        count = f"{len(faults)} validation error{'s' if len(faults) > 1 else ''} detected"
        raise Refusal("ValidationException", f"{count}: {'; '.join(faults)}")
    asked: dict[str, Any] = _read(value, shape)
    return asked


def answer(operation: str, value: Mapping[str, Any] | None) -> bytes:
    """Return an answer as JSON; members that are None are left out. Raises ValueError for what is none of EMR's."""
    shape = _service().operation_model(operation).output_shape
    if shape is None:
        if value:
            raise ValueError(f"{operation} answers nothing")
        return b"{}"
    kept = _without_none(value or {})
    if faults := list(_faults(kept, shape, "", foreign=True)):
        raise ValueError(f"the answer of {operation} is none of EMR's: {'; '.join(faults)}")
    return json.dumps(_written(kept)).encode()


@cache
def _service() -> Any:
    return botocore.session.get_session().get_service_model("emr")


def _faults(value: Any, shape: Any, at: str, *, foreign: bool = False) -> Iterator[str]:
    """Give what the model does not allow, in AWS's words; `foreign` also takes unknown members for a fault."""
    fits = isinstance(value, TYPES[shape.type_name])
    if not fits or (isinstance(value, bool) and shape.type_name != "boolean"):
        raise Refusal("SerializationException", f"{at or 'The request'} is no {shape.type_name}: {value!r}")
    if shape.type_name == "structure":
        yield from _faults_of_members(value, shape, at, foreign=foreign)
    elif shape.type_name == "list":
        for number, each in enumerate(value, 1):
            yield from _faults(each, shape.member, f"{at}.{number}.member", foreign=foreign)
    elif shape.type_name == "map":
        for name, each in value.items():
            yield from _faults(each, shape.value, f"{at}.{name}.member", foreign=foreign)
    elif shape.type_name == "string":
        yield from _faults_of_text(value, shape.metadata, at)
    elif shape.type_name in ("integer", "long"):
        low = shape.metadata.get("min")
        if low is not None and value < low:
            yield _failed(value, at, f"Member must have value greater than or equal to {low}")


def _faults_of_members(value: Mapping[str, Any], shape: Any, at: str, *, foreign: bool) -> Iterator[str]:
    prefix = f"{at}." if at else ""
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"Value null at '{prefix}{_lower(name)}' failed to satisfy constraint: Member must not be null"
    for name, each in value.items():
        if name not in shape.members:
            if foreign:
                yield f"{prefix}{name} is unknown"
                continue
            raise not_offered(f"{prefix}{name}, which its model of EMR does not know")
        if each is not None:
            yield from _faults(each, shape.members[name], f"{prefix}{_lower(name)}", foreign=foreign)


def _faults_of_text(value: str, limits: Mapping[str, Any], at: str) -> Iterator[str]:
    if (enum := limits.get("enum")) and value not in enum:
        yield _failed(value, at, f"Member must satisfy enum value set: [{', '.join(enum)}]")
    if (longest := limits.get("max")) is not None and len(value) > longest:
        yield _failed(value, at, f"Member must have length less than or equal to {longest}")
    if (shortest := limits.get("min")) is not None and len(value) < shortest:
        yield _failed(value, at, f"Member must have length greater than or equal to {shortest}")
    pattern = limits.get("pattern", "")
    if pattern and "\\p" not in pattern and not re.fullmatch(_of_python(pattern), value, re.DOTALL):
        yield _failed(value, at, f"Member must satisfy regular expression pattern: {pattern}")


def _of_python(pattern: str) -> str:
    """Return a pattern of AWS's, whose characters of XML are written as Java's pairs of surrogates, once mixed up."""
    return re.sub(r"\\uD800\\u(DC00-\\uDBFF|DBFF-\\uDC00)\\uDFFF", r"\\U00010000-\\U0010FFFF", pattern)


def _failed(value: object, at: str, constraint: str) -> str:
    return f"Value '{value}' at '{at}' failed to satisfy constraint: {constraint}"


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _read(value: Any, shape: Any) -> Any:
    if shape.type_name == "structure":
        return {name: _read(each, shape.members[name]) for name, each in value.items() if each is not None}
    if shape.type_name == "list":
        return [_read(each, shape.member) for each in value]
    if shape.type_name == "timestamp" and not isinstance(value, datetime):
        return datetime.fromtimestamp(value, UTC)
    return value


def _number(text: str) -> float:
    """Return a number of JSON, which knows no infinite ones."""
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return number


def _written(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _written(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_written(each) for each in value]
    return round(value.timestamp(), 3) if isinstance(value, datetime) else value


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_none(each) for name, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_without_none(each) for each in value]
    return value
