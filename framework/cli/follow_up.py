"""The commands that output names, so that they ask where the one that printed them asked."""

import shlex
from collections.abc import Sequence

from framework.sensitive import MASK, shown

ASKED = ("aws.", "emr.")


def same(environment: str, overrides: Sequence[str], cluster: str | None = None) -> str:
    """Return the options by which a printed command finds the same account, region and cluster; a space is first."""
    asked = [each for each in overrides if each.startswith(ASKED)]
    # A secret says nothing about where a cluster is.
    settings = [word for each in asked if not _is_secret(each) for word in ("--set", each)]
    return " " + shlex.join(["--env", environment, *settings, *(["--cluster", cluster] if cluster else [])])


def _is_secret(override: str) -> bool:
    key, _, value = override.partition("=")
    return shown(key, value) == MASK
