"""What a bundle of this repository weighs, and how long it takes to build: with its real dependencies, from the index.

    python benchmarks/bundle.py

For a Graviton and an x86 release it prints the size and the seconds of three builds: with an empty cache, so that all
is downloaded; again into an empty folder, which must give the same bytes; and again where nothing has changed. The last
column is what was checked: how many native libraries, their CPU, and the newest glibc that one of them asks for. It
says what is over the limits of 25 MB and 20 s.
"""

import os
import tempfile
import time
from pathlib import Path
from zipfile import ZipFile

from elftools.elf.elffile import ELFFile

from framework.config.emr import Architecture
from framework.emr.bundle.artifacts import Bundle
from framework.emr.bundle.build import build
from framework.emr.bundle.native import glibc
from framework.emr.bundle.platform import Platform

ROOT = Path(__file__).parent.parent
TARGETS: tuple[tuple[str, Architecture], ...] = (("emr-spark-8.2.0", "aarch64"), ("emr-7.14.0", "x86_64"))
MEGABYTES, SECONDS = 25.0, 20.0


def timed(platform: Platform, dist: Path) -> tuple[Bundle, float]:
    began = time.perf_counter()
    bundle = build(ROOT, platform, dist)
    return bundle, time.perf_counter() - began


def native(bundle: Bundle) -> str:
    """Say of what CPU the libraries are, and the newest glibc that one asks for."""
    found = []
    with ZipFile(bundle.dependencies.path) as packed:
        for name in packed.namelist():
            with packed.open(name) as file:
                if file.read(4) == b"\x7fELF":
                    file.seek(0)
                    elf = ELFFile(file)
                    found.append((elf["e_machine"], glibc(elf)))
    newest = max(asked for _, asked in found)
    return f"{len(found)} {'/'.join(sorted({machine for machine, _ in found}))} glibc {newest[0]}.{newest[1]}"


def main() -> None:
    print(f"{'release':<16} {'CPU':<8} {'MB':>5} {'cold s':>7} {'again s':>8} {'reused s':>9} {'same':>5}  native")
    for release, architecture in TARGETS:
        platform = Platform.of(release, architecture, "3.11")
        with tempfile.TemporaryDirectory() as folder:
            os.environ["UV_CACHE_DIR"] = str(Path(folder) / "cache")
            first, cold = timed(platform, Path(folder) / "first")
            second, warm = timed(platform, Path(folder) / "second")
            _, reused = timed(platform, Path(folder) / "second")
            size = sum(artifact.size for artifact in first) / 1e6
            same = [a.path.read_bytes() for a in first] == [b.path.read_bytes() for b in second]
            print(
                f"{release:<16} {architecture:<8} {size:5.1f} {cold:7.1f} {warm:8.1f} {reused:9.1f} "
                f"{'yes' if same else 'NO':>5}  {native(first)}"
            )
            if size > MEGABYTES or cold > SECONDS:
                print(f"  over the limit of {MEGABYTES:.0f} MB or {SECONDS:.0f} s")


if __name__ == "__main__":
    main()
