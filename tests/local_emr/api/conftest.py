from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local_emr.api.endpoint import Endpoint, served


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    with served(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An endpoint of the module's, for what changes nothing."""
    with served(tmp_path_factory.mktemp("shared")) as made:
        yield made
