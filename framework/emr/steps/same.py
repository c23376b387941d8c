"""Whether steps that are found by their submission's id are those that are submitted, to the last argument."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from framework.arguments import PACKED, pack, unpack
from framework.emr.steps.state import StepState
from framework.emr.steps.step import StepRequest
from framework.errors import LostAnswerError, OtherArgumentsError, OtherStepsError

SHOWN = 80
# Two names for one thing; the first is the older.
SAME_ACTION = {"TERMINATE_JOB_FLOW": "TERMINATE_CLUSTER"}


def same_steps(
    found: Mapping[int, StepState], requests: Sequence[StepRequest], cluster: str, token: str, *, lost: str = ""
) -> list[str]:
    """Return the ids of a submission's steps in order, where they are the ones that are submitted.

    Where the answer was `lost`, they are those of this very call, and need only be all there. Else their jar, class,
    arguments, properties and action on failure are compared. Raises OtherStepsError where they are others, fewer or
    more; OtherArgumentsError where they do something else; LostAnswerError where not all of them are listed yet.
    """
    steps = {number: found[number] for number in sorted(found)}
    names = [request["Name"] for request in requests]
    ids = [step.id for step in steps.values()]
    if lost and len(ids) < len(names):
        raise LostAnswerError(cluster, token, f"{lost}; {len(ids)} of {len(names)} steps are listed: {', '.join(ids)}")
    if [(number, step.name) for number, step in steps.items()] != list(enumerate(names, start=1)):
        raise OtherStepsError(cluster, token, {step.id: step.name for step in steps.values()}, names)
    if not lost:
        compared = {
            f"{step.id} ({step.name})": list(differences(step, request))
            for step, request in zip(steps.values(), requests, strict=True)
        }
        if other := {name: said for name, said in compared.items() if said}:
            raise OtherArgumentsError(cluster, token, other)
    return ids


def differences(step: StepState, request: StepRequest) -> Iterator[str]:
    """Say each difference between a step that is there and one that is asked for."""
    there, jar = step.config, request["HadoopJarStep"]
    yield from _differing("the jar", there.get("Jar") or "", jar["Jar"])
    yield from _differing("the main class", there.get("MainClass") or "", jar.get("MainClass", ""))
    yield from _arguments(there.get("Args") or [], jar["Args"])
    had, has = there.get("Properties") or {}, {pair["Key"]: pair["Value"] for pair in jar["Properties"]}
    for name in sorted(had.keys() | has.keys()):
        yield from _differing(f"property {name}", had.get(name, ""), has.get(name, ""))
    wanted = request["ActionOnFailure"]
    yield from _differing("the action on failure", SAME_ACTION.get(step.action, step.action) or wanted, wanted)


def _differing(what: str, had: str, has: str) -> Iterator[str]:
    if had != has:
        yield f"{what} was {_quoted(had, has)}, and is now {_quoted(has, had)}"


def _arguments(had: Sequence[str], has: Sequence[str]) -> Iterator[str]:
    """Compare arguments as a person would: one that came or went shifts the others, and does not change them."""
    for kind, first, last, now, until in SequenceMatcher(None, had, has, autojunk=False).get_opcodes():
        before, after = had[first:last], has[now:until]
        if kind == "replace" and len(before) == len(after):
            for old, new in zip(before, after, strict=True):
                yield from _differing("an argument", _plain(old), _plain(new))
        elif kind != "equal":
            gone, come = (" ".join(repr(_plain(each)) for each in some) or "none" for some in (before, after))
            yield f"arguments were {_around(gone, come)}, and are now {_around(come, gone)}"


def _plain(argument: str) -> str:
    """Return an argument as it was typed, where it was packed for the way through YARN."""
    if argument.startswith(PACKED):
        try:
            if pack(found := unpack([argument])) == [argument]:
                return found[0]
        except (ValueError, TypeError):
            pass  # somebody else's, who calls something so
    return argument


def _quoted(text: str, other: str) -> str:
    return repr(_around(text, other)) if text else "none"


def _around(text: str, other: str) -> str:
    """Return a text, of a long one the part where it begins to differ from the other."""
    if len(text) <= SHOWN:
        return text
    alike = next((n for n, (one, two) in enumerate(zip(text, other, strict=False)) if one != two), len(other))
    begin = max(0, min(alike - SHOWN // 4, len(text) - SHOWN))
    end = begin + SHOWN
    return "..." * (begin > 0) + text[begin:end] + "..." * (end < len(text))
