"""The one place that makes AWS clients; boto3 is imported when one is made, not before."""

import json
import os
import re
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from framework.config import AwsSettings
from framework.errors import NotLocalError, SettingError, alternatives

THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
}
BROKEN = {"InternalError", "InternalFailure", "InternalServerError", "InternalServerException", "ServiceUnavailable"}
LOOPBACK = ("127.0.0.1", "localhost", "::1")
VARIABLES = "the environment variables"
ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")


def failures() -> tuple[type[Exception], ...]:
    """Return the errors that a call of AWS can end with: its own answers, and those of the way there."""
    from botocore.exceptions import BotoCoreError, ClientError

    return (BotoCoreError, ClientError)


def client(
    service: str, settings: AwsSettings, *, retries: bool = True, keys: tuple[str | None, str | None] = (None, None)
) -> Any:
    """Make a client of an AWS service; credentials come from boto3's own chain, unless `keys` are given.

    `retries=False` is for calls that must not be made twice; elsewhere boto3 retries by its adaptive rules. Raises
    NotLocalError where the settings are for an EMR on this machine, and the endpoint is another.
    """
    import boto3
    from botocore.config import Config

    how = {"mode": "adaptive", "max_attempts": 10} if retries else {"mode": "standard", "total_max_attempts": 1}
    made = boto3.client(
        service,
        region_name=settings.region,
        endpoint_url=settings.endpoint_url,
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        config=Config(retries=how),
    )
    if settings.local and not is_local(made.meta.endpoint_url):
        raise NotLocalError(made.meta.endpoint_url)
    return made


def is_local(endpoint: str) -> bool:
    """Say whether an endpoint is on this machine, as that of `lakegate local-emr`."""
    return urlsplit(endpoint).hostname in LOOPBACK


def region(settings: AwsSettings) -> str | None:
    """Return the region that a client is made for, without making one; None where nothing names it."""
    if known := settings.region or os.environ.get("AWS_DEFAULT_REGION"):
        return known
    import botocore.session

    try:
        named = botocore.session.get_session().get_config_variable("region")
    except failures():  # a profile that is not there; making a client says so
        return None
    return str(named) if named else None


def refusal(error: BaseException) -> SettingError:
    """Return which setting it is because of which a client was not made."""
    from botocore.exceptions import InvalidRegionError, NoRegionError, ProfileNotFound

    if isinstance(error, ProfileNotFound):
        variable = _profile_variable()
        return SettingError(variable, _no_profile(variable), VARIABLES)
    if isinstance(error, NoRegionError | InvalidRegionError):
        return SettingError("aws.region", f"{reason(error)} Set it, or AWS_DEFAULT_REGION.")
    return SettingError("aws", reason(error), "the files of AWS (~/.aws)")


def doubts(settings: AwsSettings) -> list[tuple[str, str]]:
    """Return settings that are probably wrong, and why, without asking AWS: a profile, a region that may be new.

    Raises SettingError for what can be no region of AWS. Another endpoint than AWS's own may have any.
    """
    variable = _profile_variable()
    said = _no_profile(variable) if variable else ""
    found = [(variable, said)] if said else []
    named = None if settings.endpoint_url or os.environ.get("AWS_ENDPOINT_URL") else region(settings)
    if named is None:
        return found
    setting = "aws.region" if settings.region else "AWS_DEFAULT_REGION"
    partitions = _partitions()
    known = [name for each in partitions for name in each["regions"]]
    close = get_close_matches(named.lower(), known, n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    if not any(re.fullmatch(each["regionRegex"], named) for each in partitions):
        raise SettingError(setting, f"{named!r} is no region of AWS.{meant}")
    if named not in known:
        said = f"{named!r} is not among the regions that botocore knows here; a newer one works all the same.{meant}"
        found.append((setting, said))
    return found


def _partitions() -> list[dict[str, Any]]:
    """Return botocore's list of AWS's partitions, which is a file of its own: importing botocore takes longer."""
    (botocore,) = getattr(find_spec("botocore"), "submodule_search_locations", None) or [""]
    known: list[dict[str, Any]] = json.loads((Path(botocore) / "data" / "partitions.json").read_text())["partitions"]
    return known


def _profile_variable() -> str:
    return next((name for name in ("AWS_DEFAULT_PROFILE", "AWS_PROFILE") if os.environ.get(name)), "")


def _no_profile(variable: str) -> str:
    """Return what is said where the profile that a variable of this shell names is not there; empty where it is."""
    import botocore.session

    session, name = botocore.session.get_session(), os.environ[variable]
    try:
        known = session.available_profiles
    except failures():  # a file that cannot be read; making a client says so
        return ""
    return "" if name in known else f"no profile is called {name!r} in ~/.aws. {alternatives(name, known)}"


def code(error: BaseException) -> str:
    """Return AWS's own name of a refusal, such as NoSuchKey; empty where there was no answer."""
    return str(_answer(error).get("Code", ""))


def reason(error: BaseException) -> str:
    """Return what AWS, or the way there, said of a failure, without the numbers of accounts."""
    return without_accounts(str(_answer(error).get("Message", "") or error))


def without_accounts(text: str, instead: str = "<account>") -> str:
    """Return a text without the numbers of accounts, which roles, keys and buckets have in their names."""
    return ACCOUNT.sub(instead, text)


def is_throttled(error: BaseException | None) -> bool:
    """Return whether AWS refused a call only because there were too many."""
    return error is not None and code(error) in THROTTLED


def is_lost(error: BaseException | None) -> bool:
    """Return whether a call may have been done although it failed: no answer came, or AWS broke while it answered."""
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code(error) in BROKEN or (status >= 500 and not is_throttled(error))
    return isinstance(error, HTTPClientError | ConnectionError)


def _answer(error: BaseException) -> Any:
    """Return what AWS said of an error; a connection that was lost has an empty answer."""
    return (getattr(error, "response", None) or {}).get("Error", {})
