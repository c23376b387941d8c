"""What a run costs when little or nothing is new, and what plan, lease, run log and publication cost together.

    python benchmarks/incremental.py [TIMES] [YEARS]

1. The job `flights`: all of 2013 in one run, against a run over the last 1 % of the flights when the others are in
   (target: at most 15 %), and against a run when nothing is new (target: under 2 s). The session is up already. With
   YEARS the flights and the weather of 2013 are repeated in the years after it: what a run costs whatever it reads,
   five commits and their Spark jobs, weighs less the longer the history is.
2. A small job with the framework's state and without it, in turn (target: at most 1.5 s a run).
"""

import gzip
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from framework.batch import Plan
from framework.config import LandingSettings, Settings
from framework.config import load as load_settings
from framework.pipeline import Job, Run, extract, load, run
from framework.pipeline.execute import Execution
from framework.pipeline.work import at_work
from framework.session import create
from framework.sources import files, incremental
from framework.state import History
from framework.tables import Frame, Lake, RowModel, Table, append, upsert
from jobs import flights

NEW_SHARE = 0.01
ROUNDS = 1


class Item(RowModel):
    id: int
    name: str


RAW, ITEMS = Table("bronze.items", Item), Table("silver.items", Item, keys=("id",))


def cleaned(raw_items: Frame[Item]) -> Frame[Item]:
    return Item.frame(raw_items)


raw = extract(raw_items=incremental(files("items", Item, format="csv")))
small = Job(
    "small", stages=[raw, load(raw, into=RAW, write=append()), cleaned, load(cleaned, into=ITEMS, write=upsert())]
)


def clock() -> datetime:
    return datetime.now(UTC)


def timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def landing(settings: Settings, folder: Path) -> Settings:
    return settings.model_copy(update={"landing": LandingSettings(root=str(folder))})


def repeat(data: Path, years: int) -> None:
    """Write the flights and the weather of 2013 again for each of the years after it."""
    weather = data / "weather.csv.gz"
    header, *lines = gzip.decompress(weather.read_bytes()).decode().splitlines()
    text = [header, *(shifted(line, 1, years) for years in range(years) for line in lines)]
    weather.write_bytes(gzip.compress("\n".join(text).encode(), 1))
    for month in sorted((data / "flights").glob("*.gz")):
        header, *lines = gzip.decompress(month.read_bytes()).decode().splitlines()
        for later in range(1, years):
            text = [header, *(shifted(line, 0, later) for line in lines)]
            name = month.name.replace("2013", str(2013 + later))
            (month.parent / name).write_bytes(gzip.compress("\n".join([*text, ""]).encode(), 1))


def shifted(line: str, year: int, by: int) -> str:
    """Move a line by years: its column `year`, and its last one, the hour."""
    values = line.split(",")
    values[year], values[-1] = str(int(values[year]) + by), f"{int(values[-1][:4]) + by}{values[-1][4:]}"
    return ",".join(values)


def keep_back(data: Path, new: Path) -> tuple[str, int]:
    """Cut the last flights off into a file of their own, which is not in the landing folder yet."""
    months = sorted((data / "flights").glob("*.gz"))
    name = months[-1].name.replace(".csv", "-last.csv")
    count = round(NEW_SHARE * sum(gzip.decompress(month.read_bytes()).count(b"\n") - 1 for month in months))
    kept: list[str] = []
    while len(kept) < count:
        last = months.pop()
        header, *lines = gzip.decompress(last.read_bytes()).decode().splitlines(keepends=True)
        lines.sort(key=lambda line: int(line.split(",")[2]))
        stays, goes = lines[: -(count - len(kept))], lines[-(count - len(kept)) :]
        kept = goes + kept
        last.write_bytes(gzip.compress("".join([header, *stays]).encode())) if stays else last.unlink()
    new.write_bytes(gzip.compress("".join([header, *kept]).encode()))
    return name, count


def unguarded(table: str) -> AbstractContextManager[None]:
    return nullcontext()


def without_state(lake: Lake, settings: Settings, planned: Plan) -> float:
    """Time the same stages as `run` has, from a plan that is there; nothing is written down but the tables."""
    with at_work(small, lake, settings, {}, clock=clock) as work:  # its lease is taken outside what is timed
        began = time.monotonic()
        reading = work.reading()
        item = Run("small", planned.run_id, planned.position.batch, reading.started_at, "local")
        work.require_checked(reading, item)
        execution = Execution(small, "small", reading, planned, item, {}, planned.loads, unguarded, lambda report: None)
        list(execution.stages())
        return time.monotonic() - began


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    years = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    settings = load_settings("local")
    spark = create(settings, "benchmark")
    data = Path(settings.landing.root).absolute()
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        shutil.copytree(data, at / "data")
        repeat(at / "data", years)
        warm = Lake(spark, str(at / "warm"))
        run(flights.job, warm, landing(settings, data), {}, clock=clock)
        name, count = keep_back(at / "data", at / "new")
        mine = landing(settings, at / "data")
        full, one, none = [], [], []
        for number in range(ROUNDS):
            lake = Lake(spark, str(at / f"lake{number}"))
            (at / "data" / "flights" / name).unlink(missing_ok=True)
            full.append(timed(partial(run, flights.job, lake, mine, {}, clock=clock)))
            shutil.copy(at / "new", at / "data" / "flights" / name)
            one.append(timed(partial(run, flights.job, lake, mine, {}, clock=clock)))
            none.append(timed(partial(run, flights.job, lake, mine, {}, clock=clock)))
        print(f"all but 1 % {min(full):6.1f} s   the last 1 % ({count:,} flights) {min(one):5.1f} s", end="   ")
        print(f"ratio {min(one) / min(full):.1%}   nothing new {min(none):.2f} s")
        on, off = [], []
        (at / "items").mkdir()
        mine = landing(settings, at)
        for number in range(times + 1):
            (at / "items" / f"{number:04}.csv").write_text(f"id,name\n{number},x\n")
            on.append(timed(partial(run, small, Lake(spark, str(at / "on")), mine, {}, clock=clock)))
            planned = History(Lake(spark, str(at / "on")), "small").last()
            assert planned
            off.append(without_state(Lake(spark, str(at / "off")), mine, planned))
        on, off = on[1:], off[1:]  # the first ones make the tables
        print(
            f"a small job with state {statistics.median(on):.2f} s, without {statistics.median(off):.2f} s", end="   "
        )
        print(f"difference {statistics.median(on) - statistics.median(off):.2f} s")


if __name__ == "__main__":
    main()
