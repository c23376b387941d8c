"""Native code: whether each shared library of a bundle runs on the nodes."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from framework.emr.bundle.platform import Platform
from framework.errors import BundleToolMissingError

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

# Other platforms' magic numbers: Mach-O (one CPU, several), Windows.
MAGIC = {b"\x7fELF": "ELF", b"\xcf\xfa\xed\xfe": "Mach-O", b"\xca\xfe\xba\xbe": "Mach-O", b"MZ": "Windows"}
ENDINGS = (".so", ".dylib", ".pyd", ".dll")
MACHINES = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64"}


def libraries(files: Mapping[str, Path]) -> list[str]:
    """Return which of the files are native code, by their first bytes or their names."""
    return [name for name, path in sorted(files.items()) if name.endswith(ENDINGS) or ".so." in name or _is_elf(path)]


def faults(files: Mapping[str, Path], platform: Platform) -> list[str]:
    """Return why libraries would not load on the nodes: another format or CPU, or a glibc that is newer than theirs."""
    return [f"{name} {fault}" for name in libraries(files) for fault in _faults(files[name], platform)]


def _faults(path: Path, platform: Platform) -> Iterator[str]:
    try:
        from elftools.common.exceptions import ELFError
        from elftools.elf.elffile import ELFFile
    except ImportError:
        raise BundleToolMissingError("pyelftools") from None
    with path.open("rb") as file:
        start = file.read(4)
        if not start.startswith(b"\x7fELF"):
            kind = next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), "none that is known")
            yield f"is no ELF file: its format is {kind}"
            return
        file.seek(0)
        try:
            elf = ELFFile(file)
            machine, needed = MACHINES.get(elf["e_machine"], elf["e_machine"]), glibc(elf)
        except ELFError as error:
            yield f"is a damaged ELF file: {error}"
            return
    if machine != platform.architecture or elf.elfclass != 64:
        yield f"is for {machine} ({elf.elfclass} bit), not {platform.architecture}"
    if needed > platform.glibc:
        yield f"needs glibc {needed[0]}.{needed[1]}"


def glibc(elf: "ELFFile") -> tuple[int, int]:
    """Return the newest glibc that a symbol is asked of, as GLIBC_2.17 asks 2.17."""
    from elftools.elf.gnuversions import GNUVerNeedSection

    names = [
        auxiliary.name
        for section in elf.iter_sections()
        if isinstance(section, GNUVerNeedSection)
        for _, auxiliaries in section.iter_versions()
        for auxiliary in auxiliaries
    ]
    versions = [name.removeprefix("GLIBC_").split(".") for name in names if name.startswith("GLIBC_2.")]
    return max(((int(version[0]), int(version[1])) for version in versions), default=(0, 0))


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"
