"""Tables: declared once as a row model and a Table, written by one commit a load, read now or as of any version."""

from framework.tables.commit import Counts, Loaded
from framework.tables.history.ask import as_of, belief_changes, history_of, sequenced_join
from framework.tables.history.bitemporal import bitemporal
from framework.tables.history.feed import apply_changes
from framework.tables.history.scd2 import scd2
from framework.tables.lake import Lake
from framework.tables.load import load
from framework.tables.merge import sync, upsert
from framework.tables.model import Frame, RowModel, generated
from framework.tables.read import read
from framework.tables.table import Table
from framework.tables.write import Write, append, overwrite, replace

__all__ = [
    "Counts",
    "Frame",
    "Lake",
    "Loaded",
    "RowModel",
    "Table",
    "Write",
    "append",
    "apply_changes",
    "as_of",
    "belief_changes",
    "bitemporal",
    "generated",
    "history_of",
    "load",
    "overwrite",
    "read",
    "replace",
    "scd2",
    "sequenced_join",
    "sync",
    "upsert",
]
