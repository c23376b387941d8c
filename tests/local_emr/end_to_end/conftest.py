from collections.abc import Iterator

import pytest

from tests.local_emr.end_to_end.emr import LocalEmr, Rows, on_the_laptop, started


@pytest.fixture(scope="session")
def emr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEmr]:
    """One for all of these tests, with HDFS."""
    with started(tmp_path_factory.mktemp("emr"), "--hdfs") as found:
        yield found


@pytest.fixture(scope="session")
def laptop(tmp_path_factory: pytest.TempPathFactory, emr: LocalEmr) -> dict[str, Rows]:
    """The tables of the job `flights` as a laptop has them."""
    return on_the_laptop(emr.project, tmp_path_factory.mktemp("laptop"))
