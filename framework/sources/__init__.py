"""Sources: what a batch reads. Each is pinned when the batch is planned and read from the pin."""

from framework.sources.as_of import as_of
from framework.sources.changes import changes
from framework.sources.debezium import debezium
from framework.sources.files import files
from framework.sources.incremental import incremental
from framework.sources.jdbc import jdbc
from framework.sources.source import IncrementalSource, Reading, Source
from framework.sources.table import table, written

__all__ = [
    "IncrementalSource",
    "Reading",
    "Source",
    "as_of",
    "changes",
    "debezium",
    "files",
    "incremental",
    "jdbc",
    "table",
    "written",
]
