"""What the logs of a step say: why it failed, and which applications it has submitted."""

import re
from collections.abc import Iterable
from pathlib import Path

from framework.emr.logs.places import submitted
from framework.local_emr.api.model import Failure

NAMED = re.compile(r"^(?:Exception in thread \"[^\"]*\" |Caused by: |Error: )?(?:[\w$]+\.)*\w*(?:Exception|Error)\b.*")
# What Spark says to the end, whatever the program has said before.
NO_REASON = re.compile(r"^\d\d/\d\d/\d\d \d\d:\d\d:\d\d (?:INFO|WARN|DEBUG) ")
LONGEST = 1000
END = 64 * 1024
BLOCK = 1024**2


def failure(log: Path, address: str | None) -> Failure:
    """Return EMR's words, and the last error that a log names; the address is where the log was put."""
    message = None
    if log.exists():
        with log.open("rb") as read:
            read.seek(max(0, log.stat().st_size - END))
            lines = read.read().decode(errors="replace").splitlines()
        named = [line for line in lines if NAMED.match(line)]
        told = [line for line in lines if line.strip() and not NO_REASON.match(line)]
        message = next((line[:LONGEST] for line in reversed(named or told[-1:])), None)
    return Failure("Unknown Error.", message, address)


class Applications:
    """The ids of the YARN applications that growing logs say were submitted, in their order."""

    def __init__(self, logs: Iterable[Path]) -> None:
        self._read = dict.fromkeys(logs, 0)
        self._found: dict[str, None] = {}

    def now(self) -> tuple[str, ...]:
        """Read on, whole lines only, and return all ids so far. Of a line longer than a block, blocks are lines."""
        for log in self._read:
            with log.open("rb") as read:
                read.seek(self._read[log])
                while block := read.read(BLOCK):
                    end = block.rfind(b"\n") + 1 or (len(block) if len(block) == BLOCK else 0)
                    if not end:
                        break
                    self._found |= dict.fromkeys(submitted([block[:end].decode(errors="replace")]))
                    self._read[log] += end
                    read.seek(self._read[log])
        return tuple(self._found)
