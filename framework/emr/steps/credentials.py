"""Credentials among what is sent: whoever may list the steps of a cluster reads all of it."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping

from framework.errors import CredentialRefusedError

# An access key of AWS, or a password inside of an address.
CREDENTIAL = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|://[^/@\s:]+:[^/@\s]+@")
HARMLESS = re.compile(r"arn:.*|true|false|yes|no|on|off|\d{1,3}", re.IGNORECASE)
# Ends of words of a name, so that `primary_key`, `max_tokens` and `tokenizer` are none.
SECRET = re.compile(r"(password|passwd|passphrase|secret|token|credentials?|\bpwd|(access|api|private|secret) ?key)\b")
# What a name ends with that says where a secret is, or how long, and not the secret.
ABOUT = re.compile(
    r" (name|file|path|arn|id|alias|provider|type|column|count|length|limit|ttl|policy|rule|age|expiry)$"
)
# `name=value`, also inside of another's value, and `"name": "value"`.
PAIR = re.compile(r"([A-Za-z][\w.-]*)(?:=|[\"']\s*:\s*)(?=[\"']?([^\s&;,\"']*))")


def refuse_credentials(conf: Mapping[str, object], said: str) -> None:
    """Raise CredentialRefusedError for a property that looks like a credential: whoever may list steps reads them."""
    for key, value in conf.items():
        inside = _pairs(_words(str(value)))
        if CREDENTIAL.search(str(value)) or any(_is_secret(*pair) for pair in ((key, str(value)), *inside)):
            raise CredentialRefusedError(said.format(key), "it looks like a credential")


def refuse_named(pairs: Mapping[str, str], kind: str, owner: str) -> None:
    """Raise CredentialRefusedError for a value whose name is that of a secret: of this kind of value, of this owner."""
    for name, value in pairs.items():
        if _is_secret(name, value):
            raise CredentialRefusedError(f"{kind} {name!r} of {owner}", "it has the name of a secret")


def refuse_in_arguments(arguments: Iterable[str], owner: str) -> None:
    """Do the same for `--name value`, `--name=value`, `name=value` and JSON, also in a command line of its own."""
    given = list(arguments)
    for words in (given, *(_words(each) for each in given if " " in each)):
        for name, value in _pairs(words):
            refuse_named({name: value}, "Argument", owner)


def _pairs(words: list[str]) -> Iterator[tuple[str, str]]:
    for word, following in zip(words, [*words[1:], ""], strict=False):
        yield from PAIR.findall(word.removeprefix("-D"))
        if re.fullmatch(r"--?[A-Za-z][\w.-]*", word) and not following.startswith("-"):
            yield word, following


def _is_secret(name: str, value: str) -> bool:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    words = " ".join(re.split(r"[^A-Za-z0-9]+", spaced)).lower().strip()
    # A variable of a shell or of Hive says where the value is.
    named = bool(SECRET.search(words)) and not ABOUT.search(words) and not value.startswith(("$", "`"))
    return named and bool(value) and not HARMLESS.fullmatch(value)


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quotation that does not end
        return line.split()
