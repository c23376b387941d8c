"""A process that waits for the end of the one that started it, and then ends what that one left running."""

import os
import signal
import sys
from pathlib import Path

from framework.local_emr.daemons.lifecycle import end_for
from framework.process import process


def main() -> None:
    """Read standard input, which ends with its owner, however that ends; then clean up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.buffer.read()
    end_for(Path(sys.argv[1]), process(os.getpid()))


if __name__ == "__main__":
    main()
