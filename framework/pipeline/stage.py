"""Stages: the frozen values and plain functions that a job is a list of.

A function's name is the frame that it makes; its parameters annotated `DataFrame` or `Frame[…]` are the frames that it
takes; `SparkSession`, `Interval` and `Run` are given to it; every other parameter is keyword-only and a run parameter.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Annotated, Any, TypeAlias, get_args, get_origin, get_type_hints

from pyspark.sql import DataFrame, SparkSession

from framework.batch import Interval, Run
from framework.errors import DeclarationError, FunctionError
from framework.sources import Source
from framework.tables import RowModel, Table, Write
from framework.tables.maintain import Maintain
from framework.tables.model import frame_model

Function: TypeAlias = Callable[..., Any]
GIVEN = (SparkSession, Interval, Run)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One run parameter: its name, its type, and its default (`required` if it has none)."""

    name: str
    type: Any
    default: Any = None
    required: bool = False

    def __str__(self) -> str:
        """`int = 1`."""
        kind = self.type.__name__ if isinstance(self.type, type) else str(self.type).replace("typing.", "")
        return kind if self.required else f"{kind} = {self.default!r}"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and makes: frames by parameter name, given values by type, and run parameters."""

    frames: Mapping[str, type[RowModel] | None]
    given: Mapping[str, type]
    parameters: tuple[Parameter, ...]
    makes: type[RowModel] | None


@dataclass(frozen=True, slots=True)
class Extract:
    """Makes frames from sources; made by `extract`."""

    sources: tuple[tuple[str, "Source | Function"], ...]


@dataclass(frozen=True, slots=True)
class Transform:
    """A function under a name, with some of its parameters bound; made by `transform`."""

    function: Function
    name: str
    bound: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Load:
    """Writes a frame to a table, or gives it to a function; made by `load`."""

    frame: "Function | Extract | Transform | str"
    into: "Table | Function"
    write: Write | None
    name: str


Stage: TypeAlias = "Extract | Transform | Load | Maintain | Function"


def extract(**sources: "Source | Function") -> Extract:
    """Make a frame from each source: `extract(weather=files("weather", Weather, format="csv"))`.

    A source may be any function that returns a DataFrame; it can take a SparkSession, the Interval, the Run and run
    parameters, but no frames. It cannot be pinned, so a batch that is taken up again calls it again.
    """
    if not sources:
        raise DeclarationError("extract()", "it names no frame. Write extract(orders=files(...))")
    for name, source in sources.items():
        if not hasattr(source, "pin"):
            if not callable(source):
                raise DeclarationError(f"extract({name}=...)", f"{source!r} is neither a source nor a function")
            if frames := signature(source).frames:
                raise FunctionError(
                    f"The extract {name!r}", f"it takes frames ({', '.join(frames)}); make it a transform"
                )
    return Extract(tuple(sources.items()))


def transform(function: Function, *, name: str | None = None, **bound: Any) -> Transform:
    """Use a function under another name or on other inputs: `transform(cleaned, name="cleaned_eu", orders=raw_eu)`.

    A parameter that is a frame is bound to the function or stage that makes it; a run parameter is bound to a value,
    and is then no flag any more.
    """
    taken = signature(function)
    own = name or function.__name__
    parameters = {p.name for p in taken.parameters}
    for key, value in bound.items():
        if key not in taken.frames and key not in parameters:
            raise FunctionError(f"transform({function.__name__}, {key}=...)", f"it has no parameter {key!r} to bind")
        if key in taken.frames and not isinstance(value, Extract | Transform | FunctionType | str):
            raise FunctionError(
                f"transform({function.__name__}, {key}=...)", "bind a frame to the function or stage that makes it"
            )
    return Transform(function, own, tuple(bound.items()))


def load(
    frame: "Function | Extract | Transform | str",
    *,
    into: "Table | Function",
    write: Write | None = None,
    name: str | None = None,
) -> Load:
    """Write a frame, named by the function or stage that makes it: `load(cleaned, into=FLIGHTS, write=upsert())`.

    Each load of a table is one commit. `into` may be any function that takes one DataFrame (and what is given): it has
    no commit to carry the bookmark, so a batch that is taken up again calls it again; the run says so. `name` (by
    default the table's or the function's) is the load's transaction id for life: two loads into one table need two
    names.
    """
    if isinstance(into, Table):
        if write is None or not hasattr(write, "commit"):
            raise DeclarationError(
                f"load(..., into={into.name!r})", "say how with write=append(), upsert(), ... (called)"
            )
        write.require(into)
        return Load(frame, into, write, name or into.name)
    if not callable(into):
        raise DeclarationError("load(..., into=...)", f"{into!r} is neither a Table nor a function")
    taken = signature(into)
    if write is not None:
        raise DeclarationError(f"load(..., into={into.__name__})", "a function writes in its own way; take write= out")
    if len(taken.frames) != 1:
        raise FunctionError(
            f"The load {into.__name__!r}", "it must take exactly one parameter annotated DataFrame or Frame[...]"
        )
    return Load(frame, into, None, name or into.__name__)


def compose(*functions: Callable[..., DataFrame]) -> Callable[[DataFrame], DataFrame]:
    """Make one `DataFrame -> DataFrame` function of several, applied from left to right, for use inside a transform."""

    def composed(rows: DataFrame) -> DataFrame:
        for function in functions:
            rows = function(rows)
        return rows

    return composed


def signature(function: Function) -> Signature:
    """Read what a function takes and makes from its annotations. Raises FunctionError where they do not say."""
    name = getattr(function, "__name__", repr(function))
    if not isinstance(function, FunctionType) or name == "<lambda>":
        raise FunctionError(f"{name}", "write a function with `def`, since its name is the frame that it makes")
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise FunctionError(name, f"its annotations cannot be read: {error}") from None
    frames: dict[str, type[RowModel] | None] = {}
    given: dict[str, type] = {}
    parameters: list[Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        hint = hints.get(parameter.name)
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise FunctionError(name, f"it takes {parameter}; name each parameter")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise FunctionError(name, f"parameter {parameter.name!r} is given by name; take the `/` behind it out")
        if hint is None:
            raise FunctionError(name, f"parameter {parameter.name!r} has no annotation, so nothing says what it is")
        if _is_frame(hint):
            frames[parameter.name] = frame_model(hint)
        elif hint in GIVEN:
            given[parameter.name] = hint
        elif parameter.kind is not parameter.KEYWORD_ONLY:
            raise FunctionError(
                name,
                f"parameter {parameter.name!r} is {getattr(hint, '__name__', hint)}, so it is a run parameter: put it "
                "behind `*`; or it is a frame: annotate it DataFrame or Frame[...]",
            )
        else:
            required = parameter.default is parameter.empty
            parameters.append(Parameter(parameter.name, hint, None if required else parameter.default, required))
    return Signature(frames, given, tuple(parameters), frame_model(hints.get("return")))


def _is_frame(hint: Any) -> bool:
    kind = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return isinstance(kind, type) and issubclass(kind, DataFrame)
