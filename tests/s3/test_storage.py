import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session
from urllib3 import HTTPResponse

from framework import aws
from framework.config import AwsSettings
from framework.errors import StorageError
from framework.storage import storage
from framework.storage.s3 import S3Storage
from tests.processes import process
from tests.s3.server import Bucket

WRITERS, PLACES = 4, 25


@pytest.fixture
def settings(bucket: Bucket) -> AwsSettings:
    return AwsSettings(endpoint_url=bucket.endpoint)


@pytest.fixture
def s3(settings: AwsSettings) -> S3Storage:
    return S3Storage(aws.client("s3", settings))


def contend(root: str, settings: AwsSettings, who: str) -> list[bool]:
    """Try to be the one who makes each place."""
    there = storage(root, settings, None)
    return [there.create(f"{root}/{number}", f"{who}, {number}") for number in range(PLACES)]


def _one_winner(bucket: Bucket, folder: str, answers: list[list[bool]]) -> None:
    winners = [sum(turn) for turn in zip(*answers, strict=True)]
    assert winners == [1] * PLACES
    for place in range(PLACES):
        (winner,) = [who for who in range(WRITERS) if answers[who][place]]
        assert bucket.text(f"{folder}/{place}") == f"{winner}, {place}"


def test_of_threads_that_create_one_object_one_wins(bucket: Bucket, settings: AwsSettings) -> None:
    root = f"s3://{bucket.name}/threads"
    with ThreadPoolExecutor(WRITERS) as threads:
        answers = list(threads.map(lambda who: contend(root, settings, str(who)), range(WRITERS)))

    _one_winner(bucket, "threads", answers)


def test_of_processes_that_create_one_object_one_wins(bucket: Bucket, settings: AwsSettings) -> None:
    root = f"s3://{bucket.name}/processes"
    with process(bucket.variables, at_once=WRITERS) as them:
        waiting = [them.submit(contend, root, settings, str(who)) for who in range(WRITERS)]
        answers = [turn.result() for turn in waiting]

    _one_winner(bucket, "processes", answers)


@pytest.fixture
def answers_lost(s3: S3Storage) -> Iterator[list[str]]:
    """The first PUT reaches S3, and its answer is lost on the way back."""
    lost: list[str] = []

    def send(request: Any, **known: Any) -> None:
        if not lost:
            lost.append(request.url)
            URLLib3Session().send(request)
            raise ConnectionClosedError(endpoint_url=request.url)

    events = s3._client.meta.events
    events.register("before-send.s3.PutObject", send)
    yield lost
    events.unregister("before-send.s3.PutObject", send)


def test_a_put_whose_answer_was_lost_counts_as_made(bucket: Bucket, s3: S3Storage, answers_lost: list[str]) -> None:
    assert s3.create(f"s3://{bucket.name}/lost", "mine")

    assert len(answers_lost) == 1
    assert bucket.text("lost") == "mine"


def test_a_put_whose_answer_was_lost_does_not_win_where_another_was_first(
    bucket: Bucket, s3: S3Storage, answers_lost: list[str]
) -> None:
    bucket.put("taken", "another's")

    assert not s3.create(f"s3://{bucket.name}/taken", "mine")

    assert len(answers_lost) == 1
    assert bucket.text("taken") == "another's"


@pytest.mark.parametrize("there", [None, "another's"])
def test_a_put_that_s3_could_not_decide_is_made_again(bucket: Bucket, s3: S3Storage, there: str | None) -> None:
    key, refused = f"undecided-{there}", list[str]()
    if there:
        bucket.put(key, there)
    refusal = b"<Error><Code>ConditionalRequestConflict</Code></Error>"

    def answer(request: Any, **known: Any) -> AWSResponse | None:
        if refused:
            return None
        refused.append(request.url)
        return AWSResponse(request.url, 409, {}, HTTPResponse(BytesIO(refusal), preload_content=False))

    s3._client.meta.events.register("before-send.s3.PutObject", answer)

    assert s3.create(f"s3://{bucket.name}/{key}", "mine") == (there is None)

    assert bucket.text(key) == (there or "mine")


def test_an_object_is_read_replaced_and_deleted(bucket: Bucket, s3: S3Storage) -> None:
    path = f"s3://{bucket.name}/objects/ø 1.json"
    assert s3.read(path) is None
    s3.delete(path)

    s3.replace(path, "zuerst")
    s3.replace(path, "ÆØÅ\n")
    assert s3.read(path) == bucket.text("objects/ø 1.json") == "ÆØÅ\n"

    s3.delete(path)
    assert s3.read(path) is None
    assert s3.stat(path) is None


def test_what_stands_for_a_folder_goes_and_what_is_in_it_stays(bucket: Bucket, s3: S3Storage) -> None:
    for key in ("_log/", "_log_$folder$", "_log/0.json", "_log/within/", "_log/within_$folder$", "_logs/"):
        bucket.put(f"begun/{key}")
    s3.delete_begun(f"s3://{bucket.name}/begun/_log")
    assert bucket.keys("begun/") == ["begun/_log/0.json", "begun/_logs/"]


