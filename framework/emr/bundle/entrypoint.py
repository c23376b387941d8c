"""The entrypoint of a bundle: the script that spark-submit starts."""

from importlib.resources import files as resources
from pathlib import Path

ENTRYPOINT = Path("scripts") / "run_job.py"
TEMPLATE = "cli/templates/project/scripts/run_job.py.txt"


def entrypoint(root: Path | None) -> bytes:
    """Return the project's own entrypoint, else the one that `lakegate init` makes."""
    if root and (root / ENTRYPOINT).is_file():
        return (root / ENTRYPOINT).read_bytes()
    return (resources("framework") / TEMPLATE).read_bytes()
