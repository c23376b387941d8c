"""One key of a history of versions, loaded batch by batch without Spark."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from framework.versions import steps

FOREVER = 99


class Given(NamedTuple):
    start: int
    end: int | None
    operation: str | None
    values: tuple[Any, ...]
    sequence: int = 0


def load(
    rows: Sequence[Given],
    batch: Iterable[tuple[int, tuple[Any, ...] | None]],
    in_order: bool = False,
    truncated: Sequence[int] = (),
    snapshot_at: int | None = None,
    placed: bool = False,
) -> Any:
    """Return the rows after a batch, and how many steps changed one; a snapshot without rows lacks the key.

    Where they are `placed`, the second value says which of two events of one time is the later; of one that says that
    the key is gone the first is None.
    """
    told = [Given(at, None, "delete" if those is None else "put", those or (None, 0)) for at, those in batch]
    if placed:
        told = [each._replace(operation="put" if each.values[0] else "delete") for each in told]
    if snapshot_at is not None and not told:
        told = [Given(snapshot_at, None, "absent", (None, 0))]
    mixed = [each._replace(sequence=each.values[1] if placed else 0) for each in (*told, *rows)]
    known = list(dict.fromkeys(row.values for row in mixed))
    cells = [[1 + [v[place] for v in known].index(row.values[place]) for row in mixed] for place in range(2)]
    done = steps(
        mixed,
        cells,
        tracked=(0,),
        forever=FOREVER,
        in_order=in_order,
        truncated=truncated,
        snapshot_at=snapshot_at,
        marked=placed,
    )
    after = {row.start: row for row in rows}
    for does, start, end, origin, _ in done:
        if does == "delete":
            del after[start]
        elif does != "idle":
            assert (does == "replace") == (start in after)
            assert origin is not None
            after[start] = Given(start, end, None, mixed[origin].values)
    return list(after.values()), sum(step[0] != "idle" for step in done)


def visible(rows: Iterable[Given]) -> list[tuple[Any, ...]]:
    return sorted((row.start, row.end, row.values) for row in rows if row.start != row.end)
