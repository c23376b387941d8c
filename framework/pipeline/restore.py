"""Restore: one table goes back to a version, where no bookmark would be left ahead of it.

What jobs have loaded counts as read: with rows of a load gone, their bookmark would pass over them. So a restore undoes
what others did, by hand above all; `lakegate rollback` undoes loads, with the bookmark and all tables of the job.
"""

from framework import fault
from framework.config import Settings
from framework.errors import RestoreRefusedError
from framework.pipeline.guarded import guarded
from framework.process import this_one
from framework.tables import Lake
from framework.tables.commit import alterations_since, commits_since
from framework.tables.layout import SYSTEM
from framework.tables.restore import can_restore, restore, undone_loads


def plan_restore(lake: Lake, table: str, version: int) -> list[str]:
    """Say which commits, and what of the table's columns, a restore would undo.

    Raises RestoreRefusedError with every reason against it.
    """
    newest = int(lake.snapshot(table).version())
    reasons = []
    if version >= newest:
        reasons.append(f"it is at version {newest}: there is nothing to undo")
    if reason := can_restore(lake, table, version):
        reasons.append(reason)
    if loads := undone_loads(lake, table, version):
        jobs = sorted({load.split("/")[0].split("@")[0] for load in loads})
        how = " or ".join(f"`lakegate rollback {job} --to RUN`" for job in jobs) + " moves it too"
        if SYSTEM in lake.properties(table):
            how = "what it believed before is not to be unwritten: tell it the opposite instead"
        reasons.append(f"it would undo {', '.join(loads)}, whose bookmark would stay; {how}")
    if reasons:
        raise RestoreRefusedError(table, version, reasons)
    undone = [commit for commit in commits_since(lake, table, version) if commit.changes_data]
    said = (f"{commit.operation.lower()} (version {commit.version})" for commit in undone)
    return [*said, *alterations_since(lake, table, version)]


def restore_table(lake: Lake, settings: Settings, table: str, version: int) -> int:
    """Restore a table under its lease, and return its new version; the commit notes that it was asked for."""
    with guarded(lake, settings, this_one(lake.spark), table):
        plan_restore(lake, table, version)  # another may have written while the lease was waited for
        fault.point(f"before restore {table}")
        left = restore(lake, table, version, {"restored_to": version})
        fault.point(f"after restore {table}")
    return left
