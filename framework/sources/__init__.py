"""Sources: what a batch reads. Each is pinned when the batch is planned and read from the pin."""

from framework.sources.files import files
from framework.sources.jdbc import jdbc
from framework.sources.source import Reading, Source
from framework.sources.table import table, written

__all__ = ["Reading", "Source", "files", "jdbc", "table", "written"]
