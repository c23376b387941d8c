import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from framework.cli import releases
from framework.emr.releases.release import RELEASES, release
from tests.command import Said, fresh, lakegate


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "clock", lambda: datetime(2026, 11, 21, 23, 59, tzinfo=UTC))


def rows(said: Said) -> dict[str, list[str]]:
    """The cells of each line that begins with a label."""
    assert (said.code, said.err) == (0, "")
    lines = [re.split(r"\s{2,}", line.strip()) for line in said.out.splitlines() if line.startswith("emr-")]
    return {cells[0]: cells[1:] for cells in lines}


def test_those_that_are_supported_are_listed_newest_first(tmp_path: Path) -> None:
    said = lakegate(tmp_path, "releases", COLUMNS="100")
    listed = rows(said)
    assert list(listed) == list(RELEASES)[:13]
    versions, days = ["4.1.3", "4.2.0", "3.11 3.13", "S3A"], ["2026-11-18", "2029-11-17"]
    assert listed["emr-spark-8.2.0"] == [*versions, *days, "supported, LTS", "yes"]
    assert listed["emr-7.9.0"][3] == "EMRFS"
    assert listed["emr-spark-8.0.0"][-2:] == ["supported", "no"]
    assert listed["emr-7.5.0"][-3:] == ["2026-11-21", "ends soon", "no"]
    assert "AWS supports 15 others no longer: --all shows them too." in said.out


def test_all_are_listed_with_all(tmp_path: Path) -> None:
    said = lakegate(tmp_path, "releases", "--all", COLUMNS="100")
    assert list(rows(said)) == list(RELEASES)
    assert rows(said)["emr-6.9.1"][4:] == ["-", "2026-08-31", "ended", "no"]
    assert "no longer" not in said.out


def test_those_at_their_end_of_life_are_as_little_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "clock", lambda: datetime(2029, 9, 8, tzinfo=UTC))
    assert list(rows(lakegate(tmp_path, "releases"))) == ["emr-spark-8.2.0"]
    assert rows(lakegate(tmp_path, "releases", "--all"))["emr-7.14.0"][-2:] == ["end of life", "yes"]


def test_the_table_is_whole_in_a_pipe_of_any_width(tmp_path: Path) -> None:
    assert rows(lakegate(tmp_path, "releases", COLUMNS="60")) == rows(lakegate(tmp_path, "releases", COLUMNS="100"))


def test_the_table_is_whole_at_a_hundred_columns(tmp_path: Path) -> None:
    said = lakegate(tmp_path, "releases", "--all", COLUMNS="100")
    assert max(map(len, said.out.splitlines())) <= 100
    assert "…" not in said.out


def test_the_state_is_coloured_on_a_terminal(tmp_path: Path) -> None:
    out = lakegate(tmp_path, "releases", "--all", FORCE_COLOR="1", TERM="xterm-256color").out
    assert "\x1b[32msupported\x1b[0m" in out
    assert "\x1b[33mends soon\x1b[0m" in out
    assert "\x1b[31mended\x1b[0m" in out


def test_one_is_shown_in_full(tmp_path: Path) -> None:
    said = lakegate(tmp_path, "releases", "emr-spark-8.2.0")
    assert (said.code, said.err) == (0, "")
    assert said.out == (
        "emr-spark-8.2.0 (long-term support)\n"
        "  released     2026-11-18\n"
        "  support      until 2029-11-17, supported\n"
        "  end of life  not known\n"
        "  Python       3.11 (PySpark's default), 3.13\n"
        "  Java         17\n"
        "  glibc        2.34\n"
        "  S3           S3A reads and writes s3://\n"
        "  Delta's jars /usr/share/aws/delta/lib/delta-spark.jar\n"
        "               /usr/share/aws/delta/lib/delta-storage.jar\n"
        "  applications AmazonCloudWatchAgent (version not known)\n"
        "               Delta 4.2.0-amzn-0\n"
        "               Hudi 1.1.1-amzn-0\n"
        "               Iceberg 1.11.0-amzn-0\n"
        "               JupyterEnterpriseGateway (version not known)\n"
        "               Livy (version not known)\n"
        "               Spark 4.1.3-amzn-0\n"
    )


def test_one_that_is_old_says_why_jobs_do_not_run_there_and_where_to_go(tmp_path: Path) -> None:
    out = lakegate(tmp_path, "releases", "emr-6.15.0").out
    assert "until 2027-06-30 for those who have asked AWS for extended support" in out
    assert "delta-core.jar" in out
    assert all(f" {name} {version}\n" in out for name, version in release("emr-6.15.0").applications.items())
    *_, support, python, lane = out.splitlines()
    assert support.startswith("Support of emr-6.15.0 ended with 2026-08-31")
    assert support.endswith("Move to emr-7.14.0.")
    assert python.endswith("no Lakegate job runs on it.")
    assert lane.startswith("It has Spark 3.4.1-amzn-2 with Delta 2.4.0")


def test_a_label_that_is_none_is_refused(tmp_path: Path) -> None:
    said = lakegate(tmp_path, "releases", "emr-7.14")
    assert said.code == 1
    assert "Did you mean 'emr-7.14.0'?" in said.err


def test_neither_spark_nor_aws_is_imported(tmp_path: Path) -> None:
    looked = "import sys; from framework.cli import main\ntry: main(['releases'])\nfinally: print(sorted(sys.modules))"
    said = fresh(tmp_path, sys.executable, "-c", looked, PYTHONPATH=str(Path(releases.__file__).parents[2]))
    assert "emr-7.14.0" in said.out
    modules = set(re.findall(r"'(\w+)", said.out.splitlines()[-1]))
    assert "framework" in modules
    assert modules & {"pyspark", "delta", "boto3", "botocore"} == set()
