import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from framework.batch import FilePin, Interval, Pin
from framework.errors import BackfillRefusedError, DeclarationError, LandingError, SnapshotError, StorageError
from framework.sources import Reading, files, incremental, table, written
from framework.sources.files import Files
from framework.sources.incremental import IncrementalFiles, IncrementalRows
from framework.sources.source import Bookmark
from framework.tables import Lake, RowModel, Table

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


class Line(RowModel):
    line: str


class Order(RowModel):
    id: int
    updated_at: datetime


LINES = files("lines", Line, format="text")
ORDERS = table(Table("bronze.orders", Order))


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    """What sources read with, but for a session: files are listed without one."""
    without: Any = None
    (tmp_path / "lines").mkdir()
    return Reading(Lake(without, str(tmp_path / "lake")), str(tmp_path), NOON)


def _land(reading: Reading, *names: str, text: str = "one\n") -> None:
    for name in names:
        path = Path(reading.landing, "lines", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _source(**given: Any) -> IncrementalFiles:
    made = incremental(LINES, **given)
    assert isinstance(made, IncrementalFiles)
    return made


def _names(pin: Pin | None) -> list[str]:
    return [] if pin is None else [file.path.rsplit("/lines/", 1)[1] for file in pin.files]


def _read(*pins: Pin) -> Bookmark:
    """A bookmark behind these pins."""
    return Bookmark(pins[-1] if pins else None, lambda: {file.path: file for pin in pins for file in pin.files})


# -- declarations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "given"),
    [
        (LINES, {"by": "line"}),
        (LINES, {"lag": "1h"}),
        (LINES, {"max_files_per_batch": 0}),
        (LINES, {"dated": "{MM}"}),
        (LINES, {"dated": ""}),
        (LINES, {"dated": "{yyyy}-{mm}"}),
        (LINES, {"dated": "{yyyy}-{yyyy}"}),
        (LINES, {"dated": "{yyyy}-{dd}"}),
        (LINES, {"snapshots": True}),
        (ORDERS, {"by": "updated_at", "snapshots": True}),
        (ORDERS, {}),
        (ORDERS, {"by": "updated"}),
        (ORDERS, {"by": "updated_at", "dated": "{yyyy}"}),
        (ORDERS, {"by": "updated_at", "lag": "1 hour"}),
        (ORDERS, {"by": "updated_at", "lag": "h"}),
        (ORDERS, {"by": "updated_at", "lag": "1.5h"}),
        (ORDERS, {"by": "updated_at", "lag": "-1h"}),
        (ORDERS, {"by": "updated_at", "lag": timedelta(hours=-1)}),
        (incremental(LINES), {}),
        (incremental(ORDERS, by="updated_at"), {"by": "updated_at"}),
        (written(Table("bronze.orders", Order)), {"by": "updated_at"}),
        (print, {"by": "updated_at"}),
    ],
    ids=repr,
)
def test_what_cannot_be_read_incrementally_is_refused(source: Any, given: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError) as refused:
        incremental(source, **given)
    assert refused.value.subject == "incremental(...)"


def test_a_column_that_is_misspelt_is_answered_with_what_there_is() -> None:
    with pytest.raises(DeclarationError, match="Did you mean 'updated_at'"):
        incremental(ORDERS, by="updatd_at")


@pytest.mark.parametrize(
    ("lag", "length"),
    [
        (None, timedelta()),
        ("90s", timedelta(minutes=1, seconds=30)),
        ("15m", timedelta(minutes=15)),
        ("1h", timedelta(hours=1)),
        ("2 d", timedelta(days=2)),
        ("1w", timedelta(days=7)),
        (timedelta(milliseconds=1), timedelta(milliseconds=1)),
        ("0s", timedelta()),
    ],
)
def test_a_lag_is_a_length_of_time(lag: Any, length: timedelta) -> None:
    made = incremental(ORDERS, by="updated_at", lag=lag)
    assert isinstance(made, IncrementalRows)
    assert (made.by, made.lag) == ("updated_at", length)


def test_an_incremental_source_has_the_model_of_what_it_reads() -> None:
    assert incremental(LINES).model is Line
    assert incremental(ORDERS, by="updated_at").model is Order
    assert [incremental(files("x", Order, format=kind)).keeps_malformed for kind in ("csv", "json", "orc")] == [
        True,
        True,
        False,
    ]


# -- what is new ------------------------------------------------------------------------------------------------------


