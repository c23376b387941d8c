import tracemalloc

from framework.emr.logs.cause import cause_of
from framework.emr.logs.records import HEAD, TAIL, records, troubled

TIMED = "26/11/21 19:22:10"


def cut(*lines: str) -> list[tuple[int, int]]:
    return [(record.first, record.last) for record in records(lines)]


def test_a_line_with_a_time_begins_a_record_and_what_has_none_belongs_to_it() -> None:
    assert cut(f"{TIMED} INFO A: x", "\tat y", "z", f"{TIMED} WARN B: x", "2026-11-21T19:22:31.000Z INFO c") == [
        (1, 3),
        (4, 4),
        (5, 5),
    ]


def test_what_a_program_prints_is_line_for_line_until_a_traceback_begins() -> None:
    assert cut("a", "b", "Traceback (most recent call last):", '  File "x"', "E: y", f"{TIMED} INFO A: x") == [
        (1, 1),
        (2, 2),
        (3, 5),
        (6, 6),
    ]


def test_a_traceback_behind_a_line_of_the_programs_own_log_is_for_itself_unless_that_line_reports_it() -> None:
    traced = ("Traceback (most recent call last):", "ValueError: x")
    assert cut("2026-11-21 19:22:10,100 INFO root: x", *traced) == [(1, 1), (2, 3)]
    assert cut("2026-11-21 19:22:10,100 ERROR root: x", *traced) == [(1, 3)]


def test_tracebacks_of_one_chain_are_one_record_and_others_are_not() -> None:
    begin, chained = (
        "Traceback (most recent call last):",
        "The above exception was the direct cause of the following exception:",
    )
    assert cut(begin, "A: a", "", chained, "", begin, "B: b") == [(1, 7)]
    assert cut(begin, "A: a", begin, "B: b") == [(1, 2), (3, 4)]


def test_a_long_record_keeps_its_ends_and_their_numbers() -> None:
    (record,) = records([f"{TIMED} ERROR A: x", *(f"\tline {number}" for number in range(2, 10_001))])
    assert (record.first, record.last) == (1, 10_000)
    assert len(record.lines) == HEAD + TAIL + 1
    assert record.lines[HEAD] == "... 9,600 lines ..."
    assert record.numbered[HEAD - 1] == (HEAD, f"\tline {HEAD}")
    assert record.numbered[HEAD + 1] == (10_001 - TAIL, f"\tline {10_001 - TAIL}")
    assert record.numbered[-1] == (10_000, "\tline 10000")


def test_only_what_may_be_trouble_is_looked_at() -> None:
    found = troubled([f"{TIMED} INFO A: all fine", f"{TIMED} INFO B: java.lang.RuntimeException", f"{TIMED} WARN C: x"])
    assert [record.first for record in found] == [2, 3]


def test_a_log_of_any_length_needs_little_memory() -> None:
    def log() -> object:
        for number in range(60_000):
            yield f"{TIMED} INFO TaskSetManager: Finished task {number}"
        yield "Traceback (most recent call last):"
        for number in range(60_000):
            yield f'  File "/x/{number}.py", line 1, in f'
        yield "RecursionError: too deep"

    tracemalloc.start()
    try:
        cause = cause_of(log())  # type: ignore[arg-type]
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert cause is not None
    assert (cause.said, cause.record.first, cause.record.last) == ("RecursionError: too deep", 60_001, 120_002)
