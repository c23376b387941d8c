"""A version of a table, as it is typed: its number, or a time."""

from typing import TYPE_CHECKING

from framework.cli.options import moment

if TYPE_CHECKING:
    from framework.tables import Lake


def version_of(lake: "Lake", name: str, typed: str) -> int:
    """Return the version that was typed, or that was the newest at the time that was typed.

    Raises TableNotFoundError or UnknownSnapshotError.
    """
    from framework.tables import Table, read
    from framework.tables.read import version_at

    if not typed.isdecimal():
        return version_at(lake, Table(name), moment(typed))
    read(lake, Table(name), version=int(typed))
    return int(typed)
