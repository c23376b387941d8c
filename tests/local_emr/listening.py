"""Where processes listen, and whom they talk to, as Linux says it: without a program that a machine may lack."""

import os
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

LISTEN = "0A"
NOBODY = ("0.0.0.0", "::")


@dataclass(frozen=True)
class Socket:
    """One socket, by the inode that a process's file descriptor names."""

    inode: str
    own: tuple[str, int]
    other: str
    listens: bool


def listening(pids: Iterable[int]) -> set[tuple[str, int]]:
    """Return the addresses and ports on which processes listen."""
    return {each.own for each in _sockets(pids, "tcp", "tcp6") if each.listens}


def connected(pids: Iterable[int]) -> set[str]:
    """Return the addresses with which processes have connections, those of a name server among them."""
    return {each.other for each in _sockets(pids, "tcp", "tcp6", "udp", "udp6")} - set(NOBODY)


def _sockets(pids: Iterable[int], *tables: str) -> Iterator[Socket]:
    inodes = {inode for pid in pids for inode in _inodes(pid)}
    for table in tables:
        file = Path("/proc/net") / table
        for line in file.read_text().splitlines()[1:] if file.exists() else ():
            words = line.split()
            if words[9] in inodes:
                yield Socket(words[9], _place(words[1]), _place(words[2])[0], words[3] == LISTEN)


def _inodes(pid: int) -> Iterator[str]:
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            link = os.readlink(f"/proc/{pid}/fd/{name}")
            if link.startswith("socket:["):
                yield link.removeprefix("socket:[").removesuffix("]")
    except OSError:  # ended meanwhile
        return


def _place(words: str) -> tuple[str, int]:
    """Return an address of the kernel's, which is in words of four bytes, each in the machine's order, and the port."""
    address, _, port = words.partition(":")
    parts = b"".join(struct.pack("=I", int(address[at : at + 8], 16)) for at in range(0, len(address), 8))
    family = socket.AF_INET if len(parts) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, parts).removeprefix("::ffff:"), int(port, 16)
