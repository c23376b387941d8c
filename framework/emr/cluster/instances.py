"""Instance types of EC2: which CPU they have, and which are a fair choice."""

import re

from framework.config.emr import Architecture
from framework.emr.releases.release import Release

# After the generation's number a g says Graviton: m7g, c6gn, is4gen, x2gd; not g4dn, whose g stands before it.
GRAVITON = re.compile(r"a1|[a-z]+\d+g[a-z]*")
GENERAL = {"aarch64": ("m6g.xlarge", "m7g.xlarge"), "x86_64": ("m6i.xlarge", "m7i.xlarge")}


def architecture(instance_type: str) -> Architecture:
    """Return the CPU of an instance type, which its family tells."""
    return "aarch64" if GRAVITON.fullmatch(instance_type.partition(".")[0]) else "x86_64"


def general(wanted: Architecture, release: Release) -> str:
    """Return a general-purpose type that the release has: EMR 6 does not have the newer one everywhere."""
    older, newer = GENERAL[wanted]
    return older if release.label.startswith("emr-6.") else newer
