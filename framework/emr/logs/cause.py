"""The cause that a log shows: the deepest exception, the line of the program, Lakegate's stage, and Spark's."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from framework.emr.logs.faults import FAULTS, Fault, recognise
from framework.emr.logs.records import TIMED, Record, troubled

EXCEPTION = re.compile(
    r"(?:[\w.-]+: )*?(?:Caused by: |: )?((?:[A-Za-z_$][\w$]*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Failure)\b.*)"
)
PYTHON_FRAME = re.compile(r'^\s*File "([^"]+)", line (\d+)(?:, in (.+))?')
THEIRS = ("/pyspark/", "/py4j/", "<frozen", "<string>", "/python3.", "site-packages/", ".whl/framework/", "/deps/")
STAGE = re.compile(r"[Ss]tage '([^']+)'(?: of job '([^']+)')?(?: failed)?(?:: | at )?((?:\S+\.py:\d+)(?: in \w+)?)?")
JOB = re.compile(r"[Jj]ob '([^']+)'")
SPARK_JOB = re.compile(r"DAGScheduler: Job (\d+) failed: (.+), took")
SPARK_STAGE = re.compile(r"Task \d+ in stage (\d+)\.\d+ failed \d+ times")
# What a failure leaves behind elsewhere; the cause stands in another record.
CONSEQUENCE = re.compile(
    r"Py4JNetworkError|ConnectionRefusedError|ConnectionResetError|Answer from Java side is empty"
    r"|SparkContext was shut down|stopped SparkContext|User application exited with|finished with failed status"
    r"|SparkUserAppException"
    r"|Uncaught exception in thread|User class threw exception|Error while sending or receiving"
)
LOUD = ("WARN", "ERROR", "FATAL")
ENDED = "waitProcessCompletion ended with"  # a step's controller says at level INFO how the process ended


@dataclass(frozen=True, slots=True)
class Cause:
    """What went wrong, as one record of one log says it."""

    said: str
    record: Record
    deepest: str = ""
    fault: Fault | None = None
    at: str = ""
    stage: str = ""
    job: str = ""
    spark: str = ""
    weight: int = 0

    @property
    def ended_the_program(self) -> bool:
        """Return whether this is what the program itself ended with, and not only what another failure has led to."""
        return self.weight >= 3

    def before(self, other: "Cause") -> bool:
        """Return whether this is the likelier one of two; of two that are alike it is the later one that counts."""
        if self.weight != other.weight:
            return self.weight > other.weight
        return self.weight >= 3 or _place(self) <= _place(other)


def cause_of(lines: Iterable[str]) -> Cause | None:
    """Return the likeliest cause that a log shows, None where it shows none. Reads it once, and keeps little of it."""
    best: Cause | None = None
    failed: dict[str, str] = {}
    found: dict[str, str] = {}
    for record in troubled(_watched(lines, found)):
        if event := _stage_failed(record):
            failed = event
        cause = _cause(record)
        if cause and (best is None or cause.before(best)):
            best = cause
    if best is None:
        return None
    spark = ", ".join(found[each] for each in ("job", "stage") if each in found)
    return replace(
        best,
        spark=best.spark or spark,
        stage=best.stage or failed.get("stage", ""),
        job=best.job or failed.get("job", ""),
    )


def _watched(lines: Iterable[str], found: dict[str, str]) -> Iterable[str]:
    """Pass lines on, and note the job and the stage of Spark that failed last."""
    for line in lines:
        if "failed" in line:
            if job := SPARK_JOB.search(line):
                found["job"] = f"Spark job {job[1]} ({_short(job[2])})"
            elif stage := SPARK_STAGE.search(line):
                found["stage"] = f"Spark stage {stage[1]}"
        yield line


def _cause(record: Record) -> Cause | None:
    begin, text = record.lines[0], record.text
    if begin.startswith('{"'):
        return None
    known = recognise(text)
    fault, proof = known or (None, "")
    if begin.startswith("Error: "):
        return _of_lakegate(record, fault, proof)
    is_traceback = begin.startswith(("Traceback", "Exception in thread "))
    deepest = _deepest(record.lines)
    if is_traceback:
        result = Cause(_short(_clean(proof or deepest or begin)), record, _short(_clean(deepest)), fault, _at(record))
        is_consequence = CONSEQUENCE.search(text) is not None and (fault is None or fault.name == "killed")
        weight = 1 if is_consequence or not deepest else 4
    elif fault and (record.level in LOUD or not record.level or ENDED in begin):
        result, weight = Cause(_short(_clean(proof)), record, _short(_clean(deepest)), fault, _at(record)), 2
    elif deepest and (record.level in ("ERROR", "FATAL") or begin.startswith("FAILED: ") or _is_stack(record)):
        result, weight = Cause(_short(_clean(deepest)), record, at=_at(record)), 0 if CONSEQUENCE.search(text) else 1
    else:
        return None
    spark_stage = SPARK_STAGE.search(text)
    return replace(result, weight=weight, spark=f"Spark stage {spark_stage[1]}" if spark_stage and weight == 4 else "")


def _is_stack(record: Record) -> bool:
    """Return whether it is an exception with its frames, as Java prints it where nobody catches it."""
    return not record.level and len(record.lines) > 1 and record.lines[1].startswith(("\tat ", "    at "))


def _of_lakegate(record: Record, fault: Fault | None, proof: str) -> Cause:
    """Return what the command itself ended with; spark-submit's own errors begin with the same word."""
    text = record.text
    stage, job = STAGE.search(text), JOB.search(text)
    deepest = _deepest(record.lines[1:])
    said = record.lines[0].removeprefix("Error: ")
    if deepest and "Traceback" in text:
        said += f" {_clean(deepest)}"
    elif said.endswith((":", "written.")) and len(record.lines) > 1:
        said += f" {record.lines[1].strip()}"
    at = (stage[3] or "") if stage else ""
    is_consequence = CONSEQUENCE.search(text) is not None and fault is None
    return Cause(
        _short(said),
        record,
        "",
        fault,
        at or _at(record),
        stage[1] if stage else "",
        (stage[2] if stage and stage[2] else "") or (job[1] if job else ""),
        weight=1 if is_consequence else 5,
    )


