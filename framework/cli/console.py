"""How wide what is printed may be, and sizes with their units."""

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table


def wide_enough(table: Table) -> Console:
    """Return a console for a table: a terminal as it is, a file or a pipe as wide as the table has to be."""
    console = Console(highlight=False)
    if not console.is_terminal:
        wanted = Measurement.get(console, console.options.update(max_width=1_000), table)
        console.width = max(console.width, wanted.maximum)
    return console


def sized(size: int) -> str:
    """Return a number of bytes as `3.4 MB`, below one as `12.3 KB`."""
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} KB"
