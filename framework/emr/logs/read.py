"""Reading logs in S3: unpacked and cut into lines as they come, so that a log of any size needs little memory."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from framework import aws
from framework.emr.api import ask
from framework.emr.logs.mask import AcrossLines, masked
from framework.errors import AwsRefusedError

CHUNK = 1 << 20
LONGEST_LINE = 1 << 16
GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Log:
    """One object: EMR replaces it whole when there is more, so `written` and `size` say whether there is."""

    address: str
    size: int
    written: datetime

    @property
    def stream(self) -> str:
        """Return what it is a log of: `stderr` of stderr.gz and of its rotated parts."""
        return self.address.rsplit("/", 1)[-1].split(".", 1)[0]


def folder(uri: str) -> str:
    """Return the address of a log URI: EMR's older answers say s3n://, and some people s3a://."""
    return "s3://" + uri.split("://", 1)[-1].rstrip("/")


def listed(s3: Any, where: str) -> list[Log]:
    """Return the logs below a folder, in the order of their names. Raises AwsRefusedError."""
    bucket, _, key = where.removeprefix("s3://").partition("/")
    prefix = f"{key.rstrip('/')}/".lstrip("/")
    found: list[Log] = []
    token: dict[str, str] = {}
    while True:
        answer = ask(s3.list_objects_v2, Bucket=bucket, Prefix=prefix, **token)
        for each in answer.get("Contents", []):
            if each["Size"]:
                found.append(Log(f"s3://{bucket}/{each['Key']}", each["Size"], each["LastModified"]))
        if not answer.get("NextContinuationToken"):
            return found
        token = {"ContinuationToken": answer["NextContinuationToken"]}


def text(s3: Any, log: Log, *, skip: int = 0) -> Iterator[bytes]:
    """Give a log unpacked, piece by piece, from a byte on. Raises AwsRefusedError."""
    bucket, _, key = log.address.removeprefix("s3://").partition("/")
    body = ask(s3.get_object, Bucket=bucket, Key=key)["Body"]
    try:
        for piece in unpacked(body.iter_chunks(CHUNK)):
            if skip < len(piece):
                yield piece[skip:]
            skip = max(0, skip - len(piece))
    except aws.failures() as error:
        raise AwsRefusedError("GetObject", aws.code(error), masked(aws.reason(error))) from error
    finally:
        body.close()


def log_lines(s3: Any, log: Log) -> Iterator[str]:
    """Give a log's lines, without what is secret only because of the line before. Raises AwsRefusedError."""
    hide = AcrossLines()
    for line in lines(text(s3, log)):
        yield hide(line)


def lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Cut into lines; one that is too long to be kept comes in parts."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace").removesuffix("\r")
        while len(rest) > LONGEST_LINE:
            yield rest[:LONGEST_LINE].decode(errors="replace")
            rest = rest[LONGEST_LINE:]
    if rest:
        yield rest.decode(errors="replace")


def unpacked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack gzip, several members too; of what was cut short give what there is, and plain text as it is."""
    engine, begun = None, False
    for piece in pieces:
        if not begun:
            begun, engine = True, (zlib.decompressobj(31) if piece.startswith(GZIP) else None)
        if engine is None:
            yield piece
            continue
        while piece:
            try:
                yield engine.decompress(piece, CHUNK)
            except zlib.error:  # what comes after the text is none of it
                return
            piece = engine.unconsumed_tail
            if engine.eof:
                piece = engine.unused_data
                engine = zlib.decompressobj(31)
    if engine is not None and (last := _flushed(engine)):
        yield last


def _flushed(engine: Any) -> bytes:
    try:
        return bytes(engine.flush())
    except zlib.error:
        return b""
