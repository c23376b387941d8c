"""A bitemporal table of planes, as several suites use it."""

from datetime import date, datetime

from framework.tables import RowModel, Table


class Plane(RowModel):
    """What a plane is, and when that was believed."""

    tail: str
    seats: int | None
    valid_from: date
    valid_to: date
    system_from: datetime
    system_to: datetime


PLANES = Table("silver.planes", Plane, keys="tail")
# For a table that other hands than ours have made: what tells that it is one of beliefs.
KEPT = "'lakegate.valid' = 'valid_from,valid_to', 'lakegate.system' = 'system_from,system_to'"
