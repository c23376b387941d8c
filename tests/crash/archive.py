"""Make the archive of the JVM's classes with which a process of a chain starts in half the time.

Run as `python -m tests.crash.archive`; where it cannot be made, the tests run without it.
"""

import tempfile
import time
from pathlib import Path

from tests.crash.harness import ARCHIVE, Process
from tests.crash.scenarios import SCENARIOS, Place


def main() -> None:
    if ARCHIVE.exists():
        return
    ARCHIVE.parent.mkdir(exist_ok=True)
    draft = ARCHIVE.with_suffix(".draft")
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), Path(folder, "landing"))
        place.lake.mkdir()
        SCENARIOS["files"].steps[0].arrive(place)
        process = Process("files", 0, place, options=f"-XX:ArchiveClassesAtExit={draft}").started()
        assert process.ended() == 0, process.error
        while Path(f"/proc/{process.jvm}").exists():  # it writes the archive when it ends
            time.sleep(0.2)
    if draft.exists():
        draft.rename(ARCHIVE)


if __name__ == "__main__":
    main()
