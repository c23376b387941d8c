"""Uploading: each file goes to a place that its content names, and only where it is not there yet."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os.path import normpath
from pathlib import Path
from typing import Any

from framework.config import EmrSettings
from framework.config.steps import StepSettings
from framework.counted import counted
from framework.emr.api import ask
from framework.emr.bundle.artifacts import Artifact, Bundle
from framework.errors import AwsRefusedError, SettingError

# Whoever may not list a bucket is told 403 for an object that is not there.
NOT_THERE = ("404", "403", "NoSuchKey", "NotFound", "Forbidden", "AccessDenied")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of this machine and where it goes."""

    artifact: Artifact
    address: str


def artifact_address(artifact: Artifact, settings: EmrSettings) -> str:
    """Return where a file is put. Raises SettingError where emr.artifacts is not set."""
    if not settings.artifacts:
        raise SettingError("emr.artifacts", "it is not set: name an s3:// folder for what jobs need on a cluster")
    return artifact.address(settings.artifacts)


def archive_address(wheel: Artifact, settings: EmrSettings) -> str:
    """Return where a wheel is put for YARN to unpack, which it does for the names of archives only."""
    return f"{artifact_address(wheel, settings)}.zip"


def place_of(place: str, settings: EmrSettings, step: str) -> str:
    """Return the address of a file that a step names: a relative path is a file of the project."""
    return artifact_address(_local(place, step), settings) if is_local(place) else place


def is_local(place: str) -> bool:
    """Return whether a place is a file of the project, and not of the cluster or of S3."""
    return "://" not in place and not Path(place).is_absolute()


def uploads(bundle: Bundle | None, steps: Iterable[StepSettings], settings: EmrSettings) -> list[Upload]:
    """Return all that a chain needs on S3, each once. The manifest goes along, for whoever asks what a step ran."""
    found = []
    if bundle:
        found += [Upload(wheel, archive_address(wheel, settings)) for wheel in bundle.wheels]
        others = (bundle.dependencies, bundle.entrypoint, bundle.manifest)
        found += [Upload(artifact, artifact_address(artifact, settings)) for artifact in others]
    local = [_local(place, step.name) for step in steps for place in step.places if is_local(place)]
    found += [Upload(artifact, artifact_address(artifact, settings)) for artifact in local]
    return list({upload.address: upload for upload in found}.values())


def send(s3: Any, wanted: Iterable[Upload]) -> list[Upload]:
    """Upload what is not there yet; return what was uploaded. S3 refuses a file that has changed since it was read."""
    sent = []
    for upload in wanted:
        bucket, key = bucket_of(upload.address), upload.address.split("/", 3)[3]
        if not _is_there(s3, bucket, key, upload.artifact.size):
            checksum = base64.b64encode(bytes.fromhex(upload.artifact.sha256)).decode()
            with upload.artifact.path.open("rb") as file:
                ask(s3.put_object, Bucket=bucket, Key=key, Body=file, ChecksumSHA256=checksum)
            sent.append(upload)
    return sent


def upload(s3: Any, wanted: Sequence[Upload]) -> str:
    """Upload what is not there yet, and return a sentence that says how much that was."""
    sent = send(s3, wanted)
    size = sum(each.artifact.size for each in sent) / 1e6
    return f"Uploaded {len(sent)} of {counted(len(wanted), 'file')}, {size:.1f} MB; the others are there already."


def bucket_of(address: str) -> str:
    """Return the bucket of an s3:// address, also of the s3a:// and s3n:// that Hadoop writes."""
    return address.split("/", 3)[2]


def _is_there(s3: Any, bucket: str, key: str, size: int) -> bool:
    try:
        return bool(ask(s3.head_object, Bucket=bucket, Key=key)["ContentLength"] == size)
    except AwsRefusedError as error:
        if error.code in NOT_THERE:
            return False
        raise


def _local(place: str, step: str) -> Artifact:
    # Steps are submitted in the project's root.
    if normpath(place).startswith("..") or not Path(place).is_file():
        reason = (
            f"step {step!r} names the file {place}, which is not in the project; name it from its root, or by s3://"
        )
        raise SettingError("emr.steps", reason)
    return Artifact.of(Path(place))
