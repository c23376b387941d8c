import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest
from deltalake import DeltaTable as Independent
from deltalake import QueryBuilder

from framework.errors import NoHistoryError
from framework.report.timeline import LEGEND
from framework.tables import Lake, Table
from tests.command import ROOT, Said, lakegate
from tests.delta import given
from tests.planes import KEPT, PLANES, Plane

PLAIN = Table("silver.plain", Plane)
FIRST, SECOND = "TIMESTAMPTZ '2014-01-10 09:00:00+00'", "TIMESTAMPTZ '2014-01-22 11:00:00+00'"
OPEN, FOREVER = "DATE '9999-12-31'", "TIMESTAMPTZ '9999-12-31 00:00:00+00'"
YEAR, JUNE = "DATE '2004-01-01'", "DATE '2013-06-01'"
ROWS = f"""
    ('N1', 55, {YEAR}, {OPEN}, {FIRST}, {SECOND}), ('N1', 55, {YEAR}, {JUNE}, {SECOND}, {FOREVER}),
    ('N1', 50, {JUNE}, {OPEN}, {SECOND}, {FOREVER}), ('N2', 9, {YEAR}, {OPEN}, {FIRST}, {FOREVER})
"""


@pytest.fixture
def planes(lake: Lake) -> Lake:
    given(lake, PLANES, ROWS)
    lake.spark.sql(f"ALTER TABLE delta.`{lake.path(PLANES.name)}` SET TBLPROPERTIES ({KEPT})")
    return lake


