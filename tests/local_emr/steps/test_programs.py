from pathlib import Path

import pytest

from framework.local_emr.steps.programs import tagged
from framework.local_emr.steps.said import failure


def test_an_application_is_tagged_with_its_step() -> None:
    assert tagged(["--deploy-mode", "cluster", "a.py"], "s-1") == [
        *("--conf", "spark.yarn.tags=s-1"),
        *("--deploy-mode", "cluster", "a.py"),
    ]


@pytest.mark.parametrize("given", [["--conf", "spark.yarn.tags=mine"], ["--conf=spark.yarn.tags=mine"]])
def test_the_tags_that_it_has_stay(given: list[str]) -> None:
    assert tagged([*given, "a.py", "spark.yarn.tags=x"], "s-1") == [
        *given[:-1],
        f"{given[-1]},s-1",
        "a.py",
        "spark.yarn.tags=x",
    ]


def test_outside_of_a_step_there_is_no_tag() -> None:
    assert tagged(["a.py"], None) == ["a.py"]


@pytest.mark.parametrize(
    ("log", "message"),
    [
        (
            'a\nException in thread "main" org.apache.spark.SparkException: no\n\tat x.y\nbye\n',
            'Exception in thread "main" org.apache.spark.SparkException: no',
        ),
        ("ValueError: first\nValueError: last\n", "ValueError: last"),
        ("one\nthe last line\n", "the last line"),
        ("", None),
    ],
)
def test_the_reason_is_the_last_error_that_the_log_names(log: str, message: str | None, tmp_path: Path) -> None:
    (tmp_path / "stderr").write_text(log)
    found = failure(tmp_path / "stderr", "s3://b/stderr.gz")
    assert (found.reason, found.message, found.log_file) == ("Unknown Error.", message, "s3://b/stderr.gz")
