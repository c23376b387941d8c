import base64
from pathlib import Path

import pytest

from framework.config.steps import HadoopStreaming, ScriptRunner
from framework.emr.bundle.artifacts import Artifact
from framework.emr.steps.upload import Upload, archive_address, artifact_address, is_local, place_of, send, uploads
from framework.errors import AwsRefusedError, SettingError
from tests.emr.amazon import Amazon, refusal
from tests.emr.things import bundle, settings
from tests.s3.server import Bucket


def wanted(folder: Path, bucket: Bucket) -> list[Upload]:
    return uploads(bundle(folder), [], settings(artifacts=f"s3://{bucket.name}/{folder.name}/").emr)


def test_a_file_is_sent_once_and_never_again(tmp_path: Path, bucket: Bucket) -> None:
    files = wanted(tmp_path, bucket)
    assert send(bucket.client, files) == files
    keys = [file.address.removeprefix(f"s3://{bucket.name}/") for file in files]
    assert sorted(keys) == bucket.keys(f"{tmp_path.name}/")
    assert [bucket.text(key) for key in keys] == [file.artifact.path.name for file in files]
    assert send(bucket.client, wanted(tmp_path, bucket)) == []
    first = files[0].artifact.path
    first.write_text("changed")
    changed = [Upload(Artifact.of(first), f"s3://{bucket.name}/{tmp_path.name}/other"), *files[1:]]
    assert send(bucket.client, [*changed]) == changed[:1]


def test_wheels_have_the_name_of_an_archive(tmp_path: Path) -> None:
    names = [file.address.rsplit("/", 1)[1] for file in uploads(bundle(tmp_path), [], settings().emr)]
    assert names == [
        "lakegate-0.1.0-py3-none-any.whl.zip",
        "lakegate_jobs-0.1.0-py3-none-any.whl.zip",
        "deps-abc.zip",
        "run_job.py",
        "manifest.json",
    ]
    wheel = bundle(tmp_path).wheels[0]
    assert archive_address(wheel, settings().emr) == f"{artifact_address(wheel, settings().emr)}.zip"


def test_a_file_that_came_half_is_sent_again(tmp_path: Path, bucket: Bucket) -> None:
    files = wanted(tmp_path, bucket)
    send(bucket.client, files)
    bucket.put(files[0].address.split("/", 3)[3], "half")
    assert send(bucket.client, files) == files[:1]


@pytest.mark.parametrize("code", ["404", "403"])
def test_s3_is_told_what_it_must_get_also_where_it_does_not_say_what_is_there(tmp_path: Path, code: str) -> None:
    s3 = Amazon("s3", head_object=[refusal("HeadObject", code)], put_object=[{}])
    files = uploads(bundle(tmp_path), [], settings().emr)
    assert send(s3, files) == files
    told = [base64.b64decode(asked["ChecksumSHA256"]).hex() for asked in s3.asked("put_object")]
    assert told == [file.artifact.sha256 for file in files]


def test_a_look_that_fails_sends_nothing(tmp_path: Path) -> None:
    s3 = Amazon("s3", head_object=[refusal("HeadObject", "500")])
    with pytest.raises(AwsRefusedError, match="HeadObject"):
        send(s3, uploads(bundle(tmp_path), [], settings().emr))


def test_a_bucket_that_is_not_there_is_said(tmp_path: Path, bucket: Bucket) -> None:
    files = uploads(bundle(tmp_path), [], settings(artifacts="s3://no-such-bucket-of-ours").emr)
    with pytest.raises(AwsRefusedError, match="NoSuchBucket"):
        send(bucket.client, files)


def test_the_files_of_steps_are_sent_where_they_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.sh").write_text("echo x")
    script = ScriptRunner(kind="script-runner", name="x", script="x.sh")
    streaming = HadoopStreaming(
        kind="hadoop-streaming", name="y", input=("s3://a/b",), output="s3://a/c", mapper="x.sh", files=("x.sh", "s3://a/m")
    )  # fmt: skip
    (sent,) = uploads(None, [script, streaming], settings().emr)
    assert sent.address == place_of("x.sh", settings().emr, "x")
    assert place_of("s3://a/m", settings().emr, "y") == "s3://a/m"
    assert [is_local(place) for place in ("a/b.jar", "/usr/lib/b.jar", "s3://a/b.jar", "file:///b.jar")] == [
        True,
        False,
        False,
        False,
    ]


def test_a_file_that_is_not_there_is_named_with_its_step() -> None:
    with pytest.raises(SettingError, match=r"step 'x' names the file no\.sh"):
        uploads(None, [ScriptRunner(kind="script-runner", name="x", script="no.sh")], settings().emr)


@pytest.mark.parametrize("place", ["../outside.jar", "reports/../../outside.jar", "gone.jar"])
def test_a_file_outside_the_project_is_none_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    (tmp_path / "outside.jar").write_text("")
    (tmp_path / "shop" / "reports").mkdir(parents=True)
    (tmp_path / "shop" / "inside.jar").write_text("")
    monkeypatch.chdir(tmp_path / "shop")
    assert place_of("reports/../inside.jar", settings().emr, "it").endswith("/inside.jar")
    with pytest.raises(SettingError, match="not in the project"):
        place_of(place, settings().emr, "it")
