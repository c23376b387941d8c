"""How long `lakegate submit JOB --dry-run` takes, against importing PySpark alone (target: under 1 s).

    python benchmarks/dry_run.py [TIMES]

A bundle is built first. Then whole processes are timed in turn: the dry run of `flights`, and an interpreter that
imports what a job imports of PySpark. It prints the median of each, and the ratio.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
SETTINGS = ("--set=emr.artifacts=s3://bucket/artifacts", "--set=emr.cluster_id=j-1", "--set=aws.region=eu-west-1")
LAKEGATE = (sys.executable, "-m", "framework")


def seconds(*command: str) -> float:
    began = time.monotonic()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds(*LAKEGATE, "package", "--env", "prod")
    dry, bare = [], []
    for _ in range(times):
        dry.append(seconds(*LAKEGATE, "submit", "flights", "--env", "prod", "--dry-run", *SETTINGS))
        bare.append(seconds(sys.executable, "-c", "import pyspark.sql.functions, pydantic"))
    first, second = statistics.median(dry), statistics.median(bare)
    print(f"dry run {first:.2f} s   PySpark and pydantic {second:.2f} s   ratio {first / second:.2f}")


if __name__ == "__main__":
    main()
