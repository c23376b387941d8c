"""The progress of a run on a terminal: a line a stage, with a spinner while it runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from framework.pipeline import StageReport


@contextmanager
def progress(*, enabled: bool) -> Iterator[Callable[[StageReport], None]]:
    """Give a function that shows each stage report as it comes; where there is no terminal it shows nothing."""
    if not enabled:
        yield lambda report: None
        return
    columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), TimeElapsedColumn())
    tasks: dict[tuple[str, str], TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as display:

        def observe(report: StageReport) -> None:
            key = (report.kind, report.name)
            line = f"{report.kind:<9} {report.name}" + (f"  {rows(report)}" if rows(report) else "")
            if key not in tasks:
                tasks[key] = display.add_task(line, total=1)
            ended = report.outcome != "running"
            shown = line if report.outcome in ("running", "done") else f"{line}  ({report.outcome})"
            display.update(tasks[key], description=shown, completed=1 if ended and report.outcome != "failed" else 0)
            if report.outcome == "failed":
                display.stop_task(tasks[key])

        yield observe


def rows(report: StageReport) -> str:
    """Return what a stage read or wrote, in a few words."""
    counts = report.counts
    if counts is None:
        return report.reads
    changed = {
        "inserted": counts.inserted,
        "updated": counts.updated,
        "deleted": counts.deleted,
        "unchanged": counts.unchanged,
        "superseded by a later row": counts.deduplicated,
    }
    return ", ".join(f"{number:,} {word}" for word, number in changed.items() if number) or "nothing new"