def test_a_pin_tells_an_object_from_another_of_the_same_size_and_second(bucket: Bucket, s3: S3Storage) -> None:
    etag = bucket.put("pins/a", "one")
    pin = s3.stat(f"s3://{bucket.name}/pins/a")
    assert pin
    assert (pin.path, pin.size, pin.etag) == (f"s3://{bucket.name}/pins/a", 3, etag)
    assert list(s3.files(f"s3://{bucket.name}/pins")) == [pin]

    bucket.put("pins/a", "two")

    assert s3.stat(f"s3://{bucket.name}/pins/a") != pin


def test_names_are_those_of_one_folder_in_order(bucket: Bucket, s3: S3Storage) -> None:
    for key in ("b.json", "a.json", "_hidden", ".hidden", "below/c.json"):
        bucket.put(f"names/{key}")
    bucket.put("names-of-another/d.json")

    assert s3.names(f"s3://{bucket.name}/names") == ["a.json", "b.json"]
    assert s3.names(f"s3://{bucket.name}/nothing") == []


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", ["2024/01/a.csv", "2024/02/b.csv", "2025/01/a.csv", "c.csv"]),
        ("/", ["2024/01/a.csv", "2024/02/b.csv", "2025/01/a.csv", "c.csv"]),
        ("/2024", ["2024/01/a.csv", "2024/02/b.csv"]),
        ("/c.csv", ["c.csv"]),
        ("/*/01/*.csv", ["2024/01/a.csv", "2025/01/a.csv"]),
        ("/202[5-9]", ["2025/01/a.csv"]),
        ("/{2025,2024}/0[!3-9]/?.csv", ["2024/01/a.csv", "2024/02/b.csv", "2025/01/a.csv"]),
        ("/_kept", ["_kept/d.csv"]),
    ],
)
def test_files_are_found_by_folders_and_patterns(bucket: Bucket, s3: S3Storage, pattern: str, found: list[str]) -> None:
    for key in ("2024/01/a.csv", "2024/02/b.csv", "2025/01/a.csv", "c.csv", "_kept/d.csv", ".e.csv", "2024/_f.csv"):
        bucket.put(f"files/{key}")
    bucket.put("files/2024/")  # as a console makes a folder
    bucket.put("files-of-another/a.csv")

    root = f"s3://{bucket.name}/files"
    assert sorted(file.path.removeprefix(f"{root}/") for file in s3.files(root + pattern)) == found


def test_a_listing_of_several_pages_is_read_to_its_end(bucket: Bucket, s3: S3Storage) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: bucket.put(f"many/{number:04}"), range(1_001)))

    assert len({file.path for file in s3.files(f"s3://{bucket.name}/many")}) == 1_001
    assert s3.names(f"s3://{bucket.name}/many") == [f"{number:04}" for number in range(1_001)]


ASKED: dict[str, Callable[[S3Storage, str], Any]] = {
    "read": lambda s3, path: s3.read(path),
    "create": lambda s3, path: s3.create(path, ""),
    "replace": lambda s3, path: s3.replace(path, ""),
    "delete": lambda s3, path: s3.delete(path),
    "names": lambda s3, path: s3.names(path),
    "files": lambda s3, path: list(s3.files(path)),
    "stat": lambda s3, path: s3.stat(path),
}


@pytest.mark.parametrize("asked", sorted(ASKED.keys() - {"stat"}))  # of which S3 only says: not found
def test_a_bucket_that_is_not_there_is_an_error_of_storage(s3: S3Storage, asked: str) -> None:
    with pytest.raises(StorageError, match="NoSuchBucket"):
        ASKED[asked](s3, "s3://no-such-bucket/folder/name")


def test_a_folder_that_is_not_there_holds_no_files(bucket: Bucket, s3: S3Storage) -> None:
    with pytest.raises(StorageError, match="nothing of that name"):
        list(s3.files(f"s3://{bucket.name}/no/such/folder"))


@pytest.mark.parametrize("asked", ["read", "create", "replace", "stat"])
def test_access_that_is_denied_is_an_error_of_storage(bucket: Bucket, s3: S3Storage, asked: str) -> None:
    resource = f"arn:aws:s3:::{bucket.name}/denied/*"
    rule = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": resource}
    bucket.client.put_bucket_policy(Bucket=bucket.name, Policy=json.dumps({"Statement": [rule]}))

    with pytest.raises(StorageError, match=r"AccessDenied|Forbidden"):
        ASKED[asked](s3, f"s3://{bucket.name}/denied/a")


def test_the_folders_of_a_folder_are_named(bucket: Bucket, s3: S3Storage) -> None:
    root = f"s3://{bucket.name}/folders"
    assert s3.folders(root) == []
    for path in ("b/1.json", "a/deep/2.json", "_c/3.json", "4.json"):
        s3.replace(f"{root}/{path}", "")
    assert s3.folders(root) == ["a", "b"]
