"""Hadoop's configuration files: each setting in the file that the program which asks for it reads last."""

import re
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

CORE = "core-site.xml"
# The longest prefix decides. A program's defaults come after core-site.xml, and would win over it.
FILES = {
    "yarn.scheduler.capacity.": "capacity-scheduler.xml",
    "yarn.": "yarn-site.xml",
    "yarn.app.mapreduce.": "mapred-site.xml",
    "mapreduce.": "mapred-site.xml",
    "dfs.": "hdfs-site.xml",
}
EXCLUDED = re.compile(r"<name>(.*?)</name><timeout>(\d+)</timeout>")
# A step's programs write their log to its syslog, as on EMR: they are told so by system properties, which win.
LOGGING = """\
hadoop.root.logger=INFO,console
hadoop.log.dir=.
hadoop.log.file=syslog
log4j.rootLogger=${hadoop.root.logger}
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c: %m%n
log4j.appender.file=org.apache.log4j.FileAppender
log4j.appender.file.File=${hadoop.log.dir}/${hadoop.log.file}
log4j.appender.file.layout=org.apache.log4j.PatternLayout
log4j.appender.file.layout.ConversionPattern=%d{ISO8601} %p %c (%t): %m%n
"""


def write(folder: Path, settings: Mapping[str, str]) -> Path:
    """Write settings into the files of a configuration folder, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in {CORE, *FILES.values()}:
        chosen = {key: value for key, value in settings.items() if file_of(key) == name}
        write_one(folder / name, chosen)
    (folder / "log4j.properties").write_text(LOGGING)
    return folder


def file_of(setting: str) -> str:
    """Return the name of the file that a setting belongs in."""
    prefixes = [prefix for prefix in FILES if setting.startswith(prefix)]
    return FILES[max(prefixes, key=len)] if prefixes else CORE


def excluded(hosts: Mapping[str, float]) -> str:
    """Return the file of the hosts that are to leave YARN, each within so many seconds."""
    each = (
        f"  <host><name>{host}</name><timeout>{int(seconds)}</timeout></host>\n"
        for host, seconds in sorted(hosts.items())
    )
    return f'<?xml version="1.0"?>\n<hosts>\n{"".join(each)}</hosts>\n'


def read_excluded(text: str) -> dict[str, float]:
    """Return what such a file says."""
    return {host: float(seconds) for host, seconds in EXCLUDED.findall(text)}


def write_one(file: Path, settings: Mapping[str, str]) -> None:
    """Write settings into one file."""
    each = (
        f"  <property><name>{escape(name)}</name><value>{escape(value)}</value></property>\n"
        for name, value in sorted(settings.items())
    )
    file.write_text(f'<?xml version="1.0"?>\n<configuration>\n{"".join(each)}</configuration>\n')
