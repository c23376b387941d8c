"""`python -m framework` is `lakegate`."""

from framework.cli import main

if __name__ == "__main__":
    main()
