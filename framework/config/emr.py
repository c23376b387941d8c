"""`[emr]`: where jobs are submitted to, and with what."""

import platform
import sys
from typing import Literal

from pydantic import Field, field_validator

from framework.config.cluster import ClusterSettings
from framework.config.section import Section, Tags
from framework.config.steps import StepSettings

Architecture = Literal["x86_64", "aarch64"]


def this_machine() -> Architecture:
    """Return the CPU of this machine, in Linux's words."""
    return "aarch64" if platform.machine().lower() in ("aarch64", "arm64") else "x86_64"


class EmrSettings(Section):
    """How jobs become steps of an EMR cluster."""

    release: str = Field("emr-spark-8.2.0", description="release label; `lakegate releases` lists them")
    architecture: Architecture = Field("aarch64", description="of the nodes; aarch64 is Graviton; host: as here")
    python: str = Field(
        "3.11", pattern=r"^3\.\d+$", description="of driver and executors; the release must have it; host: as here"
    )
    artifacts: str | None = Field(
        None,
        # Spark parts the addresses of archives at `,` and their names at `#`.
        pattern=r"^s3://[^/#,\s]+(/[^#,\s]*)?$",
        description="s3:// folder where bundles are put, named by their content; without # and ,",
    )
    cluster_id: str | None = Field(
        None, pattern=r"^j-[A-Z0-9]+$", description="the cluster that steps go to; None: the one with cluster.name"
    )
    runtime_role: str | None = Field(None, pattern=r"^arn:", description="IAM role of the steps, where they have one")
    step_log_uri: str | None = Field(
        None, pattern=r"^s3://[^/\s]+(/.*)?$", description="logs of steps; None: where the cluster logs"
    )
    step_log_key: str | None = Field(None, pattern=r"^arn:", description="KMS key of these logs")
    conf: dict[str, str | int | float | bool] = Field(default_factory=dict, description="spark.* properties of steps")
    tags: Tags = Field(default_factory=dict, description="on what is made; EMR passes them on to EC2")
    cluster: ClusterSettings = ClusterSettings()
    steps: tuple[StepSettings, ...] = ()

    @field_validator("architecture", mode="before")
    @classmethod
    def _of_this_machine(cls, value: object) -> object:
        """`host` is for the EMR on this machine, whose nodes have no other CPU."""
        return this_machine() if value == "host" else value

    @field_validator("python", mode="before")
    @classmethod
    def _of_this_environment(cls, value: object) -> object:
        return f"{sys.version_info.major}.{sys.version_info.minor}" if value == "host" else value

    @field_validator("conf")
    @classmethod
    def _is_of_spark(cls, conf: dict[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
        if foreign := sorted(key for key in conf if not key.startswith("spark.")):
            raise ValueError(f"spark-submit takes properties that begin with spark.: not {', '.join(foreign)}")
        return conf

    @field_validator("steps")
    @classmethod
    def _are_told_apart(cls, steps: tuple[StepSettings, ...]) -> tuple[StepSettings, ...]:
        names = [step.name for step in steps]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"steps are found by name, and several are called {', '.join(map(repr, twice))}")
        return steps
