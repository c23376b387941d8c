"""What is printed of a request: no secret that is known here, and no number of an account."""

from typing import TYPE_CHECKING, Any

import typer

from framework.sensitive import MASK

if TYPE_CHECKING:
    from framework.config import Settings

MASKED_ACCOUNT = "ACCOUNT"  # no shell takes it for anything else, and AWS for no account
SAID = f"{MASKED_ACCOUNT} stands for the number of the account."


def masked(value: Any, settings: "Settings") -> Any:
    """Return a request, or a part of one, as it may be shown: it is still one, and still to be quoted.

    What the program of a step is given stays as it is: twelve digits may be anything there, and a step that has a
    secret is refused when it is made.
    """
    if isinstance(value, dict):
        return {
            masked(name, settings): each if name == "HadoopJarStep" else masked(each, settings)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [masked(each, settings) for each in value]
    return _text(value, settings) if isinstance(value, str) else value


def say_what_is_masked(text: str) -> None:
    """Say on stderr that somebody who pastes a command has to put a number in."""
    if MASKED_ACCOUNT in text:
        typer.echo(SAID, err=True)


def say_commas(steps: list[str]) -> None:
    """Say on stderr of which steps the printed command does not do the same."""
    for step in steps:
        typer.echo(
            f"The command does not do the same: `aws` parts properties at commas, and step {step!r} has one in a "
            "property, or `=` in the name of one.",
            err=True,
        )


def _text(text: str, settings: "Settings") -> str:
    from framework.aws import without_accounts
    from framework.emr.steps.step import SHORTEST_SECRET

    for value in settings.secrets.values():
        if len(known := value.get_secret_value()) >= SHORTEST_SECRET:
            text = text.replace(known, MASK)
    return without_accounts(text, MASKED_ACCOUNT)
