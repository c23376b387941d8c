"""What a place that keeps files can do, and which one an address is in.

A write is whole or not there at all, also for a process that is killed while it writes. `create` is put-if-absent: of
any number of writers one wins, and each of them learns which.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Protocol

from framework.batch import FilePin
from framework.config import AwsSettings

S3 = ("s3", "s3a", "s3n")


class Storage(Protocol):
    """A local disk, S3, or a file system that Hadoop reaches. Errors other than "not there" are StorageError."""

    def read(self, path: str) -> str | None:
        """Return a file's text, None where there is none."""

    def create(self, path: str, text: str) -> bool:
        """Write a file if there is none; say whether this call made it."""

    def replace(self, path: str, text: str) -> None:
        """Write a file, in the place of one that may be there."""

    def delete(self, path: str) -> None:
        """Remove a file that may be there."""

    def delete_begun(self, folder: str) -> None:
        """Remove a folder in which nothing was finished: it has drafts, whose names begin with a dot, and such folders.

        One that holds anything else stays, without its drafts; so what another writer has finished does.
        """

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder, sorted, without hidden ones; none where there is no folder."""

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder, sorted, without hidden ones; none where there is no folder."""

    def files(self, where: str) -> Iterator[FilePin]:
        """List the files under a folder, a file, or a pattern (`*`, `?`, `[a-z]`, `{a,b}`), in no order.

        As in Spark, what begins with `_` or `.` is no data. Raises StorageError where there is nothing of that name.
        """

    def stat(self, path: str) -> FilePin | None:
        """Return a file as it is now, None where there is none."""


def storage(path: str, aws: AwsSettings, spark: Any) -> Storage:
    """Return the storage that an address is in; `spark` is used where only Hadoop knows the way."""
    scheme = _scheme(path)
    if scheme == "file":
        from framework.storage.local import LocalStorage

        return LocalStorage()
    if scheme in S3:
        return _s3(aws)
    from framework.storage.hadoop import HadoopStorage

    return HadoopStorage(spark)


def needs_spark(path: str) -> bool:
    """Say whether an address is reached through Spark's JVM only."""
    return _scheme(path) not in ("file", *S3)


def _scheme(path: str) -> str:
    return path.split(":", 1)[0] if "://" in path or path.startswith("file:") else "file"


@cache
def _s3(aws: AwsSettings) -> Storage:
    from framework.aws import client
    from framework.storage.s3 import S3Storage

    return S3Storage(client("s3", aws))
