import json

from framework.emr.logs.cause import Cause, cause_of

PROGRAM = "/mnt/yarn/x/container_1763710000000_0001_01_000001"
SPARK = "/usr/lib/spark/python/lib/pyspark.zip/pyspark"


def found(*lines: str) -> Cause:
    cause = cause_of(lines)
    assert cause is not None
    return cause


def traced(error: str, *frames: str) -> list[str]:
    return ["Traceback (most recent call last):", *(f'  File "{frame}, in f' for frame in frames), error]


def test_of_a_chain_the_first_exception_is_the_cause() -> None:
    chained = "The above exception was the direct cause of the following exception:"
    cause = found(*traced("KeyError: 'carrier'"), "", chained, "", *traced("ValueError: cannot price it"))
    assert cause.said == "KeyError: 'carrier'"
    assert (cause.record.first, cause.record.last) == (1, 7)


def test_of_an_exception_while_another_was_handled_the_last_is_the_cause() -> None:
    handled = "During handling of the above exception, another exception occurred:"
    assert (
        found(*traced("KeyError: 'a'"), "", handled, "", *traced("ValueError: no such a")).said
        == "ValueError: no such a"
    )


def test_the_line_is_the_innermost_of_the_program_s_own() -> None:
    frames = (
        f'{PROGRAM}/program.py", line 3',
        f'{PROGRAM}/jobs/flights.py", line 41',
        f'{SPARK}/sql/column.py", line 9',
    )
    assert found(*traced("TypeError: x", *frames)).at == "jobs/flights.py:41 in f"


def test_frames_of_lakegate_and_of_the_bundle_are_not_the_program_s() -> None:
    theirs = (
        f'{PROGRAM}/lakegate-0.1.0-py3-none-any.whl/framework/cli/run.py", line 1',
        f'{PROGRAM}/deps/pandas/core/frame.py", line 2',
        '/usr/lib64/python3.11/json/__init__.py", line 3',
    )
    assert found(*traced("TypeError: x", *theirs)).at == ""


def test_the_deepest_cause_of_java_is_said_too() -> None:
    cause = found(
        'Exception in thread "main" org.apache.spark.SparkException: no luck',
        "\tat org.apache.spark.X.y(X.scala:1)",
        "Caused by: java.io.IOException: wrong disk",
        "\tat a.b(C.java:1)",
        "Caused by: java.lang.IllegalStateException: wrong sector",
        "\t... 12 more",
    )
    assert cause.said == "java.lang.IllegalStateException: wrong sector"


def test_lakegate_s_event_says_job_and_stage_even_where_the_line_is_long() -> None:
    for padding in (0, 5_000):
        event = {
            "level": "error",
            "event": "stage_failed",
            "job": "flights",
            "stage": "cleaned",
            "error": "x" * padding,
        }
        cause = found(json.dumps(event), *traced("TypeError: x"))
        assert (cause.job, cause.stage) == ("flights", "cleaned")


def test_what_lakegate_says_goes_before_what_a_library_printed() -> None:
    said = ["Error: Stage 'cleaned' of job 'flights' failed at jobs/flights.py:12 in cleaned: TypeError: x"]
    cause = found(*traced("KeyError: 'x'"), *said, "Exception ignored in: x")
    assert cause.said.startswith("Stage 'cleaned' of job 'flights' failed")
    assert (cause.stage, cause.job, cause.at) == ("cleaned", "flights", "jobs/flights.py:12 in cleaned")


def test_of_two_tracebacks_the_later_one_ended_the_program() -> None:
    assert found(*traced("KeyError: 'a'"), *traced("ValueError: b")).said == "ValueError: b"


def test_of_two_known_faults_the_one_that_leads_to_the_other_counts() -> None:
    heap, killed = "java.lang.OutOfMemoryError: Java heap space", "Exit status: 137. Killed by external signal"
    for lines in ((heap, killed), (killed, heap)):
        cause = found(*(f"26/11/21 19:22:10 ERROR X: {line}" for line in lines))
        assert cause.said == heap


def test_where_nothing_went_wrong_there_is_no_cause() -> None:
    lines = [
        "26/11/21 19:22:10 INFO A: fine",
        "printed",
        "26/11/21 19:22:10 WARN B: a deprecated setting",
        '{"a": "Error"}',
    ]
    assert cause_of(lines) is None
