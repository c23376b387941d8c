from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from framework.state import LoggedLoad, LoggedRun
from framework.state.run_log import logged, record
from framework.tables import Lake

BEGAN = datetime(2024, 3, 10, 6, 59, 59, 123456, tzinfo=UTC)
ROW: dict[str, Any] = {
    "run_id": "cities-1",
    "attempt": 1,
    "epoch": 0,
    "batch": 1,
    "backfill": None,
    "plan": "0123456789abcdef",
    "parameters": '{"name": "Ærø \\"the\\" {isle}"}',
    "code_version": "0123456789ab",
    "environment": "local",
    "started_at": BEGAN,
    "finished_at": BEGAN + timedelta(seconds=1, microseconds=1),
    "outcome": "done",
    "error": None,
    "loads": [],
}
LOADED = LoggedLoad(
    name="cities",
    target="silver.cities",
    outcome="done",
    version=9_007_199_254_740_993,
    rows_in=3,
    inserted=2,
    updated=0,
    deleted=None,
    unchanged=1,
    skipped=0,
    seconds=0.1 + 0.2,
)
OWN = LOADED.model_copy(update={"name": "sent", "target": None, "version": None, "seconds": 1e-9})


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"loads": [LOADED, OWN]},
        {"outcome": "failed", "error": 'E: it\'s "wrong"\\\n\tat line 3 \x00 \u2028 🛬 $1 ${x} {0}'},
        {"outcome": "failed", "error": "x" * 200_000},
        {
            "started_at": datetime(2013, 11, 3, 5, 30, tzinfo=UTC),
            "finished_at": datetime(2013, 11, 3, 6, 30, tzinfo=UTC),
        },
        {"attempt": 0, "run_id": "", "backfill": "cities@backfill-1"},
    ],
    ids=["plain", "loads", "text", "long", "hour that a zone has twice", "refused"],
)
def test_a_row_is_read_as_it_was_recorded(values: dict[str, Any], lake: Lake) -> None:
    row = LoggedRun(**{**ROW, **values})
    record(lake, "cities", row)
    assert logged(lake, "cities") == [row]


def test_a_batch_that_is_done_has_one_row_and_each_failure_one(lake: Lake) -> None:
    failed = LoggedRun(**{**ROW, "outcome": "failed", "error": "E: no"})
    done = LoggedRun(**{**ROW, "attempt": 2, "started_at": BEGAN + timedelta(hours=1)})
    later = done.model_copy(update={"attempt": 3, "started_at": BEGAN + timedelta(hours=2)})
    for row in (failed, failed, done, later):
        record(lake, "cities", row)
    assert logged(lake, "cities") == [done, failed, failed]
