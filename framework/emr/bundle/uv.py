"""uv, which builds wheels and fetches those of another platform; nothing else does the latter without Docker."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from framework.errors import BundleToolMissingError

# Seconds since 1970, for builders that write a time: the first day that a zip file can hold.
SOURCE_DATE_EPOCH = "315532800"


def run(arguments: Sequence[str | Path]) -> "subprocess.CompletedProcess[str]":
    """Run uv and return what it said. It reads its own settings, so it finds the index that the project uses.

    Raises BundleToolMissingError where there is no uv.
    """
    environment = {**os.environ, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH, "NO_COLOR": "1", "UV_NO_PROGRESS": "1"}
    command = [_found(), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def said(done: "subprocess.CompletedProcess[str]") -> str:
    """Return the end of what uv said, without the names and passwords that an index's address may hold."""
    return re.sub(r"://[^/\s]+@", "://****@", done.stderr.strip())[-2_000:]


def _found() -> str:
    """Return where uv is: the one of this environment, else the one on PATH."""
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        pass
    if found := shutil.which("uv"):
        return found
    raise BundleToolMissingError("uv")
