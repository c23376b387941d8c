from collections.abc import Iterator

import pytest

from tests.local_emr.end_to_end.emr import LocalEmr, started


@pytest.fixture(scope="session")
def emr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEmr]:
    """One for all of these tests, with HDFS."""
    with started(tmp_path_factory.mktemp("emr"), "--hdfs") as found:
        yield found
