import shutil
import sys
import zipfile
from pathlib import Path

from tests.command import ROOT, fresh, wheels


def test_wheels_that_yarn_has_unpacked_bring_the_jobs_and_their_settings(tmp_path: Path) -> None:
    # As a container of YARN has them; framework/emr/spark.py gives the names.
    container = tmp_path / "container"
    for number, wheel in enumerate(wheels(tmp_path / "repository"), start=1):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(container / f"wheel{number}")
    shutil.copy(ROOT / "scripts" / "run_job.py", container)
    refused = ("run_job.py", "flights", "--env=prod", "--set=log.level=loud")  # before Spark would start
    said = fresh(container, sys.executable, *refused, PYTHONPATH="wheel1:wheel2")
    assert said.code == 2
    for found in ("wheel1/framework/conf/base.toml", "wheel2/jobs/conf/base.toml", "wheel2/jobs/conf/prod.toml"):
        assert str(container / found) in said.err
