"""Releases of Amazon EMR: what a cluster of each brings along, and until when it is supported.

The facts are in `release_table`, with where they come from; None is what the release pages do not say.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from framework.emr.releases import table as release_table
from framework.errors import UnknownReleaseError
from framework.lanes import numbers

JARS = "/usr/share/aws/delta/lib"


@dataclass(frozen=True, slots=True)
class Release:
    """One release: versions as EMR gives them (`4.2.0-amzn-0`).

    `supported_until` is the last day of standard support, `extended_until` that of the support which AWS gives on
    request to those who migrate, `end_of_life` the day from which AWS may take the release away. `default_python` is
    PySpark's, where nothing chooses another. An application in a version that is not known is there with None.
    """

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
    extended_until: date | None = None

    @property
    def delta_jars(self) -> tuple[str, ...]:
        """Return where the nodes keep Delta's jars."""
        first = "delta-core.jar" if self.line == "emr-6" else "delta-spark.jar"
        return (f"{JARS}/{first}", f"{JARS}/delta-storage.jar")

    @property
    def line(self) -> str:
        """Return the major release that it belongs to, such as `emr-7` or `emr-spark-8`."""
        return self.label.split(".")[0]


def release(label: str) -> Release:
    """Return a release by its label. Raises UnknownReleaseError."""
    if label not in RELEASES:
        raise UnknownReleaseError(label, list(RELEASES))
    return RELEASES[label]


def _releases() -> Iterator[Release]:
    for line, histories in release_table.APPLICATIONS.items():
        rows = [row.split() for row in release_table.RELEASES.splitlines() if row.startswith(f"{line}.")]
        columns = zip(*map(_versions, histories.values()), strict=True)
        for row, versions in zip(rows, columns, strict=True):
            yield _release(row, {name: v for name, v in zip(histories, versions, strict=True) if v != "-"})


def _release(row: Sequence[str], others: Mapping[str, str]) -> Release:
    label, released, supported, extended, end_of_life, spark, delta, pythons, connector, *lts = row
    applications = {name: None if v == "?" else v for name, v in {**others, "Spark": spark, "Delta": delta}.items()}
    on_amazon_linux_2 = label.startswith("emr-6.")
    return Release(
        label=label,
        spark=spark,
        delta=delta,
        hadoop=applications.get("Hadoop"),
        pythons=tuple(sorted(pythons.split(","), key=numbers)),
        default_python=pythons.split(",")[0],
        java=8 if on_amazon_linux_2 else 17,
        glibc=(2, 26) if on_amazon_linux_2 else (2, 34),
        s3_connector="S3A" if connector == "S3A" else "EMRFS",
        released=_day(released),
        supported_until=_day(supported),
        end_of_life=_day(end_of_life),
        applications=dict(sorted(applications.items())),
        is_lts=lts == ["LTS"],
        extended_until=_day(extended),
    )


def _versions(history: str) -> Iterator[str]:
    """Write a history out: `2-amzn-1..0 1*2` is 2-amzn-1, 2-amzn-0, 1 and 1."""
    for part in history.split():
        version, _, times = part.partition("*")
        first, counts_down, last = version.partition("..")
        if counts_down:
            stem, _, highest = first.rpartition("-")
            yield from (f"{stem}-{number}" for number in range(int(highest), int(last) - 1, -1))
        else:
            yield from [version] * int(times or 1)


def _day(text: str) -> date | None:
    return None if text == "-" else date.fromisoformat(text)


# Newest first.
RELEASES: Mapping[str, Release] = {found.label: found for found in _releases()}
