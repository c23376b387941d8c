import builtins
import inspect
import re

import pytest

from framework import errors
from framework.errors import FrameMismatchError, LakegateError, UnknownFrameError, alternatives

DEFINED = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, LakegateError) and kind is not LakegateError
}


def _drawn() -> dict[str, tuple[str, int]]:
    """Read the tree of the module's docstring: each class with what it is drawn below and the exit code said there."""
    found: dict[str, tuple[str, int]] = {}
    group, code = "", 0
    for line in (errors.__doc__ or "").splitlines():
        names = re.findall(r"\b[A-Z]\w+Error\b", line)
        if branch := re.match(r"[├└]── (\w+) \((\d)\)", line):
            group, code = branch[1], int(branch[2])
            names, parent = [group], "LakegateError"
        elif re.match(r"[│ ] {3}[├└]── ", line):
            parent = group
        else:
            continue
        assert not found.keys() & names, f"drawn twice: {names}"
        found |= dict.fromkeys(names, (parent, code))
    return found


DRAWN = _drawn()
LEAVES = [kind for name, kind in DEFINED.items() if name not in {parent for parent, _ in DRAWN.values()}]


def test_the_docstring_draws_every_class_and_no_other() -> None:
    assert sorted(DRAWN) == sorted(DEFINED)


@pytest.mark.parametrize("kind", DEFINED.values(), ids=list(DEFINED))
def test_each_class_is_what_it_is_drawn_below_and_ends_with_the_exit_code_said_there(kind: type[LakegateError]) -> None:
    parent, code = DRAWN[kind.__name__]
    assert (kind.__bases__[0].__name__, kind.exit_code) == (parent, code)


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_each_fact_is_also_the_builtin_that_it_resembles(kind: type[LakegateError]) -> None:
    resembled = [base.__name__ for base in kind.__mro__ if base.__module__ == builtins.__name__]
    assert resembled[0] not in ("Exception", "BaseException", "object")


@pytest.mark.parametrize("kind", DEFINED.values(), ids=list(DEFINED))
def test_each_class_says_in_one_line_what_it_is(kind: type[LakegateError]) -> None:
    assert re.fullmatch(r"[A-Z].*\.", (kind.__doc__ or "").split("\n", 1)[0])


def test_what_there_is_is_listed_once_and_in_order() -> None:
    assert alternatives("x", ["b", "a", "b"]) == "There is: 'a', 'b'."
    assert alternatives("x", []) == "There is: none."


def test_what_was_probably_meant_is_named() -> None:
    assert alternatives("flihgts", ["flights", "weather"]).endswith("Did you mean 'flights'?")


def test_columns_that_a_frame_lacks_are_asked_for_by_those_that_are_like_them() -> None:
    said = str(FrameMismatchError("scd2()", ["it lacks 'updated_at'", "it lacks 'zone'"], ["id", "updatd_at"]))
    assert said.endswith("The frame has: 'id', 'updatd_at'. Did you mean 'updatd_at'?")


def test_an_error_carries_its_data_and_lists_the_alternatives() -> None:
    error = UnknownFrameError("job", "stage", "ordrs", ["orders", "customers"])
    assert (error.job, error.stage, error.frame, error.known) == ("job", "stage", "ordrs", ("orders", "customers"))
    assert alternatives("ordrs", ["orders", "customers"]) in str(error)
