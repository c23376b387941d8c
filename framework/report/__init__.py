"""Reports: a job and a run, drawn for people."""

from framework.report.describe import describe
from framework.report.progress import progress
from framework.report.summary import summary
from framework.report.svg import draw

__all__ = ["describe", "draw", "progress", "summary"]
