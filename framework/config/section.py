"""One table of the settings file."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Section(BaseModel):
    """One table of the settings file: frozen, and nothing that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _split(value: object) -> object:
    """Take a flag apart, which is one text: `--set emr.cluster.subnets=a,b`."""
    return tuple(filter(None, value.split(","))) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_split)]
Arn = Annotated[str, Field(pattern=r"^arn:")]
S3Object = Annotated[str, Field(pattern=r"^(s3://|arn:).")]
