"""A value in a folder, written by the process that it tells of and read by any other."""

import os
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


def write(path: Path, kind: TypeAdapter[T], value: T) -> None:
    """Write a value, at once or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(kind.dump_json(value, indent=1))
    draft.replace(path)


def read(path: Path, kind: TypeAdapter[T]) -> T | None:
    """Return the value, None where there is none, or one that is damaged or of another release.

    Who is to end what it told of finds the processes by their mark.
    """
    try:
        return kind.validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
