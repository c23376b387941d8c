"""What a source is: something that can be pinned when a batch is planned, and read again from the pin."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from framework.batch import Pin
from framework.tables import Lake, Loaded, RowModel


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source reads with: the lake, where relative files are, the batch's clock, and the loads that are done."""

    lake: Lake
    landing: str
    started_at: datetime
    loaded: Mapping[str, Loaded] = field(default_factory=dict)


class Source(Protocol):
    """A place that rows come from. A frozen value; nothing is looked at before `pin`."""

    @property
    def model(self) -> type[RowModel] | None:
        """The row model of what is read, None where it is not declared."""

    @property
    def keeps_malformed(self) -> bool:
        """Whether what is read has the column `_malformed`: the text of a record that is not of its row model."""

    def schema(self, reading: Reading) -> StructType | None:
        """Return the columns that `read` gives, without reading data; None where only reading would tell."""

    def pin(self, reading: Reading) -> Pin:
        """Find out what there is to read now. Raises a DataRefusedError where it cannot be read."""

    def read(self, reading: Reading, pin: Pin) -> DataFrame:
        """Read exactly what was pinned."""