@pytest.fixture
def oslo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this machine be in Oslo, an hour or two ahead of UTC."""
    monkeypatch.setenv("TZ", "Europe/Oslo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def _said(lake: Lake, table: str, *arguments: str) -> Said:
    return lakegate(ROOT, "table", table, *arguments, "--set", f"lake.root={lake.root}")


def _seats(said: Said) -> list[tuple[str, str]]:
    assert said.code == 0, said.err
    cells = [[cell.strip() for cell in line.split("│")] for line in said.out.splitlines() if line.startswith("│")]
    return sorted((row[1], row[2]) for row in cells)


def test_a_table_is_printed_as_of_each_of_its_times(planes: Lake) -> None:
    july = ("--as-of-valid", "2013-07-01")
    assert _seats(_said(planes, "silver.planes", *july)) == [("N1", "50"), ("N2", "9")]
    assert _seats(_said(planes, "silver.planes", *july, "--as-of-system", "2014-01-15")) == [("N1", "55"), ("N2", "9")]
    assert _seats(_said(planes, "silver.planes", "--as-of-system", "2014-01-15", "--key", "tail=N1")) == [("N1", "55")]
    assert _said(planes, "silver.planes", "--as-of-valid", "soon").code == 2


def test_both_times_of_a_key_are_drawn(planes: Lake, tmp_path: Path) -> None:
    picture = tmp_path / "pictures" / "n1.svg"
    said = _said(planes, "silver.planes", "--key", "tail=N1", "--timeline", "--svg", str(picture))
    assert said.out.splitlines() == [
        "silver.planes, tail=N1",
        "system time           2004-01-01   2013-06-01",
        "2014-01-10 09:00:00   seats=55     seats=55",
        "2014-01-22 11:00:00   seats=55     seats=50",
        LEGEND,
        f"Drawn: {picture}",
    ]
    assert len(list(ElementTree.parse(picture).iter("{http://www.w3.org/2000/svg}g"))) == 4


def test_a_picture_says_what_was_believed_and_not_where_it_was_read(planes: Lake) -> None:
    path = planes.path(PLANES.name)
    planes.spark.sql(f"ALTER TABLE delta.`{path}` ADD COLUMNS (_source_file STRING, _ingested_at TIMESTAMP)")
    Independent(path).update({"_source_file": "CAST(seats AS STRING) || '.csv'", "_ingested_at": "system_from"})
    said = _said(planes, "silver.planes", "--key", "tail=N1", "--timeline")
    assert said.out.splitlines()[2:] == [
        "2014-01-10 09:00:00   seats=55     seats=55",
        "2014-01-22 11:00:00   seats=55     seats=50",
        LEGEND,
    ]


def test_a_key_without_rows_and_a_value_that_is_null_are_said_in_words(planes: Lake) -> None:
    said = _said(planes, "silver.planes", "--key", "tail=N9", "--timeline")
    assert (said.code, said.out) == (0, "no rows with tail=N9\n"), said.err
    given(planes, PLANES, f"('N3', NULL, {YEAR}, {OPEN}, {FIRST}, {FOREVER})")
    assert "seats=NULL" in _said(planes, "silver.planes", "--key", "tail=N3", "--timeline").out


def test_rows_in_a_pipe_are_as_wide_as_they_have_to_be(planes: Lake) -> None:
    arguments = ("table", "silver.planes", "--limit", "9", "--set", f"lake.root={planes.root}")
    narrow = lakegate(ROOT, *arguments, COLUMNS="40")
    assert "2014-01-22 11:00:00 │ 9999-12-31 00:00:00" in narrow.out, narrow.err


def test_what_a_row_was_stands_before_what_it_is(planes: Lake) -> None:
    Independent(planes.path("silver.planes")).update({"seats": "8"}, predicate="seats = 9")
    said = lakegate(ROOT, "diff", "silver.planes", "--from", "1", "--set", f"lake.root={planes.root}")
    cells = [[cell.strip() for cell in line.split("│")[1:4]] for line in said.out.splitlines() if line.startswith("│")]
    assert cells == [["-", "N2", "9"], ["+", "N2", "8"]], said.err
    assert "1 row gone, 1 row new" in said.out


def test_times_are_utc_whatever_the_zone_of_the_machine(planes: Lake, oslo: None) -> None:
    printed = _said(planes, "silver.planes", "--as-of-system", "2014-01-10T09:00:00", "--key", "tail=N1").out
    assert "2014-01-10 09:00:00" in printed
    assert "2014-01-22 11:00:00" in printed
    drawn = _said(planes, "silver.planes", "--key", "tail=N1", "--timeline").out
    assert [line[:19] for line in drawn.splitlines()[2:-1]] == ["2014-01-10 09:00:00", "2014-01-22 11:00:00"]
    compared = lakegate(ROOT, "diff", "silver.planes", "--from", "0", "--set", f"lake.root={planes.root}").out
    assert "2014-01-10 09:00:00" in compared


def test_other_engines_see_what_is_believed_now_by_a_view(planes: Lake) -> None:
    wanted = [("N1", 50, date(2013, 6, 1)), ("N1", 55, date(2004, 1, 1)), ("N2", 9, date(2004, 1, 1))]
    seen = "SELECT tail, seats, valid_from FROM silver.planes_believed ORDER BY ALL"
    with duckdb.connect() as duck:
        known = QueryBuilder().register("t", Independent(planes.path("silver.planes")))
        duck.register("arrow", known.execute("SELECT * FROM t").read_all())
        duck.execute("CREATE SCHEMA silver; CREATE TABLE silver.planes AS SELECT * FROM arrow")
        duck.execute(_said(planes, "silver.planes", "--view", "duckdb").out)
        assert duck.execute(seen).fetchall() == wanted
        shown = [name for name, *_ in duck.execute("DESCRIBE silver.planes_believed").fetchall()]
        assert shown == ["tail", "seats", "valid_from", "valid_to"]

    spark, view = planes.spark, _said(planes, "silver.planes", "--view", "spark").out.strip().rstrip(";")
    spark.read.format("delta").load(planes.path("silver.planes")).createOrReplaceTempView("planes")
    spark.sql(view.replace("VIEW silver.", "TEMPORARY VIEW ").replace("FROM silver.", "FROM "))
    assert [tuple(row) for row in spark.sql(seen.replace("silver.", "")).collect()] == wanted
    assert "Did you mean 'trino'?" in _said(planes, "silver.planes", "--view", "trini").err


def test_what_cannot_be_drawn_or_asked_says_why(planes: Lake) -> None:
    for arguments, why in (
        (("--timeline",), "--timeline draws one key"),
        (("--timeline", "--key", "tail"), "say COLUMN=VALUE"),
        (("--timeline", "--key", "valid_from=2004-01-01"), "are of several keys"),
        (("--timeline", "--key", "tial=N1"), "Did you mean 'tail'?"),
    ):
        said = _said(planes, "silver.planes", *arguments)
        assert (said.code, why in " ".join(said.err.replace("│", " ").split())) == (2, True), said.err
    planes.spark.sql(f"ALTER TABLE delta.`{planes.path(PLANES.name)}` UNSET TBLPROPERTIES ('lakegate.system')")
    versions = _said(planes, "silver.planes", "--key", "tail=N1", "--timeline")
    said_so = " ".join(versions.err.replace("│", " ").split())
    assert "--timeline draws bitemporal tables, and silver.planes keeps no system time." in said_so
    given(planes, PLAIN, ROWS)
    said = _said(planes, "silver.plain", "--as-of-valid", "2013-07-01")
    assert isinstance(said.error, NoHistoryError)
    assert "keeps no valid time" in said.err
