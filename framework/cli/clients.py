"""The clients of AWS that verbs ask."""

from typing import TYPE_CHECKING, Any

from framework.errors import SettingError

if TYPE_CHECKING:
    from framework.config import Settings


def client(service: str, settings: "Settings", *, retries: bool = True) -> Any:
    """Make a client. Raises SettingError where nothing says in which region, or what is said of AWS is wrong."""
    from framework import aws

    try:
        return aws.client(service, settings.aws, retries=retries)
    except aws.failures() as error:
        raise aws.refusal(error) from None
    except ValueError as error:  # botocore's word for an address that is none
        raise SettingError("aws.endpoint_url", f"{error}. Write it as http://HOST:PORT") from None
