"""Tiny wheels in a folder that uv finds without an index, and shared libraries that fit a CPU and a glibc or do not."""

import re
import sysconfig
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement

from tests.command import ROOT

MACHINES = {"x86_64": 62, "aarch64": 183}  # e_machine of ELF
PYTHON = f"cp{sysconfig.get_config_var('py_version_nodot')}"


@dataclass(frozen=True)
class Wheelhouse:
    """A folder of wheels."""

    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        """What makes uv look here, and nowhere else."""
        return {"UV_FIND_LINKS": str(self.folder), "UV_NO_INDEX": "1", "UV_OFFLINE": "1"}

    def add(
        self,
        name: str,
        version: str,
        files: Mapping[str, str | bytes] | None = None,
        requires: tuple[str, ...] = (),
        tag: str = "py3-none-any",
        said: str = "License-Expression: MIT\n",
    ) -> str:
        """Add a wheel, of one module if no files are given; return how a lock names it."""
        module = name.replace("-", "_")
        folder = f"{module}-{version}.dist-info"
        needs = "".join(f"Requires-Dist: {text}\n" for text in requires)
        with ZipFile(self.folder / f"{module}-{version}-{tag}.whl", "w") as wheel:
            for path, content in (files or {f"{module}/__init__.py": ""}).items():
                wheel.writestr(path, content)
            wheel.writestr(
                f"{folder}/METADATA", f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{said}{needs}"
            )
            wheel.writestr(f"{folder}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
            wheel.writestr(f"{folder}/RECORD", "")
        return f"{name}=={version}"

    def add_what_lakegate_needs(self) -> list[str]:
        """Add a stand-in for each dependency of lakegate, boto3's with a few services; return how a lock names them."""
        declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
        names = [Requirement(text).name for text in declared if not text.startswith("boto3")]
        services = {f"botocore/data/{name}": "{}" for name in ("endpoints.json", "s3/1/a.json", "polly/1/a.json")}
        for version in ("4.2.0", "3.3.2"):
            self.add("delta-spark", version, {"delta/__init__.py": version}, ("pyspark>=3", "importlib-metadata"))
        return [
            *(self.add(name, "99.0") for name in names),
            self.add("botocore", "99.0", {"botocore/__init__.py": "", **services}),
            self.add("boto3", "99.0", requires=("botocore",)),
        ]


def library(machine: str, glibc: str | None = None) -> bytes:
    """Return a shared library of this environment as one for another CPU, or one that asks for another glibc."""
    spec = find_spec("markupsafe._speedups")
    assert spec
    assert spec.origin
    real = bytearray(Path(spec.origin).read_bytes())
    real[18:20] = MACHINES[machine].to_bytes(2, "little")
    if not glibc:
        return bytes(real)
    asked = f"GLIBC_{glibc}".encode()
    # Its own name of a version, as long as the new one or longer: names end with a zero byte.
    changed, count = re.subn(rb"GLIBC_2\.[0-9.]+\0", lambda found: asked.ljust(len(found[0]), b"\0"), bytes(real))
    assert count
    assert len(changed) == len(real)
    return changed
