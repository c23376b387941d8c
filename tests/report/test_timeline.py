from datetime import UTC, date, datetime
from xml.etree import ElementTree

from framework.report.timeline import Belief, overlaps, svg, text, timeline

NEW_YEAR, JUNE, NOVEMBER = date(2013, 1, 1), date(2013, 6, 1), date(2013, 11, 15)
FIRST, SECOND = datetime(2014, 1, 10, 9, tzinfo=UTC), datetime(2014, 1, 22, 11, 15, 0, 1, tzinfo=UTC)
OPEN, FOREVER = date(9999, 12, 31), datetime(9999, 12, 31, tzinfo=UTC)
BELIEFS = [
    Belief("55", (NEW_YEAR, OPEN), (FIRST, SECOND)),
    Belief("55", (NEW_YEAR, JUNE), (SECOND, FOREVER)),
    Belief("<50>", (JUNE, NOVEMBER), (SECOND, FOREVER)),
]
DRAWN = """\
system time                  2013-01-01   2013-06-01   2013-11-15
2014-01-10 09:00:00          55           55           55
2014-01-22 11:15:00.000001   55           <50>         ·"""


def test_a_line_is_what_was_believed_from_a_time_on() -> None:
    assert text(timeline(BELIEFS)) == DRAWN
    assert text(timeline(BELIEFS[::-1])) == DRAWN


def test_what_says_the_same_as_what_is_before_it_is_drawn_once() -> None:
    split = [
        Belief("55", (NEW_YEAR, JUNE), (FIRST, SECOND)),
        Belief("55", (JUNE, OPEN), (FIRST, FOREVER)),
        Belief("55", (NEW_YEAR, JUNE), (SECOND, FOREVER)),
    ]
    assert text(timeline(split)) == "system time           2013-01-01\n2014-01-10 09:00:00   55"
    assert not overlaps(split)
    assert overlaps([*split, Belief("9", (JUNE, NOVEMBER), (SECOND, FOREVER))])


def test_long_values_are_cut_to_the_width_of_a_terminal() -> None:
    long = [Belief("owner=somebody with a very long name", each.valid, each.system) for each in BELIEFS]
    lines = text(timeline(long), 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].count("owner=somebody with a v…") == 2  # two columns, since the first two say the same
    assert text(timeline(BELIEFS), 20) == DRAWN


def test_rows_without_duration_and_no_rows_at_all_say_nothing() -> None:
    trace = Belief("trace", (NEW_YEAR, NEW_YEAR), (FIRST, FOREVER))
    assert text(timeline([trace])).splitlines()[1].split() == ["2014-01-10", "09:00:00", "·"]
    assert text(timeline([])) == "system time"


def test_the_picture_has_a_rectangle_for_each_cell_in_which_something_is_believed() -> None:
    root = ElementTree.fromstring(svg(timeline(BELIEFS), "planes & <co>"))
    space = "{http://www.w3.org/2000/svg}"
    cells = [(cell.findtext(f"{space}title"), cell.find(f"{space}rect")) for cell in root.iter(f"{space}g")]
    assert [says for says, _ in cells] == ["55", "55", "55", "55", "<50>"]
    fills = {says: rect.attrib["fill"] for says, rect in cells if rect is not None}
    assert len(set(fills.values())) == 2
    assert next(root.iter(f"{space}text")).text == "planes & <co>"
