"""What a source is: something that can be pinned when a batch is planned, and read again from the pin."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from framework.batch import Pin
from framework.errors import SecretMissingError
from framework.secrets import variable
from framework.tables import Lake, Loaded, RowModel


def _no_secret(name: str) -> str:
    raise SecretMissingError(name, variable(name), ["no place: whoever reads gave none"])


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source reads with: the lake, where relative files are, the batch's clock, loads that are done, secrets."""

    lake: Lake
    landing: str
    started_at: datetime
    loaded: Mapping[str, Loaded] = field(default_factory=dict)
    secret: Callable[[str], str] = _no_secret


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
