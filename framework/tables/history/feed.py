"""Feeds of changes, as a database's log gives them: kept as the newest state of each key, or as its versions."""

from collections.abc import Sequence
from typing import Literal, get_args

from framework.errors import DeclarationError
from framework.tables.history.latest import Latest
from framework.tables.history.scd2 import Versions
from framework.tables.names import one_of, pair, several
from framework.tables.write import Write

Keep = Literal["versions", "latest"]


def apply_changes(
    *,
    sequence_by: str | Sequence[str],
    keep: Keep = "versions",
    delete_when: str | None = None,
    ignore_when: str | None = None,
    truncate_when: str | None = None,
    track: str | Sequence[str] | None = None,
    valid: tuple[str, str] = ("valid_from", "valid_to"),
    deleted: str = "deleted_at",
) -> Write:
    """Apply a feed of changes, in whatever order they arrive, and however often; the table is the same in the end.

        rows                    table, keep="versions"   table, keep="latest"
        id  city  op      at    id  city  valid          id  city  at  deleted_at
        1   NULL  delete  7     1   oslo  [1, 4)         1   NULL  7   7
        1   rome  update  4     1   rome  [4, 7)         3   bari  6   NULL
        3   bari  insert  6     3   bari  [6, ∞)
        1   oslo  insert  1
        2   lima  read    4

    with `delete_when="op = 'delete'"` and `ignore_when="op = 'read'"`. `sequence_by` is when a change was made at its
    source; two changes of one key and sequence in a batch are refused unless they are equal (ContradictionError), and
    of different batches the one that came last counts.

    Versions are those of `scd2`, with its `track` and `valid`; the sequence is then a date or a time. Where a key may
    change more than once at one time, as in one transaction of a database, other columns say in which order:
    `sequence_by=("changed_at", "lsn")`. Of a time the last one counts, NULL being the first of all, whatever batches
    they come in: so the row model has these columns, and a delete leaves a row without duration. The latest state has
    its sequence, of any type that has an order, in a column of the table, and another of that type, `deleted`: a key
    that is gone keeps a row that says since when, a tombstone, or an older change that comes later would bring it back.
    Of its values a tombstone has those that may not be NULL, which the row of a delete must bring. `as_of(lake, TABLE)`
    leaves tombstones out; so does `deleted_at IS NULL`.

    A row for which `truncate_when` holds says that all that is older is gone, of every key, also what comes later; its
    columns but the sequence may be NULL. Versions end there; rows of the latest state are deleted. What has the very
    sequence stays.
    """
    one_of("apply_changes()", "keep", keep, get_args(Keep))
    by, *then = several(sequence_by) or ("",)
    if not by:
        raise DeclarationError("apply_changes()", "sequence_by= names no column. Name the one that orders the changes")
    if keep == "versions":
        tracked = None if track is None else several(track)
        period = pair("apply_changes()", "valid", valid)
        return Versions("apply_changes", by, period, tracked, delete_when, ignore_when, truncate_when, then=tuple(then))
    latest = 'apply_changes(keep="latest")'
    if track is not None:
        raise DeclarationError(latest, 'track= says where a version begins. Use keep="versions"')
    if then:
        raise DeclarationError(
            latest,
            f"sequence_by= names more than {by!r}. Name the column that orders all changes, such as a log's place",
        )
    return Latest(by, deleted, delete_when, ignore_when, truncate_when)