def test_only_files_that_no_batch_has_read_are_new_whatever_came_before_them(reading: Reading) -> None:
    source = _source()
    _land(reading, "b", "d")
    first = source.news(reading, _read())
    assert _names(first.pin) == ["b", "d"]
    assert first.said.startswith("2 files")
    assert first.pin
    _land(reading, "a", "c/c", "e")
    second = source.news(reading, _read(first.pin))
    assert _names(second.pin) == ["a", "c/c", "e"]
    assert second.pin
    third = source.news(reading, _read(first.pin, second.pin))
    assert (third.pin, third.said, third.notes) == (None, "nothing", ())


def test_no_file_at_all_is_nothing_new_and_no_folder_is_refused(reading: Reading) -> None:
    assert _source().news(reading, _read()).pin is None
    Path(reading.landing, "lines").rmdir()
    with pytest.raises(LandingError) as refused:
        _source().news(reading, _read())
    assert refused.value.path == f"{reading.landing}/lines"


def test_a_batch_reads_so_many_files_at_most_in_the_order_of_their_names(reading: Reading) -> None:
    _land(reading, *(f"{number:02}" for number in (7, 3, 9, 1, 5)))
    source, pins = _source(max_files_per_batch=2), list[Pin]()
    while pin := source.news(reading, _read(*pins)).pin:
        pins.append(pin)
    assert [_names(pin) for pin in pins] == [["01", "03"], ["05", "07"], ["09"]]
    assert source.news(reading, _read()).said.startswith("5 files")


def test_dated_files_are_read_in_the_order_of_their_dates(reading: Reading) -> None:
    _land(reading, "b-2013-02-01", "a-2013-10-30", "c-2012-12-31", "d-2013-02-01")
    source = _source(dated="-{yyyy}-{MM}-{dd}", max_files_per_batch=3)
    assert _names(source.news(reading, _read()).pin) == ["c-2012-12-31", "b-2013-02-01", "d-2013-02-01"]


def test_a_batch_of_snapshots_is_all_files_of_one_date_and_none_is_read_after_a_later_one(reading: Reading) -> None:
    _land(reading, "2024-01-03/b", "2024-01-02/all", "2024-01-03/a", "2024-01-01/c", "2024-01-01/a", "2024-01-01/b")
    source, pins = _source(dated="{yyyy}-{MM}-{dd}", snapshots=True, max_files_per_batch=2), list[Pin]()
    assert source.news(reading, _read()).said.startswith("6 files")
    for whole in (["2024-01-01/a", "2024-01-01/b", "2024-01-01/c"], ["2024-01-02/all"]):
        pin = source.news(reading, _read(*pins)).pin
        assert _names(pin) == whole
        assert pin
        pins.append(pin)
    why = "is of 2024-01-02 00:00, which was loaded before without it"
    older = "is a snapshot of 2023-12-31 00:00, and one of 2024-01-02 00:00 was loaded before"
    for late, said in (("2024-01-02/more", why), ("2023-12-31/all", older)):
        _land(reading, late)
        with pytest.raises(SnapshotError, match=said) as refused:
            source.news(reading, _read(*pins))
        assert refused.value.subject.endswith(late)
        Path(reading.landing, "lines", late).unlink()
    assert _names(source.news(reading, _read(*pins)).pin) == ["2024-01-03/a", "2024-01-03/b"]


def test_a_date_may_be_in_the_folders_and_has_to_be_one(reading: Reading) -> None:
    _land(reading, "2013/02/28/23.txt", "2013/02/28/7.txt")
    with pytest.raises(LandingError) as refused:
        _source(dated="{yyyy}/{MM}/{dd}/{HH}.").news(reading, _read())
    assert refused.value.path == f"file:{reading.landing}/lines/2013/02/28/7.txt"
    _land(reading, "2013/02/30/01.txt")
    Path(reading.landing, "lines/2013/02/28/7.txt").unlink()
    with pytest.raises(LandingError):
        _source(dated="{yyyy}/{MM}/{dd}/{HH}.").news(reading, _read())


def test_a_date_is_looked_for_below_the_sources_own_path(reading: Reading) -> None:
    landing = Path(reading.landing, "2020-05-05")
    (landing / "2021-06").mkdir(parents=True)
    for name in ("2024-02.txt", "2023-07.txt"):
        (landing / "2021-06" / name).write_text("one\n")
    there = replace(reading, landing=str(landing))

    def found(path: str) -> list[str]:
        made = incremental(files(path, Line, format="text"), dated="{yyyy}-{MM}")
        assert isinstance(made, IncrementalFiles)
        pin = made.within(there, Interval(_utc(2023, 1, 1), _utc(2025, 1, 1)))
        return [Path(file.path).name for file in pin.files] if pin else []

    assert found("2021-06") == found("2021-06/*") == found(f"file:{landing}/2021-06") == ["2023-07.txt", "2024-02.txt"]
    assert found("2021-06/2024-02.txt") == ["2024-02.txt"]  # of a path that is one file, its name


