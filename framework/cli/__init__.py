"""The command line: `lakegate VERB`. A verb imports what it needs when it is used, so help and list are quick."""

import sys
from collections.abc import Sequence

from framework.arguments import unpack
from framework.errors import LakegateError, SparkFailedError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit: 0 done, 1 failed, 2 usage, 3 data refused."""
    from framework.cli.app import app

    try:
        # What YARN's shell would have changed was packed by `submit`, whatever entrypoint a project has.
        app(args=unpack(sys.argv[1:] if arguments is None else arguments), prog_name="lakegate")
    except LakegateError as error:
        _end(error)
    except Exception as error:
        if not SparkFailedError.is_cause(error):
            raise
        _end(SparkFailedError(error))
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)  # noqa: T201
        sys.exit(130)


def _end(error: LakegateError) -> None:
    print(f"Error: {error}", *getattr(error, "__notes__", ()), sep="\n  at ", file=sys.stderr)  # noqa: T201
    sys.exit(error.exit_code)


__all__ = ["main"]
