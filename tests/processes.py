"""Other processes with a Spark session of their own, to which a test hands functions by name."""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from pyspark.sql import SparkSession

from framework.config import Settings, load
from framework.session import create
from framework.tables import Lake


@contextmanager
def process(variables: Mapping[str, str] | None = None, at_once: int = 1) -> Iterator[Executor]:
    """Start a process, or several, with these environment variables: `submit(function, ...)` calls it there."""
    pool = ProcessPoolExecutor(at_once, get_context("spawn"), _begin, (dict(variables or {}),))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def session() -> SparkSession:
    """Return the session of this process."""
    return create(settings(), "tests")


def settings() -> Settings:
    """Return the settings of `test`, with what the environment variables of this process say besides."""
    return load("test")


def lake(root: str = "") -> Lake:
    """Return a lake, or else that of this process's settings."""
    chosen = settings()
    return Lake(session(), root or chosen.lake.root, aws=chosen.aws)


def _begin(variables: dict[str, str]) -> None:
    os.environ.update(variables)
