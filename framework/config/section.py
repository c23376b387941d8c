"""One table of the settings file."""

import tomllib
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from framework.sensitive import has_form, is_secret


class Section(BaseModel):
    """One table of the settings file: frozen, and nothing that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _split(value: object) -> object:
    """Take a flag apart, which is one text: `--set emr.cluster.subnets=a,b`, or `["a", "b"]` as in the file."""
    if not isinstance(value, str):
        return value
    if not value.startswith("["):
        return tuple(filter(None, value.split(",")))
    try:
        return tomllib.loads(f"list = {value}")["list"]
    except tomllib.TOMLDecodeError:
        raise ValueError('a list in brackets is not closed, or has no quotes: write it as a,b or ["a", "b"]') from None


def _tags(tags: dict[str, str]) -> dict[str, str]:
    """Refuse what is no tag of AWS."""
    for key, value in tags.items():
        if not 0 < len(key) <= 128 or len(value) > 256:
            raise ValueError(f"a tag has a key of 1 to 128 characters and a value of up to 256: {key[:128]!r}")
        if key.lower().startswith("aws:"):
            raise ValueError(f"a key that begins with aws: is AWS's own: {key!r}")
        if is_secret(key, value) or has_form(value):
            raise ValueError(f"tag {key!r} is, or is called, a credential, and whoever may list clusters reads it")
    if len(tags) > 49:
        raise ValueError("AWS takes 50 tags, and one is lakegate's")
    return tags


Texts = Annotated[tuple[str, ...], BeforeValidator(_split)]
Arn = Annotated[str, Field(pattern=r"^arn:")]
S3Object = Annotated[str, Field(pattern=r"^(s3://|arn:).")]
Tags = Annotated[dict[str, str], AfterValidator(_tags)]
