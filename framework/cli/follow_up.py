"""The commands that output names, so that they ask where the one that printed them asked."""

import shlex
from collections.abc import Sequence

ASKED = ("aws.", "emr.")


def same(environment: str, overrides: Sequence[str], cluster: str | None = None) -> str:
    """Return the options by which a printed command finds the same account, region and cluster; a space is first."""
    from framework.config.settings import SECRET_WORDS

    asked = [each for each in overrides if each.startswith(ASKED)]
    # What may be a secret says nothing about where a cluster is.
    shown = [each for each in asked if not any(word in each.partition("=")[0].lower() for word in SECRET_WORDS)]
    settings = [word for each in shown for word in ("--set", each)]
    return " " + shlex.join(["--env", environment, *settings, *(["--cluster", cluster] if cluster else [])])
