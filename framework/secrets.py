"""Secrets: looked up by name when they are needed, in the environment and then in AWS Secrets Manager, kept nowhere."""

import json
import re
from typing import Any

from framework import aws
from framework.config import Settings
from framework.config.settings import PREFIX
from framework.errors import SecretMissingError


def secret(name: str, settings: Settings) -> str:
    """Return the secret of a name: LAKEGATE_SECRETS__NAME, or that of AWS Secrets Manager where aws.secrets is true.

    `orders_db.password` is the variable LAKEGATE_SECRETS__ORDERS_DB_PASSWORD, and in Secrets Manager the key `password`
    of the JSON object `orders_db`. Raises SecretMissingError.
    """
    for known, value in settings.secrets.items():
        if variable(known) == variable(name):
            return value.get_secret_value()
    looked = ["the environment"]
    if settings.aws.secrets:
        not_there: tuple[type[Exception], ...] = (LookupError, *aws.failures())
        for stored, key in _addresses(name):
            try:
                return _stored(stored, key, settings)
            except not_there as error:
                looked.append(f"AWS Secrets Manager as {stored!r} ({error})")
    raise SecretMissingError(name, variable(name), looked)


def variable(name: str) -> str:
    """Return the environment variable that serves a secret: what a variable's name cannot have becomes one _."""
    return f"{PREFIX}SECRETS__{re.sub(r'[^A-Z0-9]+', '_', name.upper())}"


def _addresses(name: str) -> list[tuple[str, str]]:
    """Return where a name may lead: to a key of a JSON object, or to a secret whose own name has the dot."""
    stored, dot, key = name.rpartition(".")
    return [(stored, key), (name, "")] if dot else [(name, "")]


def _stored(stored: str, key: str, settings: Settings) -> str:
    client: Any = aws.client("secretsmanager", settings.aws)
    text = client.get_secret_value(SecretId=stored).get("SecretString")
    if text is None:
        raise LookupError("it is binary")
    return text if not key else _value(text, key)


def _value(text: str, key: str) -> str:
    try:
        known = json.loads(text)
    except ValueError:
        known = None  # not JSON; the error would hold the text
    if not isinstance(known, dict) or key not in known:
        raise LookupError(f"it is no JSON object with the key {key!r}")
    return str(known[key])
