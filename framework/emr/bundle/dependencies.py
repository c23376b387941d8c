"""The dependencies of a bundle: fetched as wheels for another platform, in the versions that are used here.

The versions are those of the project's lock, requirements/runtime.txt (with its hashes), else those that are installed
where `lakegate` runs, so that a laptop and its cluster agree. What a cluster provides stays out, whoever asks for it.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from email import message_from_bytes
from email.message import Message
from importlib.metadata import distributions
from pathlib import Path

from framework.emr.bundle import uv
from framework.emr.bundle.manifest import Package
from framework.emr.bundle.platform import Platform
from framework.errors import DependencyError, NoWheelError, UnreachableIndexError

LOCK = Path("requirements") / "runtime.txt"
# Spark is on the nodes, and Delta's Python module of the release's version is added; lakegate is a wheel of its own.
PROVIDED = ("pyspark", "py4j", "delta-spark", "lakegate")
# botocore describes each of some 400 AWS services in files, which would be two thirds of the archive. These are what
# Lakegate calls, and what jobs on EMR often do.
SERVICES = {
    *("s3", "sts", "secretsmanager", "kms", "ssm", "iam"),
    *("emr", "glue", "lakeformation", "dynamodb", "sns", "sqs", "cloudwatch", "logs", "events"),
}
# What uv leaves beside a package: commands for a shell, and how and from where (which may hold a token) it came.
LEFT = re.compile(r"bin/.*|\.lock|[^/]*\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json|uv_[a-z]+\.json)")
SERVICE = re.compile(r"boto(?:core|3)/data/([^/]+)/")


def lock(root: Path | None) -> str:
    """Return the versions to use, one `name==version` a line: the project's lock with its hashes, else what is here."""
    if root and (root / LOCK).is_file():
        return (root / LOCK).read_text("utf-8")
    here: dict[str, str] = {}
    for found in distributions():  # in the order of sys.path: the first of a name is the one that is imported
        if found.name:
            here.setdefault(canonical(found.name), found.version)
    return "\n".join(f"{name}=={version}" for name, version in sorted(here.items()))


def locked(text: str) -> dict[str, set[str]]:
    """Return the versions of each package that a lock allows."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE):
        found.setdefault(canonical(name), set()).add(version)
    return found


def canonical(name: str) -> str:
    """Return the one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(requires: Iterable[str]) -> tuple[str, ...]:
    """Return requirements without those of extras."""
    return tuple(sorted({text for text in requires if not re.search(r";.*\bextra\b", text)}))


def fetch(requirements: Iterable[str], lock: str, platform: Platform, into: Path) -> None:
    """Unpack the wheels that the requirements mean on a platform into a folder.

    Raises NoWheelError for what has none there, UnreachableIndexError, DependencyError.
    """
    given = {
        "requirements": "\n".join(requirements),
        "lock": lock,
        # No platform is called so: a requirement that is overridden with this is never met, and never asked for.
        "overrides": "\n".join(f"{name} ; sys_platform == 'never'" for name in PROVIDED),
    }
    files = {name: into.parent / f"{name}.txt" for name in given}
    for name, text in given.items():
        files[name].write_text(text + "\n", "utf-8")
    target = (
        *("--target", into, "--only-binary", ":all:", "--python", sys.executable),
        *("--python-version", platform.python, "--python-platform", platform.uv),
    )
    chosen = ("--constraints", files["lock"], "--overrides", files["overrides"])
    _install(platform, *target, *chosen, "--requirements", files["requirements"])
    _install(platform, *target, "--no-deps", f"delta-spark=={platform.delta}")


def contents(folder: Path, *, all_services: bool) -> dict[str, Path]:
    """Return what travels of an unpacked folder: no bytecode, no traces of the installer, no needless AWS services."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path for name, path in found.items() if _travels(name, all_services)}


def packages(files: Mapping[str, Path]) -> list[Package]:
    """Return the distributions among files, by name."""
    return sorted(_packages(files), key=lambda package: canonical(package.name))


def _packages(files: Mapping[str, Path]) -> Iterator[Package]:
    for name, path in files.items():
        if name.endswith(".dist-info/METADATA"):
            said = message_from_bytes(path.read_bytes())
            wheel = message_from_bytes(path.with_name("WHEEL").read_bytes())
            tags = tuple(sorted(wheel.get_all("Tag") or ()))
            yield Package(name=said["Name"], version=said["Version"], license=_license(said), tags=tags)


def _license(said: "Message[str, str]") -> str:
    """Return the license as the metadata has it: an SPDX expression, else one line, else the classifiers."""
    if stated := said.get("License-Expression"):
        return stated
    classified = [text.split(" :: ")[-1] for text in said.get_all("Classifier") or () if text.startswith("License ::")]
    stated = said.get("License", "").strip()
    return stated if stated and "\n" not in stated and len(stated) < 80 else ", ".join(classified) or "unknown"


def _travels(name: str, all_services: bool) -> bool:
    if LEFT.fullmatch(name) or "__pycache__/" in f"/{name}" or name.endswith(".pyc"):
        return False
    service = SERVICE.match(name)
    return all_services or not service or (service[1] in SERVICES and not name.endswith("/examples-1.json"))


def _install(platform: Platform, *arguments: str | Path) -> None:
    done = uv.run(["pip", "install", *arguments])
    if done.returncode:
        raise _refused(uv.said(done), platform)


def _refused(said: str, platform: Platform) -> Exception:
    """Return what uv's words mean; it wraps no lines and names a package with its version in them."""
    missing = re.findall(r"(\S+) has no (?:usable wheels|wheels with a matching [^(,]*tag)", said)
    if missing:
        return NoWheelError(sorted(set(missing)), str(platform))
    if "Failed to fetch" in said or "network was disabled" in said or "error sending request" in said:
        return UnreachableIndexError(said)
    return DependencyError(str(platform), said)
