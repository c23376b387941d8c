"""Credentials among what is sent: whoever may list the steps of a cluster reads all of it."""

from collections.abc import Iterable, Mapping

from framework.errors import CredentialRefusedError
from framework.sensitive import has_form, is_named_secret, is_secret, named_values

NAMED = "it has the name of a secret (what is none needs another name)"
FORMED = "it looks like a credential"


def refuse_properties(properties: Mapping[str, object], kind: str, owner: str) -> None:
    """Raise CredentialRefusedError for what is a credential, or holds one: of this kind of value, of this owner."""
    for name, value in properties.items():
        text = str(value)
        if is_named_secret(name, text):
            raise CredentialRefusedError(f"{kind} {name!r} of {owner}", NAMED)
        if has_form(text):
            raise CredentialRefusedError(f"{kind} {name!r} of {owner}", FORMED)


def refuse_arguments(arguments: Iterable[str], owner: str) -> None:
    """Raise CredentialRefusedError for arguments that are credentials, or hold one."""
    given = list(arguments)
    for name, value in named_values(given):
        if is_secret(name, value):
            raise CredentialRefusedError(f"Argument {name!r} of {owner}", NAMED)
    refuse_formed(given, owner)


def refuse_formed(arguments: Iterable[str], owner: str) -> None:
    """Raise CredentialRefusedError for what has the form of a credential, also in several arguments together."""
    given = list(arguments)
    if any(has_form(text) for text in (*given, " ".join(given))):
        raise CredentialRefusedError(f"An argument of {owner}", FORMED)
