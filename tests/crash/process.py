"""One process of a chain: it plays a step of a scenario, and kills itself at the first point that it is told of.

Run as `python -m tests.crash.process '{"scenario": "files", "step": 0, "folder": ..., "landing": ...}'`.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from framework import fault
from framework.config import load
from framework.session import create
from tests.crash.scenarios import SCENARIOS, Place


def main(
    scenario: str, step: int, folder: str, landing: str, targets: list[str], settings: list[str], stop: bool = False
) -> None:
    place = Place(Path(folder), Path(landing))
    chosen = load("test", [f"lake.root={place.lake}", *settings])
    spark = create(chosen, scenario)
    passed = os.open(place.folder / "points", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def reached(name: str) -> None:
        point = place.point(name)
        os.write(passed, f"{point}\n".encode())
        if {point, point.partition(" ")[2]} & {*targets}:
            os.kill(os.getpid(), signal.SIGSTOP if stop else signal.SIGKILL)

    fault.reached = reached
    os.environ["CRASH_TOLD"] = str(place.folder / "told")
    print(spark._jvm.java.lang.ProcessHandle.current().pid(), flush=True)  # type: ignore[union-attr]  # noqa: T201
    SCENARIOS[scenario].play(step, spark, chosen, place)


def ended(error: BaseException) -> NoReturn:
    """Name the error in one line, for the harness to read."""
    print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
    raise SystemExit(1) from error


if __name__ == "__main__":
    given: dict[str, Any] = json.loads(sys.argv[1])
    try:
        main(**given)
    except Exception as error:
        ended(error)
