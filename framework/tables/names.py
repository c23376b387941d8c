"""What declarations are given: names, pairs of names, and choices."""

from collections.abc import Sequence

from framework.errors import DeclarationError, alternatives


def several(names: str | Sequence[str]) -> tuple[str, ...]:
    """Return names as a tuple; a single one may stand for itself."""
    return (names,) if isinstance(names, str) else tuple(names)


def pair(subject: str, argument: str, names: Sequence[str]) -> tuple[str, str]:
    """Return the two columns of a period. Raises DeclarationError where they are not two."""
    if isinstance(names, str) or len(names) != 2:
        raise DeclarationError(subject, f"{argument} is {names!r}. Name the column where it begins and the one it ends")
    return names[0], names[1]


def one_of(subject: str, argument: str, value: str, choices: Sequence[str]) -> None:
    """Raise DeclarationError where a value is not one of the choices."""
    if value not in choices:
        raise DeclarationError(subject, f"{argument} is {value!r}. {alternatives(str(value), choices)}")
