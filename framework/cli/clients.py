"""The clients of AWS that verbs ask."""

from typing import TYPE_CHECKING, Any

from framework.errors import SettingError

if TYPE_CHECKING:
    from framework.config import Settings


def client(service: str, settings: "Settings", *, retries: bool = True) -> Any:
    """Make a client. Raises SettingError where nothing says in which region, or an address is none."""
    from framework import aws

    try:
        return aws.client(service, settings.aws, retries=retries)
    except aws.failures() as error:
        raise SettingError("aws.region", f"{aws.reason(error)} Set it, or AWS_DEFAULT_REGION.") from None
    except ValueError as error:  # botocore's word for an address that is none
        raise SettingError("aws.endpoint_url", f"{error}. Write it as http://HOST:PORT") from None
