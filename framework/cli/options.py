"""Options that several verbs take, and the question that several ask."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from framework.errors import UnansweredError

Environment = Annotated[
    str, typer.Option("--env", envvar="LAKEGATE_ENV", help="which conf/<env>.toml", metavar="ENV", show_default=True)
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="override a setting, such as lake.root=/tmp/lake")
]


def moment(text: str) -> datetime:
    """Return the time that was typed; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        at.astimezone(UTC)
    except (ValueError, OverflowError):  # it is before the first year of UTC, or after the last
        raise typer.BadParameter(f"{text!r} is no time: use YYYY-MM-DD or YYYY-MM-DDTHH:MM") from None
    return at


def confirm(question: str, *, yes: bool = False, dry_run: bool = False) -> None:
    """Ask, unless it was answered before, and end the command where the answer is no, or nothing is to be changed.

    Raises UnansweredError where nobody can answer.
    """
    if dry_run:
        typer.echo("Nothing was changed (--dry-run).")
        raise typer.Exit
    if yes:
        return
    try:
        typer.confirm(question, abort=True)
    except typer.Abort as refused:
        if isinstance(refused.__context__, EOFError):
            raise UnansweredError(question) from None
        raise
