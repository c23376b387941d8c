"""Which CPU an instance type has, by its name."""

import re

from framework.config.emr import Architecture

# Family, generation, and what is special about it: m7g, c7gn, r8gd, x2gd, im4gn, is4gen, i8g; a g there is Graviton.
# In front of the generation it is not: g4dn and g5 have GPUs beside Intel's or AMD's CPU (g5g is Graviton again).
INSTANCE = re.compile(r"[a-z]+(-[a-z0-9]+)?\d+(?P<special>[a-z-]*)\..+")


def architecture(instance_type: str) -> Architecture:
    """Return the CPU of an instance type such as m7g.xlarge; a1 is the first Graviton, which has no g."""
    found = INSTANCE.fullmatch(instance_type)
    is_arm = instance_type.startswith("a1.") or (found is not None and "g" in found["special"])
    return "aarch64" if is_arm else "x86_64"
