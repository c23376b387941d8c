"""What it costs to find the new files among very many: a real folder, and a bookmark of as many files as it holds.

    python benchmarks/listing.py [FILES]

It makes so many empty files (100,000) in a folder of its own, writes a bookmark of all of them as plans of 1,000 files,
and prints the seconds and the peak memory of each step: reading the bookmark from the plans, from the ledger that the
first reading leaves, listing and subtracting when nothing is new, and when all is new, which pins 1,000. The memory is
that of Python's objects (tracemalloc), measured in a second pass, since measuring slows down; the last line is the
greatest size of the process.
"""

import resource
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from framework.batch import FilePin, Pin, Plan, Position, Publication
from framework.sources import Reading, files
from framework.sources.incremental import IncrementalFiles
from framework.sources.source import Bookmark
from framework.state import History
from framework.state.history import name
from framework.tables import Lake, RowModel

NOW = datetime(2024, 1, 1, tzinfo=UTC)
AT_ONCE = 1_000


class Line(RowModel):
    line: str


SOURCE = IncrementalFiles(files("landing", Line, format="text"), AT_ONCE)


def land(folder: Path, number: int) -> None:
    for n in range(number):
        if n % AT_ONCE == 0:
            (folder / "landing" / f"{n // AT_ONCE:04}").mkdir(parents=True)
        (folder / "landing" / f"{n // AT_ONCE:04}" / f"part-{n:07}.txt").touch()


def remember(lake: Lake, found: list[FilePin]) -> None:
    """Leave what batches of 1,000 files would have left."""
    history = History(lake, "lines")
    for begin in range(0, len(found), AT_ONCE):
        position = Position(0, begin // AT_ONCE + 1)
        pins = {"raw": Pin(files=tuple(found[begin : begin + AT_ONCE]))}
        plan = Plan("lines", "run", position, NOW, "", ("bronze.lines",), pins=pins, source="raw")
        history.plans.create(name(position), plan)
        history.published.create(name(position), Publication("lines", "run", position, NOW, NOW))


def measured(said: str, step: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    found = step()
    seconds = time.perf_counter() - began
    tracemalloc.start()
    step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"{said:44} {seconds:6.2f} s   {peak / 1e6:7.1f} MB", flush=True)
    return found


def main(number: int) -> None:
    with tempfile.TemporaryDirectory(prefix="listing-") as place:
        without: Any = None
        lake = Lake(without, f"{place}/lake")
        reading = Reading(lake, place, NOW)
        land(Path(place), number)
        listed = sorted(SOURCE.source.listed(reading), key=lambda file: file.path)
        assert len(listed) == number
        remember(lake, listed)
        del listed
        print(f"{number:,} files, bookmark of {number:,} files")

        began = time.perf_counter()
        History(lake, "lines").files_before()
        print(f"{'the bookmark from its plans, and its ledger':44} {time.perf_counter() - began:6.2f} s")
        known = measured("the bookmark from its ledger", lambda: History(lake, "lines").files_before())
        assert len(known) == number
        none = measured("nothing new", lambda: SOURCE.news(reading, Bookmark(files=lambda: known)))
        assert none.pin is None
        found = measured("all new, 1,000 pinned", lambda: SOURCE.news(reading, Bookmark()))
        assert found.pin
        assert len(found.pin.files) == min(number, AT_ONCE)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"the process at its largest: {peak / 1e6:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
