"""Files on a local disk."""

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from framework.batch import FilePin
from framework.errors import StorageError
from framework.storage.pattern import hidden, literal_part, matches


class LocalStorage:
    """A disk of this machine; addresses are absolute paths, with `file:` before them or not."""

    def read(self, path: str) -> str | None:
        """Return a file's text."""
        try:
            return Path(plain(path)).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StorageError(path, str(error)) from None

    def create(self, path: str, text: str) -> bool:
        """Write beside it and give it its name by a hard link, which fails where the name is taken."""
        try:
            draft = _draft(path, text)
            try:
                os.link(draft, plain(path))
            except FileExistsError:
                return False
            finally:
                draft.unlink()
        except OSError as error:
            raise StorageError(path, str(error)) from None
        return True

    def replace(self, path: str, text: str) -> None:
        """Write beside it and rename."""
        try:
            draft = _draft(path, text)
            try:
                draft.replace(plain(path))
            except OSError:
                draft.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise StorageError(path, str(error)) from None

    def delete(self, path: str) -> None:
        """Remove a file that may be there."""
        Path(plain(path)).unlink(missing_ok=True)

    def delete_begun(self, folder: str) -> None:
        """Remove the folders from the innermost, which the system refuses where anything is in one."""
        for there, _, names in os.walk(plain(folder), topdown=False):
            for draft in (Path(there, name) for name in names if name.startswith(".")):
                draft.unlink(missing_ok=True)
            with suppress(OSError):
                os.rmdir(there)

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder."""
        there = plain(folder)
        return sorted(name for name in os.listdir(there) if not hidden(name)) if os.path.isdir(there) else []

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder."""
        there = Path(plain(folder))
        return sorted(p.name for p in there.iterdir() if p.is_dir() and not hidden(p.name)) if there.is_dir() else []

    def files(self, where: str) -> Iterator[FilePin]:
        """Walk the folders below what the pattern names letter by letter."""
        pattern = plain(where).rstrip("/") or "/"
        begin = literal_part(pattern) or "/"
        if not os.path.exists(begin):
            raise StorageError(where, f"{begin} does not exist")
        try:
            if os.path.isfile(begin):
                if matches(pattern, begin):
                    yield _pin(begin, os.stat(begin))
                return
            for entry in _below(begin, set(pattern.split("/"))):
                if matches(pattern, entry.path) and (found := _listed(entry)):
                    yield found
        except OSError as error:
            raise StorageError(where, str(error)) from None

    def stat(self, path: str) -> FilePin | None:
        """Return a file as it is now."""
        try:
            return _pin(plain(path), os.stat(plain(path)))
        except OSError:
            return None


def plain(path: str) -> str:
    """Return a path without its scheme."""
    return "/" + path.removeprefix("file:").lstrip("/") if path.startswith("file:") else path


def _below(folder: str, named: set[str]) -> Iterator["os.DirEntry[str]"]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if hidden(entry.name) and entry.name not in named:
                continue
            if entry.is_dir():
                yield from _below(entry.path, named)
            else:
                yield entry


def _pin(path: str, status: os.stat_result) -> FilePin:
    return FilePin(f"file:{path}", status.st_size, status.st_mtime_ns // 1_000_000)


def _listed(entry: "os.DirEntry[str]") -> FilePin | None:
    """Return a file; None where it was renamed or removed since its folder was read, as Hadoop leaves it out too."""
    try:
        return _pin(entry.path, entry.stat())
    except FileNotFoundError:
        return None


def _draft(path: str, text: str) -> Path:
    there = Path(plain(path))
    there.parent.mkdir(parents=True, exist_ok=True)
    draft = there.with_name(f".{there.name}.{secrets.token_hex(4)}")
    try:
        with open(draft, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return draft
