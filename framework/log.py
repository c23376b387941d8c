"""Events of a run: one structured line each on stderr, JSON where a machine reads and rich where a person does."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal

logger = logging.getLogger("lakegate")


def event(name: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Log an event, such as `load_committed`, with its fields; values that JSON lacks become text."""
    logger.log(level, name, extra={"fields": fields})


def configure(format: Literal["auto", "json", "rich"], level: str) -> None:
    """Send events to stderr from here on; a second call replaces the first."""
    plain = format == "json" or (format == "auto" and not sys.stderr.isatty())
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    if not plain:
        from rich.console import Console
        from rich.logging import RichHandler

        handler = RichHandler(console=Console(stderr=True), show_path=False)
        handler.setFormatter(ReadableLines())
    logger.handlers = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False


class JsonLines(logging.Formatter):
    """`{"at": …, "level": …, "event": …, fields…}`; `at` is UTC."""

    def format(self, record: logging.LogRecord) -> str:
        """Make one line of a record."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "event": record.getMessage(), **_fields(record)}
        return json.dumps(line, default=str)


class ReadableLines(logging.Formatter):
    """`load_committed table=silver.flights rows=…`."""

    def format(self, record: logging.LogRecord) -> str:
        """Make one line of a record."""
        return " ".join([record.getMessage(), *(f"{name}={value}" for name, value in _fields(record).items())])


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "fields", {})
    return fields
