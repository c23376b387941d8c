import gzip
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest
from pyspark.sql import DataFrame
from pyspark.sql.types import TimestampType

from framework.batch import FilePin, Pin
from framework.errors import DeclarationError, FileNameError, HeaderMismatchError, LandingError, PinVanishedError
from framework.session import derive
from framework.sources import Reading, files
from framework.sources.files import Files, Format
from framework.tables import Lake, RowModel

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


class City(RowModel):
    id: int
    name: str | None
    area: float | None


class Line(RowModel):
    line: str


class Picture(RowModel):
    path: str
    length: int
    content: bytes
    modified_at: datetime


CSV = files("cities", City, format="csv")
OSLO = "id,name,area\n1,Oslo,454.0\n"


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    (folder / "cities").mkdir(parents=True)
    return folder


@pytest.fixture
def reading(lake: Lake, landing: Path) -> Reading:
    return Reading(lake, str(landing), NOON)


def values(rows: DataFrame, *names: str) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in rows.selectExpr(*names).collect()), key=str)


def names(source: Files, reading: Reading) -> list[str]:
    return [Path(file.path).name for file in source.pin(reading).files]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_csv_files_are_read_by_their_header_plain_or_packed_with_their_file_and_the_batchs_clock(
    landing: Path, reading: Reading
) -> None:
    write(landing / "cities" / "a.csv", "\ufeff" + OSLO)
    with gzip.open(landing / "cities" / "b.csv.gz", "wt") as packed:
        packed.write('id,"name",area\n2,"Bonn, Rhein",\n')
    write(landing / "cities" / "empty.csv", "")
    write(landing / "cities" / "deep" / "er" / "c.csv", "id,name,area\n3,,1e3\n")

    pin = CSV.pin(reading)
    rows = CSV.read(reading, pin)

    noon, folder = "2024-01-01 12:00:00", f"file:{landing}/cities"
    assert values(rows, "id", "name", "area", "string(_ingested_at)", "_source_file") == [
        (1, "Oslo", 454.0, noon, f"{folder}/a.csv"),
        (2, "Bonn, Rhein", None, noon, f"{folder}/b.csv.gz"),
        (3, None, 1000.0, noon, f"{folder}/deep/er/c.csv"),
    ]
    assert rows.columns == ["id", "name", "area", "_source_file", "_ingested_at", "_malformed"]
    status = (landing / "cities" / "a.csv").stat()
    assert pin.files[0] == FilePin(f"{folder}/a.csv", status.st_size, status.st_mtime_ns // 1_000_000)
    assert [Path(file.path).name for file in pin.files] == ["a.csv", "b.csv.gz", "c.csv", "empty.csv"]


@pytest.mark.parametrize("format", ["parquet", "avro", "orc"])
def test_a_file_of_rows_is_read_by_the_models_columns(
    landing: Path, reading: Reading, rows: Callable[..., Any], format: Format
) -> None:
    expected: list[tuple[Any, ...]] = [(1, "Oslo", None), (2, None, None)]
    if format == "parquet":
        duckdb.sql(f"COPY (SELECT 'x' AS more, 1.5::DOUBLE AS area, 1::BIGINT AS id) TO '{landing}/cities/a.parquet'")
        expected = [(1, None, 1.5)]
    else:
        rows(City, {"id": 1, "name": "Oslo"}, {"id": 2}).write.format(format).save(str(landing / "cities" / "made"))

    source = files("cities", City, format=format)
    read = source.read(reading, source.pin(reading))

    assert values(read, "id", "name", "area") == expected
    assert read.columns == ["id", "name", "area", "_source_file", "_ingested_at"]
    assert read.columns == source.schema(reading).names
    ((file,),) = set(values(read, f"startswith(_source_file, 'file:{landing}/cities/')"))
    assert file


def test_text_is_read_by_line_and_binary_files_whole(landing: Path, reading: Reading) -> None:
    write(landing / "notes.txt", "one\n\ntwo, 3\n")
    text, binary = files("notes.txt", Line, format="text"), files("notes.txt", Picture, format="binary")

    read = text.read(reading, text.pin(reading))
    assert values(read, "line") == [("",), ("one",), ("two, 3",)]
    assert read.columns == ["line", "_source_file", "_ingested_at"]

    read = binary.read(reading, binary.pin(reading))
    assert values(read, "path", "length", "string(content)", "path = _source_file") == [
        (f"file:{landing}/notes.txt", 12, "one\n\ntwo, 3\n", True)
    ]
    assert read.schema["modified_at"].dataType == TimestampType()


def test_a_malformed_record_of_csv_is_kept_as_text_and_never_dropped(landing: Path, reading: Reading) -> None:
    write(landing / "cities" / "a.csv", "id,name,area\n1,Oslo,454.0\none,Bonn,1\n2,Rome\n3,Lima,2,more\n")
    source = files("cities", City, format="csv", mode="DROPMALFORMED", columnNameOfCorruptRecord="mine")

    assert values(source.read(reading, source.pin(reading)), "id", "name", "area", "_malformed") == [
        (1, "Oslo", 454.0, None),
        (2, "Rome", None, "2,Rome"),
        (3, "Lima", 2.0, "3,Lima,2,more"),
        (None, "Bonn", 1.0, "one,Bonn,1"),
    ]


def test_a_malformed_record_of_json_is_kept_as_text_and_a_missing_field_is_null(
    landing: Path, reading: Reading
) -> None:
    write(landing / "cities" / "a.json", '{"id": 1, "name": "Oslo"}\n{"id": "one", "name": "Bonn"}\nnot json\n{}\n')
    source = files("cities", City, format="json", mode="FAILFAST")

    assert values(source.read(reading, source.pin(reading)), "id", "name", "area", "_malformed") == [
        (1, "Oslo", None, None),
        (None, "Bonn", None, '{"id": "one", "name": "Bonn"}'),
        (None, None, None, "not json"),
        (None, None, None, None),
    ]


def test_a_header_is_the_models_columns_in_order_and_each_file_that_differs_is_named(
    landing: Path, reading: Reading
) -> None:
    write(landing / "cities" / "a.csv", OSLO)
    write(landing / "cities" / "b.csv", "id,area,name\n")
    write(landing / "cities" / "c.csv", "id,name\n")

    with pytest.raises(HeaderMismatchError) as refused:
        CSV.pin(reading)

    assert refused.value.source == "cities"
    assert refused.value.expected == ("id", "name", "area")
    assert refused.value.found == {
        f"file:{landing}/cities/b.csv": ["id", "area", "name"],
        f"file:{landing}/cities/c.csv": ["id", "name"],
    }
    assert names(files("cities", City, format="csv", header=False), reading) == ["a.csv", "b.csv", "c.csv"]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("id\tname\tarea\n", {"sep": "\t"}),
        ("id\tname\tarea\n", {"sep": "\\t"}),
        ("id;name;area\n", {"delimiter": ";"}),
        ("id||name||area\n", {"sep": "||"}),
    ],
)
def test_a_header_is_split_as_the_files_options_say(
    landing: Path, reading: Reading, text: str, options: dict[str, Any]
) -> None:
    write(landing / "cities" / "a.csv", text)

    assert names(files("cities", City, format="csv", **options), reading) == ["a.csv"]


