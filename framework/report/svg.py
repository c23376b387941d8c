"""A picture of a job: its stages from left to right, each to the right of all that it waits for."""

from collections.abc import Iterator
from itertools import pairwise
from xml.sax.saxutils import escape

from framework.pipeline.job import Job
from framework.pipeline.node import Node
from framework.report.describe import describe

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN, TITLE_HEIGHT = 190, 40, 70, 18, 20, 30
LONGEST_NAME = 26
FILL = {"extract": "#dbeafe", "transform": "#fef3c7", "load": "#dcfce7", "maintain": "#f3e8ff"}
LINE = {"extract": "#3b82f6", "transform": "#d97706", "load": "#16a34a", "maintain": "#9333ea"}


def draw(job: Job) -> str:
    """Return the picture as an SVG document."""
    columns = _columns(job)
    places = {key: _place(x, y) for x, column in enumerate(columns) for y, key in enumerate(column)}
    width = MARGIN * 2 + len(columns) * BOX_WIDTH + (len(columns) - 1) * GAP_X
    height = MARGIN * 2 + TITLE_HEIGHT + max(map(len, columns), default=1) * (BOX_HEIGHT + GAP_Y)
    edges = [_edge([places[key] for key in path], dashed=path[0] in node.after) for node, path in _paths(job)]
    boxes = [_box(node, *places[node.key]) for node in job.nodes]
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="system-ui, sans-serif" font-size="13">'
    )
    title = f'<text x="{MARGIN}" y="{MARGIN + 8}" font-weight="bold" font-size="16">{escape(job.name)}</text>'
    background = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join([opening, background, title, *edges, *boxes, "</svg>", ""])


def _waits(node: Node) -> list[str]:
    return list(dict.fromkeys([*node.takes.values(), *node.after]))


def _depths(job: Job) -> dict[str, int]:
    """Put each stage one column right of the last that it waits for, and each source just left of its first reader."""
    depth: dict[str, int] = {}
    for node in job.nodes:
        depth[node.key] = 1 + max((depth[waits] for waits in _waits(node)), default=-1)
    for node in job.nodes:
        if not _waits(node):
            readers = [depth[reader.key] for reader in job.nodes if node.key in _waits(reader)]
            depth[node.key] = min(readers, default=1) - 1
    return depth


def _columns(job: Job) -> list[list[str]]:
    """Order the keys of each column by what they wait for; a line that passes a column has a place of its own in it."""
    depth = _depths(job)
    columns: list[list[str]] = [[] for _ in range(1 + max(depth.values(), default=0))]
    comes_from: dict[str, list[str]] = {}
    for node in job.nodes:
        columns[depth[node.key]].append(node.key)
        comes_from[node.key] = [_passing(key, depth[node.key] - 1, depth) for key in _waits(node)]
        for key in _waits(node):
            for x in range(depth[key] + 1, depth[node.key]):
                if (way := _passing(key, x, depth)) not in columns[x]:
                    columns[x].append(way)
                    comes_from[way] = [_passing(key, x - 1, depth)]
    row: dict[str, int] = {}
    for column in columns:
        column.sort(key=lambda key: sum(row.get(k, 0) for k in comes_from[key]) / max(len(comes_from[key]), 1))
        row.update({key: index for index, key in enumerate(column)})
    return columns


def _passing(key: str, x: int, depth: dict[str, int]) -> str:
    """Return the key itself in its own column, or the name of its line's place in a later one."""
    return key if x == depth[key] else f"{key} passing {x}"


def _paths(job: Job) -> Iterator[tuple[Node, list[str]]]:
    depth = _depths(job)
    for node in job.nodes:
        for key in _waits(node):
            yield node, [*(_passing(key, x, depth) for x in range(depth[key], depth[node.key])), node.key]


def _place(x: int, y: int) -> tuple[int, int]:
    return MARGIN + x * (BOX_WIDTH + GAP_X), MARGIN + TITLE_HEIGHT + y * (BOX_HEIGHT + GAP_Y)


def _edge(places: list[tuple[int, int]], *, dashed: bool) -> str:
    bend, middle = GAP_X // 2, BOX_HEIGHT // 2
    path = f"M{places[0][0] + BOX_WIDTH},{places[0][1] + middle}"
    for (x1, y1), (x2, y2) in pairwise(places):
        start, y1, y2 = x1 + BOX_WIDTH, y1 + middle, y2 + middle
        path += f" C{start + bend},{y1} {x2 - bend},{y2} {x2},{y2}"
        if (x2, y2 - middle) != places[-1]:
            path += f" H{x2 + BOX_WIDTH}"
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<path d="{path}" fill="none" stroke="#94a3b8" stroke-width="1.5"{dash}/>'


def _box(node: Node, x: int, y: int) -> str:
    name = node.name if len(node.name) <= LONGEST_NAME else node.name[: LONGEST_NAME - 1] + "…"
    middle = f'x="{x + BOX_WIDTH // 2}" text-anchor="middle"'
    return (
        f"<g><title>{escape(describe(node))}</title>"
        f'<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" '
        f'fill="{FILL[node.kind]}" stroke="{LINE[node.kind]}"/>'
        f'<text {middle} y="{y + 17}">{escape(name)}</text>'
        f'<text {middle} y="{y + 32}" font-size="10" fill="#64748b">{node.kind}</text></g>'
    )
