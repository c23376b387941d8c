"""Fixtures of this repository's own tests; those for the tests of jobs come with the package."""

import pytest

from tests.postgres import postgres

__all__ = ["postgres", "pytest_collection_modifyitems"]

# Begun first, so that no process is left alone with one of them at the end.
LONGEST = ("tests/pipeline/", "tests/jobs/", "tests/end_to_end/", "tests/sources/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest in front."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
