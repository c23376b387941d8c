"""How the time of masking a line of a log grows with its length: twice as long should take about twice the time.

    python benchmarks/masking.py

For the beginnings of what may be a secret, each repeated to the end of a line, it prints the seconds for half of the
longest line that is read and for the whole of it, and their ratio; 4 would be the ratio of what looks at each pair of
letters.
"""

import time

from framework.emr.logs.mask import AcrossLines, masked
from framework.emr.logs.read import LONGEST_LINE

PARTS = (
    "-",
    "a-",
    "secret",
    "(",
    "(a.",
    "<name>",
    "://a:",
    '"password", "',
    "password=",
    "\\",
    "<name>token",
    "ab ",
    "ghp_",
    ", ",
    "mysql -p",
    "beeline ",
    "authorization: ",
    "a://",
)


def seconds(part: str, length: int) -> float:
    line = (part * length)[:length] + " @ password value private key"
    hide = AcrossLines()
    hide("-----BEGIN PRIVATE KEY-----")
    began = time.process_time()
    masked(hide(line))
    return time.process_time() - began


def main() -> None:
    for part in PARTS:
        half, whole = seconds(part, LONGEST_LINE // 2), seconds(part, LONGEST_LINE)
        print(f"{part!r:<16} half {half:6.3f} s   whole {whole:6.3f} s   ratio {whole / max(half, 1e-3):4.1f}")


if __name__ == "__main__":
    main()
