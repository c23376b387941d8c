"""Files in a landing folder, pinned by path, size and modification time.

The schema is always declared, never inferred. To what is read are added the file of each row and the batch's clock. A
record that is not of the declared schema is not dropped: its text is in `_malformed`, and the run keeps it aside.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from framework.batch import FilePin, Pin
from framework.errors import (
    DeclarationError,
    FileNameError,
    HeaderMismatchError,
    LandingError,
    PinVanishedError,
    StorageError,
)
from framework.sources.source import Reading
from framework.storage import Storage, storage
from framework.storage.pattern import MARKED, literal, normal, parted
from framework.tables import Lake, RowModel
from framework.tables.model import columns, schema
from framework.tables.prepare import INGESTED_AT, MALFORMED, SOURCE_FILE, added_columns

Format = Literal["csv", "json", "parquet", "avro", "orc", "text", "binary"]
MALFORMABLE = ("csv", "json")
AT_ONCE = 16
# By these of its options Spark gives no row of a file, or of what is behind a broken place in it, without a word.
IGNORING = ("ignoreCorruptFiles", "ignoreMissingFiles")
FILTERS = ("pathGlobFilter", "modifiedBefore", "modifiedAfter", "ignoreExtension", *IGNORING)
BINARY_COLUMNS = {"path": "path", "modified_at": "modificationTime", "length": "length", "content": "content"}


@dataclass(frozen=True, slots=True)
class Files:
    """Files of one format under a path; made by `files`."""

    path: str
    model: type[RowModel]
    format: Format
    options: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a format that is not known, and a model that the format cannot have."""
        subject = f"files({self.path!r})"
        if self.format not in get_args(Format):
            raise DeclarationError(
                subject, f"format is {self.format!r} and must be one of {', '.join(get_args(Format))}"
            )
        if re.search(r"\{[^}]*/", self.path):
            raise DeclarationError(subject, "what is in braces is one folder or file name; it cannot hold a /")
        if found := {name.lower() for name in FILTERS} & {name.lower() for name in self.options}:
            raise DeclarationError(
                subject,
                f"option {min(found)!r} leaves out rows of files that count as read then; say with a pattern in the "
                "path which files are read: 'orders/2024-*.csv'",
            )
        if self.format == "text" and len(columns(self.model)) != 1:
            raise DeclarationError(
                subject, f"text has one column, the line; {self.model.__name__} has {columns(self.model)}"
            )
        if self.format == "binary" and not set(columns(self.model)) <= set(BINARY_COLUMNS):
            raise DeclarationError(subject, f"binary files have {', '.join(BINARY_COLUMNS)}")

    @property
    def keeps_malformed(self) -> bool:
        """Text formats can be malformed; a broken file of the others is an error by itself."""
        return self.format in MALFORMABLE

    def schema(self, reading: Reading) -> StructType:
        """Return the model's columns and the added ones."""
        return StructType([*schema(self.model).fields, *added_columns().fields])

    def pin(self, reading: Reading) -> Pin:
        """List the files there are now, by name. Raises LandingError or HeaderMismatchError."""
        found = sorted(self.listed(reading), key=lambda file: file.path)
        if not found:
            raise LandingError(self.where(reading), "holds no file")
        return self.pinned(reading, found)

    def where(self, reading: Reading) -> str:
        """Return the path, under landing.root if it is relative; a file has one name, however the path is written."""
        absolute = "://" in self.path or self.path.startswith(("/", "file:"))
        return normal(self.path if absolute else f"{reading.landing.rstrip('/')}/{self.path}")

    def listed(self, reading: Reading) -> Iterator[FilePin]:
        """List the files there are now, in no order. Raises LandingError."""
        where = self.where(reading)
        try:
            yield from _storage(where, reading.lake).files(where)
        except StorageError as error:
            raise LandingError(where, f"cannot be listed: {error.reason}") from None

    def pinned(self, reading: Reading, found: Sequence[FilePin]) -> Pin:
        """Pin some of the files.

        Raises FileNameError where one cannot be opened by its name, HeaderMismatchError where one has not the model's
        columns.
        """
        for file in found:
            _require_readable(file.path)
        if self.format == "csv" and self.options.get("header") == "true":
            self._require_headers(reading.lake, found)
        return Pin(files=tuple(found))

    def read(self, reading: Reading, pin: Pin) -> DataFrame:
        """Read the pinned files. Raises PinVanishedError where one is gone or was rewritten since it was pinned."""
        _require_unchanged(reading.lake, self.path, pin.files)
        wanted = schema(self.model)
        # The options of a reader are stronger than a session's.
        reader = reading.lake.spark.read.options(**self.options, **dict.fromkeys(IGNORING, "false"))
        # Spark takes each path for a pattern, and what is pinned are names of files, whatever characters they hold.
        paths = [literal(file.path) for file in pin.files]
        if self.keeps_malformed:
            reader = reader.option("columnNameOfCorruptRecord", MALFORMED).option("mode", "PERMISSIVE")
            # Records may lack any column until the rules have been applied, so nothing is NOT NULL here.
            fields = [StructField(f.name, f.dataType, True) for f in wanted.fields]
            rows = (
                reader.schema(StructType([*fields, StructField(MALFORMED, StringType())]))
                .format(self.format)
                .load(paths)
            )
        elif self.format == "binary":
            rows = reader.format("binaryFile").load(paths)
            rows = rows.select(*(F.col(BINARY_COLUMNS[name]).alias(name) for name in wanted.names), "_metadata")
        elif self.format == "text":
            rows = reader.text(paths).select(F.col("value").alias(wanted.names[0]), "_metadata")
        else:
            rows = reader.schema(wanted).format(self.format).load(paths)
        return rows.select(
            *(F.col(name) for name in wanted.names),
            F.col("_metadata.file_path").alias(SOURCE_FILE),
            F.lit(reading.started_at).cast("timestamp").alias(INGESTED_AT),
            *([F.col(MALFORMED)] if self.keeps_malformed else []),
        )

    def _require_headers(self, lake: Lake, pinned: Sequence[FilePin]) -> None:
        wanted = list(columns(self.model))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            paths = [file.path for file in pinned if file.size]
            found = dict(zip(paths, pool.map(lambda path: _header(lake, path, self.options), paths), strict=True))
        wrong = {path: header for path, header in found.items() if header != wanted}
        if wrong:
            raise HeaderMismatchError(self.path, wanted, wrong)


