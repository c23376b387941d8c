"""What `s3-dist-cp` is asked for, in the words of DistCp.

The options are those of the EMR Release Guide, "S3DistCp". What joins or compresses files is S3DistCp's own, and is
refused: a copy that looks done and is another one would be worse. Only what DistCp says it has copied is deleted.
"""

import posixpath
import re
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.errors import ProgramUsageError

# They say how a cluster is to do it, and are of no account here.
IGNORED = ("s3Endpoint", "s3ServerSideEncryption", "disableMultipartUpload", "multipartUploadChunkSize", "storageClass")
FLAGS = ("deleteOnSuccess", "s3ServerSideEncryption", "disableMultipartUpload")
ADDRESS = re.compile(r"(?:(\w+):(?://([^/]*))?)?(.*)", re.DOTALL)
# From a log of DistCp's to the files that were copied, and to them in words of FsShell's, which takes patterns.
COPIED = r"s/^FILE_COPIED: source=\(.*\), size=[0-9]* --> target=.*/\1/p"
QUOTED = r"s/[][{}*?\\]/\\&/g"


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of what is in one folder into another: all of it, or the files whose whole address fits a pattern."""

    src: str
    dest: str
    pattern: str | None = None
    delete_on_success: bool = False

    def of_distcp(self, temporary: Path, log: Path | None = None) -> tuple[str, ...]:
        """Return the arguments of DistCp; it reads the pattern from a file in the temporary folder.

        It makes the log, a folder, and says there what it has copied.
        """
        filters: tuple[str, ...] = ()
        if self.pattern is not None:
            with tempfile.NamedTemporaryFile("w", dir=temporary, suffix=".filters", delete=False) as file:
                # DistCp leaves out what fits: all that does not fit the pattern.
                file.write(f"^(?!(?:{self.pattern})$).*\n")
            filters = ("-filters", file.name)
        logged = ("-v", "-log", f"file://{log}") if log else ()
        # Without it a folder that is there would get the other one as its child.
        return ("-overwrite", *logged, *filters, self.src, self.dest)


def removal(log: Path, remove: Sequence[str]) -> str:
    """Return what a shell runs to remove all that a log says was copied; `remove` takes files as its arguments."""
    files = f"sed -n {shlex.quote(COPIED)} {shlex.quote(str(log))}/part-* | sed {shlex.quote(QUOTED)}"
    return f"{files} | tr '\\n' '\\0' | xargs -0 -r {shlex.join(remove)}"


def read(arguments: Sequence[str]) -> Copy:
    """Return what is asked for: `--src X` or `--src=X`. Raises ProgramUsageError for what is not offered."""
    found: dict[str, str] = {}
    waiting = iter(arguments)
    for each in waiting:
        name, equals, value = each.lstrip("-").partition("=")
        found[name] = value if equals or name in FLAGS else next(waiting, "")
    known = ("src", "dest", "srcPattern", *FLAGS, *IGNORED)
    for name in found:
        if name not in known:
            raise ProgramUsageError(f"--{name}", [f"--{each}" for each in known])
    if missing := [name for name in ("src", "dest") if not found.get(name)]:
        raise ProgramUsageError(f"s3-dist-cp without --{missing[0]}", ["--src", "--dest"])
    delete = "deleteOnSuccess" in found and found["deleteOnSuccess"] != "false"
    if delete and _overlap(found["src"], found["dest"]):
        raise ProgramUsageError("--deleteOnSuccess where --src and --dest overlap", ["folders beside each other"])
    return Copy(found["src"], found["dest"], found.get("srcPattern"), delete)


def _overlap(src: str, dest: str) -> bool:
    """Tell whether a folder is another one, or one is in the other."""
    one, other = _folder(src), _folder(dest)
    return one.startswith(other) or other.startswith(one)


def _folder(address: str) -> str:
    """Return a folder however it is written; one of HDFS and one of this machine are not told apart."""
    scheme, host, path = ADDRESS.fullmatch(address).groups("")  # type: ignore[union-attr]
    whole = f"s3/{host}{path}" if scheme.startswith("s3") else posixpath.join("/user/hadoop", path)
    return posixpath.normpath(whole).rstrip("/") + "/"
