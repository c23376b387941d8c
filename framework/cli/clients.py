"""The clients of AWS that verbs ask."""

from typing import TYPE_CHECKING, Any

from framework.errors import SettingError

if TYPE_CHECKING:
    from framework.config import Settings


def client(service: str, settings: "Settings", *, retries: bool = True) -> Any:
    """Make a client. Raises SettingError where nothing says in which region."""
    from framework import aws

    try:
        return aws.client(service, settings.aws, retries=retries)
    except aws.failures() as error:
        raise SettingError("aws.region", f"{aws.reason(error)} Set it, or AWS_DEFAULT_REGION.") from None
