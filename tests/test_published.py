"""Published answers: tables before and after, as others have printed them, of bitemporal tables and FOR PORTION OF.

Those for histories of versions are in tests/tables/test_scd2.py.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from framework.errors import PeriodError
from framework.timeline import Change, Fact, plan
from tests.naive import Row, Said

FOREVER = date(9999, 12, 31)


def day(text: str) -> date:
    return date.fromisoformat(text) if text else FOREVER


EVER = "0001-01-01"  # where a published period has no beginning; ours have one


def facts(*rows: tuple[str, str, Any]) -> list[Fact]:
    return [Fact(day(start), day(end), (value,)) for start, end, value in rows]


def after(believed: Sequence[Fact], *said: Change) -> list[Fact]:
    for change in said:
        made = plan(believed, [change])
        believed = sorted({*believed} - {*made.closed} | {*made.inserted}, key=lambda fact: fact.start)
    return list(believed)


def over(operation: Any, start: str, end: str, value: Any = None) -> Change:
    return Change(operation, day(start), day(end), (value,))


def test_the_example_of_postgresql_s_documentation() -> None:
    # PostgreSQL 19 documentation, 6.4 Updating and Deleting Temporal Data: product 5.
    products = facts(("2020-01-01", "2022-01-01", 5.00), ("2022-01-01", "", 8.00))
    products = after(products, over("update", "2023-09-01", "2025-03-01", 12.00))
    assert products == facts(
        ("2020-01-01", "2022-01-01", 5.00),
        ("2022-01-01", "2023-09-01", 8.00),
        ("2023-09-01", "2025-03-01", 12.00),
        ("2025-03-01", "", 8.00),
    )
    assert after(products, over("delete", "2021-08-01", "2023-09-01")) == facts(
        ("2020-01-01", "2021-08-01", 5.00), ("2023-09-01", "2025-03-01", 12.00), ("2025-03-01", "", 8.00)
    )


def test_the_example_of_postgresql_s_regression_test() -> None:
    # PostgreSQL, src/test/regress/sql/for_portion_of.sql: the statements on for_portion_of_test, "one" to "one^4".
    assert after(
        facts(("2018-01-02", "2020-01-01", "one")),
        over("update", "2018-01-15", "2019-01-01", "one^1"),
        over("delete", "2019-01-15", "2019-01-20"),
        over("update", "2019-02-01", "2019-02-03", "one^2"),
        over("delete", "2019-02-03", "2019-02-04"),
        over("update", "2019-02-04", "2019-02-05", "one^3"),
        over("delete", "2019-02-05", "2019-02-06"),
        over("update", "2019-03-01", "2019-03-02", "one^4"),
        over("delete", "2019-03-02", "2019-03-03"),
    ) == facts(
        ("2018-01-02", "2018-01-15", "one"),
        ("2018-01-15", "2019-01-01", "one^1"),
        ("2019-01-01", "2019-01-15", "one"),
        ("2019-01-20", "2019-02-01", "one"),
        ("2019-02-01", "2019-02-03", "one^2"),
        ("2019-02-04", "2019-02-05", "one^3"),
        ("2019-02-06", "2019-03-01", "one"),
        ("2019-03-01", "2019-03-02", "one^4"),
        ("2019-03-03", "2020-01-01", "one"),
    )


@pytest.mark.parametrize(
    ("before", "said"),
    [
        pytest.param(
            [("2018-01-01", "", "three")],
            [
                (
                    ("update", "2018-06-01", "", "three^1"),
                    [("2018-01-01", "2018-06-01", "three"), ("2018-06-01", "", "three^1")],
                ),
                (
                    ("update", EVER, "2018-03-01", "three^2"),
                    [
                        ("2018-01-01", "2018-03-01", "three^2"),
                        ("2018-03-01", "2018-06-01", "three"),
                        ("2018-06-01", "", "three^1"),
                    ],
                ),
            ],
            id="update a finite/open portion with a finite/open target, then an open/finite one",
        ),
        pytest.param(
            [(EVER, "2018-04-01", "four")],
            [
                (
                    ("update", EVER, "2018-02-01", "four^1"),
                    [(EVER, "2018-02-01", "four^1"), ("2018-02-01", "2018-04-01", "four")],
                ),
                (
                    ("update", "2017-01-01", "", "four^2"),
                    [
                        (EVER, "2017-01-01", "four^1"),
                        ("2017-01-01", "2018-02-01", "four^2"),
                        ("2018-02-01", "2018-04-01", "four^2"),
                    ],
                ),
                (
                    ("update", "2017-01-01", "2018-02-01", "four^3"),
                    [
                        (EVER, "2017-01-01", "four^1"),
                        ("2017-01-01", "2018-02-01", "four^3"),
                        ("2018-02-01", "2018-04-01", "four^2"),
                    ],
                ),
            ],
            id="update an open/finite portion with an open/finite target, a finite/open one, an exact fit",
        ),
        pytest.param(
            [("2018-01-01", "2018-01-05", "two")],
            [(("update", EVER, "", "two^2"), [("2018-01-01", "2018-01-05", "two^2")])],
            id="update an enclosed span",
        ),
        pytest.param(
            [(EVER, "", "five")],
            [
                (
                    ("update", "2018-01-01", "2019-01-01", "five^1"),
                    [(EVER, "2018-01-01", "five"), ("2018-01-01", "2019-01-01", "five^1"), ("2019-01-01", "", "five")],
                ),
                (
                    ("update", "2017-01-01", "2020-01-01", "five^2"),
                    [
                        (EVER, "2017-01-01", "five"),
                        ("2017-01-01", "2018-01-01", "five^2"),
                        ("2018-01-01", "2019-01-01", "five^2"),
                        ("2019-01-01", "2020-01-01", "five^2"),
                        ("2020-01-01", "", "five"),
                    ],
                ),
            ],
            id="update an open/open portion with a finite/finite target, then with protruding spans",
        ),
        pytest.param(
            [
                ("2018-01-02", "2018-02-03", "one"),
                ("2018-02-03", "2018-03-03", "one"),
                ("2018-03-03", "2018-04-04", "one"),
            ],
            [
                (
                    ("update", EVER, "", "one^2"),
                    [
                        ("2018-01-02", "2018-02-03", "one^2"),
                        ("2018-02-03", "2018-03-03", "one^2"),
                        ("2018-03-03", "2018-04-04", "one^2"),
                    ],
                ),
                (
                    ("update", "2018-03-10", "2018-03-15", "one^3"),
                    [
                        ("2018-01-02", "2018-02-03", "one^2"),
                        ("2018-02-03", "2018-03-03", "one^2"),
                        ("2018-03-03", "2018-03-10", "one^2"),
                        ("2018-03-10", "2018-03-15", "one^3"),
                        ("2018-03-15", "2018-04-04", "one^2"),
                    ],
                ),
            ],
            id="update multiple enclosed spans, then a direct target",
        ),
        pytest.param(
            [("2018-01-01", "", "three")],
            [(("delete", "2018-06-01", ""), [("2018-01-01", "2018-06-01", "three")])],
            id="delete a finite/open portion with a finite/open target",
        ),
        pytest.param(
            [("2018-01-01", "", "six")],
            [
                (("delete", EVER, "2018-03-01"), [("2018-03-01", "", "six")]),
                (("delete", "2030-01-01", ""), [("2018-03-01", "2030-01-01", "six")]),
            ],
            id="delete a finite/open portion with an open/finite target, then its end",
        ),
        pytest.param(
            [(EVER, "2018-04-01", "four")],
            [
                (("delete", EVER, "2018-02-01"), [("2018-02-01", "2018-04-01", "four")]),
                (("delete", "2018-02-01", "2018-04-01"), []),
            ],
            id="delete an open/finite portion with an open/finite target, then an exact fit",
        ),
        pytest.param(
            [(EVER, "2018-04-01", "seven")],
            [(("delete", "2017-01-01", ""), [(EVER, "2017-01-01", "seven")])],
            id="delete an open/finite portion with a finite/open target",
        ),
        pytest.param(
            [(EVER, "", "five")],
            [
                (("delete", "2018-01-01", "2019-01-01"), [(EVER, "2018-01-01", "five"), ("2019-01-01", "", "five")]),
                (("delete", "2030-01-01", ""), [(EVER, "2018-01-01", "five"), ("2019-01-01", "2030-01-01", "five")]),
            ],
            id="delete an open/open portion with a finite/finite target, then its end",
        ),
        pytest.param(
            [
                ("2018-01-02", "2018-02-03", "one"),
                ("2018-02-03", "2018-03-03", "one"),
                ("2018-03-03", "2018-04-04", "one"),
            ],
            [
                (
                    ("delete", "2018-02-03", "2018-03-03"),
                    [("2018-01-02", "2018-02-03", "one"), ("2018-03-03", "2018-04-04", "one")],
                ),
                (
                    ("delete", "2018-03-10", "2018-03-15"),
                    [
                        ("2018-01-02", "2018-02-03", "one"),
                        ("2018-03-03", "2018-03-10", "one"),
                        ("2018-03-15", "2018-04-04", "one"),
                    ],
                ),
                (("delete", EVER, ""), []),
            ],
            id="delete an enclosed span, a direct target, multiple enclosed spans",
        ),
    ],
)
def test_each_portion_of_postgresql_s_regression_test(
    before: list[tuple[str, str, Any]], said: list[tuple[tuple[Any, ...], list[tuple[str, str, Any]]]]
) -> None:
    # PostgreSQL, src/test/regress/expected/for_portion_of.out: the sections "UPDATE tests" and "DELETE tests", key by
    # key, each statement with the table that it prints. A row that it leaves split stays split.
    believed = facts(*before)
    for change, wanted in said:
        believed = after(believed, over(*change))
        assert believed == facts(*wanted)


def test_postgresql_refuses_an_inverted_portion_and_so_is_ours() -> None:
    # The same file: "Updating with timestamps reversed fails". An empty one does nothing there, and is refused here.
    for end in ("2018-01-01", "2018-06-01"):
        with pytest.raises(PeriodError):
            over("update", "2018-06-01", end, "three^1")


def test_xtdb_s_users() -> None:
    # xtdb/xtdb, src/test/clojure/xtdb/api_test.clj, the DML of users in SQL and in XTQL: Dave is deleted from 2020-05,
    # Susan becomes Sue from 2021-07.
    dave = after(facts(("2018-01-01", "", "Dave")), over("delete", "2020-05-01", ""))
    assert dave == facts(("2018-01-01", "2020-05-01", "Dave"))
    susan = after(facts(("2021-01-01", "", "Susan")), over("update", "2021-07-01", "", "Sue"))
    assert susan == facts(("2021-01-01", "2021-07-01", "Susan"), ("2021-07-01", "", "Sue"))


def test_snodgrass_s_flat_in_aalborg() -> None:
    # R. T. Snodgrass, Developing Time-Oriented Database Applications in SQL, 10.2: a flat in January 1998, of which
    # XTDB's bitemporal-tx-time-split-test has the rows too. Days of the month; 99 is for ever.
    said = {
        10: ("put", 10, 99, "Eva"),  # Eva Nielsen buys it
        15: ("put", 15, 99, "Peter"),  # Peter Olsen buys it
        20: ("delete", 20, 99, None),  # he sells it
        23: ("put", 3, 15, "Eva"),  # she had bought it on the 3rd
        26: ("delete", 2, 5, None),  # no, on the 5th
        28: ("put", 12, 15, "Peter"),  # and he on the 12th
    }
    rows: list[Row] = []
    for system, (operation, start, end, owner) in said.items():
        back = {day: day for day in range(100)}
        change = Said(7, operation, start, end, (owner,), None, 0)
        believed = [Fact(r.valid_from, r.valid_to, r.values, r) for r in rows if r.system_to is None]
        made = plan(believed, [Change(change.operation, start, end, (owner,))], coalesce=True)  # type: ignore[arg-type]
        gone = {fact.origin for fact in made.closed}
        rows = [row._replace(system_to=system) if row in gone else row for row in rows]
        rows += [Row(7, f.values, back[f.start], back[f.end], system, None) for f in made.inserted]
    assert sorted(rows) == sorted(
        [
            Row(7, ("Eva",), 10, 99, 10, 15),
            Row(7, ("Eva",), 10, 15, 15, 23),
            Row(7, ("Peter",), 15, 99, 15, 20),
            Row(7, ("Peter",), 15, 20, 20, 28),
            Row(7, ("Eva",), 3, 15, 23, 26),
            Row(7, ("Eva",), 5, 15, 26, 28),
            Row(7, ("Eva",), 5, 12, 28, None),
            Row(7, ("Peter",), 12, 20, 28, None),
        ]
    )
