from pathlib import Path

import pytest

from framework.local_emr.steps import said
from framework.local_emr.steps.said import Applications

FIRST, SECOND, THIRD = (f"application_17000_000{number}" for number in (1, 2, 3))


@pytest.fixture
def logs(tmp_path: Path) -> tuple[Path, Path]:
    made = tmp_path / "stderr", tmp_path / "stdout"
    for each in made:
        each.touch()
    return made


def _say(log: Path, words: str) -> None:
    with log.open("a") as out:
        out.write(words)


def test_applications_are_those_of_whole_lines_and_are_kept(logs: tuple[Path, Path]) -> None:
    found = Applications(logs)
    assert found.now() == ()
    _say(logs[0], f"a\nSubmitted application {FIRST}\nSubmitted application {SECOND[:-2]}")
    assert found.now() == (FIRST,)
    _say(logs[0], f"{SECOND[-2:]}\n")
    _say(logs[1], f"Application report for {THIRD}\nSubmitted application {FIRST}\n")
    assert found.now() == found.now() == (FIRST, SECOND, THIRD)


def test_what_was_read_is_not_read_again(logs: tuple[Path, Path]) -> None:
    found = Applications(logs)
    other = f"Submitted application {FIRST}\n"
    _say(logs[0], "b" * (len(other) - 1) + "\n")
    assert found.now() == ()
    logs[0].write_text(other)
    _say(logs[0], f"Submitted application {SECOND}\n")
    assert found.now() == (SECOND,)


def test_a_line_without_an_end_is_read_block_by_block(logs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(said, "BLOCK", 64)
    found = Applications(logs)
    _say(logs[0], "x" * 200)
    assert found.now() == ()
    assert found._read[logs[0]] == 192
    _say(logs[0], f"\nSubmitted application {FIRST}\n" * 9)
    assert found.now() == (FIRST,)


def test_the_last_words_of_spark_are_no_reason(tmp_path: Path) -> None:
    log = tmp_path / "stderr"
    log.write_text("it broke\n\n26/11/22 07:32:12 INFO SparkContext: Successfully stopped SparkContext\n")
    assert said.failure(log, None).message == "it broke"
    log.write_text("26/11/22 07:32:12 INFO SparkContext: Successfully stopped SparkContext\n")
    assert said.failure(log, None).message is None
