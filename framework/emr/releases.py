"""Releases of Amazon EMR: what a cluster of each brings along, and until when it is supported.

Versions and dates are those of the release pages of the Amazon EMR Release Guide; None is what these do not say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from framework.errors import UnknownReleaseError

JARS = "/usr/share/aws/delta/lib"


@dataclass(frozen=True, slots=True)
class Release:
    """One release: versions as EMR gives them (`4.2.0-amzn-0`), and days, the last ones included."""

    label: str
    spark: str
    delta: str
    hadoop: str | None
    pythons: tuple[str, ...]
    default_python: str
    java: int
    glibc: tuple[int, int]
    s3_connector: Literal["S3A", "EMRFS"]
    released: date | None
    supported_until: date | None
    end_of_life: date | None
    applications: Mapping[str, str | None] = field(default_factory=dict)
    is_lts: bool = False

    @property
    def delta_jars(self) -> tuple[str, ...]:
        """Return where the nodes keep Delta's jars."""
        first = "delta-core.jar" if self.label.startswith("emr-6.") else "delta-spark.jar"
        return (f"{JARS}/{first}", f"{JARS}/delta-storage.jar")


RELEASES: Mapping[str, Release] = {
    found.label: found
    for found in (
        Release(
            label="emr-spark-8.2.0",
            spark="4.1.3-amzn-0",
            delta="4.2.0-amzn-0",
            hadoop=None,
            pythons=("3.11", "3.13"),
            default_python="3.11",
            java=17,
            glibc=(2, 34),
            s3_connector="S3A",
            released=date(2026, 11, 18),
            supported_until=date(2029, 11, 17),
            end_of_life=None,
            applications={"Spark": "4.1.3-amzn-0", "Delta": "4.2.0-amzn-0"},
            is_lts=True,
        ),
        Release(
            label="emr-7.14.0",
            spark="3.5.6-amzn-2",
            delta="3.3.2-amzn-3",
            hadoop="3.4.2-amzn-2",
            pythons=("3.9", "3.11"),
            default_python="3.9",
            java=17,
            glibc=(2, 34),
            s3_connector="S3A",
            released=date(2026, 9, 8),
            supported_until=date(2028, 9, 8),
            end_of_life=date(2029, 9, 8),
            applications={"Spark": "3.5.6-amzn-2", "Hadoop": "3.4.2-amzn-2", "Delta": "3.3.2-amzn-3"},
        ),
    )
}


def release(label: str) -> Release:
    """Return a release by its label. Raises UnknownReleaseError."""
    if label not in RELEASES:
        raise UnknownReleaseError(label, list(RELEASES))
    return RELEASES[label]
