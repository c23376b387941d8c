import json
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, Literal

import pytest
from pydantic import SecretStr

from framework import log


@pytest.fixture(autouse=True)
def _the_logger_as_it_was() -> Iterator[None]:
    logger = log.logger
    before = (logger.handlers, logger.level, logger.propagate)
    yield
    logger.handlers, logger.level, logger.propagate = before


def _lines(captured: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    out, err = captured.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


@pytest.mark.parametrize("format", ["json", "auto"])
def test_without_a_terminal_an_event_is_one_line_of_json_on_stderr(
    capsys: pytest.CaptureFixture[str], format: Literal["json", "auto"]
) -> None:
    log.configure(format, "info")
    log.event("load_committed", table="silver.flights", rows=3)
    (line,) = _lines(capsys)
    at = datetime.fromisoformat(line.pop("at"))
    assert line == {"level": "info", "event": "load_committed", "table": "silver.flights", "rows": 3}
    assert at.utcoffset() == UTC.utcoffset(None)


def test_text_of_several_lines_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("json", "info")
    log.event("stage_failed", error="first\nsecond")
    assert [line["error"] for line in _lines(capsys)] == ["first\nsecond"]


def test_a_value_that_json_lacks_becomes_text(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("json", "info")
    log.event("run_started", day=date(2013, 1, 1))
    assert _lines(capsys)[0]["day"] == "2013-01-01"


@pytest.mark.parametrize("format", ["json", "rich"])
def test_a_secret_is_not_printed(capsys: pytest.CaptureFixture[str], format: Literal["json", "rich"]) -> None:
    log.configure(format, "info")
    log.event("connected", password=SecretStr("hunter2"), all={"password": SecretStr("hunter2")})
    _, err = capsys.readouterr()
    assert "connected" in err
    assert "hunter2" not in err


def test_events_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("json", "warning")
    log.event("stage_finished")
    log.event("stage_failed", level=logging.ERROR)
    assert [(line["event"], line["level"]) for line in _lines(capsys)] == [("stage_failed", "error")]


def test_a_second_configuration_replaces_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("json", "info")
    log.configure("json", "info")
    log.event("run_started")
    assert len(_lines(capsys)) == 1


def test_a_person_reads_the_event_and_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("rich", "info")
    log.event("load_committed", table="silver.flights", rows=3)
    assert "load_committed table=silver.flights rows=3" in " ".join(capsys.readouterr().err.split())
