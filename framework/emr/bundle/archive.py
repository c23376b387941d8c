"""Archives whose bytes follow from their content alone: names in order, one time, one mode."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

# The first that a zip file can hold.
EPOCH = (1980, 1, 1, 0, 0, 0)
MODE = 0o100644  # a file, and everybody may read it


def write(path: Path, files: Mapping[str, Path] | Mapping[str, bytes]) -> None:
    """Write a zip file of files, given by the name that each has in it; the same files make the same bytes."""
    with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(files):
            entry = ZipInfo(name, EPOCH)
            entry.compress_type, entry.external_attr, entry.create_system = ZIP_DEFLATED, MODE << 16, 3
            content = files[name]
            if isinstance(content, bytes):
                archive.writestr(entry, content)
            else:
                # Its size is said first, or one over 2 GiB is refused.
                entry.file_size = content.stat().st_size
                with content.open("rb") as source, archive.open(entry, "w") as target:
                    shutil.copyfileobj(source, target, 1 << 20)


def read(path: Path) -> dict[str, bytes]:
    """Return the files of a zip file by their names; folders are left out."""
    with ZipFile(path) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist() if not entry.is_dir()}
