"""The planes' registry as a table that remembers: what a plane is when, and when that was believed."""

from datetime import date, datetime
from typing import Literal

from pydantic import Field
from pyspark.sql import functions as F

from framework.pipeline import Job, extract, load
from framework.sources import files
from framework.tables import Frame, RowModel, Table, bitemporal
from jobs.flights import Plane

# The registry is of the end of the year whose flights it describes, before all that corrects it.
REGISTRY_OF = "2013-12-31T00:00:00Z"
# A plane whose year nobody knows is known from the first flights on.
FIRST_FLIGHTS = date(2013, 1, 1)
FACTS = ("type", "manufacturer", "model", "engines", "seats", "speed", "engine")


class Correction(RowModel):
    """A line of a file of corrections: what somebody told of a plane later."""

    told_at: datetime = Field(description="UTC")
    tailnum: str
    does: Literal["put", "update", "delete"]
    valid_from: date
    valid_to: date | None = Field(description="the first day on which it no longer holds; NULL is for ever")
    sets: str | None = Field(description="the columns that an update sets, with blanks between; NULL is all")
    type: str | None
    manufacturer: str | None
    model: str | None
    engines: int | None
    seats: int | None
    speed: int | None
    engine: str | None


class Described(RowModel):
    """What is known of a plane."""

    tailnum: str
    type: str | None
    manufacturer: str | None
    model: str | None
    engines: int | None
    seats: int | None
    speed: int | None = Field(description="cruising speed, miles per hour")
    engine: str | None


class Told(Described):
    """What is told of a plane in a period, by the registry or by a correction of it."""

    valid_from: date
    valid_to: date | None
    does: str
    sets: list[str] | None
    told_at: datetime


class PlaneInTime(Described):
    """What a plane is in a period, and the period in which that was believed; both are half-open."""

    valid_from: date
    valid_to: date
    system_from: datetime
    system_to: datetime


PLANES_HISTORY = Table("silver.planes_history", PlaneInTime, keys="tailnum")


def told(registry: Frame[Plane], corrections: Frame[Correction]) -> Frame[Told]:
    """Say in one form what the registry and the corrections tell; the table puts it together.

    A registered plane is one from the beginning of its year on:

        table   registry              table after
                N10156  2004  55      N10156  55  [2004-01-01, ∞)

    An update sets the columns that it names, in its period, and nothing where there is no plane:

        table                         corrections                                 table after
        N10156  55  [2004-01-01, ∞)   update  seats=50  [2013-06-01, ∞)           N10156  55  [2004-01-01, 2013-06-01)
                                                                                  N10156  50  [2013-06-01, ∞)

    A delete leaves a gap, or ends a plane that is no more:

        table                         corrections                                 table after
        N14228  149  [1999-01-01, ∞)  delete  [2012-11-01, 2013-02-01)            N14228  149  [1999-01-01, 2012-11-01)
                                                                                  N14228  149  [2013-02-01, ∞)

    A put holds whatever was there before, so also where no plane was:

        table                         corrections                                 table after
        (no N999ZZ)                   put  219  [2013-12-24, ∞)                   N999ZZ  219  [2013-12-24, ∞)

    Of what is told of one time the last told counts, in whatever order it comes:

        table                         corrections                                 table after
        N10156  55  [2004-01-01, ∞)   22 Jan  update  seats=52  [2013-06-01, ∞)   N10156  55  [2004-01-01, 2013-06-01)
                                      10 Jan  update  seats=50  [2013-06-01, ∞)   N10156  52  [2013-06-01, ∞)

    Each run tells everything again: the table writes only what it does not believe yet, and keeps what it believed
    before.
    """
    made = F.make_date("year", F.lit(1), F.lit(1))
    registered = registry.select(
        "tailnum",
        *FACTS,
        F.coalesce(made, F.lit(FIRST_FLIGHTS)).alias("valid_from"),
        F.lit(None).cast("date").alias("valid_to"),
        F.lit("put").alias("does"),
        F.lit(None).cast("array<string>").alias("sets"),
        F.lit(REGISTRY_OF).cast("timestamp").alias("told_at"),
    )
    corrected = corrections.withColumn("sets", F.split("sets", " "))
    return Told.frame(registered.unionByName(corrected, allowMissingColumns=True))


raw = extract(
    registry=files("planes.csv", Plane, format="csv", nullValue="NA"),
    corrections=files("planes_corrections", Correction, format="csv", nullValue="NA"),
)

job = Job(
    "planes_history",
    stages=[
        raw,
        told,
        load(
            told,
            into=PLANES_HISTORY,
            write=bitemporal(
                valid=("valid_from", "valid_to"), operation="does", sets="sets", sequence_by="told_at", coalesce=True
            ),
        ),
    ],
)
