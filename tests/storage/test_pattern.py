import pytest

from framework.storage.pattern import literal, literal_part, matches, normal


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("/in", ["/in/a.csv", "/in/deep/er/a.csv"], ["/input/a.csv", "/other/in/a.csv"]),
        ("/in/", ["/in/a.csv"], ["/in2/a.csv"]),
        ("/in/a.csv", ["/in/a.csv"], ["/in/a.csv.gz", "/in/aXcsv"]),
        ("/in/*.csv", ["/in/a.csv", "/in/b.csv/c"], ["/in/a.csv.gz", "/in/deep/a.csv", "/in/.csv/b"]),
        ("/in/*", ["/in/a.csv", "/in/deep/a.csv"], ["/a.csv"]),
        ("/in/*/*.csv", ["/in/deep/a.csv"], ["/in/a.csv", "/in/deep/er/a.csv"]),
        ("/in/?.csv", ["/in/a.csv", "/in/ü.csv"], ["/in/ab.csv", "/in/.csv"]),
        ("/in/[ab].csv", ["/in/a.csv", "/in/b.csv"], ["/in/c.csv", "/in/ab.csv"]),
        ("/in/[a-c]1", ["/in/b1"], ["/in/d1"]),
        ("/in/[^a].csv", ["/in/b.csv", "/in/^.csv"], ["/in/a.csv"]),
        ("/in/[!a].csv", ["/in/b.csv", "/in/!.csv"], ["/in/a.csv"]),
        ("/in/{a,b}.csv", ["/in/a.csv", "/in/b.csv"], ["/in/c.csv", "/in/a,b.csv"]),
        ("/in/{2013-0[1-3],x*}.csv", ["/in/2013-02.csv", "/in/xyz.csv"], ["/in/2013-04.csv"]),
        ("/in/a,b.csv", ["/in/a,b.csv"], ["/in/a.csv"]),
        (r"/in/\*.csv", ["/in/*.csv"], ["/in/a.csv"]),
        (r"/in/\{a\}\[1\].csv", ["/in/{a}[1].csv"], ["/in/a1.csv"]),
        ("/in/a [1.csv", ["/in/a [1.csv"], ["/in/a 1.csv"]),
        ("/in/Ærø 100%.csv", ["/in/Ærø 100%.csv"], ["/in/Ærø%20100%.csv"]),
        ("/in/a+(b).csv", ["/in/a+(b).csv"], ["/in/aab.csv"]),
        ("s3://b/in/*.csv", ["s3://b/in/a.csv"], ["s3://c/in/a.csv"]),
        ("/in/{a.csv", ["/in/{a.csv"], ["/in/a.csv"]),
        ("/in/a}.csv", ["/in/a}.csv"], ["/in/a.csv"]),
        ("/in/[z-a].csv", ["/in/[z-a].csv"], ["/in/b.csv"]),
        ("*/a.csv", ["in/a.csv"], ["a.csv", "in/deep/a.csv"]),
    ],
)
def test_a_pattern_takes_what_hadoops_takes(pattern: str, taken: list[str], left: list[str]) -> None:
    assert [path for path in taken if not matches(pattern, path)] == []
    assert [path for path in left if matches(pattern, path)] == []


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/in", "/in/_SUCCESS"),
        ("/in", "/in/.a.csv.swp"),
        ("/in", "/in/b.csv._COPYING_"),
        ("/in", "/in/_tmp/c.csv"),
        ("/in", "/in/.hidden/deep/d.csv"),
        ("/in/*", "/in/_a.csv"),
        ("/in/*/*.csv", "/in/_tmp/c.csv"),
        ("/in/?tmp", "/in/_tmp/c.csv"),
        ("/in/{_a,b}.csv", "/in/_a.csv"),
        # Spark gives no row of such a file, even if it is asked for this one.
        ("/in/_a.csv", "/in/_a.csv"),
    ],
)
def test_what_is_hidden_is_not_taken(pattern: str, path: str) -> None:
    assert not matches(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [("/_drop", True), ("/_drop/*.csv", True), ("/_drop/a.csv", True), ("/_d*", False), ("/?drop/a.csv", False)],
)
def test_a_hidden_folder_is_taken_only_where_it_is_named_letter_by_letter(pattern: str, taken: bool) -> None:
    assert matches(pattern, "/_drop/a.csv") == taken


@pytest.mark.parametrize(
    ("pattern", "folders"),
    [
        ("/in/a.csv", "/in/a.csv"),
        ("/in/", "/in"),
        ("/in/2013/*.csv", "/in/2013"),
        ("/in/{a,b}/c", "/in"),
        ("/*", ""),
        (r"/in/a\b/c", "/in"),
        ("s3://b/in/?/x", "s3://b/in"),
    ],
)
def test_the_literal_part_ends_before_the_first_special_character(pattern: str, folders: str) -> None:
    assert literal_part(pattern) == folders


@pytest.mark.parametrize(
    ("written", "normal_form"),
    [
        ("/in/orders", "/in/orders"),
        ("/in/./orders", "/in/orders"),
        ("/in/a/../orders/", "/in/orders"),
        ("//in//orders", "/in/orders"),
        ("/../in", "/in"),
        ("/", "/"),
        ("in/./orders", "in/orders"),
        ("/in/*/[a-z]?.csv", "/in/*/[a-z]?.csv"),
        ("file:/in/./a.csv", "file:/in/a.csv"),
        ("file:///in//a.csv", "file:/in/a.csv"),
        ("s3://bucket/./in/a/../b*/", "s3://bucket/in/b*"),
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket/"),
        ("hdfs://name:8020//in", "hdfs://name:8020/in"),
        ("hdfs:///in/.", "hdfs:///in"),
        ("/in/a://b", "/in/a:/b"),
    ],
)
def test_there_is_one_way_to_write_a_path(written: str, normal_form: str) -> None:
    assert normal(written) == normal_form
    assert normal(normal_form) == normal_form


@pytest.mark.parametrize("path", ["/in/a[1].csv", "/in/{a,b}.csv", r"/in/\*?.csv", "/in/[^a]/b", "/in/a 100%20#é,.csv"])
def test_the_pattern_of_a_path_takes_this_path_only(path: str) -> None:
    assert matches(literal(path), path)
    assert not [
        other for other in ("/in/a1.csv", "/in/a.csv", "/in/xy.csv", "/in/b/b") if matches(literal(path), other)
    ]
