"""A view of what a table believes now, in SQL that other engines read too."""

from collections.abc import Sequence

from framework.tables.history.ask import Periods
from framework.tables.history.times import FOREVER

# Every open end is later, in any zone that an engine may take this in, and no other time is.
LATE = f"TIMESTAMP '{FOREVER.year}-01-01 00:00:00'"
# By engine, the sign around a name.
QUOTES = {"athena": '"', "duckdb": '"', "spark": "`", "trino": '"'}


def current_view(of: Periods, columns: Sequence[str], engine: str) -> str:
    """Return the statement that makes the view `<table>_believed`: the periods believed now, without system time.

        silver.planes                       silver.planes_believed
        tail  valid   system                tail  valid
        N1    [1, ∞)  [10:00, 11:00)        N1    [1, 3)
        N1    [1, 3)  [11:00, ∞)

    Of a table of versions it is `<table>_versions`, the rows without traces; of one of the latest state `<table>_now`,
    those without a tombstone.
    """

    def name(column: str) -> str:
        return f"{QUOTES[engine]}{column}{QUOTES[engine]}"

    if of.deleted:
        called, kept, conditions = "now", [of.deleted], [f"{name(of.deleted)} IS NULL"]
    else:
        called, kept, conditions = "versions", list[str](), [f"{name(of.valid[0])} < {name(of.valid[1])}"]
        if of.system_time:
            called, kept = "believed", [*of.system_time]
            conditions.append(f"{name(of.system[1])} > {LATE}")
    shown = ",\n    ".join(name(column) for column in columns if column not in kept)
    where = "\n  AND ".join(conditions)
    return f"CREATE OR REPLACE VIEW {of.table}_{called} AS\nSELECT\n    {shown}\nFROM {of.table}\nWHERE {where}"
