"""Arguments of a job on their way through YARN, which starts the driver by a line of bash.

Spark quotes each argument in that line and escapes `$`, `"` and `'` in it; a backquote or a backslash is left to the
shell, and YARN takes `{{`, `}}`, `<CPS>` and `<LOG_DIR>` for its own (Spark's YarnSparkHadoopUtil.escapeForShell and
YARN's ContainerLaunch.expandEnvironment). So an argument that holds anything but harmless characters travels as base64.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable

PACKED = "--packed="
SAFE = re.compile(r"[A-Za-z0-9_./:=,@%+ -]+")


def pack(arguments: Iterable[str]) -> list[str]:
    """Return arguments that arrive as they are: safe ones unchanged, each other as `--packed=`, in the same order."""
    return [each if SAFE.fullmatch(each) and not each.startswith(PACKED) else _packed(each) for each in arguments]


def unpack(arguments: Iterable[str]) -> list[str]:
    """Return the arguments that were packed."""
    return [part for each in arguments for part in (_unpacked(each) if each.startswith(PACKED) else [each])]


def _packed(argument: str) -> str:
    return PACKED + urlsafe_b64encode(json.dumps([argument]).encode()).decode()


def _unpacked(argument: str) -> list[str]:
    found: list[str] = json.loads(urlsafe_b64decode(argument.removeprefix(PACKED)))
    return found
