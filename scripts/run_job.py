"""The entrypoint for spark-submit and for an EMR step: `run_job.py JOB [--env ENV] [job parameters]`."""

import sys

from framework.cli import main
from framework.emr.steps.arguments import unpack

if __name__ == "__main__":
    main(["run", *unpack(sys.argv[1:])])
