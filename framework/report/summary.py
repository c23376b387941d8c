"""What a run read and wrote, as a table."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from framework.pipeline import Job, RunReport, StageReport


def summary(job: Job, report: RunReport, lake: str) -> None:
    """Print a row for each source that was read and each load, then where the tables are."""
    console = Console(highlight=False)
    batch = report.plan.position.batch
    resumed = ", taken up where it was interrupted" if report.resumed else ""
    table = Table(title=f"{job.name}, batch {batch}{resumed}", title_justify="left")
    for heading in ("stage", "read", "inserted", "updated", "deleted", "unchanged", "version", "seconds", "note"):
        right = heading not in ("stage", "read", "note")
        table.add_column(heading, justify="right" if right else "left", no_wrap=right, overflow="fold")
    for stage in report.stages:
        if stage.kind != "transform" and stage.outcome != "not needed":
            table.add_row(*_cells(stage))
    console.print(table)
    for note in report.notes:
        console.print(f"[yellow]note[/yellow]  {escape(note)}")
    console.print(f"{job.name} finished in {report.seconds:.1f} s; its tables are in {escape(lake)}")


def _cells(stage: StageReport) -> list[str]:
    name = f"{'→ ' if stage.kind == 'load' else ''}{stage.name}"
    note = stage.note or ("" if stage.outcome == "done" else stage.outcome)
    version = "" if stage.version is None else str(stage.version)
    counts = stage.counts
    if counts is None:
        return [name, stage.reads, "", "", "", "", version, f"{stage.seconds:.1f}", note]
    if counts.deduplicated:
        note = ", ".join(filter(None, [note, f"{counts.deduplicated:,} older or equal rows of a key left out"]))
    numbers = [f"{n:,}" if n else "" for n in (counts.inserted, counts.updated, counts.deleted, counts.unchanged)]
    return [name, f"{counts.read:,} rows", *numbers, version, f"{stage.seconds:.1f}", note]
