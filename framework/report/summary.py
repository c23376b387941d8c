"""What a run read and wrote, as a table for each batch."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from framework.pipeline import BatchReport, Job, RunReport, StageReport
from framework.report.progress import Display, rows


def batch_summary(job: Job, report: BatchReport) -> None:
    """Print a row for each source that a batch read and each load, then what is to be noted."""
    console = Console(highlight=False)
    resumed = f", taken up where it was interrupted (attempt {report.attempt})" if report.resumed else ""
    table = Table(title=f"{job.name}, batch {report.plan.position}{resumed}", title_justify="left")
    for heading in ("stage", "rows", "version", "seconds"):
        table.add_column(heading, justify="right" if heading in ("version", "seconds") else "left")
    done = [stage for stage in report.stages if stage.outcome != "not needed"]
    for stage in done:
        if stage.kind != "transform":
            table.add_row(*_cells(stage))
    console.print(table)
    for note in (*(f"{stage.name}: {stage.note}" for stage in done if stage.note), *report.notes):
        console.print(f"[yellow]note[/yellow]  {escape(note)}")


def end_batch(display: Display, job: Job, report: BatchReport) -> None:
    """Print what a batch did in the place of its progress."""
    display.clear()
    batch_summary(job, report)


def summary(job: Job, report: RunReport, lake: str) -> None:
    """Print how a run ended, and where its tables are."""
    console = Console(highlight=False)
    for note in report.notes:
        console.print(f"[yellow]note[/yellow]  {escape(note)}")
    if not report.batches:
        console.print(f"{job.name}: nothing new since its last batch", soft_wrap=True)
    console.print(f"{job.name} finished in {report.seconds:.1f} s; its tables are in {escape(lake)}", soft_wrap=True)


def _cells(stage: StageReport) -> tuple[str, str, str, str]:
    name = {"load": f"→ {stage.name}", "maintain": f"maintain {stage.name}"}.get(stage.kind, stage.name)
    return name, rows(stage), "" if stage.version is None else str(stage.version), f"{stage.seconds:.1f}"
