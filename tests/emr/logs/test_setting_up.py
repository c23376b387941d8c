from framework.emr.logs.setting_up import excerpt, is_error

# As Puppet writes to a file: the time, the resource, the level, and what it says.
AT = "2026-11-21 19:22:01 +0000"
NOTICES = [f"{AT} /Stage[main]/Hadoop/File[/etc/{n}]/ensure (notice): created" for n in range(40)]
OUTPUT = f"{AT} /Stage[main]/Spark/Package[spark]/returns (notice): Error: No package spark-9 available."
FAILED = f"{AT} /Stage[main]/Spark/Package[spark]/ensure (err): change from 'purged' to 'present' failed: returned 1"
SKIPPED = [
    f"{AT} /Stage[main]/Spark/File[/etc/{n}] (warning): Skipping because of failed dependencies" for n in range(40)
]


def numbers(part: tuple[tuple[int, str], ...]) -> list[int]:
    return [number for number, _ in part]


def test_the_first_error_is_kept_with_what_stands_around_it_and_the_end() -> None:
    found = excerpt([*NOTICES, OUTPUT, FAILED, *SKIPPED, f"{AT} Puppet (err): it failed"])
    assert numbers(found.first) == list(range(37, 55))
    assert [dict(found.first)[n] for n in (41, 42)] == [OUTPUT, FAILED]
    assert numbers(found.last) == list(range(69, 84))
    assert found.errors == 2


def test_an_error_that_the_end_shows_is_not_shown_twice() -> None:
    for lines in ([*NOTICES, FAILED], [*NOTICES, FAILED, *SKIPPED[:14]], [FAILED]):
        found = excerpt(lines)
        assert (found.first, found.errors) == ((), 1)
        assert FAILED in [line for _, line in found.last]


def test_where_both_meet_each_line_is_shown_once() -> None:
    found = excerpt([*NOTICES, FAILED, *SKIPPED[:20]])
    assert numbers(found.first) == list(range(36, 47))
    assert numbers(found.last) == list(range(47, 62))


def test_a_log_without_an_error_is_shown_by_its_end() -> None:
    assert (excerpt(NOTICES).first, len(excerpt(NOTICES).last), excerpt(NOTICES).errors) == ((), 15, 0)
    assert (excerpt([]).first, excerpt([]).last) == ((), ())


def test_a_line_of_any_length_is_kept_in_part() -> None:
    found = excerpt([f"Error: {'x' * 100_000}", *NOTICES])
    assert len(found.first[0][1]) == 2_000


def test_what_is_an_error_and_what_only_speaks_of_one() -> None:
    errors = [
        FAILED,
        f"{AT} Puppet (err): Systemd start for hive-server2 failed!",
        "Error: Unable to find a match: spark-9",
        "\x1b[1;31mError: /Stage[main]/Spark/Package[spark]: Could not evaluate",
        "ERROR: No matching distribution found for pandas==9.9.9",
        "/tmp/setup.sh: line 3: conda: command not found",
        "curl: (6) Could not resolve host: example.com",
        "fatal: not a git repository",
        "fatal error: An error occurred (403) when calling the HeadObject operation: Forbidden",
        "Traceback (most recent call last):",
        "E: Unable to locate package x",
        "26/11/21 19:22:01 ERROR Client: refused",
    ]
    others = [
        OUTPUT,
        *SKIPPED[:1],
        f"{AT} Puppet (debug): Error: none, only looked for",
        "Installing libgpg-error-1.42",
        "0 errors, 0 failed",
        "export ERRORS=0",
        "mirrors: 3",
    ]
    assert [line for line in errors if not is_error(line)] == []
    assert [line for line in others if is_error(line)] == []
