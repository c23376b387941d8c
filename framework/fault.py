"""Points at which a test can stop a run: each effect that another process can see has one before and one after it.

Nothing is armed unless a test does it, and then a point costs the comparison with None.
"""

from collections.abc import Callable

reached: Callable[[str], None] | None = None


def point(name: str) -> None:
    """Tell the test that is watching, if one is, that this point has been reached."""
    if reached is not None:
        reached(name)
