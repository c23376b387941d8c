"""Pipeline: stages make a job, a job is checked and run."""

from framework.batch import Interval, Run
from framework.pipeline.check import Checked, check
from framework.pipeline.job import Job
from framework.pipeline.run import RunReport, StageReport, run
from framework.pipeline.stage import Stage, compose, extract, load, transform

__all__ = [
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
    "run",
    "transform",
]
