"""The two wheels of a bundle: lakegate, and the project's jobs with their settings.

A wheel is built from sources, or made again from what was installed: who has lakegate from an index has no sources of
it. Both ways end with the same bytes, whoever built the wheel: names in order, one time, a RECORD in order.
"""

import sys
import tomllib
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from email import message_from_bytes
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, version
from os.path import relpath
from pathlib import Path
from tempfile import TemporaryDirectory

import framework
from framework.emr.bundle import archive, uv
from framework.emr.bundle.sources import is_scrap
from framework.errors import WheelError

# What an installer adds to a wheel's .dist-info: who installed it, when, and from where (which may hold a token).
INSTALLERS = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"}


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel and what it says about itself."""

    path: Path
    name: str
    version: str
    requires: tuple[str, ...]
    python: str

    @classmethod
    def of(cls, path: Path) -> "Wheel":
        """Read the metadata of a wheel."""
        content = archive.read(path)
        (metadata,) = [content[name] for name in content if name.endswith(".dist-info/METADATA")]
        said = message_from_bytes(metadata)
        requires = tuple(said.get_all("Requires-Dist") or ())
        return cls(path, said["Name"], said["Version"], requires, said.get("Requires-Python", ""))


def lakegate(into: Path) -> Wheel:
    """Make the wheel of the lakegate that is running: from its checkout, else from its installed files."""
    source = lakegate_checkout()
    built = _build(source, into) if source else _repack("lakegate", into)
    return _require(built, "framework")


def jobs(root: Path | None, into: Path) -> Wheel:
    """Make the wheel of a project's jobs by jobs/pyproject.toml or the root's; None: of the jobs that are installed."""
    if root is None:
        return _require(_repack(packages_distributions().get("jobs", ["jobs"])[0], into), "jobs")
    source = source_of_jobs(root)
    file = source / "pyproject.toml"
    if not file.is_file():
        raise WheelError("jobs", f"there is no pyproject.toml in {source}; see what `lakegate init DIR` makes")
    try:
        tomllib.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise WheelError("jobs", f"{file} is not TOML: {error}") from None
    return _require(_build(source, into), "jobs")


def lakegate_checkout() -> Path | None:
    """Return the checkout that the running lakegate is of, None where it was installed."""
    source = Path(framework.__file__).parent.parent
    return source if _project_name(source) == "lakegate" else None


def source_of_jobs(root: Path) -> Path:
    """Return the folder whose pyproject.toml says how the wheel of the jobs is built."""
    return root / "jobs" if (root / "jobs" / "pyproject.toml").is_file() else root


def included(root: Path | None) -> list[str]:
    """Return the folders and files that hatchling packs from elsewhere, named from the project's root."""
    if root is None:
        return []
    source = source_of_jobs(root)
    built = tomllib.loads((source / "pyproject.toml").read_text("utf-8")).get("tool", {}).get("hatch", {})
    build = built.get("build", {})
    named = [*build.get("force-include", {}), *build.get("targets", {}).get("wheel", {}).get("force-include", {})]
    return [relpath(source / name, root) for name in named if not Path(name).is_absolute() and name[:1] != "~"]


def _build(source: Path, into: Path) -> Path:
    """Build the wheel of a folder with the backend that it names.

    Where all that the backend needs is installed here, nothing is fetched; else uv makes an environment for it.
    """
    here = ["--no-build-isolation"] if _has_backend(source) else []
    with TemporaryDirectory(dir=into) as folder:
        built = uv.run(["build", "--wheel", *here, "--python", sys.executable, "--out-dir", folder, source])
        found = list(Path(folder).glob("*.whl"))
        if built.returncode or not found:
            raise WheelError(source.name, uv.said(built))
        return _write(into / found[0].name, archive.read(found[0]))


def _repack(name: str, into: Path) -> Path:
    """Make the wheel of an installed distribution again, without what the installer added."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        raise WheelError(name, "it is neither a checkout nor installed from a wheel") from None
    files = {
        file.as_posix(): Path(str(file.locate())).read_bytes()
        for file in found.files or ()
        # Its commands are in ../../../bin, or in bin/ where pip was given a --target.
        if not {"..", "__pycache__"} & set(file.parts) and file.parts[0] != "bin" and file.suffix != ".pth"
    }
    wheel = [content for name, content in files.items() if name.endswith(".dist-info/WHEEL")]
    if not wheel:
        raise WheelError(name, "what installed it kept no record of its files; install it with pip or uv")
    tag = message_from_bytes(wheel[0]).get("Tag", "py3-none-any")
    return _write(into / f"{found.name.replace('-', '_')}-{found.version}-{tag}.whl", files)


def _write(path: Path, files: dict[str, bytes]) -> Path:
    """Write the files of a wheel, without what an installer or an editor has put among them."""
    kept = {name: content for name, content in files.items() if not _is_installers(name) and not is_scrap(name)}
    (folder,) = {name.split("/")[0] for name in kept if name.split("/")[0].endswith(".dist-info")}
    lines = [f"{name},sha256={_digest(kept[name])},{len(kept[name])}" for name in sorted(kept)]
    archive.write(path, {**kept, f"{folder}/RECORD": "\n".join([*lines, f"{folder}/RECORD,,", ""]).encode()})
    return path


def _is_installers(name: str) -> bool:
    folder, _, file = name.partition("/")
    return folder.endswith(".dist-info") and file in INSTALLERS


def _digest(content: bytes) -> str:
    return urlsafe_b64encode(sha256(content).digest()).decode().rstrip("=")


def _require(path: Path, package: str) -> Wheel:
    """Refuse a wheel without the package that it is for, and one that does not run on every platform."""
    names = archive.read(path)
    if not any(name.startswith(f"{package}/") and name.endswith(".py") for name in names):
        raise WheelError(
            path.name, f"there is no package {package!r} in it; it has {', '.join(sorted(names)[:3])}, ..."
        )
    if not path.name.endswith("-none-any.whl"):
        raise WheelError(path.name, "it has native code; move that to a distribution of its own, and depend on it")
    return Wheel.of(path)


def _project_name(source: Path) -> str | None:
    file = source / "pyproject.toml"
    return tomllib.loads(file.read_text("utf-8")).get("project", {}).get("name") if file.is_file() else None


def _has_backend(source: Path) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement

    declared = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))
    try:
        needed = [Requirement(text) for text in declared.get("build-system", {}).get("requires", ["setuptools"])]
        return all(need.specifier.contains(version(need.name), prereleases=True) for need in needed)
    except (PackageNotFoundError, InvalidRequirement):  # of the latter uv says what is wrong
        return False
