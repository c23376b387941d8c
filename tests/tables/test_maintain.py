"""Maintenance of a table: what is worth rewriting, what may be vacuumed, and that no answer changes."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable as Independent

from framework.errors import DeclarationError, TableNotFoundError
from framework.tables import Lake, RowModel, Table, as_of, read
from framework.tables.maintain import Maintain, Maintained, carry_out, maintain
from framework.tables.vacuum import Hold
from tests.delta import actions, aged, data_files, given, rows_of, version_of
from tests.planes import KEPT, PLANES


class Sale(RowModel):
    id: int
    month: str
    euros: int | None


SALES = Table("silver.sales", Sale, keys="id", partition_by="month")
WHOLE = Table("silver.whole", Sale, keys="id")
ROWS = [(1, "jan", 10), (2, "jan", None), (3, "jan", 30), (4, "feb", 40), (5, "feb", 50)]
JAN, FEB = "(1, 'jan', 10);(2, 'jan', NULL);(3, 'jan', 30)", "(4, 'feb', 40);(5, 'feb', 50)"


def sold(lake: Lake, table: Table, rows: str = f"{JAN};{FEB}") -> None:
    """Give the table a file for each row."""
    for row in rows.split(";"):
        given(lake, table, row)


def done(lake: Lake, declared: Maintain, *holds: Hold, dry_run: bool = False) -> Maintained:
    return carry_out(lake, declared, holds, {"maintained_by": "test"}, dry_run=dry_run)


def live(lake: Lake, table: Table) -> list[str]:
    """Return the months of the files that the table has, by deltalake."""
    uris = Independent(lake.path(table.name)).file_uris()
    return sorted(Path(uri).parent.name.partition("=")[2] for uri in uris)


def test_the_small_files_of_a_partition_are_put_together_once_there_are_enough_of_them(lake: Lake) -> None:
    sold(lake, SALES)
    first = done(lake, maintain(SALES, small_files=3))

    assert live(lake, SALES) == ["feb", "feb", "jan"]
    assert rows_of(lake, SALES) == ROWS
    assert first.done == ("rewrites 3 small files in 1 partition",)
    assert (first.before.files, first.after.files, first.before.version, first.after.version) == (5, 3, 5, 6)
    assert [file["dataChange"] for kind in ("add", "remove") for file in actions(lake, SALES, kind)] == [False] * 4

    there = data_files(lake, SALES)
    assert done(lake, maintain(SALES, small_files=3)).done == ()
    assert (version_of(lake, SALES), data_files(lake, SALES)) == (6, there), "nothing is committed"


def test_a_table_without_partitions_is_rewritten_in_z_order(lake: Lake) -> None:
    sold(lake, WHOLE)
    assert done(lake, maintain(WHOLE, small_files=5, zorder_by="euros")).done == ("rewrites 5 small files",)
    (info,) = actions(lake, WHOLE, "commitInfo")
    assert (info["operation"], info["operationParameters"]["zOrderBy"]) == ("OPTIMIZE", '["euros"]')
    assert rows_of(lake, WHOLE, "id") == [(1,), (2,), (3,), (4,), (5,)]


def test_a_clustered_table_is_clustered_when_enough_of_it_is_not(lake: Lake) -> None:
    sold(lake, WHOLE, JAN)
    lake.spark.sql(f"ALTER TABLE delta.`{lake.path(WHOLE.name)}` CLUSTER BY (id)")
    assert done(lake, maintain(WHOLE)).done == ("rewrites 3 files not clustered by id",)
    assert [file["clusteringProvider"] for file in actions(lake, WHOLE, "add")] == ["liquid"]
    assert done(lake, maintain(WHOLE)).done == ()
    assert rows_of(lake, WHOLE, "id") == [(1,), (2,), (3,)]


def test_properties_are_set_once(lake: Lake) -> None:
    sold(lake, SALES, JAN)
    declared = maintain(SALES, statistics="euros", recovery_days=20, log_days=60)
    done(lake, declared)
    assert Independent(lake.path(SALES.name)).metadata().configuration == {
        "delta.dataSkippingStatsColumns": "euros",
        "delta.deletedFileRetentionDuration": "interval 20 days",
        "delta.logRetentionDuration": "interval 60 days",
    }
    assert done(lake, declared).done == ()
    assert version_of(lake, SALES) == 4


def test_a_vacuum_keeps_the_recovery_window_and_what_is_held(lake: Lake) -> None:
    sold(lake, SALES, JAN)
    Independent(lake.path(SALES.name)).delete("id = 3")  # version 4
    aged(lake, SALES, 8)
    given(lake, SALES, "(6, 'jan', 60)")
    Independent(lake.path(SALES.name)).delete("id = 6")  # version 6
    there, left = data_files(lake, SALES), [(1, "jan", 10), (2, "jan", None)]

    assert done(lake, maintain(SALES, recovery_days=20)).done[1:] == (), "the window is longer"
    lake.spark.sql(
        f"ALTER TABLE delta.`{lake.path(SALES.name)}` UNSET TBLPROPERTIES (delta.deletedFileRetentionDuration)"
    )
    (refused,) = done(lake, maintain(SALES), Hold(3, "the bookmark of job late"), Hold(4, "job on time")).refused
    made = datetime.now().toordinal() - 8
    assert refused.startswith(f"vacuum of 1 file: version 3 of {date.fromordinal(made)}")
    assert refused.endswith("is held by the bookmark of job late")
    assert data_files(lake, SALES) == there

    assert done(lake, maintain(SALES), dry_run=True).done == ("vacuums 1 file",)
    assert data_files(lake, SALES) == there
    assert done(lake, maintain(SALES, vacuum=False)).done == ()
    assert done(lake, maintain(SALES), Hold(4, "job on time")).done == ("vacuums 1 file",)
    assert len(there - data_files(lake, SALES)) == 1
    assert rows_of(lake, SALES) == rows_of(lake, SALES, version=4) == left
    assert rows_of(lake, SALES, "id", version=5) == [(1,), (2,), (6,)], "inside the window"
    version = version_of(lake, SALES)
    assert done(lake, maintain(SALES)).done == ()
    assert version_of(lake, SALES) == version


def test_a_version_that_is_older_than_the_window_and_not_vacuumed_can_still_be_read(lake: Lake) -> None:
    sold(lake, SALES, JAN)
    aged(lake, SALES, 30)
    given(lake, SALES, "(6, 'feb', 60)")
    assert [read(lake, SALES, version=version).count() for version in (2, 3, 4)] == [2, 3, 4]


def test_what_a_bitemporal_table_answers_stays_as_it_is(lake: Lake) -> None:
    def period(seats: int, *ends: str) -> str:
        low, high, since, until = ends
        times = f"TIMESTAMPTZ '{since} 00:00:00+00', TIMESTAMPTZ '{until} 00:00:00+00'"
        return f"('N1', {seats}, DATE '{low}', DATE '{high}', {times})"

    sold(lake, PLANES, period(50, "2010-01-01", "9999-12-31", "2014-01-10", "9999-12-31"))
    Independent(lake.path(PLANES.name)).delete()
    sold(lake, PLANES, period(50, "2010-01-01", "9999-12-31", "2014-01-10", "2014-02-01"))
    sold(lake, PLANES, period(50, "2010-01-01", "2013-06-01", "2014-02-01", "9999-12-31"))
    sold(lake, PLANES, period(55, "2013-06-01", "9999-12-31", "2014-02-01", "9999-12-31"))
    lake.spark.sql(f"ALTER TABLE delta.`{lake.path(PLANES.name)}` SET TBLPROPERTIES ({KEPT})")
    aged(lake, PLANES, 8)
    when: list[dict[str, Any]] = [
        {"valid": date(2013, 7, 1)},
        {"valid": date(2013, 7, 1), "system": datetime(2014, 1, 15)},
        {},
    ]

    def answers() -> list[Any]:
        return [[row["seats"] for row in as_of(lake, PLANES, **each).orderBy("seats").collect()] for each in when]

    assert answers() == [[55], [50], [50, 55]]
    rows = rows_of(lake, PLANES)
    assert len(done(lake, maintain(PLANES, small_files=2)).done) == 2
    assert (answers(), rows_of(lake, PLANES)) == ([[55], [50], [50, 55]], rows)


def test_a_table_that_is_not_there_is_not_maintained(lake: Lake) -> None:
    with pytest.raises(TableNotFoundError):
        done(lake, maintain(SALES))


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ({"zorder_by": "euro"}, "Did you mean 'euros'"),
        ({"statistics": ("id", "month")}, "its files are divided"),
        ({"small_files": 1}, "small_files is 2 at least"),
        ({"recovery_days": 40}, "say log_days=40"),
        ({"recovery_days": -1}, "recovery_days is 1 at least"),
        ({"recovery_days": 0}, "recovery_days is 1 at least"),
        ({"log_days": 0}, "log_days is 1 at least"),
        ({"zorder_by": "euros", "statistics": "id"}, "zorder_by names 'euros', .* Add it to statistics"),
    ],
)
def test_what_contradicts_itself_is_refused_when_it_is_declared(declared: dict[str, Any], reason: str) -> None:
    with pytest.raises(DeclarationError, match=reason):
        maintain(SALES, **declared)


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ({"statistics": "month"}, "clustered by 'id', .* Add it to statistics"),
        ({"zorder_by": "euros"}, "clustered by id, .* Leave zorder_by out"),
    ],
)
def test_what_contradicts_a_table_s_clustering_is_refused(declared: dict[str, Any], reason: str) -> None:
    with pytest.raises(DeclarationError, match=reason):
        maintain(Table("silver.clustered", Sale, cluster_by="id"), **declared)


def test_a_property_that_the_table_declares_otherwise_is_refused() -> None:
    table = Table("a.b", properties={"delta.logRetentionDuration": "interval 9 days"})
    with pytest.raises(DeclarationError, match="say it once"):
        maintain(table, log_days=60)
