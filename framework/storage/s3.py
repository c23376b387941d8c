"""Objects on S3, through boto3. `create` is a conditional PUT, which S3 itself decides."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from framework import aws
from framework.batch import FilePin
from framework.errors import StorageError
from framework.storage.pattern import hidden, literal_part, matches

Answer = TypeVar("Answer")
ABSENT = ("404", "NoSuchKey", "NotFound")
REFUSED = ("412", "PreconditionFailed", "409", "ConditionalRequestConflict")
MARKERS = ("/", "_$folder$")
TRIES = 10


class S3Storage:
    """Buckets; addresses are `s3://bucket/key`."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(self, path: str) -> str | None:
        """Return an object's text."""
        found = self._asked(path, lambda at: self._client.get_object(**at), unless=ABSENT)
        return None if found is None else str(found["Body"].read(), "utf-8")

    def create(self, path: str, text: str) -> bool:
        """PUT on the condition that there is no object yet.

        boto3 repeats a PUT whose answer was lost, and is then refused because of its own first one: so a refusal is
        checked against what is there. Nothing is, where S3 saw a conflict and left it to the writers to ask again.
        """
        put = self._client.put_object
        for _ in range(TRIES):
            answer = self._asked(path, lambda at: put(**at, Body=text.encode(), IfNoneMatch="*"), unless=REFUSED)
            found = text if answer is not None else self.read(path)
            if found is not None:
                return found == text
        raise StorageError(path, f"S3 has not decided in {TRIES} tries between this writer and another")

    def replace(self, path: str, text: str) -> None:
        """PUT."""
        self._asked(path, lambda at: self._client.put_object(**at, Body=text.encode()))

    def delete(self, path: str) -> None:
        """Remove an object that may be there."""
        self._asked(path, lambda at: self._client.delete_object(**at))

    def delete_begun(self, folder: str) -> None:
        """Remove what stands for folders: with S3A keys that end in a slash, with EMRFS ones in `_$folder$`."""
        bucket, key = _place(folder.rstrip("/"))
        listed = [f"{key}{MARKERS[1]}", *(each["Key"] for each in self._listed(folder, bucket, f"{key}/"))]
        for marker in (each for each in listed if each.endswith(MARKERS)):
            self.delete(f"s3://{bucket}/{marker}")

    def names(self, folder: str) -> list[str]:
        """Return the last part of each key directly below a prefix."""
        bucket, prefix = _place(folder.rstrip("/") + "/")
        below = (key["Key"].removeprefix(prefix) for key in self._listed(folder, bucket, prefix))
        return sorted(name for name in below if name and "/" not in name and not hidden(name))

    def folders(self, folder: str) -> list[str]:
        """Return what stands between a prefix and the next slash of the keys below it."""
        bucket, prefix = _place(folder.rstrip("/") + "/")
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
        turn, found = iter(pages), list[str]()
        while page := self._asked(folder, lambda at: next(turn, None)):
            found += [each["Prefix"].removeprefix(prefix).rstrip("/") for each in page.get("CommonPrefixes", [])]
        return sorted(name for name in found if not hidden(name))

    def files(self, where: str) -> Iterator[FilePin]:
        """List the keys below what the pattern names letter by letter."""
        bucket, wanted = _place(where.rstrip("/"))
        begin, found = literal_part(wanted), False
        for listed in self._listed(where, bucket, begin):
            key = listed["Key"]
            below = not begin or key == begin or key.startswith(begin + "/")
            found = found or below
            if below and not key.endswith("/") and matches(wanted, key):
                yield _pin(f"s3://{bucket}/{key}", listed["Size"], listed)
        if not found:
            raise StorageError(where, "there is nothing of that name")

    def stat(self, path: str) -> FilePin | None:
        """Return an object as it is now."""
        found = self._asked(path, lambda at: self._client.head_object(**at), unless=ABSENT)
        return None if found is None else _pin("s3://" + path.split("://", 1)[1], found["ContentLength"], found)

    def _listed(self, where: str, bucket: str, prefix: str) -> Iterator[Any]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        turn = iter(pages)
        while page := self._asked(where, lambda at: next(turn, None)):
            yield from page.get("Contents", [])

    def _asked(self, path: str, ask: Callable[[dict[str, str]], Answer], unless: tuple[str, ...] = ()) -> Answer | None:
        """Return the answer, None where S3 refused for one of the reasons given. Raises StorageError for any other."""
        bucket, key = _place(path)
        try:
            return ask({"Bucket": bucket, "Key": key})
        except aws.failures() as error:
            if aws.code(error) in unless:
                return None
            raise StorageError(path, str(error)) from None


def _place(path: str) -> tuple[str, str]:
    bucket, _, key = path.split("://", 1)[1].partition("/")
    return bucket, key


def _pin(path: str, size: int, answer: Any) -> FilePin:
    return FilePin(path, size, int(answer["LastModified"].timestamp() * 1000), answer["ETag"].strip('"'))
