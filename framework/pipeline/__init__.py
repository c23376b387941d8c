"""Pipeline: stages make a job, a job is checked, run, backfilled and rolled back."""

from framework.batch import Interval, Run
from framework.pipeline.check import Checked, check
from framework.pipeline.execute import StageReport
from framework.pipeline.job import Job
from framework.pipeline.run import RunReport, run
from framework.pipeline.stage import Stage, compose, extract, load, transform
from framework.pipeline.work import BatchReport
from framework.tables.maintain import maintain

__all__ = [
    "BatchReport",
    "Checked",
    "Interval",
    "Job",
    "Run",
    "RunReport",
    "Stage",
    "StageReport",
    "check",
    "compose",
    "extract",
    "load",
    "maintain",
    "run",
    "transform",
]