def files(path: str, model: type[RowModel], *, format: Format, header: bool = True, **options: str) -> Files:
    """Read the files under `path`, relative to landing.root: a folder with all below it, a file, or a pattern.

    `model` declares their columns in order; `header` and further `options` are Spark's for the format. A CSV file's
    header must be the model's columns. Added to each row: `_source_file` and `_ingested_at` (when the batch was
    planned, UTC). `text` gives a model of one column the lines; `binary` gives path, modified_at, length and content.
    """
    return Files(path, model, format, {**options, "header": str(header).lower()} if format == "csv" else options)


def now_there(lake: Lake, pinned: Sequence[FilePin]) -> list[FilePin | None]:
    """Return the files as they are now, None for one that is gone; on S3 each takes its time, so several at once."""
    if not pinned:
        return []
    there = _storage(pinned[0].path, lake)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(there.stat, (file.path for file in pinned)))


def _require_unchanged(lake: Lake, frame: str, pinned: Sequence[FilePin]) -> None:
    gone = [was.path for was, now in zip(pinned, now_there(lake, pinned), strict=True) if was != now]
    if gone:
        raise PinVanishedError(frame, gone)


def _storage(path: str, lake: Lake) -> Storage:
    return storage(path, lake.aws, lake.spark)


def _require_readable(path: str) -> None:
    """Raise FileNameError where Hadoop cannot open a file by its name."""
    shown = path.encode(errors="backslashreplace").decode()
    if shown != path:
        raise FileNameError(shown, "its name is not UTF-8")
    place, there = parted(path)
    if place == "file:" and ":" in there.rsplit("/", 1)[-1]:
        raise FileNameError(path, "its name holds a colon, which Hadoop cannot open on a disk")
    if ":" in there and (marked := MARKED.search(there)):
        raise FileNameError(path, f"its path holds a colon and {marked[0]!r}, which Hadoop cannot open together")


def _header(lake: Lake, path: str, options: Mapping[str, str]) -> list[str]:
    """Read a file's first line only, through the codec that its name asks for."""
    import csv

    jvm: Any = lake.spark._jvm
    system, there = lake.file_system(path)
    try:
        stream = system.open(there)
        try:
            codec = jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(system.getConf()).getCodec(there)
            text = codec.createInputStream(stream) if codec else stream
            characters = jvm.java.io.InputStreamReader(text, options.get("encoding", "UTF-8"))
            line = (jvm.java.io.BufferedReader(characters).readLine() or "").removeprefix("\ufeff")
        finally:
            stream.close()
    except Py4JJavaError as error:
        raise LandingError(path, f"cannot be read: {error.java_exception.getMessage()}") from None
    separator = options.get("sep", options.get("delimiter", ",")).replace("\\t", "\t")
    return line.split(separator) if len(separator) > 1 else next(csv.reader([line], delimiter=separator), [])
