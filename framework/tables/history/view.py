"""A view of what a table believes now, in SQL that other engines read too."""

from collections.abc import Sequence

from framework.tables.history.ask import Periods
from framework.tables.history.times import FOREVER

# Every open end is later, in any zone that an engine may take this in, and no other time is.
LATE = f"TIMESTAMP '{FOREVER.year}-01-01 00:00:00'"


# By engine, the sign around a name.
QUOTES = {"athena": '"', "duckdb": '"', "spark": "`", "trino": '"'}


def current_view(of: Periods, columns: Sequence[str], engine: str) -> str:
    """Return the statement that makes the view `<table>_now`: the periods that are believed now, without system time.

    silver.planes                       silver.planes_now
    tail  valid   system                tail  valid
    N1    [1, ∞)  [10:00, 11:00)        N1    [1, 3)
    N1    [1, 3)  [11:00, ∞)
    """
    quote, (start, end) = QUOTES[engine], of.valid
    shown = [name for name in columns if name not in (of.system or ())]
    listed = ",\n    ".join(f"{quote}{name}{quote}" for name in shown)
    believed = f"{quote}{of.system[1]}{quote} > {LATE}\n  AND " if of.system else ""
    return (
        f"CREATE OR REPLACE VIEW {of.table}_now AS\nSELECT\n    {listed}\nFROM {of.table}\n"
        f"WHERE {believed}{quote}{start}{quote} < {quote}{end}{quote}"
    )
