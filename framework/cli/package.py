"""`lakegate package`: what a job needs on a cluster, built into dist/."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from framework.cli import project

if TYPE_CHECKING:
    from framework.emr.bundle.manifest import Apart

DIST = Path("dist")
SHOWN = 5


def package(env: str, overrides: Sequence[str], release: str | None, arch: str | None) -> None:
    """Build the bundle and print its files, and on stderr which of the project's are not in it as they are here."""
    from rich.console import Console
    from rich.table import Table

    from framework.config import load
    from framework.emr.bundle.build import build
    from framework.emr.bundle.manifest import read
    from framework.emr.bundle.platform import Platform

    here = project.find()
    here.enter()
    given = {"emr.release": release, "emr.architecture": arch}
    emr = load(env, [*overrides, *(f"{key}={value}" for key, value in given.items() if value)]).emr
    platform = Platform.of(emr.release, emr.architecture, emr.python)
    began = time.monotonic()
    bundle = build(here.root, platform, DIST)
    took = time.monotonic() - began
    table = Table(box=None, pad_edge=False)
    table.add_column("file")
    table.add_column("kB", justify="right")
    table.add_column("sha256")
    for artifact in bundle:
        table.add_row(str(artifact.path), f"{artifact.size / 1000:,.0f}", artifact.sha256[:16])
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    console.print(f"Built for {platform} in {took:.1f} s.")
    _say_apart(read(DIST, emr.release, emr.architecture, emr.python).apart)


def _say_apart(apart: "Mapping[str, Apart]") -> None:
    """Say what the cluster has not as it is here."""
    if not apart:
        return
    what = {"new": "left out", "changed": "another content", "gone": "made by the build"}
    said = [f"{name} ({_from(each) or what[each.how]})" for name, each in apart.items()]
    more = f" and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
    typer.echo(f"Not in the wheel as here: {', '.join(said[:SHOWN])}{more}.", err=True)
    typer.echo(
        "The cluster has what the build packed, by pyproject.toml and .gitignore: a job that needs what is left out "
        "fails there.",
        err=True,
    )


def _from(apart: "Apart") -> str:
    return f"packed from {next(iter(apart.origins))}" if apart.origins else ""
