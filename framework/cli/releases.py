"""`lakegate releases [LABEL]`."""

from datetime import date

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from framework.cli.console import wide_enough
from framework.cli.start import clock
from framework.emr.releases.fit import OLDEST_PYTHON, mismatches, support, warnings
from framework.emr.releases.release import RELEASES, Release, release

PYTHON = ".".join(map(str, OLDEST_PYTHON))
COLOURS = {"supported": "green", "ends soon": "yellow", "ended": "red", "end of life": "red", "unknown": "dim"}


def print_releases(*, all: bool) -> None:
    """Print a line for each release, newest first; those that AWS supports no longer only with `all`."""
    today = clock().date()
    shown = [r for r in RELEASES.values() if all or support(r, today) not in ("ended", "end of life")]
    printed = Table(box=None, pad_edge=False)
    for heading in ("release", "Spark", "Delta", "Python", "S3", "released", "until", "support", "jobs"):
        printed.add_column(heading, no_wrap=True)
    for found in shown:
        printed.add_row(*_cells(found, today))
    console = wide_enough(printed)
    console.print(printed)
    console.print("\njobs: whether Lakegate's jobs run on it. `lakegate releases LABEL` says why not, and all else.")
    if hidden := len(RELEASES) - len(shown):
        console.print(f"AWS supports {hidden} others no longer: --all shows them too.")


def print_release(label: str) -> None:
    """Print all that is known of a release. Raises UnknownReleaseError."""
    found, today = release(label), clock().date()
    console = Console(highlight=False)

    def say(what: str, text: object) -> None:
        console.print(f"  {what:<12} {escape(str('not known' if text is None else text))}", soft_wrap=True)

    console.print(f"[bold]{found.label}[/bold]" + (" (long-term support)" if found.is_lts else ""))
    say("released", found.released)
    say("support", f"until {found.supported_until}, {support(found, today)}")
    if found.extended_until:
        say("", f"until {found.extended_until} for those who have asked AWS for extended support")
    say("end of life", found.end_of_life)
    others = [python for python in found.pythons if python != found.default_python]
    say("Python", ", ".join([f"{found.default_python} (PySpark's default)", *others]))
    say("Java", found.java)
    say("glibc", ".".join(map(str, found.glibc)))
    say("S3", f"{found.s3_connector} reads and writes s3://")
    for number, jar in enumerate(found.delta_jars):
        say("Delta's jars" if number == 0 else "", jar)
    for number, (name, version) in enumerate(found.applications.items()):
        say("applications" if number == 0 else "", f"{name} {version or '(version not known)'}")
    for said in warnings(found, today):
        console.print(f"[yellow]{escape(said)}[/yellow]", soft_wrap=True)
    for reason in mismatches(found, python=PYTHON):
        console.print(f"[red]{escape(reason)}[/red]", soft_wrap=True)


def _cells(found: Release, today: date) -> tuple[str, ...]:
    state = support(found, today)
    return (
        found.label,
        _short(found.spark),
        _short(found.delta),
        " ".join(found.pythons),
        found.s3_connector,
        str(found.released or "-"),
        str(found.supported_until or "-"),
        f"[{COLOURS[state]}]{state}[/]" + (", LTS" if found.is_lts else ""),
        "no" if any(mismatches(found, python=PYTHON)) else "yes",
    )


def _short(version: str) -> str:
    """Leave out what Amazon adds to a version."""
    return version.partition("-")[0]
