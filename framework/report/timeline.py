"""A picture of what a table believes of one key: valid time to the right, system time downwards.

    system time           1998-01-01   2005-07-01
    2026-11-21 12:00:00   182          182
    2026-11-22 09:30:00   150          182

A line says what was believed from its time on, until that of the next line; a cell what was believed to hold from its
day on, until the next; `·` is nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import combinations
from typing import TypeVar
from xml.sax.saxutils import escape

NOTHING = "·"
FOREVER_YEAR = 9999
DAY = len("2013-06-01")
COLUMN_WIDTH, ROW_HEIGHT, SIDE, TOP, MARGIN = 130, 34, 160, 56, 20
LEGEND = "A cell holds from its day to the next, a line was believed from its time to the next; the last ones are open."
FILLS = ("#dbeafe", "#fef3c7", "#dcfce7", "#fee2e2", "#ede9fe", "#ffedd5", "#cffafe", "#e5e7eb")
At = TypeVar("At", bound=date)


@dataclass(frozen=True, slots=True)
class Belief:
    """What was believed to hold in a period of valid time, in a period of system time; both are half-open."""

    says: str
    valid: tuple[date, date]
    system: tuple[datetime, datetime]

    def holds(self, at: date, told: datetime) -> bool:
        """Say whether it holds at a valid time, as of a system time."""
        return self.valid[0] <= at < self.valid[1] and self.system[0] <= told < self.system[1]


@dataclass(frozen=True, slots=True)
class Timeline:
    """What was believed from each system time on (a line), of each valid time on (a cell); None is nothing."""

    valid: tuple[date, ...]
    system: tuple[datetime, ...]
    lines: tuple[tuple[str | None, ...], ...]


def timeline(beliefs: Sequence[Belief]) -> Timeline:
    """Lay out the beliefs of one key."""
    valid = sorted({at for each in beliefs for at in each.valid if at.year < FOREVER_YEAR})
    system = sorted({told for each in beliefs for told in each.system if told.year < FOREVER_YEAR})

    def believed(at: date, told: datetime) -> str | None:
        return next((each.says for each in beliefs if each.holds(at, told)), None)

    lines = {told: tuple(believed(at, told) for at in valid) for told in system}
    lines = dict(_changing([*lines.items()]))
    columns = _changing([(at, tuple(cells[place] for cells in lines.values())) for place, at in enumerate(valid)])
    cells = tuple(zip(*(column for _, column in columns), strict=True)) if columns else ((),) * len(lines)
    return Timeline(tuple(at for at, _ in columns), tuple(lines), cells)


def overlaps(beliefs: Sequence[Belief]) -> bool:
    """Say whether two beliefs hold at once, as those of one key never do."""
    return any(
        a.valid[0] < b.valid[1] and b.valid[0] < a.valid[1] and a.system[0] < b.system[1] and b.system[0] < a.system[1]
        for a, b in combinations(beliefs, 2)
    )


def _changing(steps: list[tuple[At, tuple[str | None, ...]]]) -> list[tuple[At, tuple[str | None, ...]]]:
    """Leave out what says the same as the step before it."""
    return [step for n, step in enumerate(steps) if n == 0 or step[1] != steps[n - 1][1]]


def text(drawn: Timeline, width: int | None = None) -> str:
    """Return the picture as lines of text; values are cut to what a width has room for."""
    heading = ["system time", *map(_short, drawn.valid)]
    times = max((len(_short(told)) for told in drawn.system), default=0)
    room = None if width is None else (width - times) // max(len(drawn.valid), 1) - 3
    rows = [
        [_short(told), *(_cut(cell or NOTHING, room) for cell in cells)]
        for told, cells in zip(drawn.system, drawn.lines, strict=True)
    ]
    widths = [max(map(len, column)) for column in zip(heading, *rows, strict=True)]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heading, *rows)
    )


def _cut(says: str, room: int | None) -> str:
    """Shorten a value; to less than the length of a day, which stands above it, would gain nothing."""
    return says if room is None or len(says) <= max(room, DAY) else says[: max(room, DAY) - 1] + "…"


def svg(drawn: Timeline, title: str) -> str:
    """Return the picture as an SVG document; equal values have equal colours."""
    width = 2 * MARGIN + SIDE + COLUMN_WIDTH * len(drawn.valid)
    height = 2 * MARGIN + TOP + ROW_HEIGHT * (len(drawn.system) + 1)
    values = list(dict.fromkeys(cell for cells in drawn.lines for cell in cells if cell is not None))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        _label(MARGIN, MARGIN + 8, title, 'font-weight="bold" font-size="16"'),
    ]
    parts.append(_label(MARGIN, height - MARGIN, LEGEND, 'fill="#64748b" font-size="11"'))
    for column, at in enumerate(drawn.valid):
        parts.append(_label(_x(column), MARGIN + TOP - 8, _short(at), 'fill="#64748b" font-size="11"'))
    for row, (told, cells) in enumerate(zip(drawn.system, drawn.lines, strict=True)):
        y = MARGIN + TOP + row * ROW_HEIGHT
        parts.append(_label(MARGIN, y + 21, _short(told), 'fill="#64748b" font-size="11"'))
        parts += [_cell(_x(column), y, cell, values) for column, cell in enumerate(cells) if cell is not None]
    return "\n".join([*parts, "</svg>", ""])


def _x(column: int) -> int:
    return MARGIN + SIDE + column * COLUMN_WIDTH


def _cell(x: int, y: int, says: str, values: Sequence[str]) -> str:
    fill = FILLS[values.index(says) % len(FILLS)]
    shown = says if len(says) <= COLUMN_WIDTH // 8 else says[: COLUMN_WIDTH // 8 - 1] + "…"
    return (
        f"<g><title>{escape(says)}</title>"
        f'<rect x="{x}" y="{y}" width="{COLUMN_WIDTH}" height="{ROW_HEIGHT}" fill="{fill}" stroke="white"/>'
        f"{_label(x + 8, y + 21, shown, '')}</g>"
    )


def _label(x: int, y: int, says: str, style: str) -> str:
    return f'<text x="{x}" y="{y}" {style}>{escape(says)}</text>'


def _short(at: date) -> str:
    """Write a day, or a time as exactly as it has to be."""
    if not isinstance(at, datetime):
        return at.isoformat()
    return f"{at:%Y-%m-%d %H:%M:%S.%f}" if at.microsecond else f"{at:%Y-%m-%d %H:%M:%S}"
