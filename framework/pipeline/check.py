"""Check: compile a whole job on empty frames, reading no data.

Every function is called with frames that have the declared columns and no rows, so Spark resolves each column and type.
Bodies of Python UDFs and of a user's own extracts and loads are not run; `notes` says where.
"""

import os
import sysconfig
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

import py4j
import pyspark
from pyspark.sql import DataFrame

import framework
from framework.batch import Interval, Run
from framework.errors import CheckFailedError, FrameMismatchError, FunctionError, LakegateError
from framework.pipeline.call import call
from framework.pipeline.job import Job
from framework.pipeline.node import Node
from framework.pipeline.pure import no_actions
from framework.sources import Reading
from framework.tables import RowModel
from framework.tables.model import differences, schema
from framework.tables.prepare import ADDED

# Where lines of a traceback are not the user's own: on a cluster Spark's Python is not among the installed packages.
NOT_THE_USERS = tuple(
    folder + os.sep for folder in (*(p.__path__[0] for p in (framework, pyspark, py4j)), sysconfig.get_path("stdlib"))
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake: in which stage, in which line of which function, and what it is."""

    stage: str
    function: str
    file: str
    line: int
    error: Exception

    def __str__(self) -> str:
        """`stage 'cleaned': flights.py:41 in cleaned: …`."""
        where = f"{self.file}:{self.line} in {self.function}: " if self.file else ""
        return f"stage {self.stage!r}: {where}{said(self.error)}"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: faults, which stop a run, and notes on what it could not look into."""

    faults: tuple[Fault, ...]
    notes: tuple[str, ...]

    def require(self, job: Job) -> None:
        """Raise CheckFailedError if there is a fault."""
        if self.faults:
            raise CheckFailedError(job.name, self.faults)


def check(job: Job, reading: Reading, run: Run, parameters: Mapping[str, Any]) -> Checked:
    """Compile the job on empty frames; all faults are found, not only the first."""
    frames: dict[str, DataFrame | None] = {}
    faults: list[Fault] = []
    notes: list[str] = []
    for node in job.nodes:
        inputs = {parameter: frames[frame] for parameter, frame in node.takes.items()}
        unknown = [node.takes[parameter] for parameter, rows in inputs.items() if rows is None]
        if node.kind == "maintain":
            continue
        if node.kind == "extract":
            frames[node.name] = _extracted(node, reading, notes)
        elif unknown:
            notes.append(
                f"{node.key!r} is not checked: the columns of {', '.join(unknown)} are known only when it is read"
            )
            frames[node.key] = _empty(reading, node.model)
        elif node.table:
            maker = next(maker for maker in job.nodes if maker.key == node.takes["rows"])
            faults += _load_faults(node, maker, inputs["rows"])
        elif node.kind == "load":
            notes.append(f"{node.key!r} is not checked: a load of your own is not called, since it would write")
        else:
            frames[node.name] = _transformed(node, inputs, reading, run, parameters, faults)
    if python := [name for name, rows in frames.items() if rows is not None and _calls_python(rows)]:
        notes.append(f"{', '.join(map(repr, python))}: made with Python UDFs, whose bodies are not checked")
    return Checked(tuple(faults), tuple(notes))


def said(error: BaseException) -> str:
    """Return the first line of what an error says, without Spark's plan below it."""
    text = str(error).strip()
    kind = "" if isinstance(error, LakegateError) or text.startswith("[") else f"{type(error).__name__}: "
    return kind + text.split("\n", 1)[0]


def location(error: BaseException, function: Any) -> tuple[str, int, str]:
    """Return file, line and function of the user's innermost line in a traceback, or where the function begins."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(NOT_THE_USERS) and "site-packages" not in frame.filename:
            return frame.filename, frame.lineno or 0, frame.name
    code = function.__code__ if isinstance(function, FunctionType) else None
    return (code.co_filename, code.co_firstlineno, code.co_name) if code else ("", 0, "")


def _extracted(node: Node, reading: Reading, notes: list[str]) -> DataFrame | None:
    if node.function:
        if node.model is None:
            notes.append(
                f"{node.name!r} is not checked: {node.function.__name__} says no row model; return a Frame[...]"
            )
        return _empty(reading, node.model)
    columns = node.does.schema(reading)  # type: ignore[union-attr]
    if columns is None:
        notes.append(f"{node.name!r} is not checked: its table has no row model and does not exist yet")
        return None
    return reading.lake.empty(columns)


def _transformed(
    node: Node,
    inputs: Mapping[str, DataFrame | None],
    reading: Reading,
    run: Run,
    parameters: Mapping[str, Any],
    faults: list[Fault],
) -> DataFrame | None:
    try:
        with no_actions(reading.lake.spark):
            rows = call(node, inputs, reading.lake.spark, Interval(), run, parameters)
        if not isinstance(rows, DataFrame):
            raise FunctionError(
                node.name, f"it returned {type(rows).__name__}, not a DataFrame. Is a `return` missing?"
            )
        if node.model and (found := differences(schema(node.model), rows.schema, exempt=ADDED)):
            raise FrameMismatchError(f"Frame[{node.model.__name__}]", found, rows.columns)
    except Exception as error:
        faults.append(_fault(node.name, error, node.function))
        return _empty(reading, node.model)
    return rows


def _calls_python(rows: DataFrame) -> bool:
    plan: Any = rows._jdf.queryExecution().analyzed()
    patterns: Any = rows.sparkSession._jvm.org.apache.spark.sql.catalyst.trees.TreePattern  # type: ignore[union-attr]
    return bool(plan.containsPattern(patterns.PYTHON_UDF()))


def _load_faults(node: Node, maker: Node, rows: DataFrame | None) -> list[Fault]:
    assert node.table is not None
    assert rows is not None
    try:
        node.does.write.require_frame(node.table, rows.schema)  # type: ignore[union-attr]
    except FrameMismatchError as error:
        return [_fault(node.key, error, maker.function)]
    return []


def _fault(stage: str, error: Exception, function: Any) -> Fault:
    file, line, name = location(error, function)
    here = Path.cwd()
    shown = str(Path(file).relative_to(here)) if file and Path(file).is_relative_to(here) else file
    return Fault(stage, name, shown, line, error)


def _empty(reading: Reading, model: type[RowModel] | None) -> DataFrame | None:
    return reading.lake.empty(schema(model)) if model else None
