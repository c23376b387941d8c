import gzip
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace

import pytest

from framework.emr.logs.read import LONGEST_LINE, Log, folder, lines, listed, text, unpacked
from framework.errors import AwsRefusedError
from tests.s3.server import Bucket

TEXT = "".join(f"line {number}\n" for number in range(20_000)).encode()


def in_pieces(packed: bytes, size: int) -> Iterator[bytes]:
    return (packed[at : at + size] for at in range(0, len(packed), size))


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_gzip_is_unpacked_whatever_pieces_it_comes_in(size: int) -> None:
    packed = gzip.compress(TEXT[:20_000])
    pieces = [packed[:2], *in_pieces(packed[2:], size)]
    assert b"".join(unpacked(pieces)) == TEXT[:20_000]


def test_several_members_are_one_text() -> None:
    packed = gzip.compress(b"first\n") + gzip.compress(b"second\n")
    assert b"".join(unpacked(in_pieces(packed, 16))) == b"first\nsecond\n"


def test_of_a_file_that_was_cut_short_there_is_what_came() -> None:
    found = b"".join(unpacked(in_pieces(gzip.compress(TEXT)[:-1_000], 4096)))
    assert TEXT.startswith(found)
    assert len(found) > len(TEXT) / 2


def test_what_follows_the_text_is_none_of_it() -> None:
    assert b"".join(unpacked([gzip.compress(b"text\n") + b"garbage"])) == b"text\n"


def test_plain_text_passes_as_it_is() -> None:
    assert b"".join(unpacked([b"plain ", b"text"])) == b"plain text"


def test_little_that_unpacks_to_much_comes_in_pieces() -> None:
    packed = gzip.compress(b"\0" * (64 << 20))
    tracemalloc.start()
    try:
        assert sum(len(piece) for piece in unpacked([packed])) == 64 << 20
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_lines_are_cut_across_pieces_and_one_without_end_comes_too() -> None:
    assert list(lines([b"a\r\nb", b"c\n\nd\xff"])) == ["a", "bc", "", "d\ufffd"]


def test_a_line_without_end_comes_in_parts() -> None:
    parts = list(lines([b"x" * 1_000] * 200))
    assert max(map(len, parts)) == LONGEST_LINE
    assert sum(map(len, parts)) == 200_000


@pytest.mark.parametrize("uri", ["s3://b/logs", "s3n://b/logs/", "s3a://b/logs"])
def test_a_log_uri_of_any_scheme_is_an_address(uri: str) -> None:
    assert folder(uri) == "s3://b/logs"


def test_logs_are_listed_page_by_page_without_folders_and_empty_ones(bucket: Bucket) -> None:
    for number in range(12):
        bucket.put(f"l/j-1/steps/s-1/{number:02}.gz", "x")
    bucket.put("l/j-1/steps/s-1/", "")
    bucket.put("l/j-1/steps/s-1/empty.gz", "")
    bucket.put("l/j-1/steps/s-10/stderr.gz", "x")
    in_small_pages = SimpleNamespace(list_objects_v2=partial(bucket.client.list_objects_v2, MaxKeys=5))

    found = listed(in_small_pages, f"s3://{bucket.name}/l/j-1/steps/s-1/")

    assert [log.address for log in found] == [
        f"s3://{bucket.name}/l/j-1/steps/s-1/{number:02}.gz" for number in range(12)
    ]


def test_reading_begins_at_a_byte_of_the_text(bucket: Bucket) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key="t.gz", Body=gzip.compress(TEXT))
    (log,) = (each for each in listed(bucket.client, f"s3://{bucket.name}") if each.address.endswith("t.gz"))
    assert b"".join(text(bucket.client, log, skip=100_003)) == TEXT[100_003:]
    assert log.stream == "t"


def test_a_bucket_that_is_not_there_is_an_error_of_ours(bucket: Bucket) -> None:
    with pytest.raises(AwsRefusedError, match="NoSuchBucket"):
        listed(bucket.client, "s3://no-such-bucket/x")
    with pytest.raises(AwsRefusedError, match="NoSuchBucket"):
        list(text(bucket.client, Log("s3://no-such-bucket/x", 1, datetime.now(UTC))))
