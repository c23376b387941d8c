"""Patterns of paths, as Hadoop has them: `*`, `?`, `[a-z]`, `[^a]`, `{a,b}`, and `\\` before what is meant itself."""

import posixpath
import re
from functools import cache

SPECIAL = frozenset("*?[{\\")
# What makes Hadoop take a path for a pattern, closing brackets too.
MARKED = re.compile(r"([*?\[\]{}\\])")
PLACE = re.compile(r"(file:|[\w+.-]+://[^/]*)?(.*)", re.DOTALL)


def parted(address: str) -> tuple[str, str]:
    """Return the scheme with the bucket or host, which may be empty, and the path behind it."""
    found = PLACE.fullmatch(address)
    return (found[1] or "", found[2]) if found else ("", address)


def normal(address: str) -> str:
    """Return the one way to write a path or pattern: without `.`, `..`, and slashes too many."""
    place, path = parted(address)
    if not path:
        return address
    root = "/" if place or path.startswith("/") else ""
    return place + root + posixpath.normpath(path).lstrip("/")


def literal(path: str) -> str:
    """Return the pattern that takes a path letter by letter."""
    return MARKED.sub(r"\\\1", path)


def literal_part(where: str) -> str:
    """Return the folders at the beginning of a pattern that hold no special character; all of it if none does."""
    parts = where.rstrip("/").split("/")
    plain = next((i for i, part in enumerate(parts) if SPECIAL & set(part)), len(parts))
    return "/".join(parts[:plain])


def matches(where: str, path: str) -> bool:
    """Say whether a file is named by the pattern or lies below what it names, and is not hidden.

    A folder that the pattern names letter by letter may be hidden; what a special character stands for not, and neither
    may a file, since Spark gives no row of a hidden one, without a word.
    """
    wanted, found = where.rstrip("/").split("/"), path.split("/")
    if len(found) < len(wanted) or hidden(found[-1]):
        return False
    for pattern, part in zip(wanted, found, strict=False):
        if pattern != part and (hidden(part) or not _compiled(pattern).fullmatch(part)):
            return False
    return not any(hidden(part) for part in found[len(wanted) :])


def hidden(name: str) -> bool:
    """As Spark does: what begins with _ or . is not data, nor is what Hadoop is still copying."""
    marked = name.startswith("_") and "=" not in name  # _day=2024-01-01 is a partition
    return marked or name.startswith(".") or name.endswith("._COPYING_")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile("".join(_translated(pattern)), re.DOTALL)
    except re.error:  # a brace that is never closed, a range from z to a: no pattern, so the name itself
        return re.compile(re.escape(pattern))


def _translated(pattern: str) -> list[str]:
    made, depth, at = [], 0, 0
    while at < len(pattern):
        letter = pattern[at]
        at += 1
        if letter == "\\" and at < len(pattern):
            made.append(re.escape(pattern[at]))
            at += 1
        elif letter == "[" and "]" in pattern[at + 1 :]:
            end = pattern.index("]", at + 1)
            inside = pattern[at:end].replace("\\", "\\\\")
            made.append(f"[{'^' + inside[1:] if inside[0] in '!^' else inside}]")
            at = end + 1
        elif letter == "{":
            made.append("(?:")
            depth += 1
        elif letter == "}" and depth:
            made.append(")")
            depth -= 1
        elif letter == "," and depth:
            made.append("|")
        else:
            made.append({"*": ".*", "?": "."}.get(letter, re.escape(letter)))
    return made