def test_a_header_is_decoded_as_the_files_encoding_says(landing: Path, reading: Reading) -> None:
    (landing / "cities" / "a.csv").write_text(OSLO, encoding="utf-16")

    assert names(files("cities", City, format="csv", encoding="UTF-16"), reading) == ["a.csv"]


def test_a_packed_file_that_is_broken_is_named(landing: Path, reading: Reading) -> None:
    (landing / "cities" / "a.csv.gz").write_text(OSLO)

    with pytest.raises(LandingError) as refused:
        CSV.pin(reading)

    assert refused.value.path == f"file:{landing}/cities/a.csv.gz"


@pytest.mark.parametrize("path", ["towns", "cities", "cities/*.csv", "cities/_a.csv"])
def test_a_path_that_holds_no_file_is_refused(landing: Path, reading: Reading, path: str) -> None:
    write(landing / "cities" / "_a.csv", OSLO)

    with pytest.raises(LandingError) as refused:
        files(path, City, format="csv").pin(reading)

    assert refused.value.path == f"{landing}/{path}"


def test_files_are_found_under_a_folder_or_by_a_pattern_and_hidden_ones_are_skipped(
    landing: Path, reading: Reading
) -> None:
    for hidden in ("_SUCCESS", ".a.csv.swp", "b.csv._COPYING_", "_tmp/c.csv", ".hidden/d.csv"):
        write(landing / "cities" / hidden, OSLO)
    for name in ("a.csv", "b/e.csv", "b/f.txt"):
        write(landing / "cities" / name, OSLO)
    write(landing / "_drop" / "g.csv", OSLO)

    def found(path: str) -> list[str]:
        return names(files(path, City, format="csv"), reading)

    assert found("cities") == found("cities/") == found("cities/*") == ["a.csv", "e.csv", "f.txt"]
    assert found("cities/*/*.csv") == ["e.csv"]
    assert found("cities/a.csv") == ["a.csv"]
    assert found(f"{landing}/cities/b") == ["e.csv", "f.txt"]
    assert found("_drop") == ["g.csv"]  # what is named itself is not hidden


def test_what_lands_after_the_pin_is_not_read_whatever_characters_its_name_has(landing: Path, reading: Reading) -> None:
    write(landing / "cities" / "a [1] {b},100%20?.csv", OSLO)
    pin = CSV.pin(reading)
    write(landing / "cities" / "b.csv", "id,name,area\n2,Bonn,\n")

    assert values(CSV.read(reading, pin), "id") == [(1,)]


ODD = (
    "a[1].csv", "b.csv", "q?.csv", "*.csv", "b\\s.csv", "{k,j}.csv", "x%20y.csv", "a,b.csv", " a b.csv", "#x.csv",
    "ü→.csv", "[a-z]/d{1}/e.csv", "[a-z]/b.csv", "d:e/f.csv", "%5B.csv", "\\[.csv", "new\nline.csv", "~^!$&'\".csv",
)  # fmt: skip


