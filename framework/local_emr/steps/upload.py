"""Logs on S3, where EMR puts them: one file each, compressed, again when it has grown, a big one when it has doubled.

They are compressed from disk to disk: how big they are is up to the steps.
"""

import gzip
import logging
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from framework.aws import failures
from framework.local_emr.daemons import s3

LOG = logging.getLogger(__name__)
BIG = 16 * 1024**2
BLOCK = 1024**2


class Place:
    """Where the logs of one step, or of one bootstrap action, go: `folder` below a cluster's folder of the log URI."""

    def __init__(self, endpoint: str, log_uri: str, cluster: str, folder: str) -> None:
        self._bucket, _, prefix = log_uri.partition("://")[2].partition("/")
        self._cluster = f"{prefix.rstrip('/')}/{cluster}".lstrip("/")
        self._own, self._endpoint = f"{self._cluster}/{folder}", endpoint
        self._sizes: dict[str, int] = {}
        self._s3: Any = None

    def address(self, stream: str) -> str:
        """Return the address of a stream's log."""
        return f"s3://{self._bucket}/{self._own}/{stream}.gz"

    def forget(self) -> None:
        """Put all files again, changed or not."""
        self._sizes.clear()

    def put(self, files: Mapping[str, Path]) -> None:
        """Put files that are there and have changed; where S3 refuses, say so and go on."""
        self._put({f"{self._own}/{name}.gz": file for name, file in files.items()})

    def containers(self, files: Mapping[str, Path]) -> None:
        """Put logs of YARN's containers, named `<application>/<container>/<file>`."""
        self._put({f"{self._cluster}/containers/{name}.gz": file for name, file in files.items()})

    def _put(self, files: Mapping[str, Path]) -> None:
        refused: tuple[type[Exception], ...] = (*failures(), OSError)
        for key, file in files.items():
            try:
                size = file.stat().st_size
                if not self._is_due(key, size):
                    continue
                with tempfile.TemporaryFile() as body:
                    _compress(file, body)
                    self._s3 = self._s3 or s3.client("s3", self._endpoint)
                    self._s3.upload_fileobj(body, self._bucket, key)
            except FileNotFoundError:  # not written yet, or gone with its node
                continue
            except refused as error:
                LOG.warning("s3://%s/%s: %s", self._bucket, key, error)
                return
            self._sizes[key] = size

    def _is_due(self, key: str, size: int) -> bool:
        """Tell whether to put a file of this size: all puts of a big one together cost twice its size at most."""
        last = self._sizes.get(key)
        return last is None or (size != last and (size < BIG or size >= 2 * last))


def _compress(file: Path, body: IO[bytes]) -> None:
    """Write what a file has, compressed, to another one, which is to be read from its beginning then."""
    with file.open("rb") as read, gzip.GzipFile(fileobj=body, mode="wb") as zipped:
        shutil.copyfileobj(read, zipped, BLOCK)
    body.seek(0)
