"""The entrypoint for spark-submit and for an EMR step: `run_job.py JOB [--env ENV] [job parameters]`."""

import sys

from framework.cli import main

if __name__ == "__main__":
    main(["run", *sys.argv[1:]])
