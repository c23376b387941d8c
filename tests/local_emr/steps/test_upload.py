"""Logs on S3, which is moto's."""

import gzip
import tracemalloc
from pathlib import Path

import pytest

from framework.local_emr.steps import upload
from framework.local_emr.steps.upload import Place
from tests.s3.server import Bucket, bucket, server

__all__ = ["bucket", "server"]


@pytest.fixture
def place(bucket: Bucket) -> Place:
    return Place(bucket.endpoint, f"s3://{bucket.name}/logs/", "j-1", "steps/s-1")


def _there(bucket: Bucket) -> bytes:
    return gzip.decompress(
        bucket.client.get_object(Bucket=bucket.name, Key="logs/j-1/steps/s-1/stdout.gz")["Body"].read()
    )


def test_a_log_is_put_again_when_it_has_grown(place: Place, bucket: Bucket, tmp_path: Path) -> None:
    log = tmp_path / "stdout"
    for said in (b"", b"one\n", b"one\ntwo\n"):
        log.write_bytes(said)
        place.put({"stdout": log, "stderr": tmp_path / "none"})
        assert _there(bucket) == said


def test_a_big_log_is_put_again_when_it_has_doubled_and_at_its_end(
    place: Place, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "BIG", 10)
    log, there = tmp_path / "stdout", []
    for size in (9, 12, 18, 35, 36, 40):
        log.write_bytes(b"x" * size)
        place.put({"stdout": log})
        there.append(len(_there(bucket)))
    place.forget()
    place.put({"stdout": log})
    assert there == [9, 9, 18, 18, 36, 36]
    assert len(_there(bucket)) == 40


def test_a_log_of_any_size_takes_little_memory(place: Place, bucket: Bucket, tmp_path: Path) -> None:
    log, size = tmp_path / "stdout", 64 * 1024**2
    place.put({"stdout": log})
    with log.open("wb") as out:
        out.truncate(size)
    tracemalloc.start()
    place.put({"stdout": log})
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < size / 4
    assert len(_there(bucket)) == size
