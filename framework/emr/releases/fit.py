"""Fit: whether a job and its settings run on a release, and how long AWS supports that release."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Literal

from framework.emr.releases.delta_features import TableNeeds, missing
from framework.emr.releases.release import RELEASES, Release
from framework.errors import ReleaseMismatchError, alternatives
from framework.lanes import LANES, lane_of, numbers

OLDEST_PYTHON = (3, 11)
NOTICE = timedelta(days=90)

Support = Literal["supported", "ends soon", "ended", "end of life", "unknown"]


def require_fit(
    release: Release, *, python: str, applications: Iterable[str] = (), tables: Mapping[str, TableNeeds] | None = None
) -> None:
    """Raise ReleaseMismatchError with each reason why a job cannot run on a release, and the newest ones where it can.

    `python` is that of driver and executors, `applications` are those that the cluster is to have, and `tables` says
    by name what the job's tables ask of Delta.
    """
    wanted, declared = tuple(applications), tables or {}
    if reasons := list(mismatches(release, python=python, applications=wanted, tables=declared)):
        fitting: dict[str, str] = {}
        for other in RELEASES.values():
            if not any(mismatches(other, python=python, applications=wanted, tables=declared)):
                fitting.setdefault(other.line, other.label)
        raise ReleaseMismatchError(release.label, reasons, list(fitting.values()))


def mismatches(
    release: Release, *, python: str, applications: Iterable[str] = (), tables: Mapping[str, TableNeeds] | None = None
) -> Iterator[str]:
    """Give each reason why a job cannot run on a release, as a sentence; see `require_fit`."""
    yield from _python(release, python)
    if lane_of(release.spark, release.delta) is None:
        lanes = " or ".join(map(str, LANES))
        yield f"It has Spark {release.spark} with Delta {release.delta}, and Lakegate runs on {lanes}."
    there = {name.lower() for name in release.applications}
    for application in applications:
        if application.lower() not in there:
            yield f"It has no {application}. {alternatives(application, release.applications)}"
    for table, needs in (tables or {}).items():
        for what, first in missing(needs, release.delta):
            yield f"Table {table} asks for {what}, which Delta has since {first}, and it has Delta {release.delta}."


def support(release: Release, today: date) -> Support:
    """Return how far a release is in its life; extended support, which has to be asked for, does not count."""
    if release.supported_until is None:
        return "unknown"
    if today <= release.supported_until:
        return "ends soon" if release.supported_until - today <= NOTICE else "supported"
    if release.end_of_life and today >= release.end_of_life:
        return "end of life"
    return "ended"


def warnings(release: Release, today: date) -> list[str]:
    """Return what is to be said of a release's support: nothing while it lasts for more than 90 days."""
    state, until = support(release, today), release.supported_until
    if until is None or state == "supported":
        return []
    if state == "ends soon":
        left = (until - today).days
        when = {0: "today", 1: "tomorrow"}.get(left, f"in {left} days")
        said = f"AWS supports {release.label} until {until}: support ends {when}."
    elif state == "end of life":
        said = (
            f"{release.label} is at its end of life since {release.end_of_life}: AWS may take it away at any time. "
            f"Its support ended with {until}."
        )
    else:
        said = f"Support of {release.label} ended with {until}: AWS mends nothing in it and answers no case."
        if release.extended_until and today <= release.extended_until:
            said += f" Who has asked AWS for extended support has it until {release.extended_until}."
    later = _later(release.line, until)
    return [f"{said} Move to {later.label}." if later else said]


def _python(release: Release, wanted: str) -> Iterator[str]:
    has = " and ".join(release.pythons)
    oldest = ".".join(map(str, OLDEST_PYTHON))
    if all(numbers(python) < OLDEST_PYTHON for python in release.pythons):
        yield f"It has Python {has}, and Lakegate needs {oldest} or later: no Lakegate job runs on it."
    elif numbers(wanted) < OLDEST_PYTHON:
        yield f"Lakegate needs Python {oldest} or later, and [emr] python is {wanted}."
    elif wanted not in release.pythons:
        yield f"It has Python {has}, and [emr] python is {wanted}."


def _later(line: str, until: date) -> Release | None:
    """Return the newest release of a line, or else of the nearest later one, that is supported after a day."""
    newest: dict[str, Release] = {}
    for other in RELEASES.values():
        newest.setdefault(other.line, other)
        if other.line == line:
            break
    return next((r for r in reversed(newest.values()) if r.supported_until and r.supported_until > until), None)
