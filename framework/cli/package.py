"""`lakegate package`: what a job needs on a cluster, built into dist/."""

import time
from collections.abc import Sequence
from pathlib import Path

from framework.cli import project

DIST = Path("dist")


def package(env: str, overrides: Sequence[str], release: str | None, arch: str | None) -> None:
    """Build the bundle and print its files."""
    from rich.console import Console
    from rich.table import Table

    from framework.config import load
    from framework.emr.bundle.build import build
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
