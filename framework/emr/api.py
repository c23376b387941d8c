"""Calls of the EMR API: pages as one sequence, refusals as errors of our own."""

from collections.abc import Callable, Iterator
from typing import Any

from framework import aws
from framework.emr.mask import masked
from framework.errors import AwsRefusedError


def ask(call: Callable[..., Any], **request: Any) -> Any:
    """Call AWS. Raises AwsRefusedError with AWS's own name of the refusal, or with what happened on the way."""
    try:
        return call(**request)
    except aws.failures() as error:
        operation = getattr(error, "operation_name", "") or getattr(call, "__name__", "a call")
        raise AwsRefusedError(operation, aws.code(error), masked(aws.reason(error))) from error


def pages(call: Callable[..., Any], key: str, **request: Any) -> Iterator[Any]:
    """Give what a list call lists under `key`, page by page as it is asked for."""
    marker: dict[str, str] = {}
    while True:
        answer = ask(call, **request, **marker)
        yield from answer.get(key, [])
        if not answer.get("Marker"):
            return
        marker = {"Marker": answer["Marker"]}
