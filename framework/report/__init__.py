"""Reports: a job and a run, drawn for people."""

from framework.report.describe import describe
from framework.report.progress import progress
from framework.report.summary import batch_summary, end_batch, summary
from framework.report.svg import draw

__all__ = ["batch_summary", "describe", "draw", "end_batch", "progress", "summary"]
