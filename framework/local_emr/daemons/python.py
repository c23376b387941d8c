"""The Python of the nodes: this machine's own, not that of this environment, as a cluster has no more either."""

import sys
from pathlib import Path

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def executable() -> str:
    """Return the Python from which this environment was made; what a job needs beyond it comes in its bundle."""
    own = Path(sys.base_prefix) / "bin" / f"python{VERSION}"
    return str(own) if own.exists() else sys.executable
