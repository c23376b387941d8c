import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from framework.emr.logs.follow import POLL_SECONDS, followed
from framework.emr.logs.read import Log, listed
from tests.s3.server import Bucket

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Step:
    """A step that ends at some second, whose logs are uploaded at others; time goes on while somebody sleeps."""

    def __init__(self, bucket: Bucket, name: str, uploads: dict[int, str], ends: int) -> None:
        self.bucket, self.key, self.uploads, self.ends = bucket, f"{name}/stderr.gz", dict(uploads), ends
        self.second = 0
        self.written: dict[str, datetime] = {}

    def clock(self) -> datetime:
        return NOON + timedelta(seconds=self.second)

    def sleep(self, seconds: float) -> None:
        self.second += int(seconds)
        assert self.second < 2_000, "it waits for ever"

    def look(self) -> tuple[list[Log], datetime | None]:
        for at in [at for at in self.uploads if at <= self.second]:
            body = gzip.compress(self.uploads.pop(at).encode())
            self.bucket.client.put_object(Bucket=self.bucket.name, Key=self.key, Body=body)
            self.written[self.key] = NOON + timedelta(seconds=at)
        found = listed(self.bucket.client, f"s3://{self.bucket.name}/{self.key.split('/')[0]}")
        logs = [Log(log.address, log.size, self.written[self.key]) for log in found]
        return logs, NOON + timedelta(seconds=self.ends) if self.second >= self.ends else None

    def lines(self) -> Iterator[str]:
        for _, line in followed(self.bucket.client, self.look, clock=self.clock, sleep=self.sleep):
            yield line


def test_what_is_new_is_printed_once_and_the_end_waits_for_the_last_upload(bucket: Bucket) -> None:
    step = Step(bucket, "new", {300: "a\nb\nc", 600: "a\nb\nc and more\nd\n", 900: "a\nb\nc and more\nd\nend\n"}, 650)
    assert list(step.lines()) == ["a", "b", "c and more", "d", "end"]
    assert 900 <= step.second <= 900 + 2 * POLL_SECONDS


def test_uploads_that_follow_each_other_at_the_end_are_all_printed(bucket: Bucket) -> None:
    step = Step(bucket, "parts", {660: "a\n", 680: "a\nb\n"}, 650)
    assert list(step.lines()) == ["a", "b"]


def test_a_line_without_an_end_is_printed_when_no_more_will_come(bucket: Bucket) -> None:
    step = Step(bucket, "rest", {300: "a\nb"}, 100)
    assert list(step.lines()) == ["a", "b"]


def test_where_no_upload_comes_after_the_end_two_are_waited_for(bucket: Bucket) -> None:
    step = Step(bucket, "late", {300: "a\n"}, 650)
    assert list(step.lines()) == ["a"]
    assert 650 + 600 <= step.second <= 650 + 600 + POLL_SECONDS


def test_a_step_that_ended_long_ago_is_not_waited_for(bucket: Bucket) -> None:
    step = Step(bucket, "ago", {0: "a\n"}, -3_600)
    assert list(step.lines()) == ["a"]
    assert step.second == 0


def test_lines_come_as_they_are_uploaded_and_not_at_the_end(bucket: Bucket) -> None:
    step = Step(bucket, "soon", {300: "a\n", 600: "a\nb\n"}, 620)
    lines = step.lines()
    assert (next(lines), step.second < 330) == ("a", True)
    assert list(lines) == ["b"]


def test_a_line_of_any_length_is_printed_once(bucket: Bucket) -> None:
    long = "x" * 200_000
    step = Step(bucket, "long", {300: f"{long}\nb\n", 600: f"{long}\nb\nc\n"}, 620)
    printed = list(step.lines())
    assert "".join(printed[:-2]) == long
    assert printed[-2:] == ["b", "c"]


@pytest.mark.parametrize("ends", [100, 10_000])
def test_nothing_is_printed_where_nothing_is(bucket: Bucket, ends: int) -> None:
    step = Step(bucket, f"none{ends}", {}, ends)
    if ends == 100:
        assert list(step.lines()) == []
    else:
        with pytest.raises(AssertionError, match="for ever"):
            list(step.lines())