def test_a_file_that_was_rewritten_since_is_told_and_not_read_again(reading: Reading) -> None:
    source = _source()
    _land(reading, "a", "b", "c", "d", "e")
    pin = source.news(reading, _read()).pin
    assert pin
    for name in ("a", "b", "c"):
        _land(reading, name, text="another line\n")
    os.utime(Path(reading.landing, "lines", "d"), (0, 0))  # as long as it was
    found = source.news(reading, _read(pin))
    (note,) = found.notes
    assert found.pin is None
    assert note.startswith("4 files, 0.0 MB rewritten")
    assert note.endswith(", ...")
    _land(reading, "f")
    found = source.news(reading, _read(pin))
    assert _names(found.pin) == ["f"]
    assert len(found.notes) == 1


def test_a_file_that_is_gone_since_it_was_read_is_no_news(reading: Reading) -> None:
    _land(reading, "a", "b")
    pin = _source().news(reading, _read()).pin
    assert pin
    Path(reading.landing, "lines", "a").unlink()
    found = _source().news(reading, _read(pin))
    assert (found.pin, found.notes) == (None, ())


# -- past, and anew ---------------------------------------------------------------------------------------------------


def _utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (_utc(2013, 1, 1), _utc(2013, 2, 1), ["2013-01"]),
        (_utc(2013, 1, 1), _utc(2013, 2, 1, 0, 0, 1), ["2013-01", "2013-02"]),
        (_utc(2013, 1, 2), _utc(2013, 2, 1), []),
        (None, _utc(2013, 1, 1), ["2012-12"]),
        (_utc(2013, 2, 1), None, ["2013-02", "2013-10"]),
    ],
)
def test_the_files_of_a_past_interval_are_those_whose_date_is_in_it(
    reading: Reading, start: datetime | None, end: datetime | None, found: list[str]
) -> None:
    _land(reading, "2013-02", "2013-10", "2012-12", "2013-01")
    assert _names(_source(dated="{yyyy}-{MM}").within(reading, Interval(start, end))) == found


def test_files_without_a_date_have_no_past(reading: Reading) -> None:
    with pytest.raises(BackfillRefusedError):
        _source().within(reading, Interval())


def test_what_is_pinned_again_is_what_is_left_as_it_is_now_and_nothing_else(reading: Reading) -> None:
    source = _source()
    _land(reading, "a", "b", "c")
    pin = source.news(reading, _read()).pin
    assert pin
    Path(reading.landing, "lines", "b").unlink()
    _land(reading, "c", text="two lines\nnow\n")
    _land(reading, "d")
    again = source.pin_again(reading, pin)
    assert _names(again) == ["a", "c"]
    assert again.files[0] == pin.files[0]
    assert (again.files[1].size, source.position(again)) == (14, "c")


# -- many files -------------------------------------------------------------------------------------------------------


class Landed:
    """A landing folder of very many files, which are made up while they are listed."""

    def __init__(self, number: int) -> None:
        self.number = number

    def files(self, where: str) -> Iterator[FilePin]:
        if where == "nowhere":
            raise StorageError(where, "nothing there")
        # In an order that is not that of the names.
        return (self.file(n * 7_919 % self.number) for n in range(self.number))

    def file(self, number: int) -> FilePin:
        return FilePin(f"file:/landing/lines/{number:07}.txt", number, 1_700_000_000_000 + number)


def test_of_very_many_files_those_that_were_read_are_subtracted(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed = Landed(100_000)
    monkeypatch.setattr(Files, "listed", lambda self, reading: landed.files(""))
    known = {file.path: file for file in landed.files("") if file.size % 1_000}
    found = _source(max_files_per_batch=60).news(reading, Bookmark(files=lambda: known))
    assert found.pin
    assert list(found.pin.files) == [landed.file(number) for number in range(0, 60_000, 1_000)]
    assert found.said.startswith("100 files")
    known |= {file.path: file for file in found.pin.files}
    found = _source(max_files_per_batch=60).news(reading, Bookmark(files=lambda: known))
    assert found.pin
    assert list(found.pin.files) == [landed.file(number) for number in range(60_000, 100_000, 1_000)]