def _deepest(lines: Iterable[str]) -> str:
    """Return the first exception of all: below the last `Caused by`, in the innermost traceback, and in a chain's."""
    found = ""
    for line in lines:
        if line.startswith("The above exception was the direct cause"):
            break
        if line.startswith(("\tat ", "    at ", "  File ", "    ", "\t")):
            continue
        stripped = TIMED.sub("", line)
        match = EXCEPTION.match(stripped.strip())
        if match and not match[1].startswith(("java.io.EOFException", "org.apache.spark.SparkException: Job aborted.")):
            found = match[1]
    return found


def _at(record: Record) -> str:
    """Return the innermost line of a program's own, not of Spark's or Python's."""
    found = ""
    for line in record.lines:
        frame = PYTHON_FRAME.match(line)
        if frame and not is_theirs(line):
            path = re.sub(r"^.*/(?=jobs/)", "", _short(frame[1]))
            found = f"{path}:{frame[2]}" + (f" in {frame[3]}" if frame[3] and frame[3] != "<module>" else "")
    return found


def is_theirs(line: str) -> bool:
    """Return whether a line is a frame of Java's, of Spark's or of Python's."""
    frame = PYTHON_FRAME.match(line)
    return line.startswith(("\tat ", "    at ", "\t\tat ")) or bool(frame and any(each in frame[1] for each in THEIRS))


def _short(text: str) -> str:
    """Return a text with paths that begin in the folder of the container, or of the step."""
    return re.sub(r"(?:file:)?/[\w./-]*/(?:container_\w+|steps/s-\w+)/", "", text)


def _clean(line: str) -> str:
    """Return a line without its time, its logger and the words of who passed it on."""
    if timed := TIMED.match(line):
        line = re.sub(r"^(?:\[[^]]*\] )?[\w.$]+: (?=\S)", "", line[timed.end() :].strip())
    line = re.sub(r"^(?:# +)?(?:Caused by: |: )?", "", line)
    line = re.sub(r"^.*\(TID \d+\) \([^)]*\): (?=\S)", "", line)  # whose task it was
    return re.sub(r"\bpyspark\.errors\.exceptions\.\w+\.", "", line).strip()


def _place(cause: Cause) -> int:
    return FAULTS.index(cause.fault) if cause.fault else len(FAULTS)


def _stage_failed(record: Record) -> dict[str, str]:
    """Return the event `stage_failed` of Lakegate's log."""
    if '"event": "stage_failed"' not in record.lines[0]:
        return {}
    try:
        event = json.loads(record.lines[0])
    except ValueError:  # cut, because it was too long
        return dict(re.findall(r'"(job|stage)": "([^"]+)"', record.lines[0]))
    return {name: str(event.get(name, "")) for name in ("job", "stage")}