@pytest.mark.parametrize("format", ["csv", "json", "text"])
def test_a_file_is_read_once_whatever_characters_its_name_has(landing: Path, reading: Reading, format: Format) -> None:
    text = {"csv": "line\n{}\n", "json": '{{"line": "{}"}}\n', "text": "{}\n"}[format]
    for number, name in enumerate(ODD):
        write(landing / "lines" / name, text.format(f"n{number:02}"))
    source = files("lines", Line, format=format)
    pin = source.pin(reading)

    # fmt: off
    assert [line for (line,) in values(source.read(reading, pin), "line")] == [
        "n00", "n01", "n02", "n03", "n04", "n05", "n06", "n07", "n08", "n09", "n10", "n11", "n12", "n13", "n14", "n15",
        "n16", "n17",
    ]
    # fmt: on
    for number in (0, 3, 4, 5, 11):  # a pattern that is alone is looked up in another way
        (only,) = (file for file in pin.files if file.path == f"file:{landing}/lines/{ODD[number]}")
        assert values(source.read(reading, Pin(files=(only,))), "line") == [(f"n{number:02}",)]


def test_parquet_files_are_read_once_whatever_characters_their_names_have(landing: Path, reading: Reading) -> None:
    for number, name in enumerate(("a[1].parquet", "b.parquet", "{c}.parquet")):
        duckdb.sql(f"COPY (SELECT 'n{number}' AS line) TO '{landing}/cities/{name}' (FORMAT parquet)")
    source = files("cities", Line, format="parquet")

    assert values(source.read(reading, source.pin(reading)), "line") == [("n0",), ("n1",), ("n2",)]


@pytest.mark.parametrize("format", ["csv", "json"])
@pytest.mark.parametrize("name", ["a:b.csv", os.fsdecode(b"\xff.csv"), "d:e/[1].csv"], ids=ascii)
def test_a_file_that_hadoop_cannot_open_by_its_name_is_named(
    landing: Path, reading: Reading, name: str, format: Format
) -> None:
    write(landing / "cities" / name, OSLO)

    with pytest.raises(FileNameError) as refused:
        files("cities", City, format=format).pin(reading)

    assert refused.value.path == f"file:{landing}/cities/{name}".replace("\udcff", "\\udcff")
    assert str(refused.value).encode()


def test_a_path_that_is_written_in_another_way_names_the_same_files(landing: Path, reading: Reading) -> None:
    write(landing / "cities" / "a.csv", OSLO)
    expected = (FilePin(f"file:{landing}/cities/a.csv", 26, CSV.pin(reading).files[0].modified_at),)

    for path in (
        "cities/",
        "./cities",
        "towns/../cities",
        "cities//.",
        f"/{landing}/cities",
        f"file://{landing}/cities",
    ):
        assert files(path, City, format="csv").pin(reading).files == expected, path


@pytest.mark.parametrize(
    "option",
    [
        "pathGlobFilter",
        "modifiedBefore",
        "MODIFIEDAFTER",
        "ignoreCorruptFiles",
        "ignoremissingfiles",
        "ignoreExtension",
    ],
)
def test_an_option_by_which_spark_leaves_files_out_is_refused(option: str) -> None:
    options: dict[str, Any] = {option: "x"}
    with pytest.raises(DeclarationError, match=option.lower()) as refused:
        files("cities", City, format="json", **options)

    assert refused.value.subject == "files('cities')"


def test_a_broken_file_is_an_error_though_the_session_ignores_such(landing: Path, reading: Reading) -> None:
    write(landing / "cities" / "a.parquet", "no parquet")
    session = derive(reading.lake.spark, {"spark.sql.files.ignoreCorruptFiles": "true"})
    there = replace(reading, lake=replace(reading.lake, spark=session))
    source = files("cities", Line, format="parquet")

    with pytest.raises(Exception, match=r"a\.parquet"):
        source.read(there, source.pin(there)).collect()


def test_a_pinned_file_that_is_gone_or_rewritten_is_named(landing: Path, reading: Reading) -> None:
    for name in ("a", "b", "c", "d"):
        write(landing / "cities" / f"{name}.csv", OSLO)
    pin = CSV.pin(reading)
    (landing / "cities" / "a.csv").unlink()
    write(landing / "cities" / "b.csv", OSLO + "2,Bonn,\n")
    os.utime(landing / "cities" / "c.csv", (0, 0))  # as long as it was, at another time

    with pytest.raises(PinVanishedError) as refused:
        CSV.read(reading, pin)

    assert refused.value.frame == "cities"
    assert refused.value.gone == tuple(f"file:{landing}/cities/{name}.csv" for name in ("a", "b", "c"))


@pytest.mark.parametrize(
    ("model", "format"), [(City, "xml"), (City, "text"), (City, "binary")], ids=["unknown", "text", "binary"]
)
def test_a_format_that_is_unknown_or_cannot_have_the_models_columns_is_refused(
    model: type[RowModel], format: str
) -> None:
    with pytest.raises(DeclarationError) as refused:
        files("cities", model, format=cast("Format", format))

    assert refused.value.subject == "files('cities')"
