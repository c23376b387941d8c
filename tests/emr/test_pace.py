import time
from types import SimpleNamespace

import pytest

from framework.emr.pace import Pace


@pytest.mark.parametrize(
    ("endpoint", "waited"), [("http://127.0.0.1:4566", 1.0), ("https://elasticmapreduce.aws", 10.0)]
)
def test_an_endpoint_on_this_machine_is_asked_ten_times_as_often(
    endpoint: str, waited: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(Pace.__init__, "__defaults__", (time.monotonic, slept.append, lambda: 1.0))
    Pace.of(SimpleNamespace(meta=SimpleNamespace(endpoint_url=endpoint))).pause(10)
    assert slept == [waited]
