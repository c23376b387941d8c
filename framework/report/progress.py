"""The progress of a run on a terminal: a line a stage, with a spinner while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from framework.pipeline import StageReport


@dataclass(slots=True)
class Display:
    """The stages of the batch in hand."""

    shown: Progress
    tasks: dict[tuple[str, str], TaskID] = field(default_factory=dict)

    def observe(self, report: StageReport) -> None:
        """Show what became of a stage."""
        if not self.shown.live.is_started:
            self.shown.start()
        key, said = (report.kind, report.name), rows(report)
        line = f"{report.kind:<9} {report.name}" + (f"  {said}" if said else "")
        if key not in self.tasks:
            self.tasks[key] = self.shown.add_task(line, total=1)
        ended = report.outcome not in ("running", "failed")
        self.shown.update(self.tasks[key], description=line, completed=1 if ended else 0)
        if report.outcome == "failed":
            self.shown.stop_task(self.tasks[key])

    def clear(self) -> None:
        """Take away the stages of a batch that is done, before its summary is printed."""
        self.shown.live.transient = True
        self.shown.stop()
        self.shown.live.transient = False
        for task in self.tasks.values():
            self.shown.remove_task(task)
        self.tasks.clear()


@contextmanager
def progress(*, enabled: bool) -> Iterator[Display]:
    """Give what shows each stage report as it comes; where there is no terminal it shows nothing."""
    columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True, quiet=not enabled), disable=not enabled) as shown:
        yield Display(shown)


def rows(report: StageReport) -> str:
    """Return what a stage read or wrote, in a few words, or else its outcome."""
    if report.outcome not in ("running", "done"):
        return report.outcome
    counts = report.counts
    if counts is None:
        return report.reads
    is_history = bool(counts.closed or counts.written)
    changed = {
        "inserted": counts.inserted,
        "applied" if is_history else "updated": counts.updated,
        "deleted": counts.deleted,
        "unchanged": counts.unchanged,
        "superseded by a later row": counts.deduplicated,
        "closed": counts.closed,
        "written": counts.written,
    }
    return ", ".join(f"{number:,} {word}" for word, number in changed.items() if number) or "nothing new"
