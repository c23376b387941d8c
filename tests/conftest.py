"""Fixtures of this repository's own tests; those for the tests of jobs come with the package."""

from tests.postgres import postgres

__all__ = ["postgres"]
