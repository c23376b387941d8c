"""Row models: one class is a table's schema, its documentation, its rules, and the type of its frames."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Generic, Self, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, PydanticUndefinedAnnotation
from pydantic.fields import FieldInfo
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType

from framework.errors import DeclarationError, FrameMismatchError, alternatives
from framework.tables.column_types import COLUMN_TYPES, require_columns

R = TypeVar("R", bound="RowModel")
GENERATED = "generated"

if TYPE_CHECKING:

    class Frame(DataFrame, Generic[R]):
        """A DataFrame whose columns are those of the row model R; to a type checker its own type."""
else:

    class Frame:
        """A DataFrame whose columns are those of a row model: at run time `Frame[Flight]` is a note on `DataFrame`."""

        def __class_getitem__(cls, model: type["RowModel"]) -> Any:
            return Annotated[DataFrame, model]


class Columns:
    """The columns of a row model by attribute: `Flight.c.carrier` is `F.col("carrier")`, and a typo is an error."""

    def __init__(self, model: type["RowModel"]) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Column:
        if name not in self._model.model_fields:
            raise AttributeError(
                f"{self._model.__name__} has no column {name!r}. {alternatives(name, self._model.model_fields)}"
            )
        return F.col(name)


class _OfTheClass:
    """A property of the class itself; pydantic takes it for no field."""

    def __init__(self, get: Callable[[Any], Columns]) -> None:
        self._get = get

    def __get__(self, instance: object, owner: type["RowModel"]) -> Columns:
        return self._get(owner)


class RowModel(BaseModel):
    """One row of a frame or table; the fields' types, constraints and descriptions say everything about it.

    `int` is bigint, `float` double, `datetime` a UTC timestamp, `Decimal` needs its digits, `X | None` is nullable.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), ignored_types=(_OfTheClass,))

    @_OfTheClass
    def c(cls: Any) -> Columns:
        """The columns of the model by attribute."""
        return Columns(cls)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse what Spark would take for something else. Raises DeclarationError."""
        require_columns(f"Row model {cls.__name__}", cls)

    @classmethod
    def frame(cls, rows: DataFrame) -> "Frame[Self]":
        """Select this model's columns from `rows`, in order; generated columns that are missing are computed.

        Raises FrameMismatchError on a missing column. Costs nothing else: types are compared by `lakegate check` and by
        the load, rules where the frame is made.
        """
        generated = generated_columns(cls)
        missing = [c for c in columns(cls) if c not in rows.columns and c not in generated]
        if missing:
            lacking = [f"it lacks {c!r}" for c in missing]
            raise FrameMismatchError(f"Frame[{cls.__name__}]", lacking, rows.columns)
        chosen = [
            F.expr(generated[c]).alias(c) if c in generated and c not in rows.columns else F.col(c)
            for c in columns(cls)
        ]
        return rows.select(*chosen)  # type: ignore[return-value]  # Frame exists for type checkers only


def generated(expression: str, *, description: str | None = None) -> Any:
    """Declare a column that the table computes itself from others, by a SQL expression that Delta accepts."""
    return Field(default=None, description=description, json_schema_extra={GENERATED: expression})


def fields(model: type[RowModel]) -> Mapping[str, FieldInfo]:
    """Return the model's fields by name. Raises DeclarationError where one is of a class that is nowhere defined.

    A class that is defined after the model is looked up now.
    """
    if not model.__pydantic_complete__:
        try:
            model.model_rebuild()
        except PydanticUndefinedAnnotation as error:
            reason = f"{error.name!r} is the type of a column, and not defined. Import it, or define it in the module"
            raise DeclarationError(f"Row model {model.__name__}", reason) from None
        require_columns(f"Row model {model.__name__}", model)
    return model.model_fields


@cache
def columns(model: type[RowModel]) -> tuple[str, ...]:
    """Return the names of the model's columns, in order."""
    return tuple(model.model_fields)


@cache
def schema(model: type[RowModel]) -> StructType:
    """Return the model's Spark schema, with nullability and, from the descriptions, column comments.

    Inside of a column all is nullable: Delta knows no NOT NULL in lists and maps, and in a struct that is NULL itself
    it takes one for broken.
    """
    from sparkdantic import create_spark_schema
    from sparkdantic.exceptions import TypeConversionError

    fields(model)  # which raises where a type is unknown
    try:
        declared = create_spark_schema(model, safe_casting=True, by_alias=False)
    except TypeConversionError as error:
        raise DeclarationError(f"Row model {model.__name__}", f"{_first_words(error)}. {COLUMN_TYPES}") from None
    return StructType([StructField(f.name, _loose(f.dataType), f.nullable, f.metadata) for f in declared.fields])


@cache
def generated_columns(model: type[RowModel]) -> dict[str, str]:
    """Return the SQL expression of each generated column."""
    found = {}
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and GENERATED in extra:
            found[name] = str(extra[GENERATED])
    return found


def _loose(kind: DataType) -> DataType:
    if isinstance(kind, StructType):
        return StructType([StructField(f.name, _loose(f.dataType), True, f.metadata) for f in kind.fields])
    if isinstance(kind, ArrayType):
        return ArrayType(_loose(kind.elementType), True)
    return MapType(kind.keyType, _loose(kind.valueType), True) if isinstance(kind, MapType) else kind


def _first_words(error: BaseException) -> str:
    """Return what went wrong first, with the column that it went wrong in."""
    said = str(error).partition("`")[2].partition("`")[0]
    while error.__cause__:
        error = error.__cause__
    return f"{said!r}: {str(error).rstrip('.')}"


def frame_model(annotation: object) -> type[RowModel] | None:
    """Return the row model of a `Frame[…]` annotation, None of any other."""
    if get_origin(annotation) is Annotated:
        for extra in get_args(annotation)[1:]:
            if isinstance(extra, type) and issubclass(extra, RowModel):
                return extra
    return None


def differences(declared: StructType, found: StructType, *, exempt: Sequence[str] = ()) -> list[str]:
    """Say how the columns of `found` differ from those declared: missing, extra or of another type.

    Order and nullability are not compared, nor are the `exempt` columns that the framework adds.
    """
    have = {field.name: field.dataType for field in found.fields}
    want = {field.name: field.dataType for field in declared.fields}
    said = [f"it lacks {name!r}" for name in want if name not in have]
    said += [f"{name!r} is not declared" for name in have if name not in want and name not in exempt]
    said += [
        f"{name!r} is {have[name].simpleString()} and should be {kind.simpleString()}"
        for name, kind in want.items()
        if name in have and have[name].simpleString() != kind.simpleString()
    ]
    return said
